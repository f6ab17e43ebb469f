"""Pages through what several tables hold, as one list by time; no page counts or skips rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from connector.admin.setting_changes import Line

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY = re.compile(r"(\d{1,16})\.(\d)\.(\d{1,18})")


@dataclass(frozen=True, order=True)
class Key:
    """Where a row stands in the whole list; `source` says of which table it is."""

    at: datetime
    source: int
    pk: int

    def __str__(self) -> str:
        """As it stands in an address."""
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.source}.{self.pk}"


def read_key(text: str) -> Key | None:
    """None where it is none; what is read is in every calendar."""
    found = _KEY.fullmatch(text) if text.isascii() else None
    if found is None:
        return None
    at, source, pk = map(int, found.groups())
    return Key(_EPOCH + timedelta(microseconds=at), source, pk)


@dataclass(frozen=True)
class Walk:
    """Through the list from `start` on, which is not part of it: to what is older, or `newer`."""

    start: Key | None = None
    newer: bool = False
    since: datetime | None = None
    until: datetime | None = None

    def through(self, rows: QuerySet[Any], source: int, column: str) -> QuerySet[Any]:
        """These rows in the order of the walk; `column` holds when each happened."""
        way = "" if self.newer else "-"
        wanted = self._beyond_start(source, column)
        if self.since:
            wanted &= Q(**{f"{column}__gte": self.since})
        if self.until:
            wanted &= Q(**{f"{column}__lt": self.until})
        return rows.filter(wanted).order_by(f"{way}{column}", f"{way}pk")

    def _beyond_start(self, source: int, column: str) -> Q:
        if self.start is None:
            return Q()
        beyond = "gt" if self.newer else "lt"
        later = Q(**{f"{column}__{beyond}": self.start.at})
        or_then = Q(**{f"{column}__{beyond}e": self.start.at})
        if source == self.start.source:
            return or_then & (later | Q(**{f"pk__{beyond}": self.start.pk}))
        return or_then if (source > self.start.source) == self.newer else later

    def back(self) -> Key | None:
        """Where the walk the other way begins, so that it comes by `start`."""
        if self.start is None:
            return None
        step = -1 if not self.newer else 1
        return Key(self.start.at, self.start.source, max(self.start.pk + step, 0))


@dataclass
class Row:
    key: Key
    who: str
    tenant: Any
    what: Any
    lines: list[Line] = field(default_factory=list)


@dataclass
class Found:
    """What one table holds; `stopped_at` is how far it was looked through, None for to its end."""

    rows: list[Row]
    stopped_at: Key | None = None


@dataclass
class Page:
    """The newest first; `older` and `newer` are where the pages beside it begin, if any do."""

    rows: list[Row]
    older: Key | None
    newer: Key | None


def page_of(walk: Walk, found: Sequence[Found], size: int) -> Page:
    """Goes no further than every table was looked through."""
    ends = [each.stopped_at for each in found if each.stopped_at]
    end = (min if walk.newer else max)(ends, default=None)
    rows = [row for each in found for row in each.rows if _is_within(row.key, end, walk)]
    rows.sort(key=lambda row: row.key, reverse=not walk.newer)
    further = rows[size - 1].key if len(rows) > size else end
    rows = rows[:size]
    if walk.newer:
        return Page(rows[::-1], older=walk.back(), newer=further)
    return Page(rows, older=further, newer=walk.back())


def _is_within(key: Key, end: Key | None, walk: Walk) -> bool:
    return end is None or (key <= end if walk.newer else key >= end)
