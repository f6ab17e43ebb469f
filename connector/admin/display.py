"""How values are shown: states, times, durations, ids, and what not everybody may read."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from connector.domain import Reason, State

NOTHING = "—"
HIDDEN = "••••"

# The keys under which events, and what we tell Lynn, hold the address of Lynn's customer.
_PERSONAL = re.compile(
    r'("(?:addressTo|addressFrom|externalId|to|from)"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s",\[\]{}]+)',
    re.IGNORECASE,
)


def state_badge(state: str) -> SafeString:
    """Colour never stands alone: the badge holds the word."""
    return badge(state.replace("_", "-"), State(state).label)


def badge(tone: str, words: object) -> SafeString:
    return format_html('<span class="badge badge-{}">{}</span>', tone, words)


def moment(at: datetime | None) -> SafeString | str:
    """A time in the reader's zone, with UTC for whoever hovers over it."""
    if at is None:
        return NOTHING
    local = timezone.localtime(at)
    this_year = local.year == timezone.localtime().year
    shown = date_format(local, "j M, H:i:s" if this_year else "j M Y, H:i:s")
    utc = at.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", " UTC")
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), utc, shown)


def seconds(span: timedelta) -> str:
    """`7.6 s`, in the reader's own way of writing numbers; whole numbers have no decimals."""
    return f"{_number(span)} s"


def offset(span: timedelta) -> str:
    """`+7.6`: how long after the event; what came before it has a minus."""
    return f"{'−' if span < timedelta(0) else '+'}{_number(abs(span))}"


def _number(span: timedelta) -> str:
    value = round(span.total_seconds(), 1)
    return number_format(value, decimal_pos=0 if value == int(value) else 1)


def identifier(value: str) -> SafeString | str:
    """The first characters of a long id, all of it for whoever hovers over it."""
    if not value:
        return NOTHING
    shown = f"{value[:8]}…" if len(value) > 12 else value
    return format_html('<code title="{}">{}</code>', value, shown)


def reason_words(reason: str) -> str:
    """A reason in words; one that has none is at least readable."""
    if reason in Reason.values:
        return str(Reason(reason).label)
    return reason.replace("_", " ").capitalize()


def masked(value: str) -> str:
    """The first and last two characters; of a short text nothing."""
    if not value:
        return ""
    return f"{value[:2]}{HIDDEN}{value[-2:]}" if len(value) > 6 else HIDDEN


def readable_body(body: str, *, external_id: str = "", hide: bool) -> str:
    """A body laid out to be read; with `hide`, without the address of Lynn's customer.

    It may have been cut off when it was stored, so it need not be JSON any more.
    """
    text = _laid_out(body)
    if not hide:
        return text
    text = _PERSONAL.sub(_mask_value, text)
    if len(external_id) > 3:
        for spelling in {external_id, json.dumps(external_id)[1:-1]}:
            text = text.replace(spelling, masked(external_id))
    return text


def _laid_out(body: str) -> str:
    try:
        content: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return json.dumps(content, indent=2, ensure_ascii=False)


def _mask_value(match: re.Match[str]) -> str:
    if match[2] in ("null", "true", "false", '""'):
        return match[0]
    return f'{match[1]}"{masked(match[2].strip(chr(34)))}"'
