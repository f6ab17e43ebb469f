"""What django-q2 runs: fetch and call. What it writes down is English (connector/said.py)."""

import uuid

from django.utils import translation

from connector import chores, clock, heartbeat
from connector import work as story


def work(lease: str, ids: list[str]) -> None:
    """Advance one claimed batch."""
    with translation.override("en"):
        story.work(uuid.UUID(lease), [uuid.UUID(pk) for pk in ids])


def beat(name: str) -> None:
    """A sign of life that only a working cluster can give: it went through its task queue."""
    heartbeat.beat(clock.now(), name)


def chore() -> None:
    """Run the background chores that are due."""
    with translation.override("en"):
        chores.run_due(clock.now)
