"""Threads that make HTTP calls side by side; they never touch the database."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from connector.clients.base import Call, Exchange, send

SIDE_BY_SIDE = 32
TOGETHER = 0.01  # seconds
_pools: list[ThreadPoolExecutor] = []


def send_all(calls: Sequence[Call]) -> Iterator[dict[int, Exchange]]:
    """Make all calls at once; yields what has come back, by position, as soon as any has, with
    what comes back within a moment of it."""
    waiting: dict[Future[Exchange], int] = {
        _pool().submit(send, call): position for position, call in enumerate(calls)
    }
    while waiting:
        wait(waiting, return_when=FIRST_COMPLETED)
        done, _ = wait(waiting, timeout=TOGETHER)
        yield {waiting.pop(future): future.result() for future in done}


def _pool() -> ThreadPoolExecutor:
    """Made when first needed, so always after the fork: threads do not survive one."""
    if not _pools:
        _pools.append(ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="call"))
    return _pools[0]


os.register_at_fork(after_in_child=_pools.clear)
