"""The demo from beginning to end: everything is started, played, and ended again."""

import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from connector.admin.simulator_page import STAGE
from connector.demo import first_round, portal
from connector.demo.portal import Portal, PortalDied
from connector.demo.screen import Screen, since
from connector.demo.season import Season
from connector.demo.stage import USER, Stage, make_admin, set_up, write_down
from connector.demo.stop import Stopped, Stopper
from connector.simulator import thread
from connector.simulator.server import Simulator

READY_WITHIN = 60.0  # seconds
LOOK_EVERY = 0.2  # seconds

OPENING = (
    "The portal starts with a database of its own (SQLite, in a directory that goes when the demo "
    "ends), a web process and a worker. Genesys Cloud and Lynn are played by a simulator on this "
    "machine, which knows when each agent really answers; that is what the portal is measured by."
)


class Show:
    def __init__(self, directory: Path, screen: Screen, stopper: Stopper) -> None:
        self.directory = directory
        self.screen = screen
        self.stopper = stopper
        self.began_at = time.monotonic()
        self.portal: Portal | None = None
        self.invitation: tuple[str, ...] = ()
        self.was_right: bool | None = None

    def run(self, *, once: bool) -> None:
        """Plays the first round, of which `was_right` speaks then. Unless `once`, it goes on until
        someone asks it to stop. Raises Stopped and PortalDied; all has ended when it returns."""
        self.screen.paragraph(OPENING)
        self.screen.say()
        with ExitStack() as running:
            port = urlsplit(settings.BASE_URL).port or 0
            self.portal = running.enter_context(portal.running(port, self.directory))
            simulator = running.enter_context(thread.running())
            try:
                self._play(self.portal, simulator, once=once)
            except Stopped:
                self.screen.say("\nEnding the demo ...")
                raise

    def _play(self, portal: Portal, simulator: Simulator, *, once: bool) -> None:
        self._await(portal, "/healthz", "the database is made, and the web process answers")
        self._await(portal, "/readyz", "the worker works, so the portal is ready")
        stage = set_up(simulator, portal.url, timezone.now())
        write_down(stage, self.directory / STAGE)
        self._invite(stage, make_admin())
        rows = first_round.play_all(stage, self.screen, self.wait)
        self.was_right = first_round.all_right(rows)
        if not once:
            self._go_on(stage)

    def wait(self, seconds: float) -> None:
        """Raises Stopped when someone asks for it, PortalDied when the portal ends by itself."""
        self.stopper.sleep(seconds)
        if self.portal:
            self.portal.insist_that_it_lives()

    def _await(self, portal: Portal, path: str, words: str) -> None:
        give_up_at = time.monotonic() + READY_WITHIN
        while not portal.says_ok(path):
            if time.monotonic() > give_up_at:
                raise PortalDied(
                    f"The portal was not ready within {READY_WITHIN:g} s.{portal.last_words()}"
                )
            self.wait(LOOK_EVERY)
        self.screen.say(f"  {since(time.monotonic() - self.began_at):>7}  {words}")

    def _invite(self, stage: Stage, password: str) -> None:
        names = " and ".join(house.name for house in stage.houses.values())
        self.invitation = (
            f"  Admin     {stage.portal_url}/admin/",
            f"  User      {USER}",
            f"  Password  {password}   (made for this run)",
        )
        self.screen.say()
        self.screen.say(f"Two tenants were made, {names}. You can look at all of it meanwhile:")
        self._show_invitation()

    def _show_invitation(self) -> None:
        for line in self.invitation:
            self.screen.say(line)

    def _go_on(self, stage: Stage) -> None:
        self.screen.heading("It goes on")
        self.screen.paragraph(
            "Another story begins every few seconds, so that the admin has something to show; "
            "each ends with a line here. Ctrl-C ends the demo and takes everything away again."
        )
        self._show_invitation()
        self.screen.say()
        Season(stage, self.screen).run(self.wait)
