"""The side of Lynn: one address that is told about connected agents, and its record of calls."""

import json
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from connector.simulator.behaviour import Rules, misbehave
from connector.simulator.http import How, Reply, Request, json_reply
from connector.simulator.world import Json

ADDRESS = "/PureCloud/OpenMessaging_OnEvent"
KEYS = frozenset({"conversationId", "userId", "userName", "type", "provider", "externalId"})
CALLS_KEPT = 100_000


@dataclass(slots=True)
class Call:
    """One call as Lynn saw it.

    `status` None: never answered. `acted` False: Lynn did nothing with it, because it was wrong or
    because Lynn failed before. `body` is the text itself where that was not JSON.
    """

    index: int
    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    idempotency_key: str | None
    status: int | None
    acted: bool

    def as_json(self) -> Json:
        return asdict(self)


@dataclass
class Lynn:
    """One installation; the oldest calls are dropped beyond `CALLS_KEPT`, indexes go on."""

    name: str
    rules: Rules = field(default_factory=Rules)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    received: int = 0

    def since(self, index: int) -> list[Call]:
        """The calls with this index or a later one."""
        return [each for each in self.calls if each.index >= index]

    def forget_calls(self) -> None:
        self.calls.clear()
        self.received = 0


def error_body(status: int, wait: int | None = None) -> Json:
    return {"error": "lynn_error", "status": status, **({"wait": wait} if wait else {})}


def answer(lynn: Lynn, request: Request, path: str, now: float) -> Reply:
    """Answer one call, well or badly, and record it. `path` begins after the name of this Lynn."""
    body = _parse(request.body)
    delay, rule = lynn.rules.take("lynn", request.body)
    reply = _judge(request, path, body)
    acted = reply.status == 200 and not (rule and rule.before_the_work)
    if rule:
        reply = misbehave(rule, reply, error_body)
    unanswered = reply.how in (How.HANG, How.RESET)
    lynn.calls.append(
        Call(
            index=lynn.received,
            at=now,
            method=request.method,
            path=path,
            headers=request.headers,
            body=body,
            idempotency_key=request.headers.get("idempotency-key"),
            status=None if unanswered else reply.status,
            acted=acted,
        )
    )
    lynn.received += 1
    return replace(reply, delay=delay) if delay else reply


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _judge(request: Request, path: str, body: Any) -> Reply:
    if not path.endswith(ADDRESS):
        return json_reply({"error": "not_found"}, 404)
    if request.method != "POST":
        return json_reply({"error": "method_not_allowed"}, 405).with_headers(("Allow", "POST"))
    if not request.is_json():
        return json_reply({"error": "not_json", "detail": "Content-Type"}, 415)
    if wrong := what_is_wrong(body):
        return json_reply({"error": "wrong_body", "detail": wrong}, 400)
    return ACCEPTED


ACCEPTED = json_reply({"success": True})


def what_is_wrong(body: Any) -> str:
    """In words; empty for a body that Lynn understands."""
    if not isinstance(body, dict):
        return "The body is not a JSON object."
    if body.keys() != KEYS:
        missing, unknown = sorted(KEYS - body.keys()), sorted(body.keys() - KEYS)
        return f"Missing: {missing}; unknown: {unknown}."
    if wrong := sorted(key for key, value in body.items() if not isinstance(value, str)):
        return f"Not a text: {wrong}."
    if body["type"] != "eventAgentConnect":
        return "The type is not eventAgentConnect."
    return ""
