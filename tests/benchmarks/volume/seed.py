"""Fills the migrated database of the portal in whose process it runs."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction

from connector.audit.counts import TOLD, hour_of
from connector.models import (
    TOLD_WITHIN,
    AgentConnection,
    Attempt,
    Event,
    Heartbeat,
    HourlyCount,
    OutcomeTotal,
    Tenant,
)
from tests.benchmarks.volume.changes import Changes
from tests.benchmarks.volume.store import Table
from tests.benchmarks.volume.year import QUEUES, TENANTS, Row, Story, Year, queue_id, queue_name

CHUNK = 20_000  # connections
FILLED = (AgentConnection, Attempt, Event)


def main(connections: int) -> None:
    _in_haste()
    with _indexes_later():
        seed(connections, datetime.now(UTC))
    _settle()


def seed(connections: int, now: datetime) -> None:
    """Three attempts for each connection, events, and the counts that the dashboard reads; for ten
    connections one change of a setting, or of what people did.

    Nothing is sealed: no page reads the chain.
    """
    tenants = _tenants(now)
    stories = Year(tenants, connections, now).stories()
    counted, changes = Counted(), Changes(tenants, connections, now)
    while chunk := list(islice(stories, CHUNK)):
        _store(chunk)
        counted.add(story.connection for story in chunk)
        changes.add(story.connection for story in chunk)
    counted.store()
    changes.store()


def _tenants(now: datetime) -> list[int]:
    made = []
    for number in range(1, TENANTS + 1):
        tenant = Tenant.objects.create(
            slug=f"tenant-{number:02}",
            name=f"Tenant {number:02}",
            client_id="5b1e0c9a-0000-4000-8000-000000000000",
            client_secret="the-client-secret",
            lynn_base_url="https://lynn.example.com/eu",
        )
        for queue in range(QUEUES):
            tenant.queues.create(genesys_id=queue_id(tenant.pk, queue), name=queue_name(queue))
        made.append(tenant.pk)
    Heartbeat.objects.create(name="a/1", started_at=now, seen_at=now + timedelta(hours=2))
    return made


def _store(stories: Sequence[Story]) -> None:
    connections = [story.connection for story in stories]
    attempts = [row for story in stories for row in story.attempts]
    events = [row for story in stories for row in story.events]
    with transaction.atomic():
        for model, rows in zip(FILLED, (connections, attempts, events), strict=True):
            Table(model).add(rows)


class Counted:
    """The hourly counts and totals, as the portal would have them by now."""

    def __init__(self) -> None:
        self.hours: dict[tuple[Any, ...], dict[str, int]] = {}
        self.totals: dict[tuple[Any, ...], dict[str, int]] = {}

    def add(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if row.get("final_at"):
                end = (row["tenant_id"], row["state"], row["reason"])
                _count(self.hours.setdefault((*end, hour_of(row["received_at"])), {}), row)
                _count(self.totals.setdefault(end, {}), row)

    def store(self) -> None:
        keys = ("tenant_id", "state", "reason", "hour")
        for model, counts in ((HourlyCount, self.hours), (OutcomeTotal, self.totals)):
            rows = [dict(zip(keys, key, strict=False)) | sums for key, sums in counts.items()]
            with transaction.atomic():
                Table(model).add(rows)


def _count(sums: dict[str, int], row: Row) -> None:
    sums["count"] = sums.get("count", 0) + 1
    if row["delivered_at"]:
        took = round((row["delivered_at"] - row["answered_at"]).total_seconds() * 1000)
        within = TOLD[bisect_left(TOLD_WITHIN, took)]
        sums[within] = sums.get(within, 0) + 1
        sums["told_ms"] = sums.get("told_ms", 0) + took


def _in_haste() -> None:
    """Nothing of it has to outlive a crash."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET synchronous_commit = off")
        else:
            cursor.execute("PRAGMA journal_mode = OFF")
            cursor.execute("PRAGMA synchronous = OFF")
            cursor.execute("PRAGMA cache_size = -2000000")


@contextmanager
def _indexes_later() -> Iterator[None]:
    """Built at once when all rows are there, not with each of them."""
    indexes = [(model, index) for model in FILLED for index in model._meta.indexes]
    with connection.schema_editor() as editor:
        for model, index in indexes:
            editor.remove_index(model, index)
    yield
    with connection.schema_editor() as editor:
        for model, index in indexes:
            editor.add_index(model, index)


def _settle() -> None:
    """What PostgreSQL does by itself after a while. SQLite is left as it is in production."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
