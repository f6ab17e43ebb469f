"""./run verifyaudit: proves that the audit trail is as the portal wrote it."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import translation

from connector.audit.seal import accept_end
from connector.audit.verify import Fault, Report, noted, verify
from connector.management.help import PortalCommand
from connector.models import Tenant

EXAMPLES = """\
Each final connection, with all that was asked and answered for it, has a seal in its tenant's
chain within seconds. The end of the chain is signed with a key from PORTAL_FIELD_KEYS, which is
not in the database. Somebody who can write to the database but does not have the keys can change
nothing that is sealed without being found out here.

What nobody can see from a database alone is that all of it was put back to an older copy. So note
down the number and link that are printed, somewhere else, and have them looked for with --noted.

If a key was lost for good, nothing is added to chains that were signed with it. Compare what you
noted down, then let --sign-anew sign the end with the first of the present keys.

examples:
  ./run verifyaudit
  ./run verifyaudit --tenant banco-sur
  ./run verifyaudit --tenant banco-sur --noted 48211:9f2c51d07a6be3d4
"""


class Command(PortalCommand):
    help = "Prove that nobody edited, removed or reordered the audit trail, or name what is wrong."
    notes = EXAMPLES

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="this tenant alone")
        parser.add_argument(
            "--noted",
            metavar="NUMBER:LINK",
            help="an end of the chain that was printed before, which must still be there",
        )

        parser.add_argument(
            "--sign-anew",
            action="store_true",
            help="the key that signed the end is lost: sign it with the first of the present keys",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["sign_anew"] and not options["tenant"]:
            raise CommandError("--sign-anew is about one tenant; name it with --tenant.")
        tenants = _tenants(options["tenant"])
        wanted = _noted(options["noted"], options["tenant"]) if options["noted"] else None
        faults = []
        with translation.override("en"):
            for tenant in tenants:
                report = verify(tenant)
                fault = noted(tenant, *wanted) if wanted else None
                fault = fault or report.fault
                if options["sign_anew"] and fault:
                    fault = _sign_anew(report, fault)
                self.stdout.write(_bad(tenant, fault) if fault else _good(report))
                faults += [fault] if fault else []
        if faults:
            raise CommandError("The audit trail is not as the portal wrote it.")


def _tenants(slug: str | None) -> list[Tenant]:
    everyone = Tenant.objects.order_by("slug")
    tenants = list(everyone if slug is None else everyone.filter(slug=slug))
    if slug is not None and not tenants:
        raise CommandError(f"There is no tenant “{slug}”.")
    return tenants


def _noted(text: str, slug: str | None) -> tuple[int, str]:
    number, _, link = text.partition(":")
    if not slug:
        raise CommandError("--noted is about one tenant; name it with --tenant.")
    if not number.isdecimal() or len(link) < 8 or len(number) > 18:
        raise CommandError(f"--noted: “{text}” is not a number, a colon and a link as printed.")
    return int(number), link


def _sign_anew(report: Report, fault: Fault) -> Fault | None:
    """None if all is well now."""
    if not fault.is_unsigned:
        return fault
    link = bytes.fromhex(report.link)
    return None if accept_end(report.tenant, report.number, link) else fault


def _bad(tenant: Tenant, fault: Fault) -> str:
    return f"{tenant.slug}: WRONG: {fault}"


def _good(report: Report) -> str:
    parts = [
        _plural(report.connections, "connection") + _span(report.since, report.until),
        f"{report.sealed_again} sealed again after they were reopened"
        if report.sealed_again
        else "",
        f"{report.removed} removed by retention" if report.removed else "",
        f"{report.without_bodies} without bodies by retention" if report.without_bodies else "",
        f"{report.unsealed} not sealed yet",
        f"chain ends with {report.number}:{report.link}" if report.number else "no chain yet",
    ]
    return f"{report.tenant.slug}: ok: " + ", ".join(filter(None, parts))


def _span(since: datetime | None, until: datetime | None) -> str:
    return f" from {_moment(since)} to {_moment(until)}" if since and until else ""


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
