"""The portal of the demo: `manage.py serve` as a child, with web and worker below it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from connector.demo.environment import HOST
from connector.processes import die_with_parent

ROOT = Path(__file__).resolve().parent.parent.parent
STOPS_WITHIN = 14.0  # seconds; `serve` itself needs at most 13.5
LAST_LINES = 15


class PortalDied(Exception):
    """The portal ended by itself, or never became ready; the message holds its last words."""


class Portal:
    def __init__(self, port: int, log: Path, child: "subprocess.Popen[bytes]") -> None:
        self.port = port
        self.log = log
        self.child = child

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def insist_that_it_lives(self) -> None:
        """Raises PortalDied when it has ended by itself."""
        code = self.child.poll()
        if code is not None:
            raise PortalDied(f"The portal ended by itself (exit code {code}).{self.last_words()}")

    def says_ok(self, path: str) -> bool:
        """Whether a GET of this path is answered with 200 now."""
        connection = HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def last_words(self) -> str:
        lines = self.log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:]
        return "\n".join([" Its last words:", *(f"    {line}" for line in lines)]) if lines else ""

    def end(self) -> None:
        self.child.terminate()
        try:
            self.child.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


@contextmanager
def running(port: int, directory: Path) -> Iterator[Portal]:
    """Starts it at once, without waiting until it is ready; ends all of it with the block."""
    log = directory / "portal.log"
    portal = Portal(port, log, _start(port, log))
    try:
        yield portal
    finally:
        portal.end()


def _start(port: int, log: Path) -> "subprocess.Popen[bytes]":
    """In a session of its own, since Ctrl-C in a terminal must reach the demo alone."""
    with log.open("wb") as file:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "manage.py", "serve", f"--bind={HOST}:{port}"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(os.getpid()),
        )
