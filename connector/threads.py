"""Threads that make HTTP calls side by side; they never touch the database."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from connector import clock
from connector.clients.base import Call, Exchange, send
from connector.errors import NotSent

SIDE_BY_SIDE = 32
TOGETHER = 0.01  # seconds
_pools: list[ThreadPoolExecutor] = []


def send_all(calls: Sequence[Call], until: float | None = None) -> Iterator[dict[int, Exchange]]:
    """Make all calls at once; yields what has come back, by position, as soon as any has, with
    what comes back within a moment of it. A call whose turn comes after `until`, on the clock of
    time.monotonic(), is not made: it failed with NotSent."""
    waiting: dict[Future[Exchange], int] = {
        _pool().submit(_send, call, until): position for position, call in enumerate(calls)
    }
    while waiting:
        wait(waiting, return_when=FIRST_COMPLETED)
        done, _ = wait(waiting, timeout=TOGETHER)
        yield {waiting.pop(future): future.result() for future in done}


def _send(call: Call, until: float | None) -> Exchange:
    if until is None or time.monotonic() < until:
        return send(call)
    failure = NotSent("nothing was sent: this worker had too much to do")
    return Exchange(call=call, started_at=clock.now(), failure=failure)


def _pool() -> ThreadPoolExecutor:
    """Made when first needed, so always after the fork: threads do not survive one."""
    if not _pools:
        _pools.append(ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="call"))
    return _pools[0]


os.register_at_fork(after_in_child=_pools.clear)
