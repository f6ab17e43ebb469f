"""`./run demo`: watch the portal do its whole job, on this machine alone."""

import io
import shutil
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connector.demo import environment, ports
from connector.demo.portal import PortalDied
from connector.demo.ports import PortNotUsable
from connector.demo.screen import Screen
from connector.demo.show import Show
from connector.demo.stop import Stopped, Stopper
from connector.management.help import PortalCommand

EXPLANATION = """\
Starts a portal of its own (SQLite, web, worker), two tenants, and a simulator that plays Genesys
Cloud and Lynn, then shows step by step, with the seconds since each event:

  1. an automatic queue             Lynn is told at once
  2. a manual queue, answered       Lynn is told when the agent has really answered
  3. a manual queue, never answered Lynn is never told
  4. Lynn fails first               the portal tries again until Lynn has understood, once

and closes with a table of what was expected and what came. Then it goes on with other stories
until Ctrl-C, and you can look at all of it in the admin: address, user and password are printed.

Nothing real is touched: no network, no other database, no variable such as DATABASE_URL. Its data
are in a temporary directory, which is removed at the end.

examples:
  ./run demo                 watch, then look around in the admin; Ctrl-C ends it
  ./run demo --once          about 25 seconds; exit code 0 only if every outcome was right
  ./run demo --port 8123     the admin at http://127.0.0.1:8123/admin/
"""


class Command(PortalCommand):
    help = "Watch the portal do its whole job, on this machine alone: no account, no network."
    notes = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--once",
            action="store_true",
            help="stop after the first round; exit code 0 only if every outcome was right",
        )
        parser.add_argument(
            "--port",
            type=int,
            help="of the portal; 8000 unless you say otherwise, or a free one if that is taken",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        directory = environment.directory()
        if directory is None:
            self._enter(options["port"])
        else:
            try:
                self._perform(directory, once=options["once"])
            finally:
                shutil.rmtree(directory, ignore_errors=True)

    def _enter(self, wanted: int | None) -> None:
        try:
            port = ports.choose(wanted)
        except PortNotUsable as exc:
            raise CommandError(str(exc)) from None
        if wanted is None and port != ports.USUAL:
            self.stdout.write(f"Port {ports.USUAL} is in use, so the portal takes {port}.")
        environment.enter(port)

    def _perform(self, directory: Path, *, once: bool) -> None:
        stopper = Stopper()
        stopper.listen()
        screen = Screen(self.stdout, self.style)
        show = Show(directory, screen, stopper)
        _write_what_can_be_written()
        try:
            show.run(once=once)
        except Stopped:
            screen.say("Nothing of it is left: no process, no data.")
        except PortalDied as exc:
            raise CommandError(str(exc)) from None
        insist(show.was_right, once=once)


def insist(was_right: bool | None, *, once: bool) -> None:
    """Raises CommandError, so that the exit code is 1, if an outcome was wrong, or if the one round
    that was asked for did not come to its end (None)."""
    if was_right is False:
        raise CommandError("Not every outcome was the right one; the table says which.")
    if once and was_right is None:
        raise CommandError("Stopped before the round was over.")


def _write_what_can_be_written() -> None:
    """A terminal that lacks a letter shows a question mark instead of ending the demo."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
