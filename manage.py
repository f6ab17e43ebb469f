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

    try:
        settings.INSTALLED_APPS  # noqa: B018  (reads the environment)
    except ImproperlyConfigured as exc:
        sys.exit(str(exc))
    execute_from_command_line(["run", *sys.argv[1:]])


if __name__ == "__main__":
    main()
