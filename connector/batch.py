"""A batch of rows that one worker holds: reading them fresh, and writing them under the lease."""

import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F

from connector import heartbeat
from connector.clients.base import Call
from connector.decide import Policy, Verdict
from connector.domain import Reason, State
from connector.models import AgentConnection, Attempt, Tenant
from connector.models.bulk import locked, update_each

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
FRESH = timedelta(seconds=3)
LONGEST = timedelta(seconds=20)  # until no new round of calls begins; django-q2 kills after 60 s
SEND_BEFORE = 10.0  # seconds before the lease ends: a call's 8 s, and the writing down of it

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Post:
    """A delivery that was opened and is about to be made, with the agent's name in it."""

    row_id: uuid.UUID
    user_name: str
    attempt: Attempt
    call: Call


@dataclass
class Batch:
    """Rows of one tenant under one lease, taken up at `began_at`, the earliest of which ends at
    `held_until`.

    Methods that read or write rows belong inside a transaction. `posts` are opened deliveries,
    `answered` the rows of which we learnt that their agent answered. `policy` is the tenant's,
    with checks as far apart as Genesys' limit needs. `unpaid` calls are still to be taken from the
    budget for the next look: none where the claim has paid for it.
    """

    lease: uuid.UUID
    clock: Clock
    tenant: Tenant
    policy: Policy
    began_at: datetime
    held_until: datetime
    unpaid: int = 1
    posts: list[Post] = field(default_factory=list)
    answered: list[AgentConnection] = field(default_factory=list)
    _touched: dict[uuid.UUID, set[str]] = field(default_factory=lambda: defaultdict(set))
    _noted: dict[uuid.UUID, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def is_over_time(self) -> bool:
        return self.clock() - self.began_at >= LONGEST

    def refresh(self, ids: Iterable[uuid.UUID]) -> list[AgentConnection]:
        """Those of the rows that are still ours, as they are now, locked."""
        rows = locked_rows(self.lease, ids)
        for row in rows:
            row.tenant = self.tenant
        return rows

    def apply(self, row: AgentConnection, verdict: Verdict) -> None:
        """Move the row, go on with what the facts then decide, and let go of it unless Lynn is to
        be told right now."""
        now = self.clock()
        if verdict.reason == Reason.INTERNAL_ERROR:
            logger.error("Connection %s failed: %s", row.pk, verdict.learnt["trouble_detail"])
        if row.state == State.CHECKING and "answered_at" in verdict.learnt:
            self.answered.append(row)
        self.touch(row, *row.move_to(verdict, now))
        self.settle(row)
        if row.is_open and row.due_at and row.due_at > now:
            self.release(row, row.due_at)

    def settle(self, row: AgentConnection) -> None:
        """Carry out what events have brought meanwhile."""
        was_checking = row.state == State.CHECKING
        self.touch(row, *row.settle(self.clock()))
        if was_checking and row.answered_at:
            self.answered.append(row)

    def release(self, row: AgentConnection, due_at: datetime) -> None:
        row.lease, row.due_at = None, due_at
        self.touch(row, "lease", "due_at")

    def touch(self, row: AgentConnection, *names: str) -> None:
        self._touched[row.pk].update(names)

    def note(self, row: AgentConnection, *names: str) -> None:
        """These changed too, but are no reason to write the row: what comes of it will be."""
        self._noted[row.pk].update(names)

    def save(self, rows: Sequence[AgentConnection], **increments: int) -> None:
        """Write what was touched, rows with the same columns in one go; hold those that
        were not let go of for another lease, unless theirs is fresh. `increments` are added in the
        database."""
        now = self.clock()
        heartbeat.beat(now)
        groups: dict[tuple[str, ...], list[AgentConnection]] = defaultdict(list)
        for row in rows:
            is_fresh = row.due_at is not None and row.due_at >= now + LEASE - FRESH
            if row.lease is not None and (self._touched.get(row.pk) or not is_fresh):
                row.due_at = now + LEASE
                self.touch(row, "due_at")
            touched, noted = self._touched.pop(row.pk, set()), self._noted.pop(row.pk, set())
            groups[tuple(sorted(touched | noted if touched else ()))].append(row)
        self.held_until = min(
            [row.due_at for row in rows if row.lease and row.due_at], default=now + LEASE
        )
        for names, group in groups.items():
            if names or increments:
                self._write(group, names, increments)

    def _write(
        self, rows: Sequence[AgentConnection], names: Sequence[str], increments: Mapping[str, int]
    ) -> None:
        changes = [(row.pk, {name: getattr(row, name) for name in names}) for row in rows]
        first = changes[0][1]
        if any(values != first for _, values in changes):
            update_each(AgentConnection, changes, fence={"lease": self.lease}, added=increments)
            return
        added = {name: F(name) + count for name, count in increments.items()}
        held = AgentConnection.objects.filter(pk__in=[row.pk for row in rows], lease=self.lease)
        held.update(**first, **added)


def locked_rows(lease: uuid.UUID, ids: Iterable[uuid.UUID]) -> list[AgentConnection]:
    """Those that the lease still holds, in the order asked for; inside a transaction, which keeps
    them locked."""
    ids = list(ids)
    held = {row.pk: row for row in locked(AgentConnection, ids, fence={"lease": lease})}
    return [held[pk] for pk in ids if pk in held]
