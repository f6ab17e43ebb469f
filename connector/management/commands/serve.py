"""`./run serve`: the whole portal in one process tree, on whatever DATABASE_URL says."""

import importlib
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from connector.management.address import Address, add_bind
from connector.management.commands.web import Server
from connector.management.commands.worker import Supervisor
from connector.management.help import PortalCommand
from connector.processes import fork, kill_group

logger = logging.getLogger(__name__)

STOPS_WITHIN = 13.5  # seconds
LOOK_EVERY = 0.2  # seconds
TOO_SOON = 5.0  # seconds: a role that ends so soon after its start is not started a third time
PAUSE = 0.5  # seconds before a role is started again


NOTES = """\
Without DATABASE_URL the data are kept by SQLite in var/, and the first start makes its own keys
there. With DATABASE_URL any number of machines may serve the same database. A role that dies is
started again. SIGTERM or Ctrl-C ends all of it within 15 seconds; what was accepted is not lost.

examples:
  ./run serve                         for this machine alone: http://127.0.0.1:8000/admin/
  ./run serve --bind 0.0.0.0:8000     for others too; PORTAL_ALLOWED_HOSTS says by which names
  ./run createsuperuser               make an administrator, in another terminal
"""


class Command(PortalCommand):
    help = "Migrate the database, then serve web and worker together."
    notes = NOTES

    def add_arguments(self, parser: CommandParser) -> None:
        add_bind(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        bind: Address = options["bind"]
        bind.ensure_free()
        call_command("migrate", interactive=False, verbosity=0)
        self._greet(bind)
        _load_all()
        roles = [Role("web", Server(bind).run), Role("worker", _work)]
        failed = Tree(roles).run()
        if failed:
            raise CommandError(f"{failed} cannot be kept running, so everything was stopped.")

    def _greet(self, bind: Address) -> None:
        self.stdout.write(f"Portal at http://{bind}/  (database: {_database()})")
        if not get_user_model().objects.exists():
            self.stdout.write(
                "Nobody can log in yet: run ./run createsuperuser in another terminal."
            )
        self.stdout.flush()


@dataclass
class Role:
    """A child process that is started again when it dies."""

    name: str
    run: Callable[[], None]
    starts: list[float] = field(default_factory=list)
    process: BaseProcess | None = None

    def start(self) -> None:
        self.starts.append(time.monotonic())
        self.process = fork(self.run, f"portal-{self.name}")

    @property
    def has_died(self) -> bool:
        return self.process is None or not self.process.is_alive()

    @property
    def is_hopeless(self) -> bool:
        """Whether it died at once, twice in a row."""
        recent = [start for start in self.starts if start > time.monotonic() - 2 * TOO_SOON]
        return len(recent) > 1

    def clear_away(self) -> None:
        """Nothing of a dead role may stay: what it left would hold its port, or its rows."""
        if self.process is not None:
            kill_group(self.process)


class Tree:
    """Roles that live and end together."""

    def __init__(self, roles: list[Role]) -> None:
        self.roles = roles
        self.is_stopping = False

    def run(self) -> str:
        """Returns when all have ended: the name of the one that could not be kept, or ""."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for role in self.roles:
            role.start()
        hopeless = ""
        while not self.is_stopping and not hopeless:
            time.sleep(LOOK_EVERY)
            hopeless = self._revive()
        self._end()
        return hopeless

    def _revive(self) -> str:
        for role in self.roles:
            if self.is_stopping or not role.has_died:
                continue
            role.clear_away()
            if role.is_hopeless:
                return role.name
            logger.error("The %s role has died; it is started again", role.name)
            time.sleep(PAUSE)
            role.start()
        return ""

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _end(self) -> None:
        running = [role.process for role in self.roles if role.process is not None]
        for process in running:
            process.terminate()
        stop_at = time.monotonic() + STOPS_WITHIN
        for process in running:
            process.join(max(0.1, stop_at - time.monotonic()))
            kill_group(process)


def _work() -> None:
    Supervisor().run()


def _load_all() -> None:
    """Whatever web and worker would load later, each for itself, is loaded here once for both."""
    for module in ("portal.wsgi", settings.ROOT_URLCONF, "connector.tasks", "connector.queue"):
        importlib.import_module(module)


def _database() -> str:
    if settings.IS_SQLITE:
        return str(settings.DATABASES["default"]["NAME"])
    return f"PostgreSQL {settings.DATABASES['default']['NAME']}"
