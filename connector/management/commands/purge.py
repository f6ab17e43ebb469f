"""./run purge: apply retention now."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from connector.audit.retention import Removed, begin_anew, purge
from connector.audit.retention_plan import plan
from connector.errors import ChainNotOurs
from connector.management.help import PortalCommand
from connector.models import Tenant

NOTES = """\
How long is kept what stands on each tenant's page (Retention), in days:
  bodies        what was posted, asked and answered, word for word
  events        the list of what senders posted
  connections   with their calls, their events and the customer's address
Age counts from the receipt, in whole hours. Connections that are open or not sealed yet stay as
they are. Counts per hour and the seals of the audit trail always stay: the trail says what was
removed up to when.

Rows go in small batches, so it may run beside everything else, and be stopped and started again.
The portal does the same by itself every hour. The file of an SQLite database does not shrink; what
became free in it is used again.

examples:
  ./run purge --dry-run                      say what would be removed, and change nothing
  ./run purge --tenant banco-sur
"""


class Command(PortalCommand):
    help = "Remove what is older than its tenant wants it kept. (It also happens by itself.)"
    notes = NOTES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="this tenant alone")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be removed, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenants, now = _chosen(options["tenant"]), timezone.now()
        if not tenants:
            self.stdout.write("There are no tenants.")
        elif options["dry_run"]:
            self._say_plan(tenants, now)
        else:
            self._purge(tenants, now)

    def _say_plan(self, tenants: list[Tenant], now: datetime) -> None:
        for tenant in tenants:
            found = plan(tenant, now)
            oldest = (found.oldest_connection, found.oldest_event, found.oldest_body)
            self._say(tenant, "would be removed", found.removed, oldest)
        self.stdout.write("This was a dry run: nothing was changed.")

    def _purge(self, tenants: list[Tenant], now: datetime) -> None:
        self.mistakes: list[str] = []
        total = Removed()
        begin_anew(tenants)
        try:
            for tenant in tenants:
                total += self._purge_one(tenant, now)
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. What was removed is gone; start it again to remove the rest."
            ) from None
        if self.mistakes:
            raise CommandError("\n".join(self.mistakes))
        self.stdout.write("Done." if total else "Done: nothing was old enough.")

    def _purge_one(self, tenant: Tenant, now: datetime) -> Removed:
        removed = Removed()
        try:
            for _, step in purge([tenant], now):
                removed += step
                self._show(f"{tenant.slug}: {_in_short(removed)}")
        except ChainNotOurs as exc:
            self.mistakes.append(str(exc))
        self._show("")
        self._say(tenant, "removed", removed)
        return removed

    def _show(self, text: str) -> None:
        """A line that the next one overwrites, where somebody looks on."""
        if self.stdout.isatty():
            self.stdout.write(f"\r\x1b[K{text}", ending="")
            self.stdout.flush()

    def _say(
        self,
        tenant: Tenant,
        what: str,
        removed: Removed,
        oldest: tuple[datetime | None, ...] = (None, None, None),
    ) -> None:
        if not removed:
            self.stdout.write(f"{tenant.slug}: nothing is old enough.")
            return
        self.stdout.write(f"{tenant.slug}:")
        for line in _lines(tenant, what, removed, oldest):
            self.stdout.write(f"  {line}")


def _chosen(slug: str | None) -> list[Tenant]:
    tenants = Tenant.objects.order_by("slug")
    if slug is None:
        return list(tenants)
    found = list(tenants.filter(slug=slug))
    if not found:
        raise CommandError(f"There is no tenant “{slug}”.")
    return found


def _lines(
    tenant: Tenant, what: str, removed: Removed, oldest: tuple[datetime | None, ...]
) -> Iterator[str]:
    calls = f" with {_counted(removed.attempts, 'call', 'calls')}" if removed.attempts else ""
    rows = (
        (_counted(removed.connections, "connection", "connections"), calls),
        (_counted(removed.events, "event", "events"), ""),
        (_counted(removed.bodies, "body", "bodies"), ""),
    )
    ages = (tenant.keep_connections_days, tenant.keep_events_days, tenant.keep_bodies_days)
    for (count, more), days, at in zip(rows, ages, oldest, strict=True):
        since = f"; the oldest is of {at:%Y-%m-%d}" if at else ""
        yield f"{count}{more} {what} (kept for {days} days{since})"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _in_short(removed: Removed) -> str:
    counted = (
        _counted(removed.connections, "connection", "connections"),
        _counted(removed.events, "event", "events"),
        _counted(removed.bodies, "body", "bodies"),
    )
    return f"{', '.join(counted)} ..."
