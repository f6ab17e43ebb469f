"""Where we may connect, and how long anything may take.

A name is resolved once; if any of its addresses is neither public nor opened by
PORTAL_ALLOWED_UPSTREAMS nothing is sent, and the connection goes to exactly the address that was
looked at. Every wait counts against the deadline of its call, so a server that drips one byte a
second cannot hold a worker.
"""

import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings

from connector.errors import AddressNotAllowed

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
TOTAL_SECONDS = 8.0

# Python, depending on its version, calls some of these global, although they lead into private
# networks, to many hosts or nowhere.
_NEVER_PUBLIC = [
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20")
]
_IPV6_UNICAST = ipaddress.ip_network("2000::/3")  # all that IANA has given out for the internet

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


@contextmanager
def deadline(seconds: float | None = None) -> Iterator[dict[str, float]]:
    """Whatever this thread connects to, sends and reads inside must be over in `seconds` (else
    TOTAL_SECONDS).

    Yields a dictionary that gets `dns` and `connect` in ms where a new connection was made.
    """
    seconds = TOTAL_SECONDS if seconds is None else seconds
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
    """Every send and receive waits no longer than the call has left."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self._wait_at_most(READ_SECONDS)
        count: int = super().recv_into(*args, **kwargs)  # type: ignore[misc]
        return count

    def send(self, *args: Any, **kwargs: Any) -> int:
        self._wait_at_most(READ_SECONDS)
        count: int = super().send(*args, **kwargs)  # type: ignore[misc]
        return count

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self._wait_at_most(READ_SECONDS)
        super().sendall(*args, **kwargs)  # type: ignore[misc]

    def _wait_at_most(self, seconds: float) -> None:
        self.settimeout(_remaining(seconds))  # type: ignore[attr-defined]


class DeadlineSocket(_WithDeadline, socket.socket):
    """A TCP connection whose waits know the deadline."""


class DeadlineSSLSocket(_WithDeadline, ssl.SSLSocket):
    """The same inside TLS, from the handshake on."""

    def do_handshake(self, block: bool = False) -> None:
        self._wait_at_most(CONNECT_SECONDS)
        super().do_handshake(block)


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
        try:
            return _connected(family, address)
        except OSError as exc:
            failure = exc
    raise failure


def _connected(family: socket.AddressFamily, address: tuple[Any, ...]) -> DeadlineSocket:
    """Raises OSError; also where this machine does not know the family, IPv6 being the one."""
    sock = DeadlineSocket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(_remaining(CONNECT_SECONDS))
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


def resolve(host: str, port: int) -> list[Target]:
    """The host's addresses; raises OSError, at the latest when the call's time is over."""
    literal = _literal(host.strip("[]"))
    if literal is None:
        return _looked_up(host, port)
    family = socket.AF_INET if literal.version == 4 else socket.AF_INET6
    return [(family, (str(literal), port))]


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _looked_up(host: str, port: int) -> list[Target]:
    try:
        answers = _lookup(host, port).result(_remaining(CONNECT_SECONDS))
    except FutureTimeout:
        raise socket.gaierror(socket.EAI_AGAIN, "the name server does not answer") from None
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "this cannot be a name") from None
    return [(family, address) for family, _, _, _, address in answers]


_lookups: dict[tuple[str, int], Future[Any]] = {}  # those under way
_lookups_lock = threading.Lock()


def _lookup(host: str, port: int) -> Future[Any]:
    """getaddrinfo cannot be interrupted. So it runs in a thread that may be left behind, which the
    end of the process does not wait for; one for each name, so that a tenant whose name server
    hangs does not keep others from looking up theirs."""
    with _lookups_lock:
        found = _lookups.get((host, port))
        if found is None:
            found = _lookups[host, port] = Future()
            threading.Thread(
                target=_look_up, args=(host, port, found), name="resolve", daemon=True
            ).start()
        return found


def _look_up(host: str, port: int, found: Future[Any]) -> None:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        failure: Exception | None = exc
    else:
        failure = None
    with _lookups_lock:
        _lookups.pop((host, port), None)
    if failure:
        found.set_exception(failure)
    else:
        found.set_result(answers)


def _forget_lookups() -> None:
    """The threads, and whoever held the lock, are not in a forked child."""
    global _lookups_lock
    _lookups_lock = threading.Lock()
    _lookups.clear()


os.register_at_fork(after_in_child=_forget_lookups)


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
    if address.version == 6 and address not in _IPV6_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def _unwrapped(address: Address) -> Address:
    """`::ffff:10.0.0.1` is 10.0.0.1 by another name."""
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
