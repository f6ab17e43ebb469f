"""The audit trail as a file: what the filter of the list shows, streamed, and on record."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from connector import clock
from connector.admin import base
from connector.admin.site import page, render_page
from connector.attention import name_of
from connector.audit.export import lines
from connector.find import ConnectionFilter
from connector.models import AgentConnection, ExportLog
from connector.scope import seen_by, sees_all_tenants, tenants_of, to_count

RECENT = 20


@dataclass(frozen=True)
class Form:
    """How a file is written: as which of the forms of the audit trail, and what stands before."""

    written_as: str
    content_type: str
    before: tuple[str, ...] = ()


FORMS = {
    # Excel takes a file without a byte order mark for one in the system's old code page.
    "excel": Form("csv", "text/csv", before=("\ufeff",)),
    "csv": Form("csv", "text/csv"),
    "jsonl": Form("jsonl", "application/x-ndjson"),
}


@page("export/", name="export", permission="connector.export_audit")
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """GET shows what would be in the file, POST sends it."""
    params = request.POST if request.method == "POST" else request.GET
    chosen = ConnectionFilter(params, tenants_of(request))
    form = params.get("form", "csv")
    if request.method == "POST" and form in FORMS and chosen.is_valid():
        return _file(request, chosen, form)
    rows = to_count(request, chosen.narrow(_own(request)))
    count = rows[: base.MOST_COUNTED + 1].count()
    context = {
        "title": _("Export"),
        "form": chosen,
        "asked": list(chosen.asked.items()),
        "count": min(count, base.MOST_COUNTED),
        "is_capped": count > base.MOST_COUNTED,
        "masked": not request.user.has_perm("connector.view_external_id"),
        "log": _log(request),
    }
    return render_page(request, "admin/connector/export.html", context)


def _own(request: HttpRequest) -> QuerySet[AgentConnection]:
    return AgentConnection.objects.filter(seen_by(request))


def _log(request: HttpRequest) -> QuerySet[ExportLog]:
    """One's own exports; those of everybody for whoever sees all tenants."""
    log = ExportLog.objects.order_by("-at")
    if not sees_all_tenants(request):
        log = log.filter(by=request.user.pk)
    return log[:RECENT]


def _file(request: HttpRequest, chosen: ConnectionFilter, form: str) -> StreamingHttpResponse:
    now = clock.now()
    hide = not request.user.has_perm("connector.view_external_id")
    slug = chosen.cleaned_data["tenant"]
    log = ExportLog.objects.create(
        by_id=request.user.pk,
        by_name=name_of(request.user),
        at=now,
        form=form,
        wanted=chosen.asked,
        tenant=chosen.tenants[slug] if slug else None,
        with_external_id=not hide,
    )
    written = FORMS[form]
    told = lines(chosen.narrow(_own(request)), written.written_as, hide=hide)
    whole = chain(written.before, told)
    heads = len(written.before) + int(written.written_as == "csv")
    return StreamingHttpResponse(
        _counted(whole, log, translation.get_language(), heads=heads),
        content_type=f"{written.content_type}; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{_name(slug, now)}.{written.written_as}"'
        },
    )


def _name(slug: str, now: datetime) -> str:
    parts = ["connections", slug, timezone.localtime(now).strftime("%Y-%m-%d-%H%M")]
    return "-".join(part for part in parts if part)


def _counted(told: Iterator[str], log: ExportLog, language: Any, *, heads: int) -> Iterator[str]:
    """Notes how far it got, also where the reader breaks it off."""
    count = -heads
    try:
        with translation.override(language):
            for line in told:
                count += 1
                yield line
    finally:
        ExportLog.objects.filter(pk=log.pk).update(rows=max(count, 0))
