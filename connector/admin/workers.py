"""Workers and timetable: who works, what is overdue, how each tenant's Genesys and Lynn are."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connector import clock
from connector.admin.base import MOST_COUNTED
from connector.admin.display import badge, moment
from connector.admin.site import page, render_page
from connector.domain import Reason
from connector.explain import lasting
from connector.heartbeat import SILENT_AFTER
from connector.models import (
    AgentConnection,
    Chore,
    GenesysAccess,
    Heartbeat,
    LynnAccess,
    Tenant,
)

MOST_WORKERS = 100
# What the portal does by itself, in words.
CHORES = {
    "seal": gettext_lazy("Seal the audit trail"),
    "interrupt": gettext_lazy("Mark calls as interrupted whose worker died"),
    "purge": gettext_lazy("Remove what is older than its tenant keeps it"),
    "replay": gettext_lazy("Go on with bulk replays"),
    "alerts": gettext_lazy("Tell people of trouble"),
    "forget_workers": gettext_lazy("Forget workers that are gone"),
    "forget_failures": gettext_lazy("Forget old failures of background tasks"),
    "forget_sessions": gettext_lazy("Forget ended sign-ins"),
    "forget_guesses": gettext_lazy("Forget wrong passwords that count no more"),
    "forget_names": gettext_lazy("Forget agents' names that are old"),
}


@page("workers/", name="workers", permission="connector.view_heartbeat")
def workers(request: HttpRequest) -> HttpResponse:
    """No group has the permission: this is for superusers."""
    now = clock.now()
    context = {
        "title": _("Workers and timetable"),
        "workers": [
            _worker(each, now) for each in Heartbeat.objects.order_by("-seen_at")[:MOST_WORKERS]
        ],
        "work": _work(now),
        "chores": [_chore(each, now) for each in Chore.objects.order_by("name")],
        "tenants": _tenants(now),
    }
    return render_page(request, "admin/connector/workers.html", context)


def _worker(worker: Heartbeat, now: datetime) -> dict[str, Any]:
    lives = now - worker.seen_at <= SILENT_AFTER
    return {
        "name": worker.name,
        "badge": badge("good", _("Working")) if lives else badge("bad", _("Silent")),
        "seen": moment(worker.seen_at),
        "started": moment(worker.started_at),
    }


def _work(now: datetime) -> list[tuple[str, Any]]:
    open_ones = AgentConnection.objects.filter(due_at__isnull=False)
    oldest = AgentConnection.objects.oldest_due(now)
    return [
        (_("Open connections"), _counted(open_ones)),
        (_("Due now"), _counted(AgentConnection.objects.due_by(now))),
        (_("Longest overdue"), lasting(now - oldest) if oldest else _("nothing")),
    ]


def _counted(rows: QuerySet[AgentConnection]) -> str:
    count = rows.order_by()[: MOST_COUNTED + 1].count()
    return (
        _("more than %(count)d") % {"count": MOST_COUNTED} if count > MOST_COUNTED else str(count)
    )


def _chore(chore: Chore, now: datetime) -> dict[str, Any]:
    return {
        "name": CHORES.get(chore.name, chore.name.replace("_", " ").capitalize()),
        "badge": _state_of(chore, now),
        "every": _every(chore.every),
        "due": moment(chore.due_at),
        "finished": moment(chore.finished_at),
        "took": chore.took_ms,
        "done": chore.done,
        "problem": chore.problem,
    }


def _every(count: int) -> str:
    if count % 3600 == 0:
        return _("%(count)d h") % {"count": count // 3600}
    return _("%(count)d s") % {"count": count}


def _state_of(chore: Chore, now: datetime) -> Any:
    if chore.problem:
        return badge("bad", _("Failed"))
    if chore.lease and chore.due_at > now:
        return badge("busy", _("Running"))
    return badge("good", _("Well")) if chore.finished_at else badge("still", _("Not yet run"))


def _tenants(now: datetime) -> list[dict[str, Any]]:
    genesys = {each.tenant_id: each for each in GenesysAccess.objects.defer("token")}
    short = set(GenesysAccess.short_of_calls(now).values_list("tenant_id", flat=True))
    lynn = {each.tenant_id: each for each in LynnAccess.objects.all()}
    return [
        {
            "tenant": tenant,
            **_genesys(genesys.get(tenant.pk), now, is_short=tenant.pk in short),
            **_lynn(lynn.get(tenant.pk)),
        }
        for tenant in Tenant.objects.order_by("name").only("name")
    ]


def _genesys(access: GenesysAccess | None, now: datetime, *, is_short: bool) -> dict[str, Any]:
    if access is None:
        return {"genesys": badge("still", _("Not asked yet")), "allowed": "", "ringing": ""}
    if access.blocked_until and access.blocked_until > now:
        words = _("Waits, as Genesys asked")
        state = badge("warn", words)
    elif access.trouble:
        state = badge("bad", Reason(access.trouble).label)
    elif is_short:
        state = badge("warn", _("All calls used: agents take turns"))
    else:
        state = badge("good", _("Well"))
    return {
        "genesys": state,
        "until": access.blocked_until,
        "allowed": access.allowed_per_minute,
        "ringing": access.ringing,
    }


def _lynn(access: LynnAccess | None) -> dict[str, Any]:
    if access is None or not access.is_open:
        return {"lynn": badge("good", _("Well"))}
    return {
        "lynn": badge("bad", _("Unreachable")),
        "next_probe": access.next_probe_at,
        "last_failure": access.last_failure,
    }
