"""`./run simulator`: the stand-in for Genesys Cloud and Lynn alone, on loopback."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connector.management.address import port_number
from connector.simulator.server import serve


class Command(BaseCommand):
    help = (
        "Play Genesys Cloud and Lynn on this machine: no account, no network. Everything is "
        "driven over HTTP below /control/: a GET there says what there is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=port_number, default=8900, help="default %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        try:
            asyncio.run(serve(port=port, ready=lambda simulator: self._greet(simulator.url)))
        except OSError as exc:
            raise CommandError(f"Port {port} cannot be used: {exc.strerror or exc}.") from None
        except KeyboardInterrupt:
            return

    def _greet(self, url: str) -> None:
        self.stdout.write(f"Simulator at {url}/control/")
        self.stdout.flush()
