"""The buttons of a connection: deliver again, check again, cancel; each with its own right."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from connector import attention, clock, decide, intervene
from connector.admin.base import FilteredAdmin
from connector.errors import NotPossible
from connector.models import AgentConnection

MOST_AT_ONCE = 500
LONGEST_NOTE = 1000


@dataclass(frozen=True)
class Intervention:
    """`ask` is what `act` would decide, without doing it; both raise NotPossible."""

    name: str
    permission: str
    label: Any
    warning: Any
    done: Any
    act: Callable[[uuid.UUID, datetime], AgentConnection]
    ask: Callable[[AgentConnection, datetime], object]

    @property
    def url_name(self) -> str:
        return f"admin:connector_agentconnection_{self.name}"

    def why_not(self, connection: AgentConnection, now: datetime) -> str:
        """Why it cannot be done now; "" if it can."""
        try:
            self.ask(connection, now)
        except NotPossible as why:
            return str(why)
        return ""


DELIVER_AGAIN = Intervention(
    name="deliver_again",
    permission="deliver_again",
    label=_("Deliver again"),
    warning=_("Lynn's customer may be told late, or twice if Lynn was told before."),
    done=_("Lynn will be told in a moment."),
    act=intervene.deliver_again,
    ask=lambda row, now: decide.deliver_again(row, row.tenant.policy, now),
)
CHECK_AGAIN = Intervention(
    name="check_again",
    permission="check_again",
    label=_("Check again"),
    warning=_("Genesys is asked again. If this agent did answer, Lynn is told, perhaps late."),
    done=_("Genesys will be asked in a moment."),
    act=intervene.check_again,
    ask=lambda row, now: decide.check_again(row, row.tenant.policy, now),
)
CANCEL = Intervention(
    name="cancel",
    permission="cancel_connection",
    label=_("Cancel"),
    warning=_(
        "Nobody is asked or told any more. What is under way this moment is not called back."
    ),
    done=_("The connection was cancelled."),
    act=intervene.cancel,
    ask=lambda row, now: decide.cancel(row),
)
INTERVENTIONS = (DELIVER_AGAIN, CHECK_AGAIN, CANCEL)


@dataclass(frozen=True)
class Button:
    what: Intervention
    why_not: str


def buttons(request: HttpRequest, connection: AgentConnection) -> list[Button]:
    """Those that this person may use; one that cannot be used now says why."""
    now = clock.now()
    return [
        Button(each, each.why_not(connection, now))
        for each in INTERVENTIONS
        if request.user.has_perm(f"connector.{each.permission}")
    ]


def note_of(request: HttpRequest) -> str:
    """What a person wrote about it; PostgreSQL stores no NUL."""
    return request.POST.get("note", "").replace("\x00", "").strip()[:LONGEST_NOTE]


class InterventionViews(FilteredAdmin):
    actions = ["deliver_again", "check_again"]

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<path:object_id>/{each.name.replace('_', '-')}/",
                self.acting_view(each.permission, self._view_of(each)),
                name=f"connector_agentconnection_{each.name}",
            )
            for each in INTERVENTIONS
        ]
        acknowledge = path(
            "<path:object_id>/acknowledge/",
            self.acting_view("acknowledge", self._acknowledge),
            name="connector_agentconnection_acknowledge",
        )
        return [acknowledge, *own, *super().get_urls()]

    def _acknowledge(self, request: HttpRequest, connection: AgentConnection) -> HttpResponse:
        note = note_of(request)
        if not note:
            self.message_user(request, gettext("Say what was done about it."), messages.ERROR)
        elif attention.acknowledge(self._alone(connection), request.user, note, clock.now()):
            self.log_change(request, connection, gettext("Acknowledged: %s") % note)
            self.message_user(request, gettext("Acknowledged."), messages.SUCCESS)
        else:
            self.message_user(request, gettext("It needs nobody any more."), messages.WARNING)
        return self.back_to(connection.pk)

    def _alone(self, connection: AgentConnection) -> QuerySet[AgentConnection]:
        return AgentConnection.objects.filter(pk=connection.pk)

    def _view_of(self, what: Intervention) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, connection: AgentConnection) -> HttpResponse:
            try:
                what.act(connection.pk, clock.now())
            except NotPossible as why:
                self.message_user(request, str(why), messages.ERROR)
            else:
                self.log_change(request, connection, str(what.label))
                self.message_user(request, what.done, messages.SUCCESS)
            return self.back_to(connection.pk)

        return view

    def has_deliver_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("connector.deliver_again")

    def has_check_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("connector.check_again")

    @admin.action(
        description=_("Deliver again (Lynn's customers may be told late or twice)"),
        permissions=["deliver_again"],
    )
    def deliver_again(self, request: HttpRequest, queryset: QuerySet[AgentConnection]) -> None:
        self._act_on(DELIVER_AGAIN, request, queryset)

    @admin.action(description=_("Check again"), permissions=["check_again"])
    def check_again(self, request: HttpRequest, queryset: QuerySet[AgentConnection]) -> None:
        self._act_on(CHECK_AGAIN, request, queryset)

    def _act_on(
        self, what: Intervention, request: HttpRequest, queryset: QuerySet[AgentConnection]
    ) -> None:
        chosen = list(queryset[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            words = gettext("Choose at most %(count)d connections at a time; nothing was done.")
            self.message_user(request, words % {"count": MOST_AT_ONCE}, messages.ERROR)
            return
        refused = Counter(filter(None, (self._act(what, request, row) for row in chosen)))
        self._report(request, len(chosen) - refused.total(), refused.items())

    def _act(self, what: Intervention, request: HttpRequest, row: AgentConnection) -> str:
        """Returns why it could not be done, "" if it was."""
        try:
            what.act(row.pk, clock.now())
        except NotPossible as why:
            return str(why)
        self.log_change(request, row, str(what.label))
        return ""

    def _report(self, request: HttpRequest, done: int, refused: Iterable[tuple[str, int]]) -> None:
        if done:
            words = ngettext(
                "%(count)d connection is taken up again.",
                "%(count)d connections are taken up again.",
                done,
            )
            self.message_user(request, words % {"count": done}, messages.SUCCESS)
        for why, count in refused:
            words = ngettext(
                "%(count)d stays as it is: %(why)s", "%(count)d stay as they are: %(why)s", count
            )
            self.message_user(request, words % {"count": count, "why": why}, messages.WARNING)
