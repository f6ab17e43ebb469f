"""The time that all machines of the portal agree on.

Leases and deadlines are set on one machine and judged on another, so a machine whose own clock is
wrong would take work from others or give up too soon. On PostgreSQL the database's clock counts.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django.utils import timezone

logger = logging.getLogger(__name__)

TOLERATED = timedelta(seconds=1)  # machines that keep their time differ by less
_ahead: timedelta | None = timedelta(0) if settings.IS_SQLITE else None  # of us is the database


def now() -> datetime:
    """Aware UTC: our own time, or the database's where they differ by more than a second.

    The first call of a process connects to the database; what that raises passes through.
    """
    if _ahead is None:
        connections["default"].ensure_connection()
    return timezone.now() + (_ahead or timedelta(0))


@receiver(connection_created)
def compare(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Ask a database server that we have just connected to what time it is.

    It told its time between our question and its answer. What is known already stays, as far as
    it can be true, so that a server which is slow to answer does not put our clock out.
    """
    global _ahead
    if connection.vendor != "postgresql":
        return
    asked = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    least, most = theirs - timezone.now(), theirs - asked
    before = _ahead or timedelta(0)
    ahead = min(max(before, least), most)
    _ahead = ahead if abs(ahead) > TOLERATED else timedelta(0)
    if abs(_ahead - before) > TOLERATED:
        logger.warning(
            "This machine's clock differs from the database's by %.0f s; the database's is used",
            abs(ahead.total_seconds()),
        )
