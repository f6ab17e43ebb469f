"""Child processes: forked, so that they share what is loaded, and gone with their parent."""

import contextlib
import ctypes
import gc
import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

from django.db import connections

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_STOPS = (signal.SIGTERM, signal.SIGINT)


def fork(run: Callable[[], None], name: str) -> BaseProcess:
    """Start `run` in a child: a session of its own (Ctrl-C in a terminal must reach the parent
    alone), default signals, no database connection of ours; it gets SIGTERM when we are gone.

    What is loaded by now is shared by all children, which saves half of the memory.
    """
    connections.close_all()
    gc.collect()
    gc.freeze()
    process = get_context("fork").Process(target=_child, args=(run, name, os.getpid()))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return process


def _child(run: Callable[[], None], name: str, parent: int) -> None:
    os.setsid()
    for number in _STOPS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
    _ask_the_kernel(_PR_SET_NAME, name.encode()[:15])
    die_with_parent(parent)()
    run()


def kill_group(process: BaseProcess) -> None:
    """SIGKILL for a forked child and all below it that stayed in its group."""
    if process.pid:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # it may not have come as far as having a group
        process.join()


def die_with_parent(parent: int) -> Callable[[], None]:
    """What a fresh child calls to get SIGTERM when `parent`, its parent's pid, is gone.

    Works on Linux; elsewhere it has no effect.
    """

    def ask() -> None:
        if _ask_the_kernel(_PR_SET_PDEATHSIG, signal.SIGTERM) and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


def _ask_the_kernel(option: int, value: bytes | int) -> bool:
    """Whether there is a Linux kernel to ask."""
    try:
        ctypes.CDLL(None).prctl(option, value)
    except (OSError, AttributeError):
        return False
    return True
