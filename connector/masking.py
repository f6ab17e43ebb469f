"""What not everybody may read: the address of Lynn's customer, in whatever text it stands."""

import json
import re

HIDDEN = "••••"

# The keys under which events, and what we tell Lynn, hold the address of Lynn's customer.
_PERSONAL = re.compile(
    r'("(?:addressTo|addressFrom|externalId|to|from)"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s",\[\]{}]+)',
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
    if len(external_id) > 3:
        for spelling in {external_id, json.dumps(external_id)[1:-1]}:
            text = text.replace(spelling, masked(external_id))
    return text


def _mask_value(match: re.Match[str]) -> str:
    if match[2] in ("null", "true", "false", '""'):
        return match[0]
    return f'{match[1]}"{masked(match[2].strip(chr(34)))}"'
