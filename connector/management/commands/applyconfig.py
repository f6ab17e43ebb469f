"""./run applyconfig: make tenants and queues equal to a file."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone, translation

from connector import config
from connector.errors import ConfigurationError
from connector.management.help import PortalCommand

EXAMPLES = """\
A tenant of the file becomes equal to it: what the file leaves out gets its default, and queues
that it does not list are removed. Only what has no default is kept where it is left out: secrets,
client id, Lynn's address, name. Tenants that are not in the file stay untouched. One mistake
anywhere, and nothing is changed.

examples:
  ./run applyconfig tenants.yaml --plan      show what would change
  ./run applyconfig tenants.yaml             change it
  ./run exportconfig > tenants.yaml          get the present state as such a file
  cat tenants.yaml | ./run applyconfig -     read standard input
"""


class Command(PortalCommand):
    help = "Make tenants and their queues equal to a configuration file (YAML or JSON)."
    notes = EXAMPLES
    missing_args_message = "Name the configuration file, or - for standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
        parser.add_argument(
            "--plan", action="store_true", help="show what would change, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        act = config.plan if options["plan"] else config.apply
        try:
            with translation.override("en"):
                changes = act(config.Source.open(options["file"]), timezone.now())
        except ConfigurationError as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write("\n".join(changes) or "nothing to change")
