"""Files that a first start on SQLite makes for itself, readable by their owner alone."""

import base64
import os
import secrets
from pathlib import Path


def read_or_make(path: Path) -> str:
    """The key in this file, made on the first call; several processes at once get the same."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
    return path.read_text("ascii").strip()


def reserve(path: Path) -> None:
    """Make an empty file for a database that will hold personal data, readable by its owner alone;
    one that is there stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def _make(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.urlsafe_b64encode(os.urandom(32)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike a rename, this leaves a key alone that is there already
    except FileExistsError:
        pass
    finally:
        draft.unlink()
