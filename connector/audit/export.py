"""The audit trail as text: a JSON line or CSV row for each agent connection, in constant memory."""

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from connector.explain import explain
from connector.masking import masked, without_address
from connector.models import AgentConnection, Attempt

BATCH = 500
# What begins a formula for a spreadsheet, also where it takes a semicolon for the end of a cell.
_FORMULA = re.compile(r"(\A|[;\t\r\n])(?=[=+\-@＝＋－＠\t\r\n])")
_USER_IN_URL = re.compile(r"//[^/?#\s]*@")
_SECRET_IN_QUERY = re.compile(r"(?i)([?&][^=&]*(?:token|secret|password|key)[^=&]*=)[^&#]*")

Told = tuple[AgentConnection, Sequence[Attempt]]

FACTS = (
    "id",
    "tenant",
    "conversation_id",
    "session_id",
    "participant_id",
    "user_id",
    "user_name",
    "queue_id",
    "provider",
    "external_id",
    "media_type",
    "event_time",
    "received_at",
    "answer_mode",
    "state",
    "reason",
    "explanation",
    "answered_at",
    "delivered_at",
    "duplicates",
)
ATTEMPT_FACTS = (
    "kind",
    "trigger",
    "started_at",
    "duration_ms",
    "method",
    "url",
    "status_code",
    "outcome",
    "detail",
    "call_id",
    "count",
    "last_at",
)
SUMMARY = ("attempts", "last_status_code", "last_outcome")


def lines(
    connections: QuerySet[AgentConnection], form: str, *, hide: bool = False
) -> Iterator[str]:
    """The lines of a form in `FORMS`, each with its line end, ordered by `received_at`.

    With `hide` the external id is masked, wherever it is repeated too.
    """
    return FORMS[form](_with_attempts(connections), hide)


def _json_lines(told: Iterable[Told], hide: bool) -> Iterator[str]:
    for connection, attempts in told:
        yield json.dumps(record(connection, attempts, hide=hide), ensure_ascii=False) + "\n"


def _csv_lines(told: Iterable[Told], hide: bool) -> Iterator[str]:
    yield _csv_line([*FACTS, *SUMMARY])
    for connection, attempts in told:
        cells = [*_facts(connection, attempts, hide).values(), *_summary(attempts)]
        yield _csv_line([_harmless(cell) for cell in cells])


FORMS: dict[str, Callable[[Iterable[Told], bool], Iterator[str]]] = {
    "jsonl": _json_lines,
    "csv": _csv_lines,
}


def record(
    connection: AgentConnection, attempts: Sequence[Attempt], *, hide: bool = False
) -> dict[str, Any]:
    """The connection as the audit trail tells it, in the active language."""
    told = [_attempt(attempt) for attempt in attempts]
    if hide:
        for each in told:
            for name in ("url", "detail"):
                each[name] = without_address(each[name], connection.external_id)
    return {**_facts(connection, attempts, hide), "attempts": told}


def _facts(
    connection: AgentConnection, attempts: Sequence[Attempt], hide: bool = False
) -> dict[str, Any]:
    worded = {
        "tenant": connection.tenant.slug,
        "explanation": explain(connection, attempts=attempts),
    }
    if hide:
        words = without_address(worded["explanation"], connection.external_id)
        worded |= {"explanation": words, "external_id": masked(connection.external_id)}
    return {name: worded.get(name) or _plain(getattr(connection, name)) for name in FACTS}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    facts = {name: _plain(getattr(attempt, name)) for name in ATTEMPT_FACTS}
    return facts | {"url": without_credentials(attempt.url)}


def _plain(value: Any) -> Any:
    """Times in UTC with milliseconds; the rest as JSON can hold it."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return moment.replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID) else value


def without_credentials(url: str) -> str:
    return _SECRET_IN_QUERY.sub(r"\1***", _USER_IN_URL.sub("//", url))


def _summary(attempts: Sequence[Attempt]) -> tuple[int, int | None, str | None]:
    if not attempts:
        return 0, None, None
    return len(attempts), attempts[-1].status_code, attempts[-1].outcome


def _harmless(cell: Any) -> Any:
    """A spreadsheet would run a cell that starts like a formula."""
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell


def _csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _with_attempts(connections: QuerySet[AgentConnection]) -> Iterator[Told]:
    for batch in _batches(connections.select_related("tenant").order_by("received_at", "id")):
        attempts = attempts_of(batch)
        for connection in batch:
            yield connection, attempts[connection.id]


def _batches(connections: QuerySet[AgentConnection]) -> Iterator[list[AgentConnection]]:
    """Each batch begins where the one before ended, so that no query and no transaction is long."""
    batch = list(connections[:BATCH])
    while batch:
        yield batch
        batch = list(connections.filter(_after(batch[-1]))[:BATCH]) if len(batch) == BATCH else []


def _after(last: AgentConnection) -> Q:
    later = Q(received_at__gt=last.received_at) | Q(id__gt=last.id)
    return Q(received_at__gte=last.received_at) & later


def attempts_of(batch: Sequence[AgentConnection]) -> defaultdict[UUID, list[Attempt]]:
    found = Attempt.objects.filter(connection__in=[connection.id for connection in batch])
    by_connection = defaultdict(list)
    # Bodies and headers stay behind: they would make a batch heavy.
    for attempt in found.order_by("started_at", "id").only("connection_id", *ATTEMPT_FACTS):
        by_connection[attempt.connection_id].append(attempt)
    return by_connection
