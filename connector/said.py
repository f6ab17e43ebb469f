"""What went wrong with a call or an event, in the reader's language.

Workers and the webhook write it down in English, where it happens; what other systems said stays
as it was.
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
    gettext_noop("%(host)s answered %(status)s: client id and secret were not accepted"),
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
    gettext_noop("%(host)s answered %(status)s: several agents cannot be asked for at once"),
    gettext_noop("%(host)s answered %(status)s: the token was not accepted any more"),
    gettext_noop("nothing was sent: this worker had too much to do"),
    gettext_noop("shadow mode: this would have been sent"),
    gettext_noop("the connection had moved on before this answer came"),
    gettext_noop("Genesys answered without a name"),
    gettext_noop("Genesys answers for one agent, but not for several at once"),
    gettext_noop("Genesys asked us to wait"),
    gettext_noop("Genesys' call limit is used up"),
    gettext_noop("the token is being renewed"),
    gettext_noop("no answer since %(moment)s; the last: %(last)s"),
    gettext_noop("%(in_a_row)d deliveries in a row failed; the last: %(last)s"),
    gettext_noop(
        "%(failures)d of %(counted)d deliveries within 5 minutes failed; the last: %(last)s"
    ),
)
# Why an event was refused, in the words of events.py and webhook.py.
REFUSALS = (
    gettext_noop("The JSON is nested deeper than %(limit)s levels."),
    gettext_noop("The body is not JSON; what is wrong begins at line %(line)s, column %(column)s."),
    gettext_noop("The body is not JSON in UTF-8."),
    gettext_noop("The body is JSON, but not an object."),
    gettext_noop("The body is larger than %(limit)s bytes."),
    gettext_noop("The tenant %(tenant)s is switched off."),
    gettext_noop("Send the event with Content-Type: application/json."),
    gettext_noop("Send the event as it is, not compressed."),
    gettext_noop("%(field)s is not an object."),
    gettext_noop("The event cannot be used: %(mistakes)s."),
)
MISTAKES = (
    gettext_noop("%(field)s is required"),
    gettext_noop("%(field)s is longer than %(limit)s characters"),
    gettext_noop("%(field)s contains characters that are no text"),
    gettext_noop("%(field)s must be a number of milliseconds"),
    gettext_noop("%(field)s must be a text"),
    gettext_noop("%(field)s must be a time in milliseconds since 1970"),
)
SHAPES = {
    "status": r"\d{3}",
    "why": ".*",
    "last": ".*",
    "mistakes": ".*",
    "moment": r"[-:\d ]+ UTC",
}
NUMBERS = ("in_a_row", "failures", "counted")


def in_readers_words(said: str) -> str:
    """As it is, where it is none of the portal's own phrases."""
    return _translated(said, _PATTERNS)


def refusal_in_readers_words(said: str) -> str:
    """The same for what was wrong with a refused event."""
    return _translated(said, _REFUSALS)


def _translated(said: str, patterns: "_Patterns") -> str:
    return next(_translations(said, patterns), said)


def _translations(said: str, patterns: "_Patterns") -> Iterator[str]:
    for phrase, pattern in patterns:
        if found := pattern.fullmatch(said):
            yield gettext(phrase) % {name: _value(name, found[name]) for name in found.groupdict()}


def _value(name: str, text: str) -> str | int:
    """What went wrong last, and the mistakes of an event, are phrases within another."""
    if name == "last":
        return in_readers_words(text)
    if name == "mistakes":
        return ", ".join(_translated(each, _MISTAKES) for each in text.split(", "))
    return int(text) if name in NUMBERS else text


def _pattern(phrase: str) -> re.Pattern[str]:
    """A place holder stands for one word, unless SHAPES says otherwise."""
    words, *rest = re.split(r"%\((\w+)\)[sd]", phrase)
    pattern = re.escape(words)
    for name, words in zip(rest[::2], rest[1::2], strict=True):
        shape = r"\d+" if name in NUMBERS else SHAPES.get(name, r"\S+")
        pattern += f"(?P<{name}>{shape})" + re.escape(words)
    return re.compile(pattern, re.DOTALL)


_Patterns = list[tuple[str, re.Pattern[str]]]
_PATTERNS, _REFUSALS, _MISTAKES = (
    [(phrase, _pattern(phrase)) for phrase in phrases] for phrases in (PHRASES, REFUSALS, MISTAKES)
)
