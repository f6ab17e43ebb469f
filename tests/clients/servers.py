"""Servers on loopback that answer with exactly the bytes that a test wants, however bad."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HOST = "127.0.0.1"
Act = Callable[[socket.socket], None]  # what follows a request


class Server:
    """Acts once for each request that it has read; the last act is repeated."""

    def __init__(
        self, acts: tuple[Act, ...], context: ssl.SSLContext | None, speaks_first: bool
    ) -> None:
        self.acts = list(acts)
        self.context = context
        self.speaks_first = speaks_first
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.connections: list[socket.socket] = []
        self.requests: list[bytes] = []
        self.dropped = threading.Event()  # a client went away in the middle of an answer
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://{HOST}:{self.port}"

    def start(self) -> None:
        self._in_thread(self._accept)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        for each in (self.listener, *self.connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(2)

    def _in_thread(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                self._in_thread(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self.speaks_first:
                self.acts[0](connection)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                self.connections.append(connection)
            while request := _read_request(connection):
                self.requests.append(request)
                act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
                try:
                    act(connection)
                except OSError:
                    self.dropped.set()
                    raise
        connection.close()


def _read_request(connection: socket.socket) -> bytes:
    """One request with its body; b"" when the client is gone."""
    read = b""
    while b"\r\n\r\n" not in read:
        piece = connection.recv(65536)
        if not piece:
            return b""
        read += piece
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    size = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < size:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(
    *acts: Act, context: ssl.SSLContext | None = None, speaks_first: bool = False
) -> Iterator[Server]:
    server = Server(acts, context, speaks_first)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def answer(status: str = "200 OK", body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def says(said: bytes = b"", *, then_closes: bool = False) -> Act:
    def act(connection: socket.socket) -> None:
        connection.sendall(said or answer())
        if then_closes:
            connection.shutdown(socket.SHUT_RDWR)

    return act


def closes(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def hangs(connection: socket.socket) -> None:
    connection.recv(1)


def drips(said: bytes, then: bytes) -> Act:
    """After some words the same byte every 20 ms, for ever: no single read waits long."""

    def act(connection: socket.socket) -> None:
        connection.sendall(said)
        while True:
            connection.sendall(then)
            time.sleep(0.02)

    return act


def resets(after: bytes = b"") -> Act:
    def act(connection: socket.socket) -> None:
        connection.sendall(after)
        time.sleep(0.02)  # the client is to see this before the reset
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return act


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port that takes no more connections, and does not say so: connecting to it hangs."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((HOST, 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        time.sleep(0.01)
        yield listener.getsockname()[1]
