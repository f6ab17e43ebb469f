"""One HTTP call: planned as a Call, made by `send`, described by an Exchange.

No redirects, no proxies, no .netrc, no cookies, no retries, no decompression: what was asked and
what came back is exactly what the audit shows. `send` never raises for what others do wrong.
"""

import functools
import hashlib
import http.client
import json
import os
import socket
import ssl
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import connection, connectionpool, exceptions

from connector import clock
from connector.clients import guard
from connector.errors import ServiceError, ServiceRefused, ServiceUnavailable

KEPT_BYTES = 16 * 1024
KEPT_ALIVE = 300.0  # seconds
LONGEST_WAIT = 24 * 3600  # seconds; who asks us to wait longer is taken to have said this
USER_AGENT = "agent-connected-portal"
AGAIN = frozenset({408, 425, 429})  # worth asking again, like every 5xx
_SHOWN_REQUEST_HEADERS = ("content-type", "accept", "idempotency-key")
_SHOWN_ANSWER_HEADERS = (
    "content-type",
    "content-length",
    "content-encoding",
    "date",
    "location",
    "retry-after",
    "server",
    "inin-correlation-id",
    "inin-ratelimit-allowed",
    "inin-ratelimit-count",
    "inin-ratelimit-reset",
)


@dataclass(frozen=True, kw_only=True)
class Call:
    """An outbound call that is going to be made. `headers` may hold secrets; `shown_*` do not."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = b""
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    limit: int = 1024 * 1024  # bytes of the answer that are read

    @property
    def shown_headers(self) -> dict[str, str]:
        return {
            name: value if name.lower() in _SHOWN_REQUEST_HEADERS else "••••"
            for name, value in self.headers.items()
            if name.lower() not in ("authorization", "user-agent", "accept-encoding")
        }

    @property
    def shown_body(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclass(kw_only=True)
class Exchange:
    """What came of a call. Without an answer `status` is None, `failure` says why, and `broke_at`
    in one word where: name, time, certificate, tls, http or connection.

    `body` is what was read; `is_cut` says that more was to come, or that the connection broke.
    Headers are on an allow-list and in lower case.
    """

    call: Call
    started_at: datetime
    duration_ms: int = 0
    timing: dict[str, float] = field(default_factory=dict)
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: int = 0
    is_cut: bool = False
    failure: ServiceError | None = None
    broke_at: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest() if self.status is not None else ""

    @property
    def shown_body(self) -> str:
        return _storable(self.body[:KEPT_BYTES].decode("utf-8", "replace"))

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def retry_after(self) -> float | None:
        """Seconds that the service asked us to wait, or from its own time to the one it named."""
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return min(float(value), LONGEST_WAIT)
        until = _http_date(value)
        if until is None:
            return None
        wait = until - (_http_date(self.headers.get("date", "")) or self.started_at)
        return min(max(wait.total_seconds(), 0.0), LONGEST_WAIT)

    @property
    def asks_to_wait(self) -> bool:
        return self.status == 429 or (not self.is_success and bool(self.retry_after))

    def json(self) -> Any:
        """The answer; raises ServiceUnavailable where it is not whole JSON in UTF-8."""
        if self.is_cut or self.headers.get("content-encoding", "identity") != "identity":
            raise ServiceUnavailable(f"{self.answered} with something that cannot be read")
        try:
            return json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise ServiceUnavailable(f"{self.answered} with something that is not JSON") from None

    @property
    def answered(self) -> str:
        return f"{_host(self.call.url)} answered {self.status}"

    def raise_for_status(self) -> None:
        """Turn everything but a 2xx into our own error."""
        if self.failure:
            raise self.failure
        if self.is_success:
            return
        if self.status in AGAIN or not 200 <= (self.status or 0) < 500:
            raise ServiceUnavailable(self.answered, retry_after=self.retry_after)
        if 300 <= (self.status or 0) < 400:
            raise ServiceRefused(f"{self.answered}, a redirect, which is never followed")
        raise ServiceRefused(self.answered)


def json_body(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def send(call: Call) -> Exchange:
    """Make the call, in at most guard.TOTAL_SECONDS altogether."""
    exchange = Exchange(call=call, started_at=clock.now())
    started = time.monotonic()
    with guard.deadline() as timing:
        try:
            _fill(exchange, timing, started)
        except ServiceError as exc:
            exchange.failure = exc
        except _FAILURES as exc:
            exchange.broke_at, words = _in_words(exc, call.url)
            exchange.failure = ServiceUnavailable(words)
    total = (time.monotonic() - started) * 1000
    exchange.duration_ms = round(total)
    exchange.timing = {**timing, "total": round(total, 1)}
    return exchange


_FAILURES = (requests.RequestException, exceptions.HTTPError, OSError, ValueError)
_NOT_HTTP = (http.client.HTTPException, exceptions.InvalidHeader, exceptions.ProtocolError)


def _fill(exchange: Exchange, timing: dict[str, float], started: float) -> None:
    timeout = (guard.CONNECT_SECONDS, guard.READ_SECONDS)
    response = _adapter().send(_prepared(exchange.call), stream=True, timeout=timeout)
    timing["first_byte"] = round((time.monotonic() - started) * 1000, 1)
    exchange.status = response.status_code
    exchange.headers = {
        name.lower(): _storable(value)
        for name, value in response.headers.items()
        if name.lower() in _SHOWN_ANSWER_HEADERS
    }
    if response.status_code < 200:
        # What follows must not be read as the answer to the next call.
        exchange.is_cut = True
        response.close()
        return
    _read(exchange, response)


def _prepared(call: Call) -> requests.PreparedRequest:
    """Raises ServiceRefused for what HTTP cannot carry, in words that leave the headers out, since
    they may hold secrets."""
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **call.headers}
    try:
        for value in headers.values():
            value.encode("latin-1")
        return requests.Request(call.method, call.url, headers, data=call.body or None).prepare()
    except ValueError:
        raise ServiceRefused(
            f"nothing was sent to {_host(call.url)}: its address or a header of the call holds "
            "what HTTP does not allow"
        ) from None


def _read(exchange: Exchange, response: requests.Response) -> None:
    """Read the body up to the call's limit. The status has arrived, so a body that breaks off
    does not undo the answer: it is noted as cut."""
    chunks: list[bytes] = []
    try:
        for chunk in response.raw.stream(16 * 1024, decode_content=False):
            chunks.append(chunk)
            exchange.length += len(chunk)
            if exchange.length > exchange.call.limit:
                exchange.is_cut = True
                break
    except _FAILURES:
        exchange.is_cut = True
    exchange.body = b"".join(chunks)[: exchange.call.limit]
    if exchange.is_cut:
        response.close()
    response.raw.release_conn()


def _in_words(exc: Exception, url: str) -> tuple[str, str]:
    """Where it broke, and a sentence about it."""
    host, cause = _host(url), _innermost(exc)
    if isinstance(cause, socket.gaierror):
        return "name", f"the name {host} could not be resolved ({cause.strerror})"
    if isinstance(exc, requests.ConnectTimeout):
        return "time", f"{host} could not be reached within {guard.CONNECT_SECONDS:g} s"
    if isinstance(exc, requests.Timeout) or isinstance(cause, TimeoutError):
        return "time", f"{host} did not answer in time"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "certificate", f"{host} has no valid certificate ({cause.verify_message})"
    if isinstance(cause, ssl.SSLError):
        return "tls", f"no encrypted connection to {host} ({cause.reason or cause})"
    if isinstance(cause, _NOT_HTTP) and not isinstance(cause, OSError):
        return "http", f"{host} answered with something that is not HTTP"
    words = getattr(cause, "strerror", None) or cause
    return "connection", f"the connection to {host} failed ({words})"


def _innermost(exc: BaseException) -> BaseException:
    while not isinstance(exc, http.client.HTTPException) and (deeper := _beneath(exc)):
        exc = deeper
    return exc


def _beneath(exc: BaseException) -> BaseException | None:
    """urllib3 and requests wrap what they caught as a cause, a context or an argument."""
    wrapped = [arg for arg in exc.args if isinstance(arg, BaseException)]
    context = None if exc.__suppress_context__ else exc.__context__
    return exc.__cause__ or context or next(iter(wrapped), None)


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd")


def _host(url: str) -> str:
    return url.split("/")[2].rpartition("@")[2] if "//" in url else url


class _PlainConnection(connection.HTTPConnection):
    def _new_conn(self) -> Any:
        return _connected(self, encrypted=False)


class _EncryptedConnection(connection.HTTPSConnection):
    def _new_conn(self) -> Any:
        return _connected(self, encrypted=True)


def _connected(conn: connection.HTTPConnection, *, encrypted: bool) -> Any:
    host = conn._dns_host
    try:
        return guard.connect(host, conn.port or 0, encrypted=encrypted)
    except TimeoutError as exc:
        raise exceptions.ConnectTimeoutError(conn, host) from exc
    except OSError as exc:
        raise exceptions.NewConnectionError(conn, host) from exc


class _PlainPool(connectionpool.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _EncryptedPool(connectionpool.HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection


class GuardedAdapter(HTTPAdapter):
    """Keeps connections alive; every new one passes the guard."""

    def __init__(self) -> None:
        self.good_until = time.monotonic() + KEPT_ALIVE
        super().__init__(pool_connections=64, pool_maxsize=32, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=_tls(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _EncryptedPool}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context knows the certificate authorities; loading them anew for each connection
        would cost more than the call."""
        conn.cert_reqs = "CERT_REQUIRED"


@functools.cache
def _tls() -> ssl.SSLContext:
    """Reading the certificate authorities takes a tenth of a second."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = guard.DeadlineSSLSocket
    return context


_adapters: list[GuardedAdapter] = []  # one at most
_adapters_lock = threading.Lock()


def _adapter() -> GuardedAdapter:
    """One for the process, whichever thread is first. A fresh one now and then, since hosts that
    were busy once would keep their connections for good; the old one goes with its last call."""
    with _adapters_lock:
        if _adapters and time.monotonic() >= _adapters[0].good_until:
            _adapters.clear()
        if not _adapters:
            _adapters.append(GuardedAdapter())
        return _adapters[0]


def prepare() -> None:
    """Load before a fork what the children would each load for their first call."""
    _tls()


def _forget_adapter() -> None:
    """A forked child must not share its parent's connections, nor a lock that somebody held."""
    global _adapters_lock
    _adapters_lock = threading.Lock()
    _adapters.clear()


os.register_at_fork(after_in_child=_forget_adapter)
