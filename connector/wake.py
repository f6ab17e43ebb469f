"""Waking the workers when something is due at once, where the database can carry the call."""

import contextlib
import time

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

CAN_CALL = not settings.IS_SQLITE
CHANNEL = "portal_due"
AT_MOST_EVERY = 0.02  # seconds; one who is awake looks again by himself

_last_call = 0.0
_listening_on: object = None


def call() -> None:
    """Something was committed that is due now. PostgreSQL tells who waits; elsewhere those who
    wait look often enough, as they do where the call fails."""
    global _last_call
    if not CAN_CALL or time.monotonic() - _last_call < AT_MOST_EVERY:
        return
    _last_call = time.monotonic()
    with contextlib.suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")


def wait(seconds: float) -> None:
    """Return after so many seconds, or as soon as somebody calls. Database errors pass through."""
    if CAN_CALL:
        _wait_for_call(connection, seconds)
    else:
        time.sleep(seconds)


def _wait_for_call(database: BaseDatabaseWrapper, seconds: float) -> None:
    global _listening_on
    database.ensure_connection()
    if _listening_on is not database.connection:
        with database.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        _listening_on = database.connection
    with database.wrap_database_errors:
        for _ in database.connection.notifies(timeout=seconds, stop_after=1):
            pass
