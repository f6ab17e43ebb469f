"""./run migrate: Django's own, for several machines that may all begin with it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

LOCK = 4_702_351_188_160_725  # on PostgreSQL; a number that nobody else takes
LOOK_EVERY = 0.2  # seconds


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with _alone(connections[options["database"]]):
            super().handle(*args, **options)


@contextmanager
def _alone(database: BaseDatabaseWrapper) -> Iterator[None]:
    """Whoever comes second waits here, and then finds nothing to do."""
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            # Not by waiting in the database: an index would wait for that, and that for the index.
            while not _ask(cursor, "SELECT pg_try_advisory_lock(%s)"):
                time.sleep(LOOK_EVERY)
            try:
                yield
            finally:
                _ask(cursor, "SELECT pg_advisory_unlock(%s)")
    elif database.is_in_memory_db():  # type: ignore[attr-defined]
        yield
    else:
        # The folder's lock needs no file of its own, and SQLite itself takes no notice of it.
        folder = os.open(Path(database.settings_dict["NAME"]).parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def _ask(cursor: CursorWrapper, question: str) -> bool:
    cursor.execute(question, [LOCK])
    answer: bool = cursor.fetchone()[0]
    return answer
