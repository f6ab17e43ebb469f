"""A simulator in a thread of its own, for tests and for programs that are not asynchronous."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connector.simulator.server import Simulator


@contextmanager
def running(
    host: str = "127.0.0.1", port: int = 0, clock: Callable[[], float] = time.time
) -> Iterator[Simulator]:
    """Serves while the block lasts, on any free port unless told otherwise."""
    simulator = Simulator(clock)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(simulator.start(host, port), loop).result(5)
        yield simulator
    finally:
        asyncio.run_coroutine_threadsafe(_stop(simulator), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _stop(simulator: Simulator) -> None:
    await simulator.stop()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def wait_until(true: Callable[[], object], seconds: float = 5.0) -> None:
    """AssertionError when it has not come true in time."""
    give_up_at = time.monotonic() + seconds
    while not true():
        if time.monotonic() > give_up_at:
            raise AssertionError(f"Still not so after {seconds:g} s.")
        time.sleep(0.005)
