"""./run exportconfig: the tenants as a configuration file."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from connector import config
from connector.errors import ConfigurationError
from connector.management.help import PortalCommand
from connector.management.output import in_utf8

EXAMPLES = """\
Secrets are left out. Applied to the same portal, the file changes nothing; a tenant that is new
elsewhere needs its secrets written in first.

examples:
  ./run exportconfig > tenants.yaml
  ./run exportconfig --tenant banco-sur
"""


class Command(PortalCommand):
    help = "Print tenants and their queues as a configuration file for applyconfig."
    notes = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="this tenant alone")

    def handle(self, *args: Any, **options: Any) -> None:
        in_utf8()
        try:
            self.stdout.write(config.export(options["tenant"]))
        except ConfigurationError as exc:
            raise CommandError(str(exc)) from exc
