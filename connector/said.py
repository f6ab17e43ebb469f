"""What went wrong with a call, in the reader's language.

Workers write it down in English, where it happens; what other systems said stays as it was.
"""

import re
from collections.abc import Iterator

from django.utils.translation import gettext, gettext_noop

PHRASES = (
    gettext_noop("%(host)s answered %(status)s"),
    gettext_noop("%(host)s answered %(status)s with something that cannot be read"),
    gettext_noop("%(host)s answered %(status)s with something that is not JSON"),
    gettext_noop("%(host)s answered %(status)s with something that is no agent status"),
    gettext_noop("%(host)s answered %(status)s with something that is no list of queues"),
    gettext_noop("%(host)s answered %(status)s without a token"),
    gettext_noop("%(host)s answered %(status)s, a redirect, which is never followed"),
    gettext_noop("%(host)s answered %(status)s: a permission is missing"),
    gettext_noop("%(host)s answered %(status)s: Genesys knows no such agent"),
    gettext_noop("%(host)s answered %(status)s: no reason given"),
    gettext_noop("%(host)s answered %(status)s: the token was not accepted"),
    gettext_noop(
        "%(host)s answered %(status)s: client id and secret were not accepted; check client id, "
        "secret and region (a wrong region looks the same)"
    ),
    gettext_noop("%(host)s answered with something that is not HTTP"),
    gettext_noop("%(host)s could not be reached within %(time)s s"),
    gettext_noop("%(host)s did not answer in time"),
    gettext_noop("%(host)s has no valid certificate (%(why)s)"),
    gettext_noop("no encrypted connection to %(host)s (%(why)s)"),
    gettext_noop("the connection to %(host)s failed (%(why)s)"),
    gettext_noop("the name %(host)s could not be resolved (%(why)s)"),
    gettext_noop(
        "%(host)s is at %(address)s, which is not a public address; if it is meant, add its "
        "network to PORTAL_ALLOWED_UPSTREAMS."
    ),
    gettext_noop(
        "%(host)s would be reached by plain http; use https, or add its network to "
        "PORTAL_ALLOWED_UPSTREAMS."
    ),
    gettext_noop(
        "nothing was sent to %(host)s: its address or a header of the call holds what HTTP does "
        "not allow"
    ),
    gettext_noop(
        "A stored secret cannot be read with any of PORTAL_FIELD_KEYS; put the key that it was "
        "stored with back, or enter the secret again."
    ),
    gettext_noop("Genesys asked us to wait"),
    gettext_noop("Genesys' call limit is used up"),
    gettext_noop("the token is being renewed"),
    gettext_noop("no answer since %(moment)s; the last: %(last)s"),
    gettext_noop("%(in_a_row)d deliveries in a row failed; the last: %(last)s"),
    gettext_noop(
        "%(failures)d of %(counted)d deliveries within 5 minutes failed; the last: %(last)s"
    ),
)
SHAPES = {"status": r"\d{3}", "why": ".*", "last": ".*", "moment": r"[-:\d ]+ UTC"}
NUMBERS = ("in_a_row", "failures", "counted")


def in_readers_words(said: str) -> str:
    """As it is, where it is none of the portal's own phrases."""
    return next(_translations(said), said)


def _translations(said: str) -> Iterator[str]:
    for phrase, pattern in _PATTERNS:
        if found := pattern.fullmatch(said):
            yield gettext(phrase) % {name: _value(name, found[name]) for name in found.groupdict()}


def _value(name: str, text: str) -> str | int:
    """What went wrong last is told in the middle of another phrase."""
    if name == "last":
        return in_readers_words(text)
    return int(text) if name in NUMBERS else text


def _pattern(phrase: str) -> re.Pattern[str]:
    """A place holder stands for one word, unless SHAPES says otherwise."""
    words, *rest = re.split(r"%\((\w+)\)[sd]", phrase)
    pattern = re.escape(words)
    for name, words in zip(rest[::2], rest[1::2], strict=True):
        shape = r"\d+" if name in NUMBERS else SHAPES.get(name, r"\S+")
        pattern += f"(?P<{name}>{shape})" + re.escape(words)
    return re.compile(pattern, re.DOTALL)


_PATTERNS = [(phrase, _pattern(phrase)) for phrase in PHRASES]
