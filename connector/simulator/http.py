"""A small, fast HTTP/1.1 server that can also answer as badly as it is told to."""

import asyncio
import contextlib
import ipaddress
import json
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

log = logging.getLogger(__name__)

MAX_HEAD = 64 * 1024
MAX_BODY = 16 * 1024 * 1024
PIECE = 64 * 1024
JSON = "application/json"


class How(StrEnum):
    """In what manner an answer goes over the wire."""

    WHOLE = "whole"
    HANG = "hang"
    DRIP_HEADERS = "drip_headers"
    DRIP_BODY = "drip_body"
    RESET = "reset"
    RESET_BODY = "reset_body"


@dataclass(slots=True)
class Request:
    """One call; header names are in lower case, the path is decoded and has no query."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def is_json(self) -> bool:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == JSON


@dataclass(slots=True, frozen=True)
class Reply:
    """`delay` comes before the first byte, `pause` between the bytes of a drip, both in seconds."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON
    how: How = How.WHOLE
    delay: float = 0.0
    pause: float = 1.0

    def with_headers(self, *more: tuple[str, str]) -> "Reply":
        return replace(self, headers=(*self.headers, *more))


Answer = Callable[[Request], Reply]


class BadRequestError(Exception):
    """What came is not a request that this server can read."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value, ensure_ascii=False).encode())


def take_request(buffer: bytearray) -> Request | None:
    """Cut one whole request off the front of the buffer; None while it is not all there."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > MAX_HEAD:
            raise BadRequestError(431, "The headers are too long.")
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    headers = _read_headers(lines)
    size = _body_size(headers)
    if len(buffer) < end + 4 + size:
        return None
    body = bytes(buffer[end + 4 : end + 4 + size])
    del buffer[: end + 4 + size]
    return _read_request(first, headers, body)


def _read_headers(lines: list[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _body_size(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise BadRequestError(411, "Send a Content-Length.")
    try:
        size = int(headers.get("content-length", "0"))
    except ValueError:
        raise BadRequestError(400, "The Content-Length is not a number.") from None
    if not 0 <= size <= MAX_BODY:
        raise BadRequestError(413, "The body is too long.")
    return size


def _read_request(first: str, headers: dict[str, str], body: bytes) -> Request:
    try:
        method, target, _ = first.split(" ")
    except ValueError:
        raise BadRequestError(400, "The first line is not a request.") from None
    if not target.startswith("/"):
        raise BadRequestError(400, "The address does not begin with a slash.")
    path, _, query = target.partition("?")
    if "%" in path:
        path = unquote(path)
    pairs = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
    return Request(method, path, pairs, headers, body)


@lru_cache(maxsize=128)
def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def head_of(reply: Reply) -> bytes:
    extra = "".join(f"{name}: {value}\r\n" for name, value in reply.headers)
    text = (
        f"HTTP/1.1 {reply.status} {_reason(reply.status)}\r\n"
        f"Content-Type: {reply.content_type}\r\nContent-Length: {len(reply.body)}\r\n{extra}\r\n"
    )
    return text.encode("latin-1", "replace")


class Connection(asyncio.Protocol):
    """One client, kept alive; its requests are answered one after another."""

    def __init__(self, answer: Answer, connections: "set[Connection]") -> None:
        self._answer = answer
        self._connections = connections
        self._buffer = bytearray()
        self._busy = False
        self._writable = asyncio.Event()
        self._slow: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what TCP servers hand over
        self._transport = transport
        self._writable.set()
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._busy = True
        if self._slow:
            self._slow.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._serve()

    def end(self) -> None:
        """Drop the client at once, whatever it waits for."""
        self._transport.abort()

    def _serve(self) -> None:
        while self._buffer and not self._busy:
            try:
                request = take_request(self._buffer)
            except BadRequestError as error:
                self._refuse(error)
                return
            if request is None:
                return
            self._send(self._reply_to(request), request.headers.get("connection", ""))

    def _refuse(self, error: BadRequestError) -> None:
        self._busy = True
        self._transport.write(head_of(Reply(error.status).with_headers(("Connection", "close"))))
        self._transport.close()

    def _reply_to(self, request: Request) -> Reply:
        try:
            return self._answer(request)
        except Exception:
            log.exception("No answer to %s %s", request.method, request.path)
            return json_reply({"error": "simulator_defect"}, 500)

    def _send(self, reply: Reply, wish: str) -> None:
        if reply.how is How.WHOLE and not reply.delay and len(reply.body) <= PIECE:
            self._transport.write(head_of(reply) + reply.body)
            self._finish(wish)
            return
        self._busy = True
        self._slow = asyncio.get_running_loop().create_task(self._send_slowly(reply, wish))

    def _finish(self, wish: str) -> None:
        if wish.lower() == "close":
            self._busy = True
            self._transport.close()

    async def _send_slowly(self, reply: Reply, wish: str) -> None:
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.how is How.HANG:
            return
        if reply.how in (How.RESET, How.RESET_BODY):
            await self._reset(reply)
            return
        for piece, pause in _pieces(reply):
            await self._writable.wait()
            self._transport.write(piece)
            await asyncio.sleep(pause)
        self._busy = False
        self._finish(wish)
        self._serve()

    async def _reset(self, reply: Reply) -> None:
        if reply.how is How.RESET_BODY:
            self._transport.write(head_of(reply) + reply.body[: len(reply.body) // 2])
            await asyncio.sleep(0.02)  # the client is to see the half before the reset
        linger_no_more = struct.pack("ii", 1, 0)
        raw: Any = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_no_more)
        self._transport.abort()


def _pieces(reply: Reply) -> Iterator[tuple[bytes, float]]:
    """The answer in pieces, each with the seconds to wait after it."""
    head, body = head_of(reply), reply.body
    if reply.how is How.DRIP_HEADERS:
        yield from ((head[at : at + 1], reply.pause) for at in range(len(head)))
    else:
        yield head, 0
    step, pause = (1, reply.pause) if reply.how is How.DRIP_BODY else (PIECE, 0.0)
    yield from ((body[at : at + step], pause) for at in range(0, len(body), step))


@dataclass
class Listener:
    """An open port on loopback."""

    host: str
    port: int
    server: asyncio.Server
    connections: set[Connection] = field(default_factory=set)

    async def close(self) -> None:
        self.server.close()
        for each in tuple(self.connections):
            each.end()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.server.wait_closed(), 2)


async def listen(answer: Answer, host: str, port: int) -> Listener:
    """Open the port (0: any free one); ValueError for a host that is not loopback."""
    refuse_unless_loopback(host)
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answer, connections), host, port)
    return Listener(host, server.sockets[0].getsockname()[1], server, connections)


def refuse_unless_loopback(host: str) -> None:
    if not is_loopback(host):
        raise ValueError(f"The simulator listens on loopback only, not on {host!r}.")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
