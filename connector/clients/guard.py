"""Where we may connect, and how long anything may take.

A name is resolved once; if any of its addresses is neither public nor opened by
PORTAL_ALLOWED_UPSTREAMS nothing is sent, and the connection goes to exactly the address that was
looked at. Every read counts against the deadline of its call, so a server that drips one byte a
second cannot hold a worker.
"""

import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings

from connector.errors import AddressNotAllowed

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
TOTAL_SECONDS = 8.0

# Python calls some of these global, although they lead into private networks or to many hosts.
_NEVER_PUBLIC = [
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "192.88.99.0/24")
]

T = TypeVar("T")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Target = tuple[socket.AddressFamily, tuple[Any, ...]]


class _Call(threading.local):
    """The call that this thread is making: when it must be over, and what took how long."""

    deadline: float = float("inf")
    timing: dict[str, float]

    def __init__(self) -> None:
        self.timing = {}


_call = _Call()
_resolver: ThreadPoolExecutor | None = None


@contextmanager
def deadline(seconds: float = TOTAL_SECONDS) -> Iterator[dict[str, float]]:
    """Whatever this thread connects to and reads inside must be over in `seconds`.

    Yields a dictionary that gets `dns` and `connect` in ms where a new connection was made.
    """
    _call.deadline, _call.timing = time.monotonic() + seconds, {}
    try:
        yield _call.timing
    finally:
        _call.deadline = float("inf")


def _remaining(most: float) -> float:
    left = _call.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the call took longer than it may")
    return min(most, left)


class _WithDeadline:
    """Every receive waits no longer than the call has left."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(_remaining(READ_SECONDS))  # type: ignore[attr-defined]
        count: int = super().recv_into(*args, **kwargs)  # type: ignore[misc]
        return count


class DeadlineSocket(_WithDeadline, socket.socket):
    """A TCP connection whose reads know the deadline."""


class DeadlineSSLSocket(_WithDeadline, ssl.SSLSocket):
    """The same inside TLS."""


def connect(host: str, port: int, *, encrypted: bool) -> socket.socket:
    """A TCP connection to one of the host's addresses.

    Raises AddressNotAllowed, or OSError where nothing answers. Without encryption only
    PORTAL_ALLOWED_UPSTREAMS may be reached.
    """
    targets = _timed("dns", lambda: resolve(host, port))
    for _, address in targets:
        check(ipaddress.ip_address(address[0].partition("%")[0]), host, encrypted=encrypted)
    return _timed("connect", lambda: _first_that_answers(targets))


def _timed(name: str, step: Callable[[], T]) -> T:
    started = time.monotonic()
    try:
        return step()
    finally:
        _call.timing[name] = round((time.monotonic() - started) * 1000, 1)


def _first_that_answers(targets: list[Target]) -> socket.socket:
    failure: OSError = OSError("the name has no address")
    for family, address in targets:
        sock = DeadlineSocket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(_remaining(CONNECT_SECONDS))
            sock.connect(address)
        except OSError as exc:
            sock.close()
            failure = exc
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise failure


def resolve(host: str, port: int) -> list[Target]:
    """The host's addresses; raises OSError, at the latest when the call's time is over."""
    try:
        literal = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return _looked_up(host, port)
    family = socket.AF_INET if literal.version == 4 else socket.AF_INET6
    return [(family, (str(literal), port))]


def _looked_up(host: str, port: int) -> list[Target]:
    found: Future[Any] = _resolving().submit(
        socket.getaddrinfo, host, port, type=socket.SOCK_STREAM
    )
    try:
        answers = found.result(_remaining(CONNECT_SECONDS))
    except FutureTimeout:
        raise socket.gaierror(socket.EAI_AGAIN, "the name server does not answer") from None
    return [(family, address) for family, _, _, _, address in answers]


def _resolving() -> ThreadPoolExecutor:
    """getaddrinfo cannot be interrupted, so it runs in threads that may be left behind."""
    global _resolver
    if _resolver is None:
        _resolver = ThreadPoolExecutor(8, thread_name_prefix="resolve")
    return _resolver


def _forget_threads() -> None:
    global _resolver
    _resolver = None


os.register_at_fork(after_in_child=_forget_threads)


def check(address: Address, host: str, *, encrypted: bool) -> None:
    """Raises AddressNotAllowed unless we may connect to this address of the host."""
    if _is_opened(address):
        return
    if not is_public(address):
        raise AddressNotAllowed(
            f"{host} is at {address}, which is not a public address; if it is meant, add its "
            "network to PORTAL_ALLOWED_UPSTREAMS."
        )
    if not encrypted:
        raise AddressNotAllowed(
            f"{host} would be reached by plain http; use https, or add its network to "
            "PORTAL_ALLOWED_UPSTREAMS."
        )


def _is_opened(address: Address) -> bool:
    address = _unwrapped(address)
    return any(
        address.version == network.version and address in network
        for network in settings.ALLOWED_UPSTREAMS
    )


def is_public(address: Address) -> bool:
    address = _unwrapped(address)
    if any(address.version == network.version and address in network for network in _NEVER_PUBLIC):
        return False
    return address.is_global and not address.is_multicast


def _unwrapped(address: Address) -> Address:
    """`::ffff:10.0.0.1` is 10.0.0.1 by another name."""
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
