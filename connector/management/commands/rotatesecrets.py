"""./run rotatesecrets: put every stored secret under the first of PORTAL_FIELD_KEYS."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import translation

from connector.audit import seal
from connector.errors import ChainNotOurs
from connector.management.help import PortalCommand
from connector.rotation import Rotated, rotate

NOTES = """\
To change the key without a pause:
  1. put the new key behind the old one in PORTAL_FIELD_KEYS (old,new) and restart every process,
     so that all of them can read what the new key encrypts;
  2. put the new key first (new,old) and restart every process;
  3. run this, until it says that nothing was left to do;
  4. take the old key out of the list and restart every process.

It may run beside everything else, and be stopped and started again. The end of each tenant's audit
chain is signed with the first key, too. Each tenant's Genesys token is fetched anew once.
"""


class Command(PortalCommand):
    help = "Encrypt every stored secret anew, with the first key of PORTAL_FIELD_KEYS."
    notes = NOTES

    def handle(self, *args: Any, **options: Any) -> None:
        total = Rotated()
        try:
            with translation.override("en"):
                for done in rotate():
                    total += done
                    self._show(f"{total.changed:,} encrypted anew ...")
            self._show("")
            mistakes = [*_unreadable(total), *_sign_chains()]
        except KeyboardInterrupt:
            raise CommandError("Stopped. Start it again to do the rest.") from None
        if mistakes:
            self.stdout.write(_so_far(total))
            raise CommandError("\n".join(mistakes))
        self.stdout.write(_in_words(total))

    def _show(self, text: str) -> None:
        """A line that the next one overwrites, where somebody looks on."""
        if self.stdout.isatty():
            self.stdout.write(f"\r\x1b[K{text}", ending="")
            self.stdout.flush()


def _sign_chains() -> list[str]:
    try:
        seal.sign_again()
    except ChainNotOurs as exc:
        return [str(exc)]
    return []


def _so_far(total: Rotated) -> str:
    return (
        f"Not all is done: {total.changed:,} secrets encrypted anew, {total.unchanged:,} were "
        "under the first key already."
    )


def _in_words(total: Rotated) -> str:
    if not total.changed:
        return "Nothing was left to do: " + (
            f"{total.unchanged:,} secrets are under the first key already."
            if total.unchanged
            else "no secret is stored."
        )
    return (
        f"Done: {total.changed:,} secrets encrypted anew, {total.unchanged:,} were under the "
        "first key already. Run it again to be sure that none was stored with an old key meanwhile."
    )


def _unreadable(total: Rotated) -> list[str]:
    if not total.unreadable:
        return []
    remedy = (
        "Put the key that they were stored with back into the list and run this again, or enter "
        "them anew on the tenant's page."
    )
    names = [f"  {name}" for name in total.unreadable]
    return ["None of PORTAL_FIELD_KEYS decrypts these, which stay as they are:", *names, remedy]
