"""Ending the demo when someone asks for it."""

import signal
import time
from types import FrameType

from connector.demo.environment import STOPPING

STEP = 0.05  # seconds; how soon a wish to stop is noticed


class Stopped(Exception):
    """Someone wants the demo to end, or nobody reads what it says."""


class Stopper:
    """Notes Ctrl-C and SIGTERM; whoever waits through it learns of them."""

    def __init__(self) -> None:
        self.is_asked = False

    def listen(self) -> None:
        """From now on; also takes what was sent since `environment.enter`."""
        for number in STOPPING:
            # Under nohup the end of the terminal is not to be the end of the demo.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.is_asked = True

    def sleep(self, seconds: float) -> None:
        """Raises Stopped as soon as someone asks."""
        wake_at = time.monotonic() + seconds
        while not self.is_asked and (left := wake_at - time.monotonic()) > 0:
            time.sleep(min(STEP, left))
        if self.is_asked:
            raise Stopped
