"""Attempts: opened before a call, closed after it, folded where a check says the same again."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Coalesce

from connector.clients.base import KEPT_BYTES, Call, Exchange
from connector.domain import Kind, Outcome, new_id
from connector.errors import AddressNotAllowed, NotSent, ServiceError, ServiceUnavailable
from connector.models import AgentConnection, Attempt
from connector.models.bulk import insert, update_each

NOT_THERE = "not there"
MOVED_ON = "the connection had moved on before this answer came"
MOST_INTERRUPTED = 500  # at a time
ABANDONED_AFTER = timedelta(minutes=1)  # longer than any call, and the writing down of it


@dataclass(frozen=True)
class Answer:
    """What a call came to for one connection: in a word or two, and which part of the answer is
    its own (None: all of it)."""

    outcome: Outcome
    detail: str
    source: Mapping[str, Any] | None = None

    def body(self, exchange: Exchange) -> str:
        if self.source is None:
            return exchange.shown_body
        text = json.dumps(self.source, ensure_ascii=False, indent=1)[:KEPT_BYTES]
        # Half of a surrogate pair is legal in JSON, but no database stores it.
        return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def outcome_of(error: ServiceError | None) -> Outcome:
    if error is None:
        return Outcome.OK
    if isinstance(error, AddressNotAllowed):
        return Outcome.NOT_ALLOWED
    if isinstance(error, NotSent):
        return Outcome.INTERRUPTED
    return Outcome.UNAVAILABLE if isinstance(error, ServiceUnavailable) else Outcome.REFUSED


def open_attempts(
    rows: Iterable[AgentConnection], kind: Kind, call: Call, now: datetime
) -> dict[uuid.UUID, Attempt]:
    """Write down, for each connection that a call serves, that it is about to be made."""
    rows = list(rows)
    return open_each(rows, kind, {row.pk: call for row in rows}, now)


def open_each(
    rows: Iterable[AgentConnection], kind: Kind, calls: Mapping[uuid.UUID, Call], now: datetime
) -> dict[uuid.UUID, Attempt]:
    """The same where each connection has a call of its own."""
    attempts = [_new_attempt(row, kind, calls[row.pk], now) for row in rows]
    insert(attempts)
    return {attempt.connection_id: attempt for attempt in attempts}


def _new_attempt(row: AgentConnection, kind: Kind, call: Call, now: datetime) -> Attempt:
    return Attempt(
        connection=row,
        kind=kind,
        trigger=row.trigger,
        number=row.tries if kind == Kind.DELIVERY else row.checks + 1,
        call_id=call.id,
        started_at=now,
        last_at=now,
        method=call.method,
        url=call.url,
        request_headers=call.shown_headers,
        request_body=call.shown_body,
    )


def close(attempts: Iterable[Attempt], exchange: Exchange, error: ServiceError | None) -> None:
    """The same end for all of them, in one statement."""
    _end(attempts, _end_columns(exchange, error))


def _end(attempts: Iterable[Attempt], columns: Mapping[str, Any]) -> None:
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts]).update(**columns)


def _end_columns(exchange: Exchange, error: ServiceError | None) -> dict[str, Any]:
    return {
        **_exchange_columns(exchange),
        "outcome": outcome_of(error),
        "detail": str(error) if error else "",
        "response_body": exchange.shown_body,
    }


def close_each(
    ends: Iterable[tuple[Attempt, Exchange, ServiceError | None]],
) -> None:
    """Each attempt gets its own end, all in one go."""
    update_each(
        Attempt, [(attempt.pk, _end_columns(exchange, error)) for attempt, exchange, error in ends]
    )


def close_token(
    attempts: Iterable[Attempt], exchange: Exchange, error: ServiceError | None
) -> None:
    """As close(), but the body of an answer that holds a token is never written anywhere."""
    columns = _end_columns(exchange, error)
    if exchange.is_success:
        columns["response_body"] = "(holds the token)"
    _end(attempts, columns)


def share_token_call(rows: Sequence[AgentConnection], attempt_id: uuid.UUID | None) -> None:
    """What Genesys refused for one connection was refused for all of the tenant that wait for a
    token, so its attempt stands under each of them, once."""
    attempt = Attempt.objects.filter(pk=attempt_id).first() if attempt_id else None
    if attempt is None:
        return
    served = Attempt.objects.filter(call_id=attempt.call_id, connection__in=rows)
    have_it = set(served.values_list("connection_id", flat=True))
    Attempt.objects.bulk_create([_copy_for(row, attempt) for row in rows if row.pk not in have_it])


def _copy_for(row: AgentConnection, attempt: Attempt) -> Attempt:
    fields = [field.attname for field in Attempt._meta.concrete_fields]
    columns = {name: getattr(attempt, name) for name in fields}
    return Attempt(**columns | {"id": new_id(), "connection_id": row.pk, "trigger": row.trigger})


def _exchange_columns(exchange: Exchange) -> dict[str, Any]:
    return {
        "call_id": exchange.call.id,
        "method": exchange.call.method,
        "url": exchange.call.url,
        "request_body": exchange.call.shown_body,
        "last_at": exchange.started_at,
        "duration_ms": exchange.duration_ms,
        "timing": exchange.timing,
        "status_code": exchange.status,
        "response_headers": exchange.headers,
        "response_length": exchange.length if exchange.status is not None else None,
        "response_sha256": exchange.sha256,
    }


def open_checks(
    rows: Sequence[AgentConnection], call: Call, now: datetime
) -> dict[uuid.UUID, Attempt]:
    """Open a status check for each connection: the one that it had if that can be folded into."""
    ids = [row.check_attempt for row in rows if row.check_attempt]
    found = Attempt.objects.filter(pk__in=ids) if ids else ()
    attempts = {attempt.connection_id: attempt for attempt in found}
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts.values()]).update(
        reopened_at=now
    )
    fresh = [row for row in rows if row.pk not in attempts]
    return attempts | open_attempts(fresh, Kind.STATUS, call, now)


def close_checks(
    attempts: Mapping[uuid.UUID, Attempt],
    rows: Sequence[AgentConnection],
    exchange: Exchange,
    error: ServiceError | None,
    answers: Mapping[uuid.UUID, Answer],
) -> dict[uuid.UUID, Attempt]:
    """Close each connection's check with its own answer; returns the attempt it went into.

    One that says the same as the one before is counted there, so that waiting costs no rows.
    """
    closed: dict[uuid.UUID, Attempt] = {}
    first, again, changed, fresh = [], [], [], []
    for row in rows:
        attempt, answer = attempts[row.pk], answers[row.pk]
        if attempt.outcome == Outcome.OPEN:
            columns = _answer_columns(answer, exchange)
            _set_columns(attempt, columns)
            first.append((attempt.pk, columns))
        elif _says_the_same(attempt, answer, exchange):
            again.append(attempt.pk)
        else:
            changed.append(attempt.pk)
            attempt = _new_attempt(row, Kind.STATUS, exchange.call, exchange.started_at)
            _set_columns(attempt, _answer_columns(answer, exchange))
            fresh.append(attempt)
        closed[row.pk] = attempt
    update_each(Attempt, first)
    _count_again(again, exchange)
    Attempt.objects.filter(pk__in=changed).update(reopened_at=None)
    insert(fresh)
    _close_unheld([attempts[pk] for pk in attempts if pk not in closed], exchange, error)
    return closed


def _close_unheld(
    attempts: Sequence[Attempt], exchange: Exchange, error: ServiceError | None
) -> None:
    """The calls were made, although their connections were ended or taken away meanwhile."""
    if not attempts:
        return
    mine = Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts])
    end = {"outcome": outcome_of(error), "detail": str(error) if error else MOVED_ON}
    columns = _exchange_columns(exchange) | end
    mine.filter(outcome__in=[Outcome.OPEN, Outcome.INTERRUPTED]).update(**columns)
    mine.filter(reopened_at__isnull=False).update(
        count=F("count") + 1, last_at=exchange.started_at, reopened_at=None
    )


def _count_again(ids: Sequence[uuid.UUID], exchange: Exchange) -> None:
    Attempt.objects.filter(pk__in=ids).update(
        count=F("count") + 1,
        last_at=exchange.started_at,
        call_id=exchange.call.id,
        duration_ms=exchange.duration_ms,
        reopened_at=None,
    )


def _says_the_same(attempt: Attempt, answer: Answer, exchange: Exchange) -> bool:
    before = (attempt.outcome, attempt.detail, attempt.status_code)
    return before == (answer.outcome, answer.detail, exchange.status)


def _answer_columns(answer: Answer, exchange: Exchange) -> dict[str, Any]:
    return {
        **_exchange_columns(exchange),
        "outcome": answer.outcome,
        "detail": answer.detail,
        "response_body": answer.body(exchange),
    }


def _set_columns(attempt: Attempt, columns: Mapping[str, Any]) -> None:
    for name, value in columns.items():
        setattr(attempt, name, value)


def mark_interrupted(rows: Iterable[AgentConnection], now: datetime) -> None:
    """Attempts that a dead worker left open. A check that was to be folded gets a row of its own,
    since what was asked before it stays true. The rows learn how often delivery was tried."""
    retaken = {row.pk: row for row in rows if row.retaken}
    if not retaken:
        return
    _interrupt(Attempt.objects.filter(connection_id__in=list(retaken)), now)
    count_tries(retaken.values())


def count_tries(rows: Iterable[AgentConnection]) -> None:
    """How often delivery was tried, as the attempts tell it: a worker writes it down with the
    end of the last one."""
    mine = {row.pk: row for row in rows}
    made = Attempt.objects.filter(connection_id__in=list(mine), kind=Kind.DELIVERY)
    tries = made.order_by().values_list("connection_id").annotate(Max("number"))
    for pk, number in tries:
        mine[pk].tries = max(mine[pk].tries, number)


def interrupt_abandoned(now: datetime) -> int:
    """The same for attempts of connections that no worker will take up again, since they were
    ended or reopened while a worker that died was at them. Returns how many there were."""
    under_way = Q(outcome=Outcome.OPEN) | Q(reopened_at__isnull=False)  # as the index has it
    since = Coalesce("reopened_at", "started_at")
    left = Attempt.objects.filter(under_way, connection__lease=None)
    ids = list(
        left.alias(since=since)
        .filter(since__lt=now - ABANDONED_AFTER)
        .values_list("pk", flat=True)[:MOST_INTERRUPTED]
    )
    with transaction.atomic():
        _interrupt(Attempt.objects.filter(pk__in=ids), now)
    return len(ids)


def _interrupt(left: QuerySet[Attempt], now: datetime) -> None:
    left.filter(outcome=Outcome.OPEN).update(outcome=Outcome.INTERRUPTED, last_at=now)
    folded = list(left.filter(reopened_at__isnull=False))
    Attempt.objects.bulk_create([_interrupted_copy(attempt) for attempt in folded])
    left.filter(reopened_at__isnull=False).update(reopened_at=None)


def _interrupted_copy(attempt: Attempt) -> Attempt:
    started_at = attempt.reopened_at or attempt.last_at
    return Attempt(
        connection_id=attempt.connection_id,
        kind=attempt.kind,
        trigger=attempt.trigger,
        number=attempt.number + attempt.count,
        call_id=uuid.uuid4(),
        started_at=started_at,
        last_at=started_at,
        method=attempt.method,
        url=attempt.url,
        outcome=Outcome.INTERRUPTED,
    )
