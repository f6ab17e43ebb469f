"""A tenant, a clock that is moved by hand, and Genesys and Lynn as the engine sees them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from requests import PreparedRequest

from connector import events, receive
from connector.claim import claim
from connector.models import AgentConnection, Queue, Tenant
from connector.work import work

API = "https://api.example.com"
LOGIN = "https://login.example.com"
LYNN = "https://lynn.example.com/eu"
MANUAL_QUEUE = "a40c5e8b-93d1-47f6-b2e0-6d18f7c9053a"
AUTO_QUEUE = "0e7b3c95-d16a-4f20-87b4-c2a9e5d8f601"
EXTERNAL_ID = "lynn-77c0a1f4e2b94d06"

Answer = tuple[int, dict[str, str], str]


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = datetime(2026, 10, 12, 14, 3, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@dataclass
class Genesys:
    """Speaks the domain: `agent_is(...)`, `refuses_credentials()`. Notes every call."""

    clock: Clock
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    tokens_given: int = 0
    gives_names: bool = True
    status_answers: list[Answer] = field(default_factory=list)
    query_answers: list[Answer] = field(default_factory=list)
    odd_ids: set[str] = field(default_factory=set)
    token_answers: list[Answer] = field(default_factory=list)
    user_answers: list[Answer] = field(default_factory=list)
    during_status: list[Any] = field(default_factory=list)

    def agent_is(
        self, offer: dict[str, Any], segment: str, name: str = "María", **more: Any
    ) -> None:
        """This agent's session of this offer is in that segment now."""
        session = {
            "conversationId": offer["conversationId"],
            "sessionId": offer.get("sessionId", "of-the-status"),
            "sessionStart": self.clock.now.isoformat(),
            "segmentStart": self.clock.now.isoformat(),
            "segmentType": segment,
            **more,
        }
        self.agents[offer["userId"]] = {
            "userId": offer["userId"],
            "userName": name,
            "sessions": [session],
        }

    def agent_is_gone(self, offer: dict[str, Any]) -> None:
        self.agents[offer["userId"]] = {"userId": offer["userId"], "userName": "María"}

    def token(self, request: PreparedRequest) -> Answer:
        self.calls.append("token")
        if self.token_answers:
            return self.token_answers.pop(0)
        self.tokens_given += 1
        return _json({"access_token": f"token-{self.tokens_given}", "expires_in": 3600})

    def status(self, request: PreparedRequest) -> Answer:
        self.calls.append("status")
        for happening in self.during_status:
            happening()
        if self.status_answers:
            return self.status_answers.pop(0)
        user_id = (request.url or "").split("/")[-2]
        if user_id in self.odd_ids:
            return _json({"code": "bad.request"}, 400)
        return _json(self._seen(user_id) or {})

    def query(self, request: PreparedRequest) -> Answer:
        self.calls.append("query")
        if self.query_answers:
            return self.query_answers.pop(0)
        if self.status_answers:
            return self.status_answers.pop(0)
        predicates = json.loads(request.body or "{}")["userFilter"]["predicates"]
        seen = [self._seen(predicate["value"]) for predicate in predicates]
        return _json({"entities": [agent for agent in seen if agent]})

    def user(self, request: PreparedRequest) -> Answer:
        self.calls.append("user")
        if self.user_answers:
            return self.user_answers.pop(0)
        user_id = (request.url or "").split("/")[-1]
        return (
            _json({"id": user_id, "name": self.names[user_id]}) if user_id in self.names else GONE
        )

    def _seen(self, user_id: str) -> dict[str, Any] | None:
        agent = self.agents.get(user_id)
        if agent is None or self.gives_names:
            return agent
        return {key: agent[key] for key in agent if key not in ("userId", "userName")}


@dataclass
class Lynn:
    calls: list[PreparedRequest] = field(default_factory=list)
    answers: list[Answer | Exception] = field(default_factory=list)
    during_post: list[Any] = field(default_factory=list)

    def told(self, request: PreparedRequest) -> Answer:
        self.calls.append(request)
        for happening in self.during_post:
            happening()
        answer = self.answers.pop(0) if self.answers else _json({"ok": True})
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(call.body or "") for call in self.calls]


def _json(content: object, status: int = 200, **headers: str) -> Answer:
    return status, {"Content-Type": "application/json", **headers}, json.dumps(content)


GONE = _json({"message": "not found", "code": "not.found", "status": 404}, 404)
OVERLOADED = _json({"code": "service.unavailable", "status": 503}, 503)
NOT_PERMITTED = _json({"code": "missing.any.permissions", "message": "no permission"}, 403)
UNAUTHORISED = _json({"code": "bad.credentials"}, 401)
WRONG_CLIENT = _json({"error": "invalid_client"}, 400)
TOO_MANY = _json({"code": "too.many.requests.retry.after"}, 429, **{"Retry-After": "42"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def genesys(http: responses.RequestsMock, clock: Clock) -> Genesys:
    fake = Genesys(clock)
    agents = f"{API}/api/v2/analytics/agents"
    http.add_callback(responses.POST, f"{LOGIN}/oauth/token", fake.token)
    http.add_callback(responses.POST, f"{agents}/status/query", fake.query)
    http.add_callback(responses.GET, re.compile(rf"{agents}/[^/]+/status"), fake.status)
    http.add_callback(responses.GET, re.compile(rf"{API}/api/v2/users/"), fake.user)
    return fake


@pytest.fixture
def lynn(http: responses.RequestsMock) -> Lynn:
    fake = Lynn()
    http.add_callback(responses.POST, f"{LYNN}/PureCloud/OpenMessaging_OnEvent", fake.told)
    return fake


@pytest.fixture
def tenant(db: None) -> Tenant:
    tenant = Tenant.objects.create(
        slug="banco-sur",
        name="Banco del Sur",
        client_id="an-id",
        client_secret="a-secret",
        api_url=API,
        login_url=LOGIN,
        lynn_base_url=LYNN,
    )
    Queue.objects.create(tenant=tenant, genesys_id=MANUAL_QUEUE, name="Soporte")
    Queue.objects.create(tenant=tenant, genesys_id=AUTO_QUEUE, name="Ventas", answer_mode="auto")
    return tenant


@dataclass
class Desk:
    """The two doors of the engine for one tenant: events come in, due work is done."""

    tenant: Tenant
    clock: Clock
    offered: int = 0

    def offer(self, queue: str = MANUAL_QUEUE, **more: Any) -> dict[str, Any]:
        """The body of a user.start of now; not posted yet."""
        self.offered += 1
        return {
            "eventTime": int(self.clock.now.timestamp() * 1000),
            "conversationId": f"conversation-{self.offered}",
            "sessionId": f"session-{self.offered}",
            "participantId": f"participant-{self.offered}",
            "userId": f"agent-{self.offered}",
            "queueId": queue,
            "mediaType": "MESSAGE",
            "provider": "PureCloud Messaging",
            "addressTo": EXTERNAL_ID,
            **more,
        }

    def receive(self, body: dict[str, Any], topic: str = "user.start") -> AgentConnection | None:
        content = json.dumps({"topic": topic, **body})
        event = events.parse(content.encode())
        receipt = receive.receive(self.tenant, event, content, self.clock.now)
        return AgentConnection.objects.filter(pk=receipt.id).first()

    def ring(
        self, queue: str = MANUAL_QUEUE, **more: Any
    ) -> tuple[dict[str, Any], AgentConnection]:
        body = self.offer(queue, **more)
        row = self.receive(body)
        assert row is not None
        return body, row

    def work(self, seconds: float = 0) -> None:
        """Let time pass, then do whatever is due, once."""
        self.clock.forward(seconds)
        for taken in claim(self.clock.now, most=100):
            work(taken.lease, taken.ids, self.clock)

    def look(self) -> None:
        """Let time pass until the next check is due, and do it."""
        due_at = AgentConnection.objects.filter(due_at__isnull=False).earliest("due_at").due_at
        assert due_at is not None
        self.work(max((due_at - self.clock.now).total_seconds(), 0))


@pytest.fixture
def desk(tenant: Tenant, clock: Clock) -> Desk:
    return Desk(tenant, clock)
