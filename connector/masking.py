"""What not everybody may read: the address of Lynn's customer, in whatever text it stands."""

import json
import re
from typing import Any
from urllib.parse import quote

HIDDEN = "••••"
SHORTEST = 4  # what is shorter stands in too many words that are no address

# The keys under which events, and what we tell Lynn, hold the address of Lynn's customer, or the
# number of one who calls.
_KEYS = ("addressTo", "addressFrom", "externalId", "to", "from", "ani", "dnis")
_LOWER_KEYS = frozenset(key.lower() for key in _KEYS)
# In JSON, also such as was cut off or stands as a text within JSON, where quotes are escaped.
_PERSONAL = re.compile(
    rf'("(?:{"|".join(_KEYS)})\\*"\s*:\s*(?:\[\s*)?)'
    r'(?:(")((?:[^"\\]|\\.)*)|(\\+")([^"\\]*)|([^\s",\[\]{}\\]+))',
    re.IGNORECASE,
)


def masked(value: str) -> str:
    """The first and last two characters; of a short text nothing."""
    if not value:
        return ""
    return f"{value[:2]}{HIDDEN}{value[-2:]}" if len(value) > 6 else HIDDEN


def without_address(text: str, external_id: str) -> str:
    """The text with this address masked, and with whatever JSON calls an address."""
    text = _PERSONAL.sub(_mask_value, text)
    for spelling in _spellings(external_id):
        text = text.replace(spelling, masked(spelling))
    return text


def without_addresses(content: Any) -> Any:
    """The same for JSON that was read: of an address that has parts, each is masked."""
    if isinstance(content, dict):
        return {
            key: _all_masked(value) if key.lower() in _LOWER_KEYS else without_addresses(value)
            for key, value in content.items()
        }
    return [without_addresses(each) for each in content] if isinstance(content, list) else content


def _spellings(external_id: str) -> list[str]:
    """As it is, in JSON, in an address, and as a number without the plus; the longest first."""
    plain = external_id.removeprefix("+")
    found = {external_id, json.dumps(external_id)[1:-1], quote(external_id, safe=""), plain}
    return sorted((each for each in found if len(each) >= SHORTEST), key=len, reverse=True)


def _mask_value(match: re.Match[str]) -> str:
    key, quoted, text, escaped, inner, bare = match.groups()
    if bare is not None:
        return match[0] if bare in ("null", "true", "false") else f'{key}"{masked(bare)}"'
    return f"{key}{quoted or escaped}{masked(text if quoted else inner)}"


def _all_masked(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _all_masked(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_all_masked(each) for each in content]
    if content is None or isinstance(content, bool):
        return content
    return masked(str(content))
