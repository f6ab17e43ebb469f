"""`./run simulator`: the stand-in for Genesys Cloud and Lynn alone, on loopback."""

import asyncio
from typing import Any

from django.core.management.base import CommandError, CommandParser

from connector.management.address import port_number
from connector.management.help import PortalCommand
from connector.simulator.server import Simulator, serve

EXAMPLE = "demo"
GREETING = """\
Simulator at {control}
What to enter for a tenant of the portal (leave the region as it is):
  Client id      {client_id}
  Client secret  {client_secret}
  API address    {genesys}
  Login address  {genesys}
  Lynn base URL  {lynn}
The portal may call it if you start that with PORTAL_ALLOWED_UPSTREAMS=127.0.0.1
Once the tenant has a token and its queues, this lets an agent answer after five seconds:
  curl {url}/control/stories -d '{{"story": "manual", "organisation": "{name}",
    "token": "YOUR-TOKEN", "webhook": "http://127.0.0.1:8000/api/v1/tenants/YOUR-SLUG/events"}}'
"""


NOTES = """\
It listens on this machine alone, says what to enter for a tenant that it plays, and remembers
nothing when it ends. Everything is driven over HTTP below /control/: a GET there says what there
is.

examples:
  ./run simulator
  PORTAL_ALLOWED_UPSTREAMS=127.0.0.1 ./run serve        a portal that may call it
"""


class Command(PortalCommand):
    help = "Play Genesys Cloud and Lynn on this machine: no account, no network."
    notes = NOTES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=port_number, default=8900, help="default %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        try:
            asyncio.run(serve(port=port, ready=self._greet))
        except OSError as exc:
            raise CommandError(f"Port {port} cannot be used: {exc.strerror or exc}.") from None
        except KeyboardInterrupt:
            return

    def _greet(self, simulator: Simulator) -> None:
        settings = simulator.organisation(EXAMPLE).settings
        self.stdout.write(
            GREETING.format(
                control=f"{simulator.url}/control/",
                url=simulator.url,
                name=EXAMPLE,
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                genesys=simulator.genesys_url(EXAMPLE),
                lynn=simulator.lynn_url(EXAMPLE),
            )
        )
        self.stdout.flush()
