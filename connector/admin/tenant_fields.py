"""The fields of a tenant's form: what people paste is understood, what is secret is not shown."""

import re
import zoneinfo
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from connector.config.fields import HEADER_NAME, OUR_HEADERS, legal_header_value

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ZONES = frozenset(zoneinfo.available_timezones())
SIDES = re.compile(r"\A(?:apps|api|login)\.(?=[^.]+\.)")  # of a Genesys Cloud address


class Suggestions(forms.TextInput):
    """A text box that suggests values and takes any other, too."""

    template_name = "connector/suggestions.html"

    def __init__(self, suggestions: tuple[tuple[str, str], ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.suggestions = suggestions

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        list_id = f"{name}-suggestions"
        context = super().get_context(name, value, {**(attrs or {}), "list": list_id})
        return {**context, "list_id": list_id, "suggestions": self.suggestions}


class RegionField(forms.CharField):
    """A domain; that of an address is taken where somebody pastes the one that they sign in at."""

    def to_python(self, value: Any) -> str:
        typed = str(super().to_python(value) or "").lower()
        return SIDES.sub("", _host(typed)) if "://" in typed else typed.removeprefix("apps.")


class TimeZoneField(forms.CharField):
    """The name of a time zone; that of a city will do where only one zone is called so."""

    def to_python(self, value: Any) -> str:
        typed = str(super().to_python(value) or "")
        if typed in ZONES:
            return typed
        city = typed.replace(" ", "_").lower()
        found = [zone for zone in ZONES if zone.lower() in (city, f"america/{city}")]
        found = found or [zone for zone in ZONES if zone.lower().endswith(f"/{city}")]
        return found[0] if len(found) == 1 else typed


class QueueIdField(forms.CharField):
    """The id of a queue, also out of the address of its page; what was stored before stays."""

    def to_python(self, value: Any) -> str:
        typed = str(super().to_python(value) or "").lower()
        found = UUID.findall(typed)
        return str(found[-1]) if found else typed


class WriteOnlyField(forms.CharField):
    """Never shows what is stored or was typed; left empty, it changes nothing."""

    def prepare_value(self, value: Any) -> str:
        return ""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data and str(data).strip())


class HeadersField(WriteOnlyField):
    """HTTP headers, `Name: value`, one a line; cleans to a dictionary."""

    widget = forms.Textarea

    def clean(self, value: Any) -> Any:
        headers: dict[str, str] = {}
        for line in filter(None, (line.strip() for line in super().clean(value).splitlines())):
            name, content = self._parsed(line)
            if name.lower() in {known.lower() for known in headers}:
                raise forms.ValidationError(
                    gettext("“%(name)s” stands here twice.") % {"name": name}
                )
            headers[name] = content
        return headers

    @staticmethod
    def _parsed(line: str) -> tuple[str, str]:
        name, colon, content = (part.strip() for part in line.partition(":"))
        if not (colon and HEADER_NAME.fullmatch(name) and _is_legal(content)):
            # The line itself is not repeated: it may hold a secret.
            raise forms.ValidationError(
                gettext(
                    "Write each header as “Name: value” on a line of its own, in plain letters, "
                    "digits and signs (ASCII)."
                )
            )
        if name.lower() in OUR_HEADERS:
            raise forms.ValidationError(
                gettext("“%(name)s” is set by the portal itself.") % {"name": name}
            )
        return name, content


class SecondsField(forms.FloatField):
    """Whole seconds have no decimals."""

    def prepare_value(self, value: Any) -> Any:
        return int(value) if isinstance(value, float) and value.is_integer() else value


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or address
    except ValueError:
        return address


def _is_legal(header_value: str) -> bool:
    try:
        legal_header_value(header_value)
    except ValidationError:
        return False
    return True
