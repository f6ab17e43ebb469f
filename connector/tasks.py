"""What django-q2 runs: fetch and call."""

import uuid

from django.utils import timezone

from connector import work as story
from connector.models import Heartbeat


def work(lease: str, ids: list[str]) -> None:
    """Advance one claimed batch."""
    story.work(uuid.UUID(lease), [uuid.UUID(pk) for pk in ids])


def beat(name: str) -> None:
    """A sign of life that only a working cluster can give: it went through its task queue."""
    now = timezone.now()
    Heartbeat.objects.update_or_create(
        name=name, defaults={"seen_at": now}, create_defaults={"seen_at": now, "started_at": now}
    )
