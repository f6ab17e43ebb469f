"""Who did what: settings that were changed, and what people did to connections."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from connector.admin import setting_changes
from connector.admin.setting_changes import Change, Line
from connector.admin.site import page, render_page
from connector.models import AgentConnection, ExportLog, Replay
from connector.scope import sees_all_tenants, tenants_of

PAGE = 50
MOST = 400
CHUNK = 200
MOST_LOOKED_AT = 4000


@dataclass
class Row:
    at: datetime
    who: str
    tenant: Any
    what: Any
    lines: list[Line] = field(default_factory=list)


@page("changes/", name="changes", permission="connector.view_tenant")
def changes(request: HttpRequest) -> HttpResponse:
    tenants = {tenant.pk: tenant for tenant in tenants_of(request)}
    chosen = _chosen(request, list(tenants.values()))
    narrowed = {chosen.pk: chosen} if chosen else tenants
    most = min(_number(request.GET.get("most", "")) or PAGE, MOST)
    everywhere = sees_all_tenants(request) and chosen is None
    rows = [
        *(_setting(change, tenants) for change in _settings(narrowed, everywhere, most)),
        *_acts(request, narrowed, everywhere, most),
        *_exports(narrowed, everywhere, most),
    ]
    rows.sort(key=lambda row: row.at, reverse=True)
    context = {
        "title": _("Changes"),
        "tenants": list(tenants.values()),
        "chosen": chosen,
        "rows": rows[:most],
        "more": most * 4 if len(rows) >= most and most < MOST else 0,
    }
    return render_page(request, "admin/connector/changes.html", context)


def _chosen(request: HttpRequest, tenants: Iterable[Any]) -> Any:
    return next((each for each in tenants if each.slug == request.GET.get("tenant")), None)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _settings(tenants: dict[int, Any], everywhere: bool, most: int) -> list[Change]:
    return setting_changes.changes(None if everywhere else list(tenants), most)


def _setting(change: Change, tenants: dict[int, Any]) -> Row:
    words = capfirst(f"{change.subject} {change.verb}")
    tenant = tenants.get(change.tenant_id, _("a removed tenant"))
    return Row(change.at, change.author, tenant, words, change.lines)


# What people did to connections, and to users and groups ------------------------------------------


def _acts(
    request: HttpRequest, tenants: dict[int, Any], everywhere: bool, most: int
) -> Iterator[Row]:
    """From Django's own log, which knows no tenants: the newest are looked at until there are
    enough of ours, but no more than MOST_LOOKED_AT."""
    found, last = 0, None
    for _chunk in range(MOST_LOOKED_AT // CHUNK):
        entries = list(_entries(request, everywhere, last)[:CHUNK])
        for row in _rows_of(entries, tenants):
            yield row
            found += 1
        if found >= most or len(entries) < CHUNK:
            return
        last = entries[-1].pk


def _entries(request: HttpRequest, everywhere: bool, last: int | None) -> QuerySet[LogEntry]:
    """Settings have a history of their own, which says more."""
    ours = Q(content_type__app_label="connector", content_type__model__in=_TENANT_OF)
    if everywhere and request.user.has_perm("auth.view_user"):
        ours |= Q(content_type__app_label="auth")
    entries = LogEntry.objects.filter(ours).select_related("user", "content_type").order_by("-pk")
    return entries if last is None else entries.filter(pk__lt=last)


def _connections(ids: list[UUID]) -> dict[str, int]:
    rows = AgentConnection.objects.filter(pk__in=ids).values_list("pk", "tenant_id")
    return {str(pk): tenant_id for pk, tenant_id in rows}


def _replays(ids: list[UUID]) -> dict[str, int]:
    rows = Replay.objects.filter(pk__in=ids).values_list("pk", "tenant_id")
    return {str(pk): tenant_id for pk, tenant_id in rows}


_TENANT_OF = {"agentconnection": _connections, "replay": _replays}


def _rows_of(entries: list[LogEntry], tenants: dict[int, Any]) -> Iterator[Row]:
    known: dict[tuple[str, str], int] = {}
    for model, look_up in _TENANT_OF.items():
        ids = [UUID(str(each.object_id)) for each in entries if _model(each) == model]
        known |= {(model, pk): tenant_id for pk, tenant_id in look_up(ids).items()}
    for entry in entries:
        tenant_id = known.get((_model(entry), str(entry.object_id)))
        if _model(entry) not in _TENANT_OF:
            yield Row(entry.action_time, entry.user.get_username(), "", _words(entry))
        elif tenant_id in tenants:
            who = entry.user.get_username()
            yield Row(entry.action_time, who, tenants[tenant_id], _words(entry))


def _model(entry: LogEntry) -> str:
    return entry.content_type.model if entry.content_type else ""


def _words(entry: LogEntry) -> SafeString:
    said = entry.get_change_message() or str(entry)
    if _model(entry) not in _TENANT_OF:
        return format_html("{}: {}", entry.object_repr, said)
    url = reverse(f"admin:connector_{_model(entry)}_change", args=[entry.object_id])
    name = entry.content_type.name if entry.content_type else ""
    return format_html('{} (<a href="{}">{}</a>)', said, url, name)


def _exports(tenants: dict[int, Any], everywhere: bool, most: int) -> Iterator[Row]:
    """Of one tenant; those of several are shown to whoever sees all."""
    log = ExportLog.objects.order_by("-at")
    if not everywhere:
        log = log.filter(tenant__in=tenants)
    for each in log[:most]:
        words = _("Exported the audit trail (%(form)s, rows: %(rows)s)") % {
            "form": each.form,
            "rows": "?" if each.rows is None else each.rows,
        }
        yield Row(each.at, each.by_name, tenants.get(each.tenant_id or 0, ""), words)
