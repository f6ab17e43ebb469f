"""Where the demo runs: a directory and variables of its own, apart from anything real.

Knows no Django, since settings are read from what is decided here.
"""

import base64
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

HOST = "127.0.0.1"
MARK = "PORTAL_DEMO"
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# Whatever begins like this speaks of the caller's portal, not of the demo's.
FOREIGN = (
    "PORTAL_",
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "GUNICORN_",
    "DJANGO_SETTINGS_MODULE",
)


def directory() -> Path | None:
    """The demo's directory; None in a process that has not entered it (see `enter`)."""
    owner, _, path = os.environ.get(MARK, "").partition(":")
    return Path(path) if owner == str(os.getpid()) else None


def set_aside() -> None:
    """Before settings are read for the first time: what the caller's environment says of a real
    portal, right or wrong, is not to be looked at, and no key is to be made in `var/`."""
    if directory() is None:
        stand_in = own(os.environ, Path(), 0) | {"DATABASE_URL": f"sqlite:///{os.devnull}"}
        del stand_in[MARK]
        os.environ.clear()
        os.environ.update(stand_in)


def enter(port: int) -> NoReturn:
    """Begin the same command again, in the same process, with an environment of its own.

    Signals that end a demo wait until the new beginning can clean the directory up.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    place = Path(tempfile.mkdtemp(prefix="portal-demo-"))
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], own(os.environ, place, port))  # noqa: S606


def own(outside: Mapping[str, str], place: Path, port: int) -> dict[str, str]:
    """The environment of the demo and its children, with keys made for this run."""
    kept = {name: value for name, value in outside.items() if not name.startswith(FOREIGN)}
    return kept | {
        MARK: f"{os.getpid()}:{place}",
        "DATABASE_URL": f"sqlite:///{quote(str(place / 'demo.sqlite3'))}",
        "REDIS_URL": "",
        "PORTAL_SECRET_KEY": secrets.token_urlsafe(48),
        "PORTAL_FIELD_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "PORTAL_ALLOWED_HOSTS": f"{HOST},localhost,[::1]",
        "PORTAL_ALLOWED_UPSTREAMS": "127.0.0.0/8",
        "PORTAL_BASE_URL": f"http://{HOST}:{port}",
    }
