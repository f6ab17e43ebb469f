"""The worker in which gunicorn serves us: what is no request, and who sends one slowly."""

import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers import gthread
from gunicorn.workers.gthread import TConn

from connector.management import reception
from connector.management.reception import Worker

HEAD = b"POST /api/v1/tenants/banco-sur/events HTTP/1.1\r\nHost: portal.example.com\r\n"


class Reception:
    """A worker at the other end of a connection. `reads` is what its application reads."""

    def __init__(self) -> None:
        self.config = Config()
        self.worker = Worker(1, os.getppid(), [], None, 30, self.config, Logger(self.config))
        self.worker.wsgi = self._application
        self.reads: list[bytes] = []
        self.errors: list[OSError] = []

    def _application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            self.reads.append(environ["wsgi.input"].read())
        except OSError as exc:
            self.errors.append(exc)
        start_response("202 Accepted", [("Content-Length", "2"), ("Content-Type", "text/plain")])
        return [b"ok"]

    def answer(self, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, dict[str, str], bytes]:
        """What is answered to what is sent piece by piece: status line, headers, body."""
        ours, theirs = socket.socketpair()
        connection = TConn(self.config, theirs, ("127.0.0.1", 1), ("127.0.0.1", 2))
        sender = threading.Thread(target=self._send, args=(ours, pieces, pause))
        sender.start()
        self.worker.handle(connection)
        connection.sock.close()
        said = b"".join(iter(lambda: ours.recv(65536), b""))
        sender.join()
        ours.close()
        head, _, body = said.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        return status, dict(line.decode().split(": ", 1) for line in lines), body

    def _send(self, sock: socket.socket, pieces: tuple[bytes, ...], pause: float) -> None:
        with contextlib.suppress(OSError):
            for piece in pieces:
                sock.sendall(piece)
                time.sleep(pause)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reception]:
    monkeypatch.setattr(reception, "REQUEST_SECONDS", 0.3)
    desk = Reception()
    yield desk
    desk.worker.tmp.close()


def test_a_request_in_pieces_reaches_the_application(desk: Reception) -> None:
    status, _, body = desk.answer(HEAD, b"Content-Length: 2\r\nConnection: close\r\n\r\n{", b"}")

    assert (b"HTTP/1.1 202 Accepted", b"ok", [b"{}"]) == (status, body, desk.reads)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"Content-Length: many\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (HEAD + b"no header\r\n\r\n", 400),
        (b"POST\r\n\r\n", 400),
        (HEAD.replace(b"1.1", b"9.9") + b"\r\n", 400),
        (b"\x16\x03\x01\x02\x00\xff\r\n\r\n", 400),
        (HEAD + b"Expect: much\r\nContent-Length: 2\r\n\r\n{}", 417),
        (HEAD + b"X: " + b"x" * 9_000 + b"\r\n\r\n", 431),
        (b"POST /" + b"x" * 5_000 + b" HTTP/1.1\r\n\r\n", 414),
    ],
)
def test_what_is_no_request_is_refused_in_json(
    desk: Reception, request_: bytes, status: int
) -> None:
    line, headers, body = desk.answer(request_)

    assert status == int(line.split()[1])
    assert ("application/json", "close") == (headers["Content-Type"], headers["Connection"])
    assert str(len(body)) == headers["Content-Length"]
    assert {"error", "detail"} == json.loads(body).keys()
    assert desk.reads == []


@pytest.mark.parametrize("begun", [HEAD, HEAD[:5]])
def test_who_does_not_finish_a_request_does_not_keep_a_thread(
    desk: Reception, begun: bytes
) -> None:
    assert desk.answer(begun) == (b"", {}, b"")


def test_who_sends_it_drop_by_drop_does_not_keep_a_thread(desk: Reception) -> None:
    started = time.monotonic()

    assert desk.answer(*[b"P"] * 100, pause=0.02)[2] == b""
    assert time.monotonic() - started > reception.REQUEST_SECONDS


def test_a_body_that_does_not_come_is_a_body_that_broke_off(desk: Reception) -> None:
    desk.answer(HEAD + b"Content-Length: 500\r\n\r\n{")

    assert ([], ["ConnectionResetError"]) == (
        desk.reads,
        [type(error).__name__ for error in desk.errors],
    )


def test_a_connection_held_ready_does_not_keep_a_thread(desk: Reception) -> None:
    ours, theirs = socket.socketpair()
    connection = TConn(desk.config, theirs, ("127.0.0.1", 1), ("127.0.0.1", 2))
    started = time.monotonic()

    with ours:
        assert gthread._DEFER is desk.worker.handle(connection)
        assert time.monotonic() - started < gthread.DEFAULT_WORKER_DATA_TIMEOUT
        ours.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
        assert desk.worker.handle(connection)
    connection.sock.close()

    assert [b"{}"] == desk.reads


def test_a_look_by_its_head_alone_is_nothing_to_warn_of() -> None:
    assert not logging.getLogger("gunicorn.http.wsgi").isEnabledFor(logging.WARNING)


def test_each_request_of_a_connection_has_the_whole_time(desk: Reception) -> None:
    ours, theirs = socket.socketpair()
    connection = TConn(desk.config, theirs, ("127.0.0.1", 1), ("127.0.0.1", 2))
    with ours:
        for _ in range(2):
            ours.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
            assert desk.worker.handle(connection)
            time.sleep(reception.REQUEST_SECONDS)
    connection.sock.close()

    assert [b"{}", b"{}"] == desk.reads
