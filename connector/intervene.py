"""What a person may do to one connection: deliver again, check again, cancel."""

import uuid
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from connector import decide, record
from connector.decide import Verdict
from connector.models import AgentConnection


def deliver_again(pk: uuid.UUID, now: datetime) -> AgentConnection:
    """Tell Lynn again, for as long as the tenant's `deliver_within` from now.

    Needs evidence that the agent answered; raises NotPossible otherwise. On one that is being
    delivered it brings the next try forward.
    """
    return _move(pk, now, lambda row: decide.deliver_again(row, row.tenant.policy, now))


def check_again(pk: uuid.UUID, now: datetime) -> AgentConnection:
    """Ask Genesys again, for the tenant's `give_up_after` from now; raises NotPossible."""
    return _move(pk, now, lambda row: decide.check_again(row, row.tenant.policy, now))


def cancel(pk: uuid.UUID, now: datetime) -> AgentConnection:
    """Stop working on it. A call that is under way is not called back; raises NotPossible."""
    return _move(pk, now, lambda row: decide.cancel(row))


def _move(
    pk: uuid.UUID, now: datetime, verdict_on: Callable[[AgentConnection], Verdict]
) -> AgentConnection:
    with transaction.atomic():
        row = (
            AgentConnection.objects.select_related("tenant")
            .select_for_update(of=("self",))
            .get(pk=pk)
        )
        verdict = verdict_on(row)
        is_at_it = row.is_leased(now)
        if verdict.state.is_open and is_at_it:
            return row  # a worker is at it this moment, which is as soon as can be
        row.retaken = row.retaken or row.lease is not None
        row.lease = None
        touched = row.move_to(verdict, now) | {"lease", "retaken", "tries"}
        if not row.is_open and is_at_it:
            record.count_tries([row])  # the worker itself ends what it has begun
        elif not row.is_open:
            record.mark_interrupted([row], now)
        row.save(update_fields=touched)
        return row
