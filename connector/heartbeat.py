"""Signs of life, given by work alone: a cluster that gives none gets nothing done."""

import os
import socket
import time
from datetime import datetime, timedelta

from connector.models import Heartbeat

SILENT_AFTER = timedelta(seconds=15)
AT_MOST_EVERY = 2.0  # seconds

_last_beat = 0.0


def own_name() -> str:
    """What this worker is called; its supervisor gives the last part."""
    return f"{socket.gethostname()}/{os.environ.get('PORTAL_CLUSTER', os.getpid())}"


def beat(now: datetime, name: str = "") -> None:
    """Note that work gets done, unless that was noted a moment ago."""
    global _last_beat
    if not name and time.monotonic() - _last_beat < AT_MOST_EVERY:
        return
    _last_beat = time.monotonic()
    Heartbeat.objects.update_or_create(
        name=name or own_name(),
        defaults={"seen_at": now},
        create_defaults={"seen_at": now, "started_at": now},
    )


def alive(now: datetime) -> int:
    """How many workers gave a sign of life of late."""
    return Heartbeat.objects.filter(seen_at__gt=now - SILENT_AFTER).count()
