"""What needs a person: which connections wait for one, and saying that they are dealt with."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet

from connector.domain import Reason
from connector.models import WAITS, Acknowledgement, AgentConnection

MOST_COUNTED = 1000
BATCH = 500


Person = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True)
class Group:
    """Connections of one tenant that wait for the same reason."""

    tenant_id: int
    reason: Reason
    count: int
    oldest: datetime
    newest: datetime


def waiting(connections: QuerySet[AgentConnection]) -> QuerySet[AgentConnection]:
    """Those that wait for a person: failed, or too late for Lynn, and not acknowledged since."""
    return connections.filter(WAITS)


def count(tenant_ids: Iterable[int] | None = None) -> int:
    """How many wait, of these tenants or of all; counted no further than to MOST_COUNTED + 1."""
    rows = AgentConnection.objects.waiting(tenant_ids)
    return rows[: MOST_COUNTED + 1].count()


def groups(connections: QuerySet[AgentConnection]) -> list[Group]:
    """The largest first."""
    rows = (
        connections.filter(WAITS)
        .order_by()
        .values("tenant_id", "reason")
        .annotate(rows=Count("*"), oldest=Min("received_at"), newest=Max("received_at"))
    )
    found = [
        Group(row["tenant_id"], Reason(row["reason"]), row["rows"], row["oldest"], row["newest"])
        for row in rows
    ]
    return sorted(found, key=lambda group: (-group.count, group.tenant_id, group.reason))


def acknowledge(
    connections: QuerySet[AgentConnection], by: Person, note: str, now: datetime
) -> int:
    """Take what of these waits off the list, with a note on each; returns how many it was."""
    done = 0
    for ids in _batches(waiting(connections).order_by().values_list("pk", flat=True)):
        done += _acknowledge(ids, by, note, now)
    return done


def _acknowledge(ids: list[Any], by: Person, note: str, now: datetime) -> int:
    with transaction.atomic():
        rows = waiting(AgentConnection.objects.filter(pk__in=ids)).select_for_update()
        ids = list(rows.values_list("pk", flat=True))
        AgentConnection.objects.filter(pk__in=ids).update(acknowledged_at=now)
        Acknowledgement.objects.bulk_create(
            Acknowledgement(connection_id=pk, by_id=by.pk, by_name=name_of(by), at=now, note=note)
            for pk in ids
        )
    return len(ids)


def _batches(ids: "QuerySet[AgentConnection, Any]") -> Iterator[list[Any]]:
    every = list(ids)
    for start in range(0, len(every), BATCH):
        yield every[start : start + BATCH]


def name_of(person: Person) -> str:
    """What stays on record when the person's account goes."""
    return person.get_username()[:150]
