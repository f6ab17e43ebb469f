"""How values are shown: states, times, durations, ids, and what not everybody may read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from connector.domain import Reason, State
from connector.masking import without_address, without_addresses

NOTHING = "—"


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
    shown = date_format(local, _("j M, H:i:s") if this_year else _("j M Y, H:i:s"))
    return _time(at, shown)


def clock(at: datetime) -> SafeString:
    """The time of day alone, where the day is known."""
    return _time(at, date_format(timezone.localtime(at), "H:i:s"))


def _time(at: datetime, shown: str) -> SafeString:
    utc = at.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds")
    title = utc.replace("+00:00", " UTC")
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), title, shown)


def offset(span: timedelta) -> str:
    """`+7.6`: how many seconds after the event; what came before it has a minus."""
    value = round(abs(span).total_seconds(), 1)
    decimals = 0 if value == int(value) else 1
    shown = number_format(value, decimals, use_l10n=True, force_grouping=True)
    return f"{'−' if span < timedelta(0) else '+'}{shown}"


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


def readable_body(body: str, *, external_id: str = "", hide: bool) -> str:
    """A body laid out to be read; with `hide`, without the address of Lynn's customer.

    It may have been cut off when it was stored, so it need not be JSON any more.
    """
    text = _laid_out(body, hide=hide)
    return without_address(text, external_id) if hide else text


def _laid_out(body: str, *, hide: bool) -> str:
    try:
        content: Any = json.loads(body)
        content = without_addresses(content) if hide else content
        return json.dumps(content, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
