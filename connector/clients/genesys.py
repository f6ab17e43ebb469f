"""Genesys Cloud: the token, what agents are doing, what they are called, which queues there are."""

import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from connector.clients.base import Call, Exchange, json_body
from connector.decide import KNOWN_SEGMENTS, AgentStatus, Session
from connector.errors import (
    CredentialsRefused,
    PermissionMissing,
    ServiceRefused,
    ServiceUnavailable,
)

logger = logging.getLogger(__name__)

MAX_AGENTS = 50  # Genesys analytics API: a status query answers for at most 50 agents
LONGEST_LIFETIME = 172800  # Genesys OAuth: seconds; accessTokenValiditySeconds goes up to this
QUEUES_PER_PAGE = 100  # Genesys routing API: more is not promised
OPEN_MESSAGING = "open"  # the subtype of Lynn's messages; has an auto-answer setting of its own
LONGEST_NAME = 255  # characters that are kept of an agent's name
LONGEST_SEGMENT = 40  # characters
MOST_UNKNOWN = 100  # segment types that are named in the log
_unknown_segments: set[str] = set()


def token_call(login_url: str, client_id: str, client_secret: str) -> Call:
    """Genesys OAuth: client credentials."""
    basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    return Call(
        method="POST",
        url=f"{login_url}/oauth/token",
        headers={
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        },
        body=b"grant_type=client_credentials",
        limit=64 * 1024,
    )


def read_token(exchange: Exchange) -> tuple[str, int]:
    """The token and the seconds that it lives. Genesys says `invalid_client`, with 400 or 401,
    for a wrong id, a wrong secret and a wrong region alike: CredentialsRefused."""
    if exchange.status in (400, 401, 403):
        raise CredentialsRefused(f"{exchange.answered}: client id and secret were not accepted")
    exchange.raise_for_status()
    answer = exchange.json()
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise ServiceUnavailable(f"{exchange.answered} without a token")
    return token, _lifetime(answer.get("expires_in"))


def _lifetime(expires_in: object) -> int:
    """The shortest lifetime that Genesys knows where it says nothing that makes sense."""
    if isinstance(expires_in, int | float) and expires_in >= 1:
        return int(min(expires_in, LONGEST_LIFETIME))
    return 300


def status_call(api_url: str, token: str, user_ids: Sequence[str]) -> Call:
    """Genesys analytics API: one agent by GET, up to 50 by one query."""
    if len(user_ids) == 1:
        path = f"/api/v2/analytics/agents/{_in_path(user_ids[0])}/status"
        return Call(method="GET", url=api_url + path, headers=_authorised(token))
    predicates = [{"dimension": "userId", "value": user_id} for user_id in user_ids]
    return Call(
        method="POST",
        url=f"{api_url}/api/v2/analytics/agents/status/query",
        headers={**_authorised(token), "Content-Type": "application/json"},
        body=json_body({"userFilter": {"type": "or", "predicates": predicates}}),
        limit=8 * 1024 * 1024,
    )


def read_statuses(exchange: Exchange, user_ids: Sequence[str]) -> list[AgentStatus]:
    """What the agents are doing. An agent who was asked for alone is known by the address."""
    _raise_for_status(exchange)
    answer = exchange.json()
    if not isinstance(answer, dict):
        raise ServiceUnavailable(f"{exchange.answered} with something that is no agent status")
    if len(user_ids) == 1:
        return [_status(answer, known_id=user_ids[0])]
    entities = answer.get("entities")
    if entities is not None and not isinstance(entities, list):
        raise ServiceUnavailable(f"{exchange.answered} with something that is no agent status")
    return [_status(entity) for entity in entities or [] if isinstance(entity, dict)]


def name_call(api_url: str, token: str, user_id: str) -> Call:
    """Genesys users API: the fallback where the status comes without a name."""
    path = f"/api/v2/users/{_in_path(user_id)}"
    return Call(method="GET", url=api_url + path, headers=_authorised(token))


def read_name(exchange: Exchange) -> str:
    """The agent's name, "" where Genesys knows none."""
    if exchange.status == 404:
        return ""
    _raise_for_status(exchange)
    answer = exchange.json()
    return _name(answer, "name") if isinstance(answer, dict) else ""


def anonymous_call(api_url: str) -> Call:
    """Shows no token, so that Genesys says `authentication.required`: it is there, and it is it."""
    return Call(
        method="GET",
        url=f"{api_url}/api/v2/tokens/me",
        headers={"Accept": "application/json"},
        limit=64 * 1024,
    )


def is_genesys(exchange: Exchange) -> bool:
    """Whether an anonymous call was answered as Genesys answers it."""
    try:
        answer = exchange.json() if exchange.status == 401 else None
    except ServiceUnavailable:
        return False
    return isinstance(answer, dict) and bool(_text(answer, "code"))


def agents_call(api_url: str, token: str) -> Call:
    """Genesys analytics API: any agents, at most MAX_AGENTS, to see what we are shown of them."""
    return Call(
        method="POST",
        url=f"{api_url}/api/v2/analytics/agents/status/query",
        headers={**_authorised(token), "Content-Type": "application/json"},
        body=json_body({}),
        limit=8 * 1024 * 1024,
    )


@dataclass(frozen=True)
class RoutingQueue:
    """A queue as Genesys has it. `auto_answer` is that of open messages."""

    id: str
    name: str
    auto_answer: bool


def queues_call(api_url: str, token: str, page: int, size: int = QUEUES_PER_PAGE) -> Call:
    """Genesys routing API: one page of the queues that this OAuth client may see."""
    return Call(
        method="GET",
        url=f"{api_url}/api/v2/routing/queues?pageSize={size}&pageNumber={page}&sortOrder=asc",
        headers=_authorised(token),
        limit=8 * 1024 * 1024,
    )


def read_queues(exchange: Exchange) -> tuple[list[RoutingQueue], int]:
    """The queues of a page, and how many pages there are."""
    _raise_for_status(exchange)
    answer = exchange.json()
    entities = answer.get("entities") if isinstance(answer, dict) else None
    if not isinstance(entities, list):
        raise ServiceUnavailable(f"{exchange.answered} with something that is no list of queues")
    queues = [_queue(each) for each in entities if isinstance(each, dict) and _text(each, "id")]
    pages = answer.get("pageCount")
    return queues, pages if isinstance(pages, int) else 1


def _queue(entity: dict[str, Any]) -> RoutingQueue:
    """`autoAnswerOnly` is about whispers and says nothing about answering. The setting of the
    subtype goes before that of all messages (Genesys SDK: MessageMediaSettings)."""
    message = _at(_at(entity, "mediaSettings"), "message")
    subtype = _at(_at(message, "subTypeSettings"), OPEN_MESSAGING)
    own = subtype.get("enableAutoAnswer")
    auto = own if isinstance(own, bool) else message.get("enableAutoAnswer") is True
    return RoutingQueue(_text(entity, "id").lower()[:100], _text(entity, "name")[:200], auto)


def _at(content: dict[str, Any], name: str) -> dict[str, Any]:
    value = content.get(name)
    return value if isinstance(value, dict) else {}


def _raise_for_status(exchange: Exchange) -> None:
    if exchange.status == 401:
        raise CredentialsRefused(f"{exchange.answered}: the token was not accepted")
    if exchange.status == 403:
        raise PermissionMissing(f"{exchange.answered}: {_complaint(exchange)}")
    if exchange.status == 404:
        raise ServiceRefused(f"{exchange.answered}: Genesys knows no such agent")
    exchange.raise_for_status()


def _complaint(exchange: Exchange) -> str:
    try:
        answer = exchange.json()
    except ServiceUnavailable:
        return "a permission is missing"
    return (_text(answer, "message") if isinstance(answer, dict) else "") or "no reason given"


def _status(entity: dict[str, Any], known_id: str = "") -> AgentStatus:
    sessions = entity.get("sessions")
    return AgentStatus(
        user_id=known_id or _text(entity, "userId"),
        user_name=_name(entity, "userName"),
        sessions=tuple(
            _session(session)
            for session in (sessions if isinstance(sessions, list) else [])
            if isinstance(session, dict)
        ),
        source=entity,
    )


def _session(session: dict[str, Any]) -> Session:
    segment = _text(session, "segmentType").lower()
    if segment and segment not in KNOWN_SEGMENTS:
        _say_once(segment[:LONGEST_SEGMENT])
    return Session(
        conversation_id=_text(session, "conversationId"),
        session_id=_text(session, "sessionId"),
        segment=segment,
        media_type=_text(session, "mediaType").lower(),
        session_start=_moment(session.get("sessionStart")),
        segment_start=_moment(session.get("segmentStart")),
    )


def _say_once(segment: str) -> None:
    """Whatever answers as Genesys cannot fill the log, or this process."""
    if segment not in _unknown_segments and len(_unknown_segments) < MOST_UNKNOWN:
        _unknown_segments.add(segment)
        logger.warning("Genesys names an unknown segment type %r; it counts as not yet", segment)


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "ignore").decode().replace("\x00", "").strip()


def _name(content: dict[str, Any], name: str) -> str:
    return _text(content, name)[:LONGEST_NAME]


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _authorised(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def _in_path(user_id: str) -> str:
    return quote(user_id, safe="")
