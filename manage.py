#!/usr/bin/env python3
"""Django's command line; a wrong setting ends it with one sentence instead of a traceback."""

import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["demo"]:
        from connector.demo import environment

        environment.set_aside()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import DatabaseError, DataError, IntegrityError

    try:
        settings.INSTALLED_APPS  # noqa: B018  (reads the environment)
    except ImproperlyConfigured as exc:
        sys.exit(str(exc))
    try:
        execute_from_command_line(["./run", *sys.argv[1:]])
    except (DataError, IntegrityError):
        raise
    except DatabaseError as exc:
        sys.exit(in_words(exc))


def in_words(exc: Exception) -> str:
    """What a database error means for whoever typed the command."""
    said = str(exc).strip().partition("\n")[0]
    if "no such table" in said or ("relation" in said and "does not exist" in said):
        return "The database is not up to date: run ./run migrate (or ./run serve once)."
    return f"The database that DATABASE_URL names cannot be used: {said}"


if __name__ == "__main__":
    main()
