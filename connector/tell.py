"""Tell Lynn: all posts of a batch side by side, each written down as soon as it has its answer."""

import logging
import random
import time
import uuid
from collections.abc import Mapping, Sequence

from django.db import InterfaceError, OperationalError, connections, transaction

from connector import decide, record
from connector.batch import Batch, Post
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


def open_posts(batch: Batch, rows: Sequence[AgentConnection]) -> None:
    """Inside a transaction: open a delivery for each row, as many as can be made at once; the
    others come due again at once. In shadow mode the record of what would be sent is the end."""
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
        batch.touch(row, "tries")
    chosen = [row for row in rows if row.lease is not None]
    calls = {row.pk: _call(row, headers) for row in chosen}
    attempts = record.open_each(chosen, Kind.DELIVERY, calls, now)
    if batch.tenant.is_shadow:
        _end_in_shadow(batch, chosen, attempts)
    else:
        batch.posts += [Post(row.pk, attempts[row.pk], calls[row.pk]) for row in chosen]


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
    for answers in send_all([post.call for post in posts]):
        _write_down(batch, [(posts[position], answers[position]) for position in answers])


def _write_down(batch: Batch, answered: Sequence[tuple[Post, Exchange]]) -> None:
    """Lynn was told, so this must not get lost: keep trying while the database is away."""
    stop_at = time.monotonic() + KEEP_WRITING
    while True:
        try:
            with transaction.atomic():
                _close(batch, answered)
        except (OperationalError, InterfaceError):
            if time.monotonic() > stop_at:
                raise
            logger.warning("Lynn's answers cannot be written down yet; the database is away")
            connections["default"].close()
            time.sleep(PAUSE)
        else:
            return


def _close(batch: Batch, answered: Sequence[tuple[Post, Exchange]]) -> None:
    rows = {row.pk: row for row in batch.refresh(post.row_id for post, _ in answered)}
    now = batch.clock()
    for post, exchange in answered:
        error = _error(exchange)
        record.close([post.attempt], exchange, error)
        if row := rows.get(post.row_id):
            batch.apply(row, decide.after_delivery(row, error, now, random.random()))  # noqa: S311
    batch.save(list(rows.values()))


def _error(exchange: Exchange) -> ServiceError | None:
    try:
        lynn.read_delivery(exchange)
    except ServiceError as exc:
        return exc
    return None
