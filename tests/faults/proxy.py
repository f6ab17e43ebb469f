"""A TCP proxy in front of a server that must not really be stopped, since others use it."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Proxy:
    """Listens on a port of its own and hands on whatever comes. Every method may be called from
    any thread, and has had its effect when it returns."""

    def __init__(self, host: str, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self._target = (host, port)
        self._loop = loop
        self._server: asyncio.Server | None = None
        self._sessions: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.seen = 0  # sessions there were

    def open(self) -> None:
        """Let sessions in (again), on the same port as before."""
        self._wait(self._open())

    def refuse(self) -> None:
        """As a server that is down: what there was is cut, and nobody gets in."""
        self._wait(self._close())

    def cut(self) -> None:
        """Break every session that there is; new ones may come at once."""
        self._loop.call_soon_threadsafe(self._abort)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server:
            self._server.close()
        self._server = None
        self._abort()

    def _abort(self) -> None:
        for writer in tuple(self._sessions):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # at the end of all
            await self._join(reader, writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen += 1
        self._sessions.add(writer)
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._sessions.add(back)
        ways = [
            asyncio.ensure_future(_hand_on(reader, back)),
            asyncio.ensure_future(_hand_on(there, writer)),
        ]
        # Either side gone is the end of both, as between the two themselves.
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):
            end.close()
            self._sessions.discard(end)
        for way in ways:
            way.cancel()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(64 * 1024):
            writer.write(piece)
            await writer.drain()


@contextmanager
def proxy(host: str, port: int) -> Iterator[Proxy]:
    """An open proxy to this server while the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()
    made = Proxy(host, port, loop)
    try:
        made.open()
        yield made
    finally:
        made.refuse()
        asyncio.run_coroutine_threadsafe(_stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _stop() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
