"""The broker: the table is the queue. The only file, with the worker command, that knows django-q2.

A task of django-q2 carries a claimed batch to a worker; losing it loses nothing, since the rows
come due again when their lease ends. Ordinary tasks are served from its own queue, now and then.
"""

import logging
import time
import uuid
from datetime import datetime
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.signing import SignedPackage
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from connector import chores, clock, heartbeat, wake
from connector.claim import claim, next_due
from connector.heartbeat import own_name
from connector.threads import SIDE_BY_SIDE

logger = logging.getLogger(__name__)

POLL = 0.1  # seconds between two looks, where nothing says that something is due
POLL_IDLE = 0.25  # the same without any work of late, where the database can call us
POLL_BUSY = 0.02  # the same while there is work and the database cannot call us
BUSY_FOR = 2.0  # seconds after the last work
GATHER = 0.003  # seconds that each connection taken holds the next look up, POLL at most
BEAT_EVERY = 3.0  # seconds
CHORE_EVERY = 1.0  # seconds
ORDINARY_EVERY = 1.0  # seconds
ORDINARY_PAUSE = 30.0  # seconds, while Redis is away
REDIS_SECONDS = 1.5  # that Redis may take; it is asked to wait for a second itself
PAUSE_AFTER_FAILURE = 0.5  # seconds
HARMLESS = 1.0  # seconds: the database was away for too short a time for leases to run out
HEAD_START = 2.0  # seconds; longer than workers pause between two tries to write
IN_VAIN = 10  # times as long as a look that took nothing has cost, until the next
BATCHES = 2  # claimed at a time: what waits for a worker uses its lease up

Packed = list[tuple[Any, str]]


class TableIsQueue:
    """Mixed into a broker of django-q2, which keeps its own queue for ordinary tasks."""

    _last_beat = 0.0
    _last_chore = 0.0
    _last_ordinary = 0.0
    _failing_since: float | None = None
    _is_more_due = False
    _gather = 0.0
    _last_work = -BUSY_FOR
    _next_due: datetime | None = None
    _workers = settings.WORKER_PROCESSES

    def dequeue(self) -> Packed | None:
        """Tasks to run now, if there are any. Never raises for a database that is away: the
        pusher would be gone for 10 s."""
        try:
            self._wait()
            tasks = self._beat() + self._chores() + self._ordinary()
            # Batches come last: once they are claimed, nothing may go wrong here any more.
            return tasks if self._gives_way() else tasks + self._batches()
        except (DatabaseError, InterfaceError) as exc:
            self._note_failure(exc)
            return None

    def _wait(self) -> None:
        """Until something may be due: the earliest row is, or the web calls, or POLL is over.

        The more was taken, the longer what comes in meanwhile is gathered for the next batch,
        which costs a fraction of many small ones.
        """
        if self._is_more_due:
            return
        time.sleep(self._gather)
        is_busy = time.monotonic() - self._last_work < BUSY_FOR
        rest = _rest(is_busy)
        if self._next_due:
            rest = min(rest, (self._next_due - clock.now()).total_seconds())
        if rest > self._gather:
            wake.wait(rest)

    def ping(self) -> bool:
        """A cluster starts whether or not its queue can be reached now."""
        return True

    def _batches(self) -> Packed:
        now, began = clock.now(), time.monotonic()
        self._next_due = next_due()
        if self._next_due is None or self._next_due > now:
            self._is_more_due, self._gather = False, 0.0
            return []
        claims = claim(now, most=BATCHES, workers=self._workers)
        taken = sum(len(each.ids) for each in claims)
        is_full = any(len(each.ids) >= SIDE_BY_SIDE for each in claims)
        self._is_more_due = is_full or len(claims) == BATCHES
        self._gather = min(POLL, GATHER * taken)
        if not claims:  # others' turn is due, or calls to Genesys are used up
            self._gather = min(POLL, max(POLL_BUSY, IN_VAIN * (time.monotonic() - began)))
        self._last_work = time.monotonic()
        return [
            _task("connector.tasks.work", str(each.lease), [str(pk) for pk in each.ids])
            for each in claims
        ]

    def _beat(self) -> Packed:
        if time.monotonic() - self._last_beat < BEAT_EVERY:
            return []
        self._last_beat = time.monotonic()
        close_old_connections()
        self._workers = settings.WORKER_PROCESSES * max(1, heartbeat.alive(clock.now()))
        return [_task("connector.tasks.beat", own_name())]

    def _chores(self) -> Packed:
        if time.monotonic() - self._last_chore < CHORE_EVERY:
            return []
        self._last_chore = time.monotonic()
        return [_task("connector.tasks.chore")] if chores.is_due(clock.now()) else []

    def _ordinary(self) -> Packed:
        if time.monotonic() - self._last_ordinary < ORDINARY_EVERY:
            return []
        self._last_ordinary = time.monotonic()
        try:
            waiting: Packed = super().dequeue() if self.queue_size() else []  # type: ignore[misc, attr-defined]
        except RedisError as exc:
            logger.warning("Ordinary tasks wait until Redis is back: %s", exc)
            self._last_ordinary += ORDINARY_PAUSE
            return []
        return waiting or []

    def _gives_way(self) -> bool:
        """When the database is back leases may have run out, so whoever has an answer of Lynn's to
        write down goes first: what is claimed before that is told to Lynn twice."""
        if self._failing_since is None:
            return False
        next_due()  # raises while it is away
        was_away, self._failing_since = time.monotonic() - self._failing_since, None
        if was_away <= HARMLESS:
            return False
        time.sleep(HEAD_START)
        return True

    def _note_failure(self, exc: Exception) -> None:
        if self._failing_since is None:
            logger.error("Due work cannot be claimed, trying again until it can: %s", exc)
            self._failing_since = time.monotonic()
        connections.close_all()
        time.sleep(PAUSE_AFTER_FAILURE)


class OrmBroker(TableIsQueue, ORM):  # type: ignore[misc]
    """Ordinary tasks in the database."""


class RedisBroker(TableIsQueue, Redis):  # type: ignore[misc]
    """Ordinary tasks in Redis, which may come and go: the connections stay in the database."""

    @staticmethod
    def get_connection(list_key: str | None = None) -> redis.Redis:
        """One that is silent holds up what is due no longer than this, once in a pause."""
        return redis.Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=REDIS_SECONDS,
            socket_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )


def _rest(is_busy: bool) -> float:
    """Seconds between two looks. A call may be left out while there is work (connector/wake.py),
    so that only who has nothing to do relies on it."""
    if wake.CAN_CALL:
        return POLL if is_busy else POLL_IDLE
    return POLL_BUSY if is_busy else POLL


def _task(func: str, *args: Any) -> tuple[None, str]:
    name = func.rpartition(".")[2]
    task = {
        "id": uuid.uuid4().hex,
        "name": name,
        "func": func,
        "args": args,
        "kwargs": {},
        "started": clock.now(),
    }
    return None, SignedPackage.dumps(task)
