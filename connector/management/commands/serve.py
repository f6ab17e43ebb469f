"""`./run serve`: the whole portal in one process tree, on whatever DATABASE_URL says."""

import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from connector.management.commands.web import gunicorn
from connector.processes import die_with_parent

STOPS_WITHIN = 13.5  # seconds
LOOK_EVERY = 0.2  # seconds


class Command(BaseCommand):
    help = (
        "Migrate the database, then serve web and worker together. Without DATABASE_URL this is "
        "SQLite in var/, and the first start makes its own keys there. SIGTERM or Ctrl-C ends "
        "all of it within 15 seconds. Make an administrator with ./run createsuperuser."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bind", default="127.0.0.1:8000", metavar="HOST:PORT", help="default %(default)s"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        self.stdout.write(f"Portal at http://{options['bind']}/  (database: {_database()})")
        self.stdout.flush()
        tree = Tree([gunicorn(options["bind"]), ["manage.py", "worker"]])
        failed = tree.run()
        if failed:
            raise CommandError(f"{failed} ended by itself, so everything was stopped.")


class Tree:
    """Child processes that live and end together."""

    def __init__(self, commands: list[list[str]]) -> None:
        self.commands = commands
        self.children: list[subprocess.Popen[bytes]] = []
        self.is_stopping = False

    def run(self) -> str:
        """Returns when all have ended: the name of the one that ended by itself, "" for none."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self.children = [_start(command) for command in self.commands]
        while not self.is_stopping and all(child.poll() is None for child in self.children):
            time.sleep(LOOK_EVERY)
        died = next((child for child in self.children if child.poll() is not None), None)
        by_itself = "" if self.is_stopping or died is None else str(died.args[-1])  # type: ignore[index]
        self._end()
        return by_itself

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _end(self) -> None:
        for child in self.children:
            child.terminate()
        stop_at = time.monotonic() + STOPS_WITHIN
        for child in self.children:
            try:
                child.wait(max(0.1, stop_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    """In a session of its own, since Ctrl-C in a terminal must reach the parent alone."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        start_new_session=True,
        preexec_fn=die_with_parent(os.getpid()),
    )


def _database() -> str:
    if settings.IS_SQLITE:
        return str(settings.DATABASES["default"]["NAME"])
    return f"PostgreSQL {settings.DATABASES['default']['NAME']}"
