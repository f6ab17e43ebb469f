"""A small HTTP client with keep-alive: the sending side of Genesys and EventBridge."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 5.0  # seconds, as EventBridge gives an API destination

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Answer:
    """Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoAnswerError(Exception):
    """The other side could not be reached, or did not answer in time or in HTTP."""


class Poster:
    """Posts over connections that it keeps open for the next post."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], list[Pair]] = {}

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """NoAnswerError after `TIMEOUT` seconds, and for whatever else prevents an answer."""
        try:
            return await asyncio.wait_for(self._post(urlsplit(url), headers, body), TIMEOUT)
        except TimeoutError:
            raise NoAnswerError(f"no answer within {TIMEOUT:g} s") from None
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            raise NoAnswerError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        pairs = [pair for idle in self._idle.values() for pair in idle]
        self._idle.clear()
        for _, writer in pairs:
            await _close(writer)

    async def _post(self, url: SplitResult, headers: dict[str, str], body: bytes) -> Answer:
        idle = self._idle.setdefault((url.scheme, url.netloc), [])
        message = _message(url, headers, body)
        while idle:
            # The other side may have closed it meanwhile: then a fresh one is taken.
            with contextlib.suppress(ConnectionError, EOFError):
                return await self._exchange(idle.pop(), idle, message)
        return await self._exchange(await _connect(url), idle, message)

    async def _exchange(self, pair: Pair, idle: list[Pair], message: bytes) -> Answer:
        reader, writer = pair
        try:
            writer.write(message)
            await writer.drain()
            answer = await _read_answer(reader)
        except BaseException:
            writer.transport.abort()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            await _close(writer)
        else:
            idle.append(pair)
        return answer


async def _connect(url: SplitResult) -> Pair:
    secure = ssl.create_default_context() if url.scheme == "https" else None
    port = url.port or (443 if secure else 80)
    return await asyncio.open_connection(url.hostname, port, ssl=secure)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _message(url: SplitResult, headers: dict[str, str], body: bytes) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {url.netloc}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    _, number, *_ = first.split(" ")
    status = int(number)
    return Answer(status, headers, await _read_body(reader, headers, status))


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str], status: int) -> bytes:
    if status in (204, 304):
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    headers["connection"] = "close"
    return await reader.read()


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).partition(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body
