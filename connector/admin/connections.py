"""Agent connections: the list, and the page that tells what happened to one."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connector.admin.display import (
    NOTHING,
    identifier,
    moment,
    reason_words,
    state_badge,
)
from connector.admin.interventions import InterventionViews, buttons
from connector.admin.tenant_form import MEDIA_TYPE_LABELS
from connector.admin.timeline import Rights, timeline, took
from connector.audit.export import record
from connector.explain import explain, lasting
from connector.find import ConnectionFilter
from connector.masking import masked
from connector.models import AgentConnection, Tenant
from connector.said import in_readers_words

MOST_STEPS = 500
MOST_NEIGHBOURS = 20
Facts = list[tuple[str, Any]]


@admin.register(AgentConnection)
class ConnectionAdmin(InterventionViews):
    filter_form = ConnectionFilter
    lookups = tuple(ConnectionFilter.base_fields)
    list_display = [
        "received",
        "state_in_words",
        "tenant_in_words",
        "agent",
        "queue",
        "conversation",
        "checks",
        "took_in_words",
    ]
    list_select_related = ["tenant"]
    change_form_template = "admin/connector/agentconnection/change_form.html"
    fields = ()
    empty_text = gettext_lazy(
        "No connections yet. One appears here as soon as Genesys rings an agent: open a tenant, "
        "make a webhook token, and let Genesys send its events to the address shown there."
    )

    @admin.display(description=gettext_lazy("received"))
    def received(self, connection: AgentConnection) -> SafeString | str:
        return moment(connection.received_at)

    @admin.display(description=gettext_lazy("state"))
    def state_in_words(self, connection: AgentConnection) -> SafeString:
        if not connection.reason or connection.reason == connection.state:
            return state_badge(connection.state)
        badge, why = state_badge(connection.state), reason_words(connection.reason)
        return format_html('{} <span class="quiet why">{}</span>', badge, why)

    @admin.display(description=gettext_lazy("agent"))
    def agent(self, connection: AgentConnection) -> SafeString | str:
        return connection.user_name or identifier(connection.user_id)

    @admin.display(description=gettext_lazy("queue"))
    def queue(self, connection: AgentConnection) -> SafeString | str:
        return connection.queue_name or identifier(connection.queue_id)

    @admin.display(description=gettext_lazy("conversation"))
    def conversation(self, connection: AgentConnection) -> SafeString | str:
        return identifier(connection.conversation_id)

    @admin.display(description=gettext_lazy("took"))
    def took_in_words(self, connection: AgentConnection) -> str:
        span = took(connection)
        return lasting(span) if span is not None else NOTHING

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("tenant")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if request.user.has_perm("connector.export_audit"):
            context["export_url"] = reverse("admin:export")
        return super().changelist_view(request, context)

    def get_urls(self) -> list[URLPattern]:
        download = self.admin_site.admin_view(self.download)
        name = "connector_agentconnection_download"
        return [path("<path:object_id>/json/", download, name=name), *super().get_urls()]

    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The audit record of one connection, as CONTRACT 6 has it."""
        connection = self._found(request, object_id)
        assert isinstance(connection, AgentConnection)  # noqa: S101
        told = record(
            connection, list(connection.attempts.all()), hide=not rights_of(request).external_id
        )
        return HttpResponse(
            json.dumps(told, ensure_ascii=False, indent=2) + "\n",
            content_type="application/json; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="connection-{told["id"]}.json"'},
        )

    def story(self, request: HttpRequest, connection: AgentConnection) -> dict[str, Any]:
        rights = rights_of(request)
        offered = buttons(request, connection)
        bodies = () if rights.bodies else ("request_body", "response_body")
        body = () if rights.bodies else ("body",)
        attempts = list(connection.attempts.defer(*bodies)[: MOST_STEPS + 1])
        events = list(connection.events.defer(*body).order_by("received_at")[: MOST_STEPS + 1])
        return {
            "title": _("Connection"),
            "subtitle": connection.conversation_id,
            "badge": state_badge(connection.state),
            "sentence": rights.read(explain(connection, attempts=attempts), connection),
            "facts": _facts(connection, rights, _tenant(request, connection.tenant)),
            "entries": timeline(connection, events[:MOST_STEPS], attempts[:MOST_STEPS], rights),
            "is_cut": max(len(attempts), len(events)) > MOST_STEPS,
            "neighbours": _neighbours(connection),
            "possible": [button for button in offered if not button.why_not],
            "impossible": [button for button in offered if button.why_not],
            "in_genesys": in_genesys(connection.tenant, connection.conversation_id),
            "waits": _waits(request, connection),
        }


def rights_of(request: HttpRequest) -> Rights:
    return Rights(
        bodies=request.user.has_perm("connector.view_bodies"),
        external_id=request.user.has_perm("connector.view_external_id"),
    )


def in_genesys(tenant: Tenant, conversation_id: str) -> str:
    """Where Genesys Cloud shows the conversation; "" where the tenant's Genesys is elsewhere."""
    if tenant.api_url:
        return ""
    known = quote(conversation_id, safe="")
    return f"https://apps.{tenant.region}/directory/#/analytics/interactions/{known}/admin"


def _waits(request: HttpRequest, connection: AgentConnection) -> bool:
    """Whether this person may say that it is dealt with."""
    return connection.needs_a_person and request.user.has_perm("connector.acknowledge")


def _neighbours(connection: AgentConnection) -> list[dict[str, Any]]:
    same = AgentConnection.objects.filter(
        tenant=connection.tenant_id, conversation_id=connection.conversation_id
    )
    # By `received_at`, SQLite would look through all of the tenant for the sake of the order.
    others = same.exclude(pk=connection.pk).order_by("offered_at")[:MOST_NEIGHBOURS]
    return [
        {
            "url": reverse("admin:connector_agentconnection_change", args=[other.pk]),
            "received": moment(other.received_at),
            "badge": state_badge(other.state),
            "agent": other.user_name or other.user_id,
        }
        for other in others
    ]


def _tenant(request: HttpRequest, tenant: Tenant) -> SafeString | str:
    """With the way to its page, for people who may see it."""
    if not request.user.has_perm("connector.view_tenant"):
        return tenant.name
    url = reverse("admin:connector_tenant_change", args=[tenant.pk])
    return format_html('<a href="{}">{}</a>', url, tenant.name)


def _agent(connection: AgentConnection) -> SafeString | str:
    name, known = connection.user_name, connection.user_id
    return _leads_to_all(connection, name, _("Connections of this agent"), agent=known)


def _queue(connection: AgentConnection) -> SafeString | str:
    name, known = connection.queue_name, connection.queue_id
    return _leads_to_all(connection, name, _("Connections of this queue"), queue=known)


def _leads_to_all(
    connection: AgentConnection, name: str, words: str, **asked: str
) -> SafeString | str:
    """The name, as the way to the tenant's connections of which the same is known."""
    if not all([name, *asked.values()]):
        return name
    url = reverse("admin:connector_agentconnection_changelist")
    asked = {"tenant": connection.tenant.slug, **asked}
    return format_html('<a href="{}?{}" title="{}">{}</a>', url, urlencode(asked), words, name)


def _facts(connection: AgentConnection, rights: Rights, tenant: SafeString | str) -> Facts:
    """Label and value; those without a value are left out."""
    external_id = connection.external_id if rights.external_id else masked(connection.external_id)
    span = took(connection)
    facts: Facts = [
        (_("Tenant"), tenant),
        (_("Agent"), _agent(connection)),
        (_("Queue"), _queue(connection)),
        (_("Answering"), connection.get_answer_mode_display()),
        (_("Received"), moment(connection.received_at)),
        (_("Answered"), _answered(connection)),
        (_("Lynn was told"), connection.delivered_at and moment(connection.delivered_at)),
        (_("Took"), span is not None and lasting(span)),
        (_("Next step"), connection.due_at and moment(connection.due_at)),
        (_("Gives up"), connection.is_open and moment(connection.give_up_at)),
        (_("Checks"), connection.checks),
        (_("Deliveries tried"), connection.tries),
        (_("Duplicates received"), connection.duplicates),
        (_("Trouble"), rights.read(in_readers_words(connection.trouble_detail), connection)),
        (_("Media type"), MEDIA_TYPE_LABELS.get(connection.media_type, connection.media_type)),
        (_("Provider"), connection.provider),
        (_("External id"), external_id),
        (_("Conversation id"), _code(connection.conversation_id)),
        (_("Session id"), _code(connection.session_id)),
        (_("Participant id"), _code(connection.participant_id)),
        (_("Agent id"), _code(connection.user_id)),
        (_("Queue id"), _code(connection.queue_id)),
        (_("Connection id"), _code(str(connection.pk))),
    ]
    return [(label, value) for label, value in facts if value]


def _answered(connection: AgentConnection) -> SafeString | str:
    if connection.answered_at is None:
        return ""
    evidence = connection.get_evidence_display()
    return format_html("{} ({})", moment(connection.answered_at), evidence)


def _code(value: str) -> SafeString | str:
    return format_html("<code>{}</code>", value) if value else ""
