"""What `./run NAME --help` shows: what the command is for, and nothing that is Django's alone."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter


class AsWritten(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Keeps the lines of a text as they were written."""


class PortalCommand(BaseCommand):
    """A command that users call; `notes` are what its help says below the options.

    What Django checks before each command holds for every machine alike, so `./run check` does it.
    """

    notes = ""
    requires_system_checks: list[str] = []
    suppressed_base_arguments: set[str] = {
        "--version",
        "--verbosity",
        "--settings",
        "--pythonpath",
        "--traceback",
        "--no-color",
        "--force-color",
    }

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(
            prog_name, subcommand, formatter_class=AsWritten, epilog=self.notes, **kwargs
        )
        parser.prog = f"./{parser.prog}"
        return parser
