"""Who changed which setting, in words: tenants, their queues, their webhook tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Field, OuterRef, QuerySet, Subquery
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from connector.admin.display import NOTHING
from connector.domain import AnswerMode
from connector.models import Queue, Tenant, WebhookToken
from connector.models.history import CONFIGURATION_FILE

# Where the page calls a setting by another name than the table does.
LABELS: dict[tuple[str, str], Any] = {
    ("tenant", "enabled"): gettext_lazy("On"),
    ("queue", "enabled"): gettext_lazy("In use"),
    ("queue", "genesys_id"): gettext_lazy("Queue id in Genesys"),
}
NOT_SHOWN = {"id", "tenant", "slot", "created_at"}

# What has a history, and which column of it holds the tenant.
KEPT: tuple[tuple[Any, str], ...] = (
    (Tenant, "id"),
    (Queue, "tenant_id"),
    (WebhookToken, "tenant_id"),
)

# Named once: each look at `.history` makes a class.
TENANT_ROW, QUEUE_ROW, TOKEN_ROW = (model.history.model for model, _column in KEPT)


@dataclass(frozen=True)
class Line:
    """One setting; of a secret there is nothing to say but that it was changed."""

    label: str
    old: str = ""
    new: str = ""
    is_secret: bool = False


@dataclass
class Change:
    """What one person changed at one time about one thing."""

    at: datetime
    author: str
    tenant_id: int
    subject: str
    verb: str
    lines: list[Line] = field(default_factory=list)


def changes(tenant_ids: Sequence[int] | None, most: int) -> list[Change]:
    """The last changes of these tenants (None: of all), newest first. Rows that changed nothing
    which is shown are left out, so there may be fewer than `most`."""
    found = [
        change
        for model, column in KEPT
        for _row, change in told(history(model, column, tenant_ids), most)
        if change
    ]
    return sorted(found, key=lambda change: change.at, reverse=True)[:most]


def history(model: Any, column: str, tenant_ids: Sequence[int] | None) -> QuerySet[Any]:
    """The rows of history of one of KEPT, newest first."""
    rows: QuerySet[Any] = model.history.order_by("-history_date", "-history_id")
    return rows if tenant_ids is None else rows.filter(**{f"{column}__in": tenant_ids})


def told(rows: QuerySet[Any], most: int) -> Iterator[tuple[Any, Change | None]]:
    """The first rows, each with its words; None for one that changed nothing which is shown."""
    page = list(rows[:most])
    ids = _ids_before(rows.model, page)
    before = rows.model.objects.in_bulk([each for each in ids.values() if each])
    people = _people([*page, *before.values()])
    for row in page:
        yield row, _change(row, before.get(ids[row.pk]), people)


def _ids_before(model: Any, page: Sequence[Any]) -> dict[int, int | None]:
    """By row, that of the state before. Asked for apart, since SQLite would look it up for every
    row that it sorts."""
    older = model.objects.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id"))
    newest_older = older.order_by("-history_id").values("history_id")[:1]
    rows = model.objects.filter(pk__in=[row.pk for row in page]).order_by()
    return dict(rows.annotate(before_id=Subquery(newest_older)).values_list("pk", "before_id"))


def _people(rows: Sequence[Any]) -> dict[int, list[str]]:
    """Who was listed on a tenant, by row of its history."""
    if not rows or not hasattr(rows[0], "people"):
        return {}
    model = rows[0].people.model
    pairs = list(
        model.objects.filter(history__in=[row.pk for row in rows]).values_list(
            "history_id", "user_id"
        )
    )
    users = get_user_model()._default_manager.in_bulk({user_id for _row, user_id in pairs})
    names: dict[int, list[str]] = {row.pk: [] for row in rows}
    for row_id, user_id in pairs:
        user = users.get(user_id)
        names[row_id].append(user.get_username() if user else _("a removed account"))
    return {row_id: sorted(each) for row_id, each in names.items()}


def _change(row: Any, before: Any, people: dict[int, list[str]]) -> Change | None:
    lines = _lines(row, before, people) if before is not None and row.history_type == "~" else []
    if row.history_type == "~" and before is not None and not lines:
        return None
    return Change(
        at=row.history_date,
        author=_author(row),
        tenant_id=row.id if isinstance(row, TENANT_ROW) else row.tenant_id,
        subject=_subject(row),
        verb=_verb(row, before),
        lines=lines,
    )


def _author(row: Any) -> str:
    if row.author == CONFIGURATION_FILE:
        return _("configuration file")
    return row.author or _("the portal itself")


def _subject(row: Any) -> str:
    if isinstance(row, QUEUE_ROW):
        return _("queue “%(queue)s”") % {"queue": row.name or row.genesys_id}
    if isinstance(row, TOKEN_ROW):
        return _("webhook token …%(last4)s") % {"last4": row.last4}
    return _("tenant “%(tenant)s”") % {"tenant": row.name}


def _verb(row: Any, before: Any) -> str:
    if row.history_type == "~" and before is None:
        return _("as it was when this history began")
    ended = isinstance(row, TOKEN_ROW) and row.slot is None
    if row.history_type == "~":
        return pgettext("change", "ended") if ended else _("changed")
    return pgettext("change", "made") if row.history_type == "+" else _("deleted")


def _lines(row: Any, before: Any, people: dict[int, list[str]]) -> list[Line]:
    lines = [
        Line(_label(column), _shown(column, before), _shown(column, row))
        for column in row.tracked_fields
        if column.name not in NOT_SHOWN
        and getattr(row, column.attname) != getattr(before, column.attname)
    ]
    if people and people[row.pk] != people[before.pk]:
        old, new = (", ".join(people[each.pk]) or NOTHING for each in (before, row))
        lines.append(Line(_("People"), old, new))
    columns = {column.name: column for column in Tenant._meta.concrete_fields}
    secrets = [columns[name] for name in row.secrets_changed]
    return [*lines, *(Line(_label(column), is_secret=True) for column in secrets)]


def _label(column: "Field[Any, Any]") -> str:
    known = LABELS.get((column.model._meta.model_name or "", column.name))
    return capfirst(str(known or column.verbose_name))


def _shown(column: "Field[Any, Any]", row: Any) -> str:
    value = getattr(row, column.attname)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if isinstance(value, float):
        return f"{value:g}"
    if column.choices:
        return str(dict(column.flatchoices).get(value, value)) or _as_the_tenant_says(column)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value) if value not in ("", None) else NOTHING


def _as_the_tenant_says(column: "Field[Any, Any]") -> str:
    """An empty answer mode of a queue."""
    return _("as the tenant says") if column.choices == AnswerMode.choices else NOTHING
