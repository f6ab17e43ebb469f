"""The pages of a list: the newest first, each beginning exactly where the one before it ended."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from connector.models import AgentConnection

CURSOR, PAGE_SIZE = "cursor", "page_size"
USUAL_SIZE, MOST = 100, 500

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"(older|newer)\.(\d{1,16})\.([0-9a-f]{32})")


@dataclass(frozen=True)
class Cursor:
    """Leads to what is older, or `newer`, than the row that was received at `at`."""

    newer: bool
    at: datetime
    id: UUID

    def __str__(self) -> str:
        """As it stands in an address."""
        side = "newer" if self.newer else "older"
        return f"{side}.{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.id.hex}"

    @property
    def beyond(self) -> Q:
        """Many rows may be of one moment; the id says where among them to go on."""
        way = "gt" if self.newer else "lt"
        further = Q(**{f"received_at__{way}": self.at}) | Q(**{f"id__{way}": self.id})
        return Q(**{f"received_at__{way}e": self.at}) & further

    @property
    def back(self) -> "Cursor":
        """The way by which one came; the row itself is the first on it."""
        beside = self.id.int + (1 if self.newer else -1)
        return Cursor(not self.newer, self.at, UUID(int=min(max(beside, 0), 2**128 - 1)))


@dataclass
class Page:
    """The newest first; `older` and `newer` lead to the pages beside it, if there are any."""

    rows: list[AgentConnection]
    older: Cursor | None
    newer: Cursor | None


def page_asked_for(request: Request, rows: QuerySet[AgentConnection]) -> Page:
    """Raises ValidationError for a size or a cursor that is not understood."""
    size, cursor = _size(request), _cursor(request)
    newer = cursor is not None and cursor.newer
    way = "" if newer else "-"
    wanted = rows.filter(cursor.beyond) if cursor else rows
    found = list(wanted.order_by(f"{way}received_at", f"{way}id")[: size + 1])
    further = _after(found[size - 1], newer) if len(found) > size else None
    back = cursor and cursor.back
    found = found[:size]
    return Page(found[::-1], back, further) if newer else Page(found, further, back)


def _after(last: AgentConnection, newer: bool) -> Cursor:
    return Cursor(newer, last.received_at, last.id)


def _size(request: Request) -> int:
    asked = request.query_params.get(PAGE_SIZE, str(USUAL_SIZE))
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= len(str(MOST))):
        asked = "0"
    if not 0 < int(asked) <= MOST:
        words = _("Ask for 1 to %(most)d at a time.") % {"most": MOST}
        raise ValidationError({PAGE_SIZE: words})
    return int(asked)


def _cursor(request: Request) -> Cursor | None:
    asked = request.query_params.get(CURSOR, "")
    if not asked:
        return None
    read = _CURSOR.fullmatch(asked) if asked.isascii() else None
    if read is None:
        words = _("This is no cursor; take it from “next” or “previous” as it is.")
        raise ValidationError({CURSOR: words})
    at = _EPOCH + timedelta(microseconds=int(read[2]))
    return Cursor(read[1] == "newer", at, UUID(read[3]))


def address_of(request: Request, cursor: Cursor | None) -> str | None:
    """The same list, gone through from there."""
    address = request.build_absolute_uri()
    return replace_query_param(address, CURSOR, str(cursor)) if cursor else None
