"""The kinds of boxes that a tenant's form is made of."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from connector.config.fields import HEADER_NAME, OUR_HEADERS, legal_header_value


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


class TidyField(forms.CharField):
    """A name in lower case, however it was typed."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value) or "").lower()


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


def _is_legal(header_value: str) -> bool:
    try:
        legal_header_value(header_value)
    except ValidationError:
        return False
    return True
