"""Which rows are due, and taking a batch of them under a fresh lease."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import BooleanField, ExpressionWrapper, Min, Q

from connector import access
from connector.batch import LEASE
from connector.clients.genesys import MAX_AGENTS
from connector.domain import State
from connector.models import AgentConnection
from connector.threads import SIDE_BY_SIDE

# Written out, since they are asked several times a second, and composing them costs more.
_DUE = """
SELECT tenant_id, state FROM connector_agentconnection
WHERE due_at <= %s GROUP BY tenant_id, state ORDER BY MIN(due_at)
"""
_HELD = """
SELECT tenant_id, COUNT(DISTINCT lease),
       MAX(CASE WHEN state = 'delivering' AND due_at < %s THEN 1 ELSE 0 END)
FROM connector_agentconnection
WHERE lease IS NOT NULL AND due_at > %s GROUP BY tenant_id
"""
_NEXT_DUE = "SELECT MIN(due_at) FROM connector_agentconnection WHERE due_at IS NOT NULL"
HANGS_AFTER = timedelta(seconds=1)
MOST_ROWS = 500  # of 50 agents, in one batch of checks


@dataclass(frozen=True)
class Claim:
    lease: uuid.UUID
    ids: list[uuid.UUID]


def next_due() -> datetime | None:
    """When the next open connection comes due, or did; one look at an index."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_DUE)
        (due_at,) = cursor.fetchone()
    if isinstance(due_at, str):  # SQLite
        return datetime.fromisoformat(due_at).replace(tzinfo=UTC)
    return cast("datetime | None", due_at)


def claim(now: datetime, *, most: int, workers: int = 2) -> list[Claim]:
    """Take up to `most` batches that are due, from the tenant that has waited longest on.

    Each batch holds rows of one tenant and one state: checks of at most 50 agents, or as many
    deliveries as are posted side by side. No row is in two batches, whoever else claims. Checks
    keep their place while the tenant's calls to Genesys are used up; those taken are paid for.
    One of the `workers` there are is always left to other tenants, and half of them where this
    tenant's Lynn has not answered for a second.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [_adapted(now)])
        waiting = [(tenant_id, State(state)) for tenant_id, state in cursor.fetchall()]
    taken = _taken(now, workers) if waiting else {}
    claims: list[Claim] = []
    for tenant_id, state in waiting:
        left = taken.get(tenant_id, max(1, workers - 1))
        if len(claims) == most or left <= 0:
            continue
        if fresh := _claim(tenant_id, state, now):
            claims.append(fresh)
            taken[tenant_id] = left - 1
    return claims


def _taken(now: datetime, workers: int) -> dict[int, int]:
    """How many more batches each tenant that has any under way, or waiting for a worker, may
    have."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [_adapted(now + LEASE - HANGS_AFTER), _adapted(now)])
        return {
            tenant_id: max(1, workers // 2 if hangs else workers - 1) - batches
            for tenant_id, batches, hangs in cursor.fetchall()
        }


def _adapted(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _claim(tenant_id: int, state: State, now: datetime) -> Claim | None:
    lease = uuid.uuid4()
    due = AgentConnection.objects.filter(tenant_id=tenant_id, state=state, due_at__lte=now)
    with transaction.atomic():
        rows, most = due, SIDE_BY_SIDE
        if state == State.CHECKING:
            if not access.admit(tenant_id, now):
                return None
            agents = due.order_by().values("user_id").annotate(first=Min("due_at"))
            chosen = agents.order_by("first", "user_id").values_list("user_id", flat=True)[
                :MAX_AGENTS
            ]
            rows, most = due.filter(user_id__in=list(chosen)), MOST_ROWS
        waiting = rows.select_for_update(skip_locked=True).order_by("due_at")
        ids = list(waiting.values_list("pk", flat=True)[:most])
        was_held = ExpressionWrapper(
            Q(lease__isnull=False) | Q(retaken=True), output_field=BooleanField()
        )
        AgentConnection.objects.filter(pk__in=ids).update(
            lease=lease, due_at=now + LEASE, retaken=was_held
        )
    return Claim(lease, ids) if ids else None
