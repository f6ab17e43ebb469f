"""Child processes that do not outlive their parent."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> Callable[[], None]:
    """What a fresh child calls to get SIGTERM when `parent`, its parent's pid, is gone.

    Works on Linux; elsewhere it has no effect.
    """

    def ask_the_kernel() -> None:
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        except (OSError, AttributeError):
            return
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return ask_the_kernel
