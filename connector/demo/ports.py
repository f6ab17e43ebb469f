"""Which port the demo's portal takes."""

import errno
import socket

from connector.demo.environment import HOST

USUAL = 8000


class PortNotUsable(Exception):
    """The port that was asked for; the message says why in one sentence."""


def choose(wanted: int | None) -> int:
    """The port that was asked for, else the usual one, else any free one."""
    if wanted is None:
        return USUAL if _complaint(USUAL) == "" else _any_free()
    if not 0 <= wanted <= 65535:
        raise PortNotUsable(f"Port {wanted} does not exist: ports go from 1 to 65535.")
    if complaint := _complaint(wanted):
        raise PortNotUsable(f"Port {wanted} {complaint}; choose another one with --port.")
    return wanted or _any_free()


def _complaint(port: int) -> str:
    try:
        _bind(port)
    except OSError as exc:
        taken = exc.errno == errno.EADDRINUSE
        return "is already in use" if taken else f"cannot be used ({exc.strerror})"
    return ""


def _any_free() -> int:
    return _bind(0)


def _bind(port: int) -> int:
    with socket.socket() as door:
        # As gunicorn does: a port that was closed a moment ago is free.
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((HOST, port))
        bound: int = door.getsockname()[1]
        return bound
