#!/usr/bin/env python3
"""Django's command line; a wrong setting ends it with one sentence instead of a traceback."""

import os
import re
import signal
import sys
from io import TextIOWrapper
from typing import Any

# A table or column that a migration makes, as SQLite and PostgreSQL miss it.
NOT_THERE = re.compile("no such (table|column)|(relation|column) .* does not exist")


def main() -> None:
    _take_ctrl_c(signal.SIG_DFL)  # while much is loaded it ends this process and says nothing
    if sys.argv[1:2] == ["demo"]:
        from connector.demo import environment

        environment.set_aside()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import ManagementUtility
    from django.db import DatabaseError, DataError, IntegrityError

    try:
        settings.INSTALLED_APPS  # noqa: B018  (reads the environment)
    except ImproperlyConfigured as exc:
        sys.exit(str(exc))
    django.setup()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack a letter
    _take_ctrl_c(signal.default_int_handler)
    utility = ManagementUtility(["./run", *sys.argv[1:]])
    utility.prog_name = "./run"  # and not without its folder, as nobody can call it
    try:
        utility.execute()
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Nobody reads any more; Python's own flush at the end must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ImproperlyConfigured as exc:
        sys.exit(str(exc))
    except (DataError, IntegrityError):
        raise
    except DatabaseError as exc:
        sys.exit(in_words(exc))


def _take_ctrl_c(handler: Any) -> None:
    """Unless whoever started us wants it ignored."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, handler)


def in_words(exc: Exception) -> str:
    """What a database error means for whoever typed the command."""
    said = str(exc).strip().partition("\n")[0]
    if NOT_THERE.search(said):
        from connector.schema import BEHIND

        return BEHIND
    return f"The database that DATABASE_URL names cannot be used: {said}"


if __name__ == "__main__":
    main()
