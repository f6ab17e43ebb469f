"""Background chores: no leader, whichever worker is free takes what is due.

A run is about a tenth of a second of work in short transactions, since a worker that does chores
does nothing else meanwhile; where more is waiting, the chore is due again at once.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet

from connector import guesses, record, replay, trouble
from connector.audit import retention, seal
from connector.models import AgentName, Chore, Heartbeat, Tenant

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

RUN = 0.1  # seconds
LEASE = timedelta(seconds=60)  # the longest that django-q2 lets a task run
AT_ONCE = 200  # rows removed in one transaction

WORKERS_KEPT = timedelta(days=1)  # after their last sign of life
FAILURES_KEPT = timedelta(days=14)
NAMES_KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Duty:
    """What a chore does: given the time, and the time.monotonic() at which to stop, it returns
    how much was done and whether more is waiting."""

    every: timedelta
    run: Callable[[datetime, float], tuple[int, bool]]


def _purge(now: datetime, stop_at: float) -> tuple[int, bool]:
    done = 0
    for _, removed in retention.purge(Tenant.objects.order_by("pk"), now):
        done += removed.connections + removed.events + removed.bodies
        if time.monotonic() >= stop_at:
            return done, True
    return done, False


def _removing(old: Callable[[datetime], "QuerySet[Any]"]) -> Callable[..., tuple[int, bool]]:
    """The work of a chore that removes these rows, a few at a time."""

    def run(now: datetime, stop_at: float) -> tuple[int, bool]:
        done = 0
        while count := _remove(old(now)):
            done += count
            if time.monotonic() >= stop_at:
                return done, True
        return done, False

    return run


def _remove(rows: "QuerySet[Any]") -> int:
    """Leaves out what others are writing to: waiting for them could end in a deadlock."""
    with transaction.atomic():
        some = rows.select_for_update(skip_locked=True).order_by("pk")
        ids = list(some.values_list("pk", flat=True)[:AT_ONCE])
        rows.model._default_manager.filter(pk__in=ids).delete()
    return len(ids)


def _silent_workers(now: datetime) -> "QuerySet[Any]":
    return Heartbeat.objects.filter(seen_at__lt=now - WORKERS_KEPT)


def _old_failures(now: datetime) -> "QuerySet[Any]":
    """What django-q2 keeps of tasks that failed; they were logged when they did."""
    tasks: QuerySet[Any] = apps.get_model("django_q", "Task")._default_manager.all()
    return tasks.filter(stopped__lt=now - FAILURES_KEPT)


def _ended_sessions(now: datetime) -> "QuerySet[Any]":
    return Session.objects.filter(expire_date__lt=now)


def _stale_names(now: datetime) -> "QuerySet[Any]":
    return AgentName.objects.filter(learnt_at__lt=now - NAMES_KEPT)


def _replay(now: datetime, stop_at: float) -> tuple[int, bool]:
    return replay.advance(now)


def _interrupt(now: datetime, stop_at: float) -> tuple[int, bool]:
    count = record.interrupt_abandoned(now)
    return count, count == record.MOST_INTERRUPTED


CHORES: dict[str, Duty] = {
    "seal": Duty(timedelta(seconds=5), seal.seal_due),
    "alerts": Duty(timedelta(seconds=10), trouble.tell_people),
    "interrupt": Duty(timedelta(seconds=30), _interrupt),
    "purge": Duty(timedelta(hours=1), _purge),
    "replay": Duty(timedelta(seconds=5), _replay),
    "forget_workers": Duty(timedelta(hours=1), _removing(_silent_workers)),
    "forget_failures": Duty(timedelta(hours=6), _removing(_old_failures)),
    "forget_sessions": Duty(timedelta(hours=6), _removing(_ended_sessions)),
    "forget_guesses": Duty(timedelta(hours=1), _removing(guesses.old)),
    "forget_names": Duty(timedelta(hours=24), _removing(_stale_names)),
}


def is_due(now: datetime) -> bool:
    """Whether there is anything to run; one small query."""
    due = dict(Chore.objects.filter(name__in=CHORES).values_list("name", "due_at"))
    return len(due) < len(CHORES) or any(at <= now for at in due.values())


def run_due(clock: Clock) -> list[str]:
    """Run the chores that are due, each once at most, those that have waited longest first, until
    about RUN seconds are over; returns their names.

    One that fails is recorded and logged, and comes due again. A database that goes away passes
    through: the lease ends and the chore comes due again.
    """
    _make_missing(clock())
    stop_at, ran = time.monotonic() + RUN, list[str]()
    while chore := _take(clock(), leave_out=ran):
        _run(chore, clock, stop_at)
        ran.append(chore.name)
        if time.monotonic() >= stop_at:
            break
    return ran


def _run(chore: Chore, clock: Clock, stop_at: float) -> None:
    began = time.monotonic()
    done, is_more, problem = _attempt(chore, clock(), stop_at)
    took = time.monotonic() - began
    _finish(chore, clock(), took, done=done, is_more=is_more, problem=problem)


def _make_missing(now: datetime) -> None:
    every = dict(Chore.objects.filter(name__in=CHORES).values_list("name", "every"))
    for name, duty in CHORES.items():
        seconds = round(duty.every.total_seconds())
        if every.get(name) != seconds:
            Chore.objects.get_or_create(name=name, defaults={"every": seconds, "due_at": now})
            Chore.objects.filter(name=name).update(every=seconds)


def _take(now: datetime, leave_out: Sequence[str] = ()) -> Chore | None:
    due = Chore.objects.filter(name__in=CHORES, due_at__lte=now).exclude(name__in=leave_out)
    for chore in due.order_by("due_at"):
        chore.lease, chore.started_at, chore.due_at = uuid.uuid4(), now, now + LEASE
        mine = Chore.objects.filter(pk=chore.pk, due_at__lte=now)
        if mine.update(lease=chore.lease, started_at=now, due_at=chore.due_at):
            return chore
    return None


def _attempt(chore: Chore, now: datetime, stop_at: float) -> tuple[int, bool, str]:
    try:
        done, is_more = CHORES[chore.name].run(now, stop_at)
    except Exception as exc:
        problem = f"{type(exc).__name__}: {exc}"
        is_news = problem != chore.problem
        logger.error("The chore “%s” failed: %s", chore.name, problem, exc_info=is_news)
        return 0, False, problem
    return done, is_more, ""


def _finish(
    chore: Chore, now: datetime, took: float, *, done: int, is_more: bool, problem: str
) -> None:
    """Nothing is written by a worker whose lease has ended: another may be at it."""
    next_at = (chore.started_at or now) + CHORES[chore.name].every
    Chore.objects.filter(pk=chore.pk, lease=chore.lease).update(
        lease=None,
        due_at=now if is_more else max(now, next_at),
        finished_at=now,
        took_ms=round(took * 1000),
        done=done,
        problem=problem,
    )
