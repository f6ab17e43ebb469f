"""What happened: events as they came in, attempts as they went out."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from connector.domain import Kind, Outcome, Trigger, new_id
from connector.models.connection import AgentConnection
from connector.models.tenant import Tenant


class EventOutcome(models.TextChoices):
    OPENED = "opened", _("Opened a connection")
    EVIDENCE = "evidence", _("Told us more about a connection")
    DUPLICATE = "duplicate", _("Duplicate")
    IGNORED = "ignored", pgettext_lazy("event", "Ignored")
    REFUSED = "refused", _("Refused")


class Event(models.Model):
    """One message that a sender posted, as posted, with what became of it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    connection = models.ForeignKey(
        AgentConnection, on_delete=models.CASCADE, null=True, blank=True, related_name="events"
    )
    received_at = models.DateTimeField(_("received"))
    topic = models.CharField(_("topic"), max_length=255, blank=True)
    kind = models.CharField(_("kind"), max_length=20, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=EventOutcome.choices)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    detail = models.TextField(_("detail"), blank=True)
    body = models.TextField(_("body"), blank=True)
    conversation_id = models.CharField(_("conversation"), max_length=100, blank=True)
    session_id = models.CharField(_("session"), max_length=100, blank=True)
    event_time = models.DateTimeField(_("event time"), null=True, blank=True)
    interacted = models.BooleanField(null=True, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-received_at"]
        indexes = [
            models.Index(fields=["tenant", "received_at"], name="event_tenant_received"),
            models.Index(fields=["conversation_id"], name="event_conversation"),
            models.Index(fields=["received_at", "id"], name="event_received"),
            models.Index(fields=["outcome", "received_at"], name="event_outcome_received"),
            models.Index(
                fields=["tenant", "received_at"],
                name="event_refused",
                condition=Q(outcome=EventOutcome.REFUSED),
            ),
            # A user.end that came before its user.start is found by its session.
            models.Index(
                fields=["tenant", "session_id"],
                name="event_early_end",
                condition=Q(connection__isnull=True, kind="user.end"),
            ),
        ]

    def __str__(self) -> str:
        return " · ".join(
            filter(None, [self.topic or self.kind or self.reason, self.conversation_id])
        )


class Attempt(models.Model):
    """One outbound call as one connection saw it; opened before the call.

    Checks that say the same again are one row: `count` calls, the first at `started_at`, the
    last at `last_at`; `reopened_at` is set while the next of them is under way. A call that
    served several connections stands under each of them with the same `call_id`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    connection = models.ForeignKey(
        AgentConnection, on_delete=models.CASCADE, related_name="attempts", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    trigger = models.CharField(
        _("trigger"), max_length=10, choices=Trigger.choices, default=Trigger.AUTOMATIC
    )
    number = models.PositiveIntegerField(_("number"), default=1)
    count = models.PositiveIntegerField(_("calls"), default=1)
    call_id = models.UUIDField()
    started_at = models.DateTimeField(_("started"))
    last_at = models.DateTimeField(_("last"))
    reopened_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField(_("took (ms)"), null=True, blank=True)
    timing = models.JSONField(_("timing (ms)"), default=dict, blank=True)
    method = models.CharField(_("method"), max_length=10)
    url = models.TextField(_("address"))
    request_headers = models.JSONField(_("request headers"), default=dict, blank=True)
    request_body = models.TextField(_("request body"), blank=True)
    status_code = models.PositiveSmallIntegerField(_("status code"), null=True, blank=True)
    response_headers = models.JSONField(_("response headers"), default=dict, blank=True)
    response_body = models.TextField(_("response body"), blank=True)
    response_length = models.PositiveIntegerField(_("response length"), null=True, blank=True)
    response_sha256 = models.CharField(_("response SHA-256"), max_length=64, blank=True)
    outcome = models.CharField(
        _("outcome"), max_length=20, choices=Outcome.choices, default=Outcome.OPEN
    )
    detail = models.TextField(_("detail"), blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["started_at", "id"]
        indexes = [
            models.Index(fields=["connection", "started_at"], name="attempt_connection"),
            models.Index(
                fields=["connection"],
                name="attempt_open",
                condition=Q(outcome=Outcome.OPEN) | Q(reopened_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"
