"""Five shapes of JSON in, one of UserStart, AcdEnd, UserEnd, Unused out. Pure.

Genesys events: every field is optional, enums come in upper or lower case, times in ms;
a body composed in an Architect workflow holds numbers as strings and empty values.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connector.errors import InvalidEvent

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20
MAX_ID = 100
USER_START, ACD_END, USER_END = "user.start", "acd.end", "user.end"

# Genesys detail events, user.end: any of these may be missing, and a user.start has none of them.
_OF_ENDS = (
    "disconnectType",
    "interactingDurationMs",
    "heldDurationMs",
    "alertingDurationMs",
    "contactingDurationMs",
    "dialingDurationMs",
    "callbackDurationMs",
)
# No Unix time in ms that concerns us is this small, and none in seconds this large.
_SECONDS_BELOW = 100_000_000_000
# Outside of these a time is a mistake, and at the ends of the calendar sums with it fail.
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class _Leg:
    """What all detail events of one leg of a conversation have in common.

    Absent values are empty strings or None; `media_type` is lower case, `event_time` aware UTC.
    """

    topic: str
    conversation_id: str
    user_id: str
    session_id: str = ""
    participant_id: str = ""
    queue_id: str = ""
    media_type: str = ""
    provider: str = ""
    external_id: str = ""
    event_time: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class UserStart(_Leg):
    """A conversation is offered to an agent: it rings, or was answered by itself."""


@dataclass(frozen=True, kw_only=True)
class AcdEnd(_Leg):
    """The queue let go of the conversation; `user_id` is who answered, if `answered`.

    Its session and participant are those of the queue's own leg, so they are left empty.
    """

    outcome: str

    @property
    def answered(self) -> bool:
        return self.outcome == "answered"


@dataclass(frozen=True, kw_only=True)
class UserEnd(_Leg):
    """The agent's leg is over. `interacted` is None where the event does not say."""

    interacted: bool | None


@dataclass(frozen=True, kw_only=True)
class Unused:
    """Nothing that the portal acts on; `reason` says why in one word."""

    topic: str
    reason: str


Event = UserStart | AcdEnd | UserEnd | Unused


def parse(body: bytes) -> Event:
    """Read what a sender posted; raises InvalidEvent, and nothing else, whatever it was."""
    content = _decode(body)
    topic, fields = _unwrap(content)
    kind = _kind(topic, fields)
    if kind is None:
        heartbeat = topic.lower() == "channel.metadata"
        return Unused(topic=topic[:255], reason="heartbeat" if heartbeat else "topic_not_used")
    return _PARSERS[kind](topic or kind, _Fields(fields))


def _decode(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
    except RecursionError:
        raise InvalidEvent(f"The JSON is nested deeper than {MAX_DEPTH} levels.") from None
    except json.JSONDecodeError as exc:
        place = f"line {exc.lineno}, column {exc.colno}"
        raise InvalidEvent(f"The body is not JSON; what is wrong begins at {place}.") from None
    except ValueError:
        raise InvalidEvent("The body is not JSON in UTF-8.") from None
    if not isinstance(content, dict):
        raise InvalidEvent("The body is JSON, but not an object.")
    if _is_deeper_than(content, MAX_DEPTH):
        raise InvalidEvent(f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _is_deeper_than(content: object, limit: int) -> bool:
    level = [content]
    for _ in range(limit):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return any(isinstance(node, dict | list) for node in level)


def _children(node: object) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _unwrap(content: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Peel envelope and notification off; returns the topic ("" for none) and the event's body."""
    topic = _topic(content)
    if "detail" in content and ("detail-type" in content or "source" in content):
        inner_topic, body = _unwrap(_object(content, "detail"))
        return inner_topic or topic, body
    if "eventBody" in content:
        return topic, _object(content, "eventBody")
    return topic, content


def _topic(content: Mapping[str, Any]) -> str:
    for name in ("topicName", "topic", "eventName", "detail-type"):
        value = content.get(name)
        if isinstance(value, str) and value.strip():
            return _printable(value.strip())
    return ""


def _object(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = content[name]
    if not isinstance(value, dict):
        raise InvalidEvent(f"{name} is not an object.", {name: "must be an object"})
    return value


def _kind(topic: str, fields: Mapping[str, Any]) -> str | None:
    """Which of our three topics this is; None for any other one.

    Genesys detail events: only acd.end has an outcome and only what has ended has durations, so
    a body without a topic still tells which it is; with neither it is a user.start.
    """
    if not topic:
        if _has(fields, "acdOutcome") or _has(fields, "answeredUserId"):
            return ACD_END
        return USER_END if any(_has(fields, name) for name in _OF_ENDS) else USER_START
    dotted = "." + topic.lower()
    return next((kind for kind in _PARSERS if dotted.endswith("." + kind)), None)


def _has(fields: Mapping[str, Any], name: str) -> bool:
    return fields.get(name) not in (None, "")


class _Fields:
    """Reads fields one by one, notes what is wrong with each, complains about all at once."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.wrong: dict[str, str] = {}

    def text(self, name: str, *, required: bool = False, limit: int = MAX_ID) -> str:
        return self.verbatim(name, required=required, limit=limit).strip()

    def verbatim(self, name: str, *, required: bool = False, limit: int) -> str:
        """A text with its spaces, unless it consists of nothing else."""
        value = self.fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if value is None or value == "":
            value = ""
        elif not isinstance(value, str):
            return self._complain(name, "must be a text")
        if not value.strip():
            value = ""
        if value != _printable(value):
            return self._complain(name, "contains characters that are no text")
        if len(value) > limit:
            return self._complain(name, f"is longer than {limit} characters")
        if required and not value:
            return self._complain(name, "is required")
        return value

    def identifier(self, name: str, *, required: bool = False) -> str:
        if isinstance(self.fields.get(name), int | float):
            return self._complain(name, "must be a text")
        return self.text(name, required=required)

    def time(self, name: str) -> datetime | None:
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        try:
            return _time(value)
        except (ValueError, OverflowError, OSError, TypeError):
            self._complain(name, "must be a time in milliseconds since 1970")
            return None

    def milliseconds(self, name: str) -> int | None:
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        try:
            return max(0, int(_number(value)))
        except (ValueError, OverflowError, TypeError):
            self._complain(name, "must be a number of milliseconds")
            return None

    def complain_if_wrong(self) -> None:
        if self.wrong:
            listed = ", ".join(f"{name} {what}" for name, what in self.wrong.items())
            raise InvalidEvent(f"The event cannot be used: {listed}.", self.wrong)

    def _complain(self, name: str, what: str) -> str:
        self.wrong[name] = what
        return ""


def _leg(fields: _Fields) -> dict[str, Any]:
    return {
        "conversation_id": fields.identifier("conversationId", required=True),
        "queue_id": fields.identifier("queueId"),
        # Some letters of other alphabets become two in lower case.
        "media_type": fields.text("mediaType").lower()[:MAX_ID],
        "provider": fields.verbatim("provider", limit=255),
        # The external id is whatever Lynn's side chose: an arbitrary text of any length.
        "external_id": fields.verbatim("addressTo", limit=MAX_BYTES)
        or fields.verbatim("to", limit=MAX_BYTES),
        "event_time": fields.time("eventTime"),
    }


def _user_start(topic: str, fields: _Fields) -> UserStart:
    leg = _leg(fields) | _agent(fields, required=True)
    fields.complain_if_wrong()
    return UserStart(topic=topic[:255], **leg)


def _user_end(topic: str, fields: _Fields) -> UserEnd:
    leg = _leg(fields) | _agent(fields, required=False)
    interacting = fields.milliseconds("interactingDurationMs")
    held = fields.milliseconds("heldDurationMs")
    fields.complain_if_wrong()
    known = interacting is not None or bool(held)
    interacted = bool(interacting or held) if known else None
    return UserEnd(topic=topic[:255], interacted=interacted, **leg)


def _acd_end(topic: str, fields: _Fields) -> AcdEnd:
    outcome = fields.text("acdOutcome").lower()
    user_id = fields.identifier("answeredUserId", required=outcome == "answered")
    leg = _leg(fields)
    fields.complain_if_wrong()
    return AcdEnd(topic=topic[:255], user_id=user_id, outcome=outcome, **leg)


def _agent(fields: _Fields, *, required: bool) -> dict[str, str]:
    return {
        "user_id": fields.identifier("userId", required=required),
        "session_id": fields.identifier("sessionId"),
        "participant_id": fields.identifier("participantId"),
    }


_PARSERS: dict[str, Callable[[str, _Fields], UserStart | AcdEnd | UserEnd]] = {
    USER_START: _user_start,
    ACD_END: _acd_end,
    USER_END: _user_end,
}


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _time(value: object) -> datetime:
    moment = _moment(value)
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError("not of our time")
    return moment


def _moment(value: object) -> datetime:
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[T ]", value.strip()):
        moment = datetime.fromisoformat(value.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    number = _number(value)
    seconds = number if number < _SECONDS_BELOW else number / 1000
    return datetime.fromtimestamp(seconds, UTC)


def _printable(text: str) -> str:
    """The text without what no database stores: NUL, and half of a surrogate pair."""
    return text.encode("utf-8", "ignore").decode().replace("\x00", "")
