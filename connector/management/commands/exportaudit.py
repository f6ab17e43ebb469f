"""./run exportaudit: the audit trail on standard output."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import translation

from connector.audit.export import FORMS, lines
from connector.management.help import PortalCommand
from connector.management.output import in_utf8
from connector.models import AgentConnection, Tenant

EXAMPLES = """\
Ordered by the time of receipt, which is also what --since and --until look at. T is a date or a
time in ISO 8601; without a zone it is UTC. External ids are personal data and are shown in full.

examples:
  ./run exportaudit > audit.jsonl
  ./run exportaudit --since 2026-10-01 --until 2026-11-01 --format csv > october.csv
  ./run exportaudit --tenant banco-sur --since 2026-10-12T09:00:00-05:00 | jq .explanation
"""


class Command(PortalCommand):
    help = "Print the audit trail: one JSON line (or CSV row) for each agent connection."
    notes = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="this tenant alone")
        parser.add_argument("--since", metavar="T", help="received at T or later")
        parser.add_argument("--until", metavar="T", help="received before T")
        parser.add_argument(
            "--format", choices=FORMS, default="jsonl", help="jsonl unless you say csv"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connections = _chosen(options["tenant"], options["since"], options["until"])
        in_utf8()
        with translation.override("en"):
            for line in lines(connections, options["format"]):
                self.stdout.write(line, ending="")


def _chosen(slug: str | None, since: str | None, until: str | None) -> QuerySet[AgentConnection]:
    chosen = AgentConnection.objects.all()
    if slug is not None:
        chosen = chosen.filter(tenant=_tenant(slug))
    begins = _moment("--since", since) if since is not None else None
    ends = _moment("--until", until) if until is not None else None
    if begins and ends and begins >= ends:
        raise CommandError(f"--since {since} is not before --until {until}.")
    if begins:
        chosen = chosen.filter(received_at__gte=begins)
    if ends:
        chosen = chosen.filter(received_at__lt=ends)
    return chosen


def _tenant(slug: str) -> Tenant:
    try:
        return Tenant.objects.get(slug=slug)
    except Tenant.DoesNotExist:
        raise CommandError(f"There is no tenant “{slug}”.") from None


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(
            f"{option}: “{text}” is no date or time; write it as 2026-10-12 or "
            "2026-10-12T14:03:21Z."
        ) from None
