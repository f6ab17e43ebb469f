"""The story of a batch: take what is still ours, ask, decide, tell, record.

A batch is one tenant's rows in one state under one lease. No transaction is open while we wait
for the network, and every write is fenced by the lease: who lost it writes nothing.
"""

import contextlib
import logging
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.db import InterfaceError, OperationalError, connections, transaction

from connector import access, clock, look, names, record, tell
from connector.batch import Batch, Clock, locked_rows
from connector.decide import Verdict
from connector.domain import Reason, State
from connector.look import Look
from connector.models import AgentConnection, Tenant

logger = logging.getLogger(__name__)

PAUSE = timedelta(seconds=1)  # after the database has failed


def work(lease: uuid.UUID, ids: Sequence[uuid.UUID], clock: Clock = clock.now) -> None:
    """Advance the rows that this lease still holds.

    Where the database fails, the rows are handed back and come due again in a moment; if not even
    that can be written, they do when the lease ends. Any other surprise is a defect of ours: it is
    logged, the rows are tried one by one, and one that fails alone ends as `internal_error`.
    """
    try:
        advance(lease, ids, clock)
    except (OperationalError, InterfaceError) as exc:
        logger.warning("The database failed in a batch of %d connections: %s", len(ids), exc)
        _hand_back(lease, ids, clock)
    except Exception as exc:
        if len(ids) > 1:
            logger.exception("A batch of %d connections failed", len(ids))
            for pk in ids:
                work(lease, [pk], clock)
        else:
            logger.exception("Connection %s failed", *ids)
            _fail(lease, ids, exc, clock)


def _hand_back(lease: uuid.UUID, ids: Sequence[uuid.UUID], clock: Clock) -> None:
    """Let go of what is still ours; the next worker sees that attempts were left open."""
    due_at = clock() + PAUSE
    with contextlib.suppress(OperationalError, InterfaceError):
        if not connections["default"].is_usable():
            connections["default"].close()
        with transaction.atomic():
            held = AgentConnection.objects.filter(pk__in=list(ids), lease=lease)
            held.update(lease=None, due_at=due_at, retaken=True)


def advance(lease: uuid.UUID, ids: Sequence[uuid.UUID], clock: Clock) -> None:
    with transaction.atomic():
        opened = _take(lease, ids, clock)
    if opened is None:
        return
    batch, step = opened
    tell.tell(batch)
    while step:
        step = look.look(batch, step)
        tell.tell(batch)
    AgentConnection.objects.supersede_rivals(batch.answered, clock())


def _take(
    lease: uuid.UUID, ids: Sequence[uuid.UUID], clock: Clock
) -> tuple[Batch, Look | None] | None:
    """What can be decided or opened before any call; None where nothing is ours any more."""
    rows = locked_rows(lease, ids)
    if not rows:
        return None
    tenant = Tenant.objects.select_related("lynn").get(pk=rows[0].tenant_id)
    now = clock()
    held_until = min(row.due_at or now for row in rows)
    batch = Batch(lease, clock, tenant, tenant.policy, now, held_until)
    if any(row.state == State.CHECKING for row in rows):
        batch.unpaid = 0
    record.mark_interrupted(rows, now)
    for row in rows:
        row.tenant = batch.tenant
        _forget_crash(batch, row)
        batch.settle(row)
    names.fill(batch, rows)
    tell.open_posts(batch, [row for row in rows if names.is_ready(row)])
    step = look.open_look(batch, [row for row in rows if look.needs_look(row)])
    if not batch.unpaid:
        access.give_back(tenant)
    batch.save(rows)
    return batch, step


def _forget_crash(batch: Batch, row: AgentConnection) -> None:
    if row.retaken:
        row.retaken, row.check_attempt = False, None
        batch.touch(row, "retaken", "check_attempt")


def _fail(lease: uuid.UUID, ids: Sequence[uuid.UUID], exc: Exception, clock: Clock) -> None:
    learnt = {"trouble": Reason.INTERNAL_ERROR, "trouble_detail": f"{type(exc).__name__}: {exc}"}
    with transaction.atomic():
        for row in locked_rows(lease, ids):
            if not row.is_open:
                continue
            now = clock()
            row.save(
                update_fields=row.move_to(
                    Verdict(State.FAILED, Reason.INTERNAL_ERROR, learnt=learnt), now
                )
            )
