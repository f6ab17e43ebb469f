"""What needs a person: grouped by tenant and reason, with what to do; and doing it for many."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from connector import attention, clock, replay
from connector.admin.display import moment, state_badge
from connector.admin.interventions import LONGEST_NOTE, note_of
from connector.admin.site import page, render_page
from connector.attention import Group
from connector.domain import REASONS, Reason, State
from connector.errors import NotPossible
from connector.find import ConnectionFilter
from connector.models import AgentConnection, Replay, ReplayKind, Tenant
from connector.scope import seen_by, tenants_of

RECENT = 5
USUAL_RATE = 5

WHAT_TO_DO = {
    Reason.GENESYS_CREDENTIALS_REFUSED: gettext_lazy(
        "Open the tenant and correct client id, secret, and region or login address (a wrong one "
        "looks like a wrong secret). Then check these again."
    ),
    Reason.GENESYS_PERMISSION_MISSING: gettext_lazy(
        "In Genesys Cloud, give the role of the tenant's OAuth client the permission Analytics > "
        "Agent State > View. Then check these again."
    ),
    Reason.GENESYS_UNAVAILABLE: gettext_lazy(
        "Genesys Cloud could not be asked in time. Once it works again, check these again: what "
        "was answered long ago may not be visible any more."
    ),
    Reason.NOT_WATCHED: gettext_lazy(
        "The portal was not looking when these agents were called. Look at the conversation in "
        "Genesys, then acknowledge."
    ),
    Reason.LYNN_REFUSED: gettext_lazy(
        "Lynn answered that it does not accept the message. Correct Lynn's address or the extra "
        "headers of the tenant, then deliver these again."
    ),
    Reason.ADDRESS_NOT_ALLOWED: gettext_lazy(
        "The portal may not connect to the tenant's address. Correct the address, or have the "
        "network opened with PORTAL_ALLOWED_UPSTREAMS; then deliver or check these again."
    ),
    Reason.NAME_UNAVAILABLE: gettext_lazy(
        "Give the role of the tenant's OAuth client the permission for agent names, or let the "
        "tenant tell Lynn without a name. Then deliver these again."
    ),
    Reason.INTERNAL_ERROR: gettext_lazy(
        "The portal itself failed. Whoever looks after it finds the cause in its log; then check "
        "or deliver these again."
    ),
    Reason.TOO_LATE: gettext_lazy(
        "Lynn did not take these in time. Once Lynn works again, deliver those that are still of "
        "use to Lynn's customers."
    ),
}
# What helps where Genesys was the trouble; elsewhere the answer is known, and Lynn was not told.
CHECK_FIRST = {
    Reason.GENESYS_CREDENTIALS_REFUSED,
    Reason.GENESYS_PERMISSION_MISSING,
    Reason.GENESYS_UNAVAILABLE,
    Reason.NOT_WATCHED,
}


AGAIN = {
    ReplayKind.DELIVER_AGAIN: gettext_lazy("Deliver these again"),
    ReplayKind.CHECK_AGAIN: gettext_lazy("Check these again"),
}


@dataclass(frozen=True)
class Card:
    """A group as the page shows it; `replay` and `again`, its words, are "" for whoever may not."""

    tenant: Tenant
    group: Group
    what_to_do: Any
    look: str
    replay: str
    again: Any
    asked: list[tuple[str, str]]

    @property
    def badge(self) -> SafeString:
        return state_badge(_state_of(self.group.reason))

    @property
    def oldest(self) -> SafeString | str:
        return moment(self.group.oldest)

    @property
    def newest(self) -> SafeString | str:
        return moment(self.group.newest)


@page("failed/", name="failed", permission="connector.view_agentconnection")
def failed(request: HttpRequest) -> HttpResponse:
    context = {
        "title": _("Failed"),
        "subtitle": _("What needs a person"),
        "cards": _cards(request),
        "may_acknowledge": request.user.has_perm("connector.acknowledge"),
        "replays": _recent_replays(request),
        "shown_at": clock.now().isoformat(),
    }
    return render_page(request, "admin/connector/failed.html", context)


def _cards(request: HttpRequest) -> list[Card]:
    tenants = {tenant.pk: tenant for tenant in tenants_of(request)}
    groups = attention.groups(_own(request))
    return [_card(request, tenants[group.tenant_id], group) for group in groups]


def _card(request: HttpRequest, tenant: Tenant, group: Group) -> Card:
    asked = {"tenant": tenant.slug, "reason": str(group.reason), "waiting": "on"}
    kind = _kind_allowed(request, group.reason)
    again = reverse("admin:failed_replay") + "?" + urlencode({**asked, "kind": kind})
    look = reverse("admin:connector_agentconnection_changelist") + "?" + urlencode(asked)
    return Card(
        tenant=tenant,
        group=group,
        what_to_do=WHAT_TO_DO[group.reason],
        look=look,
        replay=again if kind else "",
        again=AGAIN[ReplayKind(kind)] if kind else "",
        asked=list(asked.items()),
    )


def _kind_for(reason: str) -> str:
    return str(ReplayKind.CHECK_AGAIN if reason in CHECK_FIRST else ReplayKind.DELIVER_AGAIN)


def _kind_allowed(request: HttpRequest, reason: str) -> str:
    """What helps, or else the other kind, if this person may do it; "" if neither."""
    best_first = sorted(ReplayKind.values, key=lambda kind: kind != _kind_for(reason))
    return next((kind for kind in best_first if _may(request, kind)), "")


def _state_of(reason: Reason) -> State:
    return next(state for state, reasons in REASONS.items() if reason in reasons)


def _own(request: HttpRequest) -> QuerySet[AgentConnection]:
    return AgentConnection.objects.filter(seen_by(request))


def _may(request: HttpRequest, *permissions: str) -> bool:
    return any(request.user.has_perm(f"connector.{each}") for each in permissions)


def _recent_replays(request: HttpRequest) -> QuerySet[Replay]:
    if not request.user.has_perm("connector.view_replay"):
        return Replay.objects.none()
    mine = Replay.objects.filter(seen_by(request)).select_related("tenant")
    return mine.order_by("-started_at")[:RECENT]


# Many at once -------------------------------------------------------------------------------------


class ReplayForm(forms.Form):
    why = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=LONGEST_NOTE,
        help_text=gettext_lazy("Goes on record with each of the connections."),
        widget=forms.Textarea(attrs={"rows": 2, "cols": 60}),
    )
    rate = forms.FloatField(
        label=gettext_lazy("How many a second"),
        min_value=replay.SLOWEST,
        max_value=replay.FASTEST,
        initial=USUAL_RATE,
        help_text=gettext_lazy("New connections go on meanwhile; slow is kind to a sick Lynn."),
    )


class Chosen:
    """The connections of one tenant that wait for a person and that the address names."""

    def __init__(self, request: HttpRequest, params: QueryDict) -> None:
        self.filter = ConnectionFilter(params, tenants_of(request))
        is_good = self.filter.is_valid() and bool(self.filter.cleaned_data["tenant"])
        self.tenant = self.filter.tenants[self.filter.cleaned_data["tenant"]] if is_good else None
        self.rows = attention.waiting(self.filter.narrow(_own(request)))


@page("failed/replay/", name="failed_replay", permission="connector.view_agentconnection")
def replay_many(request: HttpRequest) -> HttpResponse:
    """GET shows what would be done, POST begins it."""
    params = request.POST if request.method == "POST" else request.GET
    chosen = Chosen(request, params)
    kind = params.get("kind", "")
    if kind not in ReplayKind.values:
        kind = _kind_for(params.get("reason", ""))
    if not _may(request, kind):
        raise PermissionDenied
    if chosen.tenant is None:
        messages.error(request, _("Choose a group first."))
        return redirect("admin:failed")
    form = ReplayForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _start(request, chosen, kind, form.cleaned_data)
    return render_page(
        request, "admin/connector/replay_many.html", _plan(request, chosen, kind, form)
    )


def _plan(request: HttpRequest, chosen: Chosen, kind: str, form: ReplayForm) -> dict[str, Any]:
    asked = chosen.filter.asked
    seen = replay.preview(chosen.rows, kind, clock.now())
    kinds = [
        (label, "?" + urlencode({**asked, "kind": value}), value == kind)
        for value, label in ReplayKind.choices
        if _may(request, value)
    ]
    return {
        "title": ReplayKind(kind).label,
        "subtitle": chosen.tenant,
        "kind": kind,
        "kinds": kinds,
        "asked": list(asked.items()),
        "preview": seen,
        "refused": list(seen.refused.items()),
        "most": replay.MOST_ITEMS,
        "form": form,
    }


def _start(
    request: HttpRequest, chosen: Chosen, kind: str, settings: dict[str, Any]
) -> HttpResponse:
    assert chosen.tenant is not None  # noqa: S101
    try:
        begun = replay.start(
            chosen.rows,
            tenant=chosen.tenant,
            kind=kind,
            why=settings["why"],
            rate=settings["rate"],
            by=request.user,
            now=clock.now(),
            wanted=chosen.filter.asked,
        )
    except NotPossible as why_not:
        messages.warning(request, str(why_not))
        return redirect("admin:failed")
    words = f"{begun.get_kind_display()}, {begun.total}: {begun.why}"
    LogEntry.objects.log_actions(begun.by_id or 0, [begun], ADDITION, words, single_object=True)
    return redirect("admin:connector_replay_change", begun.pk)


@page("failed/acknowledge/", name="failed_acknowledge", permission="connector.acknowledge")
def acknowledge_many(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("admin:failed")
    chosen = Chosen(request, request.POST)
    note = note_of(request)
    if chosen.tenant is None:
        messages.error(request, _("Choose a group first."))
    elif not note:
        messages.error(request, _("Say what was done about it."))
    else:
        messages.success(request, _acknowledge(request, chosen, note))
    return redirect("admin:failed")


def _acknowledge(request: HttpRequest, chosen: Chosen, note: str) -> str:
    """Goes into the log once, with the oldest of them, however many there are."""
    now = clock.now()
    # What failed after the page was shown, nobody has seen yet.
    rows = chosen.rows.filter(final_at__lte=_shown_at(request, now))
    oldest = rows.order_by("received_at", "id").first()
    count = attention.acknowledge(rows, request.user, note, now)
    words = ngettext(
        "%(count)d connection was acknowledged.",
        "%(count)d connections were acknowledged.",
        count,
    ) % {"count": count}
    if oldest is not None:
        LogEntry.objects.log_actions(
            request.user.pk or 0, [oldest], CHANGE, f"{words} {note}", single_object=True
        )
    return words


def _shown_at(request: HttpRequest, now: datetime) -> datetime:
    """When the page was that was sent; now, where it does not say."""
    try:
        shown_at = datetime.fromisoformat(request.POST.get("shown_at", ""))
    except ValueError:
        return now
    return min(shown_at, now) if shown_at.tzinfo else now
