"""The app; after `migrate` it makes what belongs to a usable database."""

import importlib

from django.apps import AppConfig
from django.conf import settings
from django.core.management import call_command
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from connector.permissions import make_groups


class ConnectorConfig(AppConfig):
    name = "connector"
    verbose_name = _("Agent connections")

    def ready(self) -> None:
        importlib.import_module("connector.clock")  # it watches new connections
        post_migrate.connect(_make_cache_table, sender=self)
        post_migrate.connect(make_groups, sender=self)


def _make_cache_table(using: str, **kwargs: object) -> None:
    if "DatabaseCache" in settings.CACHES["default"]["BACKEND"]:
        call_command("createcachetable", database=using, verbosity=0)
