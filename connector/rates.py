"""How fast a tenant posts: counted here while it is slow, in the database once it is not."""

import threading
import time
from collections import deque
from datetime import datetime, timedelta

from django.conf import settings

from connector.models import Event, Tenant

WINDOW = 1.0  # seconds
MACHINES = 4  # that serve the web; with more of them a tenant may post faster than it should

_seen: dict[int, deque[float]] = {}
_lock = threading.Lock()


def is_over_limit(tenant: Tenant, now: datetime) -> bool:
    """Whether this tenant posted as much in the last second as it may, in all web processes of
    all machines.

    If it did, it posted its share to at least one of them; so a process that saw less than a
    share need not ask the database.
    """
    share = tenant.inbound_per_second / (settings.WEB_PROCESSES * MACHINES)
    if _note(tenant.pk, time.monotonic()) <= share:
        return False
    since = now - timedelta(seconds=WINDOW)
    posted = Event.objects.filter(tenant=tenant, received_at__gt=since)
    return posted.count() >= tenant.inbound_per_second


def _note(tenant_id: int, at: float) -> int:
    """How many posts of this tenant, this one included, the process saw within the window."""
    with _lock:
        seen = _seen.setdefault(tenant_id, deque())
        seen.append(at)
        while seen[0] <= at - WINDOW:
            seen.popleft()
        return len(seen)
