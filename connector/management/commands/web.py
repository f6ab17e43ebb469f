"""`./run web`: the webhook and the admin, served by gunicorn."""

import importlib
import logging
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import CommandParser
from django.db import OperationalError, connections
from django.template.loader import get_template
from django.utils import translation
from django.utils.translation import gettext
from gunicorn.app.base import BaseApplication

from connector import schema
from connector.management.address import Address, add_bind
from connector.management.help import PortalCommand

logger = logging.getLogger(__name__)

NOTES = """\
Start as many as you like, on as many machines as you like, beside at least one ./run worker. The
number of processes and threads comes from PORTAL_WEB_PROCESSES and PORTAL_WEB_THREADS. SIGTERM or
Ctrl-C lets running requests finish and ends within 15 seconds.

Where the database cannot be reached, or is not up to date (./run migrate), events are answered
with 503 until it is, and senders try again.

examples:
  ./run web --bind 0.0.0.0:8000
"""


class Command(PortalCommand):
    help = "Serve the webhook and the admin."
    notes = NOTES

    def add_arguments(self, parser: CommandParser) -> None:
        add_bind(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        options["bind"].ensure_free()
        try:
            if schema.waiting():
                logger.error("%s Until then events get a 503.", schema.BEHIND)
        except OperationalError as exc:
            logger.error(
                "The database cannot be reached, so events get a 503 until it can: %s", exc
            )
        connections.close_all()  # or the processes that are forked would share ours
        self.stdout.flush()
        Server(options["bind"]).run()


class Server(BaseApplication):  # type: ignore[misc]
    """The portal in gunicorn, at this address."""

    def __init__(self, bind: Address) -> None:
        self.bind = bind
        super().__init__()

    def load_config(self) -> None:
        for name, value in {
            "bind": str(self.bind),
            "worker_class": "connector.management.reception.Worker",
            "workers": settings.WEB_PROCESSES,
            "threads": settings.WEB_THREADS,
            "keepalive": 75,
            "timeout": 60,
            "graceful_timeout": 10,
            "loglevel": "warning",
            "control_socket_disable": True,
            "preload_app": True,  # loaded once, shared by all processes
        }.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIHandler:
        from portal.wsgi import application

        warm()
        return application


def warm() -> None:
    """Load what the first request for each page would have to wait for: addresses, texts and
    templates. Done before the fork, so all processes have it."""
    importlib.import_module(settings.ROOT_URLCONF)
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            gettext("Dashboard")
    templates = Path(apps.get_app_config("connector").path, "templates")
    for path in templates.rglob("*.html"):
        get_template(str(path.relative_to(templates)))
