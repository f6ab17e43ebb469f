"""The dashboard: whether something is wrong, where, and what to do about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from connector import attention, clock
from connector.admin.chart import stacked
from connector.admin.site import page, render_page
from connector.admin.tenant_health import healths, secrets_readable
from connector.attention import Group
from connector.audit import counts
from connector.audit.counts import Told
from connector.domain import State
from connector.explain import lasting
from connector.heartbeat import SILENT_AFTER
from connector.models import AgentConnection, Heartbeat, Tenant, Trouble
from connector.scope import sees_all_tenants, tenants_of

HOURS = 24
MOST_TENANTS = 15
MOST_GROUPS = 12
MOST_WORKERS = 10
FORGOTTEN_AFTER = timedelta(days=1)  # workers that were stopped longer ago are not shown
OVERDUE_AFTER = timedelta(seconds=30)
AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Figure:
    tone: str
    number: str
    words: str
    url: str


@dataclass(frozen=True)
class Waiting:
    """What waits for a person, with the place where it is dealt with."""

    group: Group
    tenant: Tenant
    url: str


@dataclass(frozen=True)
class Worker:
    name: str
    seen_at: datetime
    is_alive: bool


@dataclass(frozen=True)
class Workers:
    rows: Sequence[Worker]
    oldest_due: datetime | None
    late: timedelta

    @property
    def alive(self) -> int:
        return sum(worker.is_alive for worker in self.rows)

    @property
    def is_overdue(self) -> bool:
        return self.late > OVERDUE_AFTER


@page("", name="index")
def dashboard(request: HttpRequest) -> HttpResponse:
    context: dict[str, Any] = {"title": _("Dashboard")}
    if request.user.has_perm("connector.view_agentconnection"):
        context |= _looked_at(request, clock.now())
    return render_page(request, "admin/connector/dashboard.html", context)


def _looked_at(request: HttpRequest, now: datetime) -> dict[str, Any]:
    tenants = _tenants(request)
    scope = None if sees_all_tenants(request) else [tenant.pk for tenant in tenants]
    hours = _hours(now)
    since, workers = hours[0], _workers(now)
    groups = attention.groups(_connections(scope))
    per_tenant = counts.per_tenant(scope, since, now)
    troubles = _troubles(scope)
    by_health = healths(tenants, per_tenant, groups, troubles)
    return {
        "tenants": tenants,
        "figures": _figures(scope, since, now),
        "chart": stacked(hours, counts.per_hour(scope, since, now)),
        "since": since,
        "since_utc": _utc(since),
        "healths": by_health[:MOST_TENANTS],
        "more_tenants": len(by_health[MOST_TENANTS:]),
        "waiting": _waiting(tenants, groups[:MOST_GROUPS]),
        "more_groups": len(groups[MOST_GROUPS:]),
        "workers": workers,
        "alarms": _alarms(workers, tenants),
        "now": now,
    }


def _tenants(request: HttpRequest) -> list[Tenant]:
    """Those that the reader may see, with their Genesys, but without its token."""
    seen = [tenant.pk for tenant in tenants_of(request)]
    found = Tenant.objects.select_related("genesys").defer("genesys__token").order_by("name")
    return list(found if sees_all_tenants(request) else found.filter(pk__in=seen))


def _hours(now: datetime) -> list[datetime]:
    """The hour that is running and those before it, oldest first."""
    this = counts.hour_of(now)
    return [this - (HOURS - 1 - place) * AN_HOUR for place in range(HOURS)]


def _connections(scope: Iterable[int] | None) -> Any:
    rows = AgentConnection.objects.all()
    return rows if scope is None else rows.filter(tenant_id__in=list(scope))


def _troubles(scope: Iterable[int] | None) -> list[Trouble]:
    rows = Trouble.objects.filter(until__isnull=True).order_by("-since")
    return list(rows if scope is None else rows.filter(tenant_id__in=list(scope)))


def _figures(scope: Iterable[int] | None, since: datetime, now: datetime) -> list[Figure]:
    ended: dict[str, int] = {}
    for (state, _reason), number in counts.totals(scope, since, now).items():
        ended[state] = ended.get(state, 0) + number
    still_open = _connections(scope).filter(due_at__isnull=False, received_at__gte=since).order_by()
    waiting = still_open.aggregate(rows=Count("*"))["rows"]
    return [
        Figure("", _number(sum(ended.values()) + waiting), _received(waiting), _list(since)),
        Figure(
            "good",
            _number(ended.get(State.DELIVERED, 0)),
            pgettext("several", "delivered"),
            _list(since, state=State.DELIVERED),
        ),
        *_shadowed(ended.get(State.SHADOWED, 0), since),
        Figure(
            "warn",
            _number(ended.get(State.NOT_ANSWERED, 0)),
            _("not answered"),
            _list(since, state=State.NOT_ANSWERED),
        ),
        Figure(
            "bad",
            _number(ended.get(State.FAILED, 0)),
            _("failed"),
            _list(since, state=State.FAILED),
        ),
        _time_to_tell(counts.told(scope, since, now), since),
    ]


def _shadowed(number: int, since: datetime) -> list[Figure]:
    """A figure of its own where there are any, since Lynn was not told of them."""
    words, url = pgettext("several", "shadowed"), _list(since, state=State.SHADOWED)
    return [Figure("good", _number(number), words, url)] if number else []


def _received(waiting: int) -> str:
    if not waiting:
        return pgettext("several", "received")
    words = ngettext("received, %(count)s still open", "received, %(count)s still open", waiting)
    return words % {"count": _number(waiting)}


def _time_to_tell(told: Told, since: datetime) -> Figure:
    url = _list(since, state=State.DELIVERED)
    middle, most, nearly_all = (told.percentile(share) for share in (0.5, 0.95, 0.99))
    if middle is None or most is None or nearly_all is None:
        return Figure("", "—", _("median time to tell Lynn"), url)
    words = _(
        "median time to tell Lynn; 95\u00a0%% within %(most)s, 99\u00a0%% within %(nearly_all)s"
    ) % {
        "most": _span(most),
        "nearly_all": _span(nearly_all),
    }
    return Figure("", _span(middle), words, url)


def _span(milliseconds: float) -> str:
    return lasting(timedelta(milliseconds=milliseconds))


def _number(number: int) -> str:
    return number_format(number, use_l10n=True, force_grouping=True)


def _list(since: datetime | None, **narrowed: str) -> str:
    """The list of connections, narrowed down."""
    asked = {name: str(value) for name, value in narrowed.items()}
    if since is not None:
        asked["since"] = _utc(since)
    return f"{reverse('admin:connector_agentconnection_changelist')}?{urlencode(asked)}"


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _waiting(tenants: Iterable[Tenant], groups: Iterable[Group]) -> list[Waiting]:
    by_pk = {tenant.pk: tenant for tenant in tenants}
    return [
        Waiting(group, tenant, _list(None, tenant=tenant.slug, reason=group.reason, waiting="on"))
        for group in groups
        if (tenant := by_pk.get(group.tenant_id))
    ]


def _workers(now: datetime) -> Workers:
    beats = Heartbeat.objects.filter(seen_at__gt=now - FORGOTTEN_AFTER).order_by("-seen_at")
    rows = [
        Worker(beat.name, beat.seen_at, now - beat.seen_at <= SILENT_AFTER)
        for beat in beats[:MOST_WORKERS]
    ]
    oldest = AgentConnection.objects.oldest_due(now)
    return Workers(rows, oldest, now - oldest if oldest else timedelta(0))


def _alarms(workers: Workers, tenants: Iterable[Tenant]) -> list[str]:
    """What concerns everybody, in words with the way out."""
    found = []
    if not workers.alive:
        found.append(
            _(
                "No worker is alive: events are accepted and kept, but nobody is checked and Lynn "
                "is not told. Start one with ./run worker or ./run serve."
            )
        )
    elif workers.is_overdue:
        words = _(
            "Work is late: the oldest waits for %(late)s. More workers may be needed, or one hangs."
        )
        found.append(words % {"late": lasting(workers.late)})
    unreadable = [tenant.name for tenant in tenants if not secrets_readable(tenant)]
    if unreadable:
        words = _(
            "Stored secrets cannot be read (%(tenants)s): put the key with which they were stored "
            "back into PORTAL_FIELD_KEYS, or enter them again."
        )
        found.append(words % {"tenants": ", ".join(unreadable)})
    return found
