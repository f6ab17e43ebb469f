"""Events: what senders posted, and what became of each."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from connector.admin.base import FilteredAdmin
from connector.admin.connections import Facts, rights_of
from connector.admin.display import (
    NOTHING,
    badge,
    identifier,
    moment,
    readable_body,
    reason_words,
)
from connector.admin.timeline import Rights
from connector.find import EventFilter
from connector.masking import without_address
from connector.models import Event, EventOutcome
from connector.said import refusal_in_readers_words

LONGEST_QUOTE = 120

# What the reasons mean that only events have.
REASONS = {
    "heartbeat": gettext_lazy("A sign of life of the notification channel"),
    "topic_not_used": gettext_lazy("The portal does not need this topic"),
    "acd_not_answered": gettext_lazy("The queue let go of it without an answer"),
    "no_session": gettext_lazy("The event names no session"),
    "before_user_start": gettext_lazy("Came before its user.start, and waits for it"),
    "no_durations": gettext_lazy("The event does not say whether the agent answered"),
    "invalid_event": gettext_lazy("Invalid event"),
    "unauthorized": gettext_lazy("No valid token"),
    "tenant_disabled": gettext_lazy("The tenant is switched off"),
    "unsupported_media_type": gettext_lazy("Not sent as JSON"),
    "too_large": gettext_lazy("Too large"),
    "too_many_events": gettext_lazy("Too many events in a second"),
}
TONES = {
    EventOutcome.OPENED: "delivered",
    EventOutcome.EVIDENCE: "checking",
    EventOutcome.REFUSED: "failed",
}


@admin.register(Event)
class EventAdmin(FilteredAdmin):
    filter_form = EventFilter
    lookups = tuple(EventFilter.base_fields)
    list_display = [
        "received",
        "outcome_in_words",
        "tenant_in_words",
        "topic_in_short",
        "reason_in_words",
        "conversation",
        "connection_link",
    ]
    list_select_related = ["tenant"]
    actions = None
    change_form_template = "admin/connector/event/change_form.html"
    fields = ()
    empty_text = gettext_lazy(
        "No events yet. Everything that Genesys posts appears here, also what is refused. If you "
        "expect some: open the tenant, and compare the webhook address and the token with what is "
        "entered in Genesys."
    )

    @admin.display(description=pgettext_lazy("event", "received"))
    def received(self, event: Event) -> SafeString | str:
        return moment(event.received_at)

    @admin.display(description=gettext_lazy("outcome"))
    def outcome_in_words(self, event: Event) -> SafeString:
        return _outcome(event)

    @admin.display(description=gettext_lazy("topic"))
    def topic_in_short(self, event: Event) -> str:
        return event.kind or event.topic or NOTHING

    @admin.display(description=gettext_lazy("reason"))
    def reason_in_words(self, event: Event) -> SafeString | str:
        words = _reason(event)
        said = without_address(_what_was_wrong(event), "")[:LONGEST_QUOTE]
        if not said:
            return words or NOTHING
        return format_html('{} <span class="quiet why">{}</span>', words, said)

    @admin.display(description=gettext_lazy("conversation"))
    def conversation(self, event: Event) -> SafeString | str:
        return identifier(event.conversation_id)

    @admin.display(description=gettext_lazy("connection"))
    def connection_link(self, event: Event) -> SafeString | str:
        return _connection_link(event) or NOTHING

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body")

    def story(self, request: HttpRequest, event: Event) -> dict[str, Any]:
        return {
            "title": _("Event"),
            "subtitle": event.topic or EventOutcome(event.outcome).label,
            "facts": _facts(event, rights_of(request)),
            **_body(request, event),
        }


def _body(request: HttpRequest, event: Event) -> dict[str, Any]:
    rights = rights_of(request)
    if not rights.bodies:
        return {"bodies_hidden": True}
    hide = not rights.external_id
    return {"body": readable_body(event.body, external_id=_address(event), hide=hide)}


def _address(event: Event) -> str:
    """Of Lynn's customer, where it is known."""
    return event.connection.external_id if event.connection else ""


def _facts(event: Event, rights: Rights) -> Facts:
    wrong = _what_was_wrong(event)
    if not rights.external_id:
        wrong = without_address(wrong, _address(event))
    facts: Facts = [
        (_("Tenant"), event.tenant),
        (pgettext("event", "Received"), moment(event.received_at)),
        (_("Event time"), event.event_time and moment(event.event_time)),
        (_("Outcome"), _outcome(event)),
        (_("Reason"), _reason(event)),
        (_("What was wrong"), wrong),
        (_("Connection"), _connection_link(event)),
        (_("Topic"), event.topic),
        (_("Conversation id"), event.conversation_id),
        (_("Session id"), event.session_id),
    ]
    return [(label, value) for label, value in facts if value]


def _outcome(event: Event) -> SafeString:
    outcome = EventOutcome(event.outcome)
    return badge(TONES.get(outcome, "ignored"), outcome.label)


def _reason(event: Event) -> str:
    return str(REASONS.get(event.reason) or reason_words(event.reason))


def _what_was_wrong(event: Event) -> str:
    return refusal_in_readers_words(event.detail)


def _connection_link(event: Event) -> SafeString | str:
    if event.connection_id is None:
        return ""
    url = reverse("admin:connector_agentconnection_change", args=[event.connection_id])
    return format_html('<a href="{}">{}</a>', url, _("Show"))
