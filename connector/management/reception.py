"""How gunicorn receives requests for us: nobody keeps a thread by sending slowly, and what is no
HTTP is refused in JSON, as everything is that senders are told."""

import json
import socket
import time
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

REQUEST_SECONDS = 5.0
FIRST_BYTE_SECONDS = 0.05

_OURS = (
    errors.ConfigurationProblem,
    errors.InvalidResponseHeader,
    errors.InvalidResponseHeaderName,
)
_STATUS = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class Worker(ThreadWorker):  # type: ignore[misc]
    """A request has REQUEST_SECONDS to arrive, from when a thread turns to it: who stops in the
    middle of one, or has vanished, would else keep that thread for good. Connections on which
    nothing was sent yet, as browsers and load balancers hold them ready, wait without a thread."""

    def handle(self, conn: TConn) -> Any:
        if not isinstance(conn.sock, Incoming):
            conn.sock = Incoming(fileno=conn.sock.detach())
        if not conn.initialized and not conn.wait_for_data(FIRST_BYTE_SECONDS):
            return _DEFER
        conn.sock.deadline = time.monotonic() + REQUEST_SECONDS
        return super().handle(conn)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """What a sender's mistake is answered with; our own are gunicorn's business."""
        if not isinstance(exc, errors.ParseException) or isinstance(exc, _OURS):
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", exc)
        write_nonblock(client, _refusal(exc))


class Incoming(socket.socket):
    """A connection on which reading ends at `deadline` as if the other side had gone."""

    deadline = float("inf")

    def recv(self, *args: Any) -> bytes:
        # What has arrived already is read, however late it is.
        self.settimeout(max(self.deadline - time.monotonic(), 0.001))
        try:
            return super().recv(*args)
        except TimeoutError:
            raise ConnectionResetError("the request did not arrive in time") from None
        finally:
            self.settimeout(None)


def _refusal(exc: errors.ParseException) -> bytes:
    status = _STATUS.get(type(exc), HTTPStatus.BAD_REQUEST)
    content = {"error": "bad_request", "detail": f"This is no HTTP request: {exc}."}
    body = json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
