"""Who did what: settings that were changed, and what people did to connections."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connector.admin.acts import acts
from connector.admin.change_pages import Found, Key, Row, Walk, page_of, read_key
from connector.admin.setting_changes import KEPT, Change, history, told
from connector.admin.site import page, render_page
from connector.find import LONGEST, TimeRange
from connector.models import ExportLog
from connector.scope import sees_all_tenants, tenants_of

PAGE = 50
ACTS, EXPORTS = len(KEPT), len(KEPT) + 1  # the sources beside the histories


class ChangeFilter(TimeRange):
    who = forms.CharField(
        label=gettext_lazy("Who"),
        required=False,
        max_length=LONGEST,
        help_text=gettext_lazy("A whole user name"),
    )
    field_order = ["tenant", "who", "since", "until"]


@page("changes/", name="changes", permission="connector.view_tenant")
def changes(request: HttpRequest) -> HttpResponse:
    asked = ChangeFilter(request.GET, tenants_of(request))
    walk = _walk(request, asked)
    found = _Sources(request, asked).found(walk) if asked.is_valid() else []
    shown = page_of(walk, found, PAGE)
    context = {
        "title": _("Changes"),
        "form": asked,
        "rows": shown.rows,
        "older": shown.older and _address(asked, "before", shown.older),
        "newer": shown.newer and _address(asked, "after", shown.newer),
    }
    return render_page(request, "admin/connector/changes.html", context)


def _walk(request: HttpRequest, asked: ChangeFilter) -> Walk:
    """What is no place in the list begins at its newest end."""
    after, before = (read_key(request.GET.get(name, "")) for name in ("after", "before"))
    valid = asked.cleaned_data if asked.is_valid() else {}
    return Walk(after or before, after is not None, valid.get("since"), valid.get("until"))


def _address(asked: ChangeFilter, side: str, key: Key) -> str:
    return "?" + urlencode({**asked.asked, side: str(key)})


class _Sources:
    """The tables that hold changes, as far as the reader may see them and asks for them."""

    def __init__(self, request: HttpRequest, asked: ChangeFilter) -> None:
        slug = asked.cleaned_data["tenant"]
        wanted = [asked.tenants[slug]] if slug else asked.tenants.values()
        self.who = asked.cleaned_data["who"]
        self.tenants: dict[int, Any] = {tenant.pk: tenant for tenant in wanted}
        self.everywhere = sees_all_tenants(request) and not slug
        self.with_users = self.everywhere and request.user.has_perm("auth.view_user")

    def found(self, walk: Walk) -> list[Found]:
        settings = [self._settings(walk, source) for source in range(len(KEPT))]
        return [*settings, self._acts(walk), self._exports(walk)]

    def _by(self, rows: QuerySet[Any], column: str) -> QuerySet[Any]:
        return rows.filter(**{column: self.who}) if self.who else rows

    def _settings(self, walk: Walk, source: int) -> Found:
        model, column = KEPT[source]
        rows = history(model, column, None if self.everywhere else list(self.tenants))
        rows = walk.through(self._by(rows, "author"), source, "history_date")
        both = [
            (Key(row.history_date, source, row.history_id), change)
            for row, change in told(rows, PAGE + 1)
        ]
        shown = [self._setting(key, change) for key, change in both if change]
        return Found(shown, both[-1][0] if len(both) > PAGE else None)

    def _setting(self, key: Key, change: Change) -> Row:
        words = capfirst(f"{change.subject} {change.verb}")
        tenant = self.tenants.get(change.tenant_id, _("a removed tenant"))
        return Row(key, change.author, tenant, words, change.lines)

    def _acts(self, walk: Walk) -> Found:
        return acts(walk, ACTS, self.who, self.tenants, PAGE + 1, with_users=self.with_users)

    def _exports(self, walk: Walk) -> Found:
        """Of one tenant; those of several are shown to whoever sees all."""
        log = self._by(ExportLog.objects.all(), "by_name")
        if not self.everywhere:
            log = log.filter(tenant__in=self.tenants)
        rows = [self._export(each) for each in walk.through(log, EXPORTS, "at")[: PAGE + 1]]
        return Found(rows, rows[-1].key if len(rows) > PAGE else None)

    def _export(self, log: ExportLog) -> Row:
        words = _("Exported the audit trail (%(form)s, rows: %(rows)s)") % {
            "form": log.form,
            "rows": "?" if log.rows is None else log.rows,
        }
        tenant = self.tenants.get(log.tenant_id or 0, "")
        return Row(Key(log.at, EXPORTS, log.pk), log.by_name, tenant, words)
