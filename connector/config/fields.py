"""Single values of the configuration file, read more strictly than Django REST framework does."""

import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

# HTTP (RFC 9110, 5.1 and 5.5), without the obsolete bytes above ASCII.
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OUR_HEADERS = frozenset(
    {"connection", "content-length", "content-type", "host", "idempotency-key", "transfer-encoding"}
)

legal_header_value = RegexValidator(
    r"\A[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z",
    "A header's value holds visible ASCII characters, with spaces only between them.",
)
sendable_token = RegexValidator(
    r"\A[\x21-\x7e]+\Z", "A webhook token holds visible ASCII characters and no spaces."
)


class Text(serializers.CharField):
    """Text alone: of 0123, YAML makes the number 83. Null is empty text where that is allowed."""

    default_error_messages = {"invalid": "This has to be text; put it in quotes."}

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation("" if data is None and self.allow_blank else data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)

    def to_representation(self, value: str) -> str:
        """As it would be read again: Genesys lets queues have names that end in a space."""
        text = str(super().to_representation(value))
        return text.strip() if self.trim_whitespace else text


class Address(Text):
    """Shown as null where there is none."""

    def to_representation(self, value: str) -> str | None:  # type: ignore[override]
        return super().to_representation(value) or None


class Seconds(serializers.FloatField):
    default_error_messages = {"invalid": "This has to be a number of seconds."}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return super().to_internal_value(data)

    def to_representation(self, value: float) -> float:  # type: ignore[override]
        return int(value) if value == int(value) else value


class Choice(serializers.ChoiceField):
    def __init__(self, choices: Iterable[Any], **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)  # type: ignore[arg-type]
        known = ", ".join(str(choice) for choice in self.choices)
        self.error_messages["invalid_choice"] = f"“{{input}}” is none of: {known}."


class MediaTypes(serializers.JSONField):
    """Names in any case; each once."""

    default_error_messages = {"no_list": "This has to be a list, such as [message]."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, list):
            self.fail("no_list")
        return list(dict.fromkeys(str(name).lower() for name in data))


class SecretText(Text):
    """A plain text, `{env: NAME}` or `{file: PATH}`; the file is relative to context["folder"]."""

    default_error_messages = {
        "invalid": "This has to be text, {{env: NAME}} or {{file: PATH}}.",
        "no_variable": "The environment has no variable {name}, or it is empty.",
        "no_file": "The file {path} cannot be read, or it is empty.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(self._fetched(data) if isinstance(data, dict) else data)

    def _fetched(self, reference: dict[Any, Any]) -> str:
        match reference:
            case {"env": str(name)} if len(reference) == 1:
                return os.environ.get(name) or self.fail("no_variable", name=name)
            case {"file": str(path)} if len(reference) == 1:
                return self._from_file(path) or self.fail("no_file", path=path)
            case _:
                return self.fail("invalid")

    def _from_file(self, path: str) -> str:
        folder: Path = self.context["folder"]
        try:
            return (folder / path).read_text("utf-8-sig").strip()
        except (OSError, ValueError):
            return ""


def legal_header_names(headers: Mapping[str, str]) -> None:
    mistakes = {}
    names = [name.lower() for name in headers]
    for name in headers:
        if not HEADER_NAME.fullmatch(name):
            mistakes[name] = ["This is no legal name of an HTTP header."]
        elif name.lower() in OUR_HEADERS:
            mistakes[name] = ["The portal sets this header itself."]
        elif names.count(name.lower()) > 1:
            mistakes[name] = ["This header stands here twice; case makes no difference."]
    if mistakes:
        raise ValidationError(mistakes)
