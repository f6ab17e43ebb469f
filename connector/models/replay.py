"""What people do about many connections at once: bulk replays, acknowledgements, exports."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connector.domain import new_id
from connector.models.connection import AgentConnection
from connector.models.tenant import Tenant


class ReplayKind(models.TextChoices):
    DELIVER_AGAIN = "deliver_again", _("Deliver again")
    CHECK_AGAIN = "check_again", _("Check again")


class ReplayState(models.TextChoices):
    RUNNING = "running", _("Running")
    STOPPED = "stopped", _("Stopped")
    FINISHED = "finished", _("Finished")


class ItemState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Taken up again")
    REFUSED = "refused", _("Not possible")


class ByPerson(models.Model):
    """Who did it; `by_name` stays when the person's account goes."""

    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    by_name = models.CharField(_("by"), max_length=150)

    class Meta:
        abstract = True


class Replay(ByPerson):
    """Connections of one tenant that are delivered or checked again, so many a second.

    `paced_at` is the moment up to which the rate has been used. The numbers are those of the
    items, counted when an item is.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="replays")
    kind = models.CharField(_("what"), max_length=20, choices=ReplayKind.choices)
    wanted = models.JSONField(_("which"), default=dict)
    why = models.TextField(_("why"))
    rate = models.FloatField(_("per second"))
    state = models.CharField(
        _("state"), max_length=10, choices=ReplayState.choices, default=ReplayState.RUNNING
    )
    total = models.PositiveIntegerField(_("connections"), default=0)
    done = models.PositiveIntegerField(_("taken up again"), default=0)
    refused = models.PositiveIntegerField(_("not possible"), default=0)
    started_at = models.DateTimeField(_("started"))
    paced_at = models.DateTimeField()
    finished_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("bulk replay")
        verbose_name_plural = _("bulk replays")
        ordering = ["-started_at"]
        indexes = [
            models.Index(fields=["state"], name="replay_running", condition=Q(state="running"))
        ]
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="replay_rate_is_positive"),
            models.CheckConstraint(
                condition=Q(state=ReplayState.RUNNING, finished_at__isnull=True)
                | Q(~Q(state=ReplayState.RUNNING), finished_at__isnull=False),
                name="replay_has_ended_or_runs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.tenant}"

    @property
    def is_running(self) -> bool:
        return self.state == ReplayState.RUNNING

    @property
    def left(self) -> int:
        return self.total - self.done - self.refused


class ReplayItem(models.Model):
    """One connection of a bulk replay; it is replayed in the transaction that marks it."""

    id = models.BigAutoField(primary_key=True)
    replay = models.ForeignKey(
        Replay, on_delete=models.CASCADE, related_name="items", db_index=False
    )
    connection = models.ForeignKey(
        AgentConnection, on_delete=models.CASCADE, related_name="replay_items"
    )
    state = models.CharField(
        _("state"), max_length=10, choices=ItemState.choices, default=ItemState.WAITING
    )
    why_not = models.TextField(_("why not"), blank=True)
    at = models.DateTimeField(_("when"), null=True, blank=True)

    class Meta:
        verbose_name = _("replayed connection")
        verbose_name_plural = _("replayed connections")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["replay", "connection"], name="replayed_once")
        ]
        indexes = [models.Index(fields=["replay", "state", "id"], name="replay_next")]

    def __str__(self) -> str:
        return f"{self.connection_id} · {self.state}"


class Acknowledgement(ByPerson):
    """A person's note that what needed one has been dealt with otherwise."""

    connection = models.ForeignKey(
        AgentConnection, on_delete=models.CASCADE, related_name="acknowledgements"
    )
    at = models.DateTimeField(_("when"))
    note = models.TextField(_("note"))

    class Meta:
        verbose_name = _("acknowledgement")
        verbose_name_plural = _("acknowledgements")
        ordering = ["at"]

    def __str__(self) -> str:
        return f"{self.by_name}: {self.note}"


class ExportLog(ByPerson):
    """Who took what out of the audit trail; `rows` is empty while it runs or if it broke off."""

    at = models.DateTimeField(_("when"), db_index=True)
    form = models.CharField(_("form"), max_length=10)
    wanted = models.JSONField(_("which"), default=dict)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, blank=True)
    with_external_id = models.BooleanField(_("with external ids"), default=False)
    rows = models.PositiveIntegerField(_("rows"), null=True, blank=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-at"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.by_name} · {self.form}"
