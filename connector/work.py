"""The story of a batch: take what is still ours, ask, decide, tell, record.

A batch is one tenant's rows in one state under one lease. No transaction is open while we wait
for the network, and every write is fenced by the lease: who lost it writes nothing.
"""

import logging
import uuid
from collections.abc import Sequence

from django.db import DatabaseError, transaction

from connector import clock, look, names, record, tell
from connector.batch import Batch, Clock, locked_rows
from connector.decide import Verdict
from connector.domain import OPEN, Reason, State
from connector.look import Look
from connector.models import AgentConnection

logger = logging.getLogger(__name__)


def work(lease: uuid.UUID, ids: Sequence[uuid.UUID], clock: Clock = clock.now) -> None:
    """Advance the rows that this lease still holds.

    A database that goes away passes through: the lease ends and the rows come due again. Any
    other surprise is a defect of ours: it is logged, the rows are tried one by one, and one that
    fails alone ends as `internal_error`.
    """
    try:
        advance(lease, ids, clock)
    except DatabaseError:
        raise
    except Exception as exc:
        logger.exception("A batch of %d connections failed", len(ids))
        if len(ids) > 1:
            for pk in ids:
                work(lease, [pk], clock)
        else:
            _fail(lease, ids, exc, clock)


def advance(lease: uuid.UUID, ids: Sequence[uuid.UUID], clock: Clock) -> None:
    with transaction.atomic():
        opened = _take(lease, ids, clock)
    if opened is None:
        return
    batch, step = opened
    tell.tell(batch)
    if step:
        look.look(batch, step)
        tell.tell(batch)
    AgentConnection.objects.supersede_rivals(batch.answered, clock())


def _take(
    lease: uuid.UUID, ids: Sequence[uuid.UUID], clock: Clock
) -> tuple[Batch, Look | None] | None:
    """What can be decided or opened before any call; None where nothing is ours any more."""
    rows = list(locked_rows(lease, ids))
    if not rows:
        return None
    batch = Batch(lease, clock, rows[0].tenant, rows[0].tenant.policy)
    record.mark_interrupted(rows, clock())
    for row in rows:
        row.tenant = batch.tenant
        _forget_crash(batch, row)
        batch.settle(row)
    names.fill(batch, rows)
    tell.open_posts(batch, [row for row in rows if names.is_ready(row)])
    step = look.open_look(batch, [row for row in rows if look.needs_look(row)])
    batch.save(rows)
    return batch, step


def _forget_crash(batch: Batch, row: AgentConnection) -> None:
    if row.retaken:
        row.retaken, row.check_attempt = False, None
        batch.touch(row, "retaken", "check_attempt")


def _fail(lease: uuid.UUID, ids: Sequence[uuid.UUID], exc: Exception, clock: Clock) -> None:
    learnt = {"trouble": Reason.INTERNAL_ERROR, "trouble_detail": f"{type(exc).__name__}: {exc}"}
    with transaction.atomic():
        for row in locked_rows(lease, ids).filter(state__in=OPEN):
            now = clock()
            row.save(
                update_fields=row.move_to(
                    Verdict(State.FAILED, Reason.INTERNAL_ERROR, learnt=learnt), now
                )
            )
