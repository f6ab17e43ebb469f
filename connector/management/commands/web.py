"""`./run web`: the webhook and the admin, served by gunicorn."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from connector.management.address import Address, add_bind


class Command(BaseCommand):
    help = (
        "Serve the webhook and the admin. The number of processes and threads comes from "
        "PORTAL_WEB_PROCESSES and PORTAL_WEB_THREADS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_bind(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        options["bind"].ensure_free()
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *gunicorn(options["bind"])])  # noqa: S606


def gunicorn(bind: Address) -> list[str]:
    """The arguments after `python` that serve the portal at this address."""
    return [
        "-m",
        "gunicorn",
        "portal.wsgi",
        f"--bind={bind}",
        "--worker-class=gthread",
        f"--workers={settings.WEB_PROCESSES}",
        f"--threads={settings.WEB_THREADS}",
        "--keep-alive=75",
        "--timeout=60",
        "--graceful-timeout=10",
        "--log-level=warning",
        "--no-control-socket",
    ]
