"""Tell Lynn: all posts of a batch side by side, each written down as soon as it has its answer."""

import logging
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, connections, transaction

from connector import breaker, circuit, decide, record
from connector.batch import SEND_BEFORE, Batch, Post
from connector.breaker import Hold, Wave
from connector.clients import lynn
from connector.clients.base import Call, Exchange
from connector.decide import Verdict
from connector.domain import Kind, Outcome, Reason, State
from connector.errors import SecretUnreadable, ServiceError
from connector.models import AgentConnection, Attempt
from connector.threads import SIDE_BY_SIDE, send_all

logger = logging.getLogger(__name__)

KEEP_WRITING = 30  # seconds that a result is tried to be written while the database is away
PAUSE = 0.25  # seconds between these tries
STEPS = 8  # between the earliest and the latest moment of a retry


def open_posts(batch: Batch, rows: Sequence[AgentConnection]) -> None:
    """Inside a transaction: open a delivery for each row, as many as can be made at once; the
    others come due again at once. In shadow mode the record of what would be sent is the end."""
    if not batch.tenant.is_shadow:
        rows = _let_through(batch, rows)
    if not rows:
        return
    try:
        headers = batch.tenant.extra_headers
    except SecretUnreadable as exc:
        _fail_all(batch, rows, exc)
        return
    now = batch.clock()
    for row in rows[SIDE_BY_SIDE - len(batch.posts) :]:
        batch.release(row, now)
    for row in rows[: SIDE_BY_SIDE - len(batch.posts)]:
        row.tries += 1
        batch.note(row, "tries")
    chosen = [row for row in rows if row.lease is not None]
    calls = {row.pk: _call(row, headers) for row in chosen}
    attempts = record.open_each(chosen, Kind.DELIVERY, calls, now)
    if batch.tenant.is_shadow:
        _end_in_shadow(batch, chosen, attempts)
    else:
        batch.posts += [
            Post(row.pk, row.user_name, attempts[row.pk], calls[row.pk]) for row in chosen
        ]


def _let_through(batch: Batch, rows: Sequence[AgentConnection]) -> Sequence[AgentConnection]:
    """While Lynn does not answer, at most one, as the probe; the others wait, untried."""
    hold = breaker.ask(batch.tenant, batch.clock()) if rows else None
    if hold is None:
        return rows
    # What a person asked for goes first, then what has the longest time left to come back in.
    longest = sorted(rows, key=lambda row: row.deliver_by or row.received_at, reverse=True)
    ordered = sorted(longest, key=lambda row: not row.by_person)
    going = ordered[: int(hold.may_probe)]
    for position, row in enumerate(ordered[len(going) :]):
        batch.apply(row, decide.wait_for_lynn(row, hold.until(position), hold.words))
    return going


def _call(row: AgentConnection, headers: Mapping[str, str]) -> Call:
    return lynn.delivery_call(
        row.tenant.lynn_base_url,
        idempotency_key=row.pk,
        conversation_id=row.conversation_id,
        user_id=row.user_id,
        user_name=row.user_name,
        provider=row.provider,
        external_id=row.external_id,
        headers=headers,
    )


def _fail_all(batch: Batch, rows: Sequence[AgentConnection], exc: SecretUnreadable) -> None:
    learnt = {"trouble": Reason.INTERNAL_ERROR, "trouble_detail": str(exc)}
    for row in rows:
        batch.apply(row, Verdict(State.FAILED, Reason.INTERNAL_ERROR, learnt=learnt))


def _end_in_shadow(
    batch: Batch, rows: Sequence[AgentConnection], attempts: Mapping[uuid.UUID, Attempt]
) -> None:
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts.values()]).update(
        outcome=Outcome.NOT_SENT, detail="shadow mode: this would have been sent"
    )
    for row in rows:
        batch.apply(row, Verdict(State.SHADOWED, Reason.WOULD_DELIVER))


def tell(batch: Batch) -> None:
    """Make the opened posts; what is answered is written down at once, not when all are."""
    posts, batch.posts = batch.posts, []
    wave = breaker.Wave(batch.tenant, batch.clock())
    held_for = (batch.held_until - batch.clock()).total_seconds()
    until = time.monotonic() + held_for - SEND_BEFORE
    for answers in send_all([post.call for post in posts], until):
        ends = [_end(posts[position], answers[position]) for position in answers]
        wave.add((circuit.proof(end.exchange.status, end.error), str(end.error)) for end in ends)
        _write_down(batch, wave, ends)
    wave.finish(batch.clock())


@dataclass(frozen=True)
class _End:
    """What came of a post; `error` is None where Lynn took it."""

    post: Post
    exchange: Exchange
    error: ServiceError | None


def _end(post: Post, exchange: Exchange) -> _End:
    try:
        lynn.read_delivery(exchange)
    except ServiceError as exc:
        return _End(post, exchange, exc)
    return _End(post, exchange, None)


def _write_down(batch: Batch, wave: Wave, ends: Sequence[_End]) -> None:
    """Lynn was told, so this must not get lost: keep trying while the database is away."""
    stop_at = time.monotonic() + KEEP_WRITING
    while True:
        try:
            with transaction.atomic():
                _close(batch, wave, ends)
        except (OperationalError, InterfaceError):
            if time.monotonic() > stop_at:
                raise
            logger.warning("Lynn's answers cannot be written down yet; the database is away")
            connections["default"].close()
            time.sleep(PAUSE)
        else:
            return


def _close(batch: Batch, wave: Wave, ends: Sequence[_End]) -> None:
    rows = {row.pk: row for row in batch.refresh(end.post.row_id for end in ends)}
    now = batch.clock()
    hold = wave.note(now)
    record.close_each((end.post.attempt, end.exchange, end.error) for end in ends)
    for position, end in enumerate(ends):
        if row := rows.get(end.post.row_id):
            row.tries, row.user_name = end.post.attempt.number, end.post.user_name
            batch.touch(row, "tries", "user_name")
            verdict = decide.after_delivery(row, end.error, now, _jitter())
            batch.apply(row, _held(row, verdict, hold, position))
    batch.save(list(rows.values()))


def _jitter() -> float:
    """One of a few values, so that rows which failed together are written in few statements."""
    return random.randrange(STEPS) / (STEPS - 1)  # noqa: S311


def _held(row: AgentConnection, verdict: Verdict, hold: Hold | None, position: int) -> Verdict:
    """What is to be tried again waits with the others while Lynn does not answer."""
    if hold is None or verdict.due_at is None:
        return verdict
    return decide.wait_for_lynn(row, max(verdict.due_at, hold.until(position)), hold.words)
