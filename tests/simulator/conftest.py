"""A running simulator, and a client that asks it over real HTTP."""

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import pytest

from connector.simulator.http import Answer, Request, json_reply, listen
from connector.simulator.server import Simulator
from connector.simulator.thread import running

ORG = "banco"
HOST = "127.0.0.1"


@dataclass
class Said:
    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass
class Client:
    """Asks the simulator as one who is logged in to the organisation `banco`."""

    simulator: Simulator
    token: str = ""
    timeout: float = 2.0

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Said:
        port = int(self.simulator.url.rpartition(":")[2])
        connection = HTTPConnection(HOST, port, timeout=self.timeout)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, (bytes, str)):
            body, named = json.dumps(body), {"Content-Type": "application/json", **named}
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Said(answer.status, lower, answer.read())
        finally:
            connection.close()

    def log_in(self, secret: str | None = None) -> Said:
        settings = self.simulator.organisation(ORG).settings
        pair = f"{settings.client_id}:{secret or settings.client_secret}"
        basic = "Basic " + base64.b64encode(pair.encode()).decode()
        form = "application/x-www-form-urlencoded"
        address = f"/genesys/{ORG}/oauth/token"
        said = self.ask(
            "POST",
            address,
            "grant_type=client_credentials",
            Authorization=basic,
            Content_Type=form,
        )
        self.token = said.body.get("access_token", self.token)
        return said

    def api(self, method: str, path: str, body: Any = None) -> Said:
        bearer = f"Bearer {self.token}"
        return self.ask(method, f"/genesys/{ORG}/api/v2{path}", body, Authorization=bearer)

    def status(self, user_id: str) -> Said:
        return self.api("GET", f"/analytics/agents/{user_id}/status")

    def query(self, *user_ids: str) -> Said:
        predicates = [{"dimension": "userId", "value": each} for each in user_ids]
        wish = {"userFilter": {"type": "or", "predicates": predicates}}
        return self.api("POST", "/analytics/agents/status/query", wish)

    def control(self, method: str, path: str, body: Any = None) -> Said:
        return self.ask(method, f"/control/{path}", body)

    def tell_lynn(self, body: Any = None, prefix: str = "", **headers: str) -> Said:
        address = f"/lynn/uno{prefix}/PureCloud/OpenMessaging_OnEvent"
        return self.ask("POST", address, WORDS if body is None else body, **headers)


WORDS = {
    "conversationId": "8d2f6b1e-4c3a-4f59-9b7e-0a61c5d2e814",
    "userId": "2b7d94e1-6f08-4c35-8a1d-c35e7f90b246",
    "userName": 'Sofía "Sofi" Ibáñez',
    "type": "eventAgentConnect",
    "provider": "PureCloud Messaging",
    "externalId": "lynn-77c0a1f4e2b94d06",
}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Client:
    client = Client(simulator)
    client.log_in()
    return client


class Webhook:
    """A portal's door: keeps what is posted, answers what it was told to, then 202."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.answers: list[tuple[int, dict[str, str]]] = []

    def answer(self, request: Request) -> Any:
        self.requests.append(request)
        status, headers = self.answers.pop(0) if self.answers else (202, {})
        return json_reply({"id": "1"}, status).with_headers(*headers.items())

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(each.body) for each in self.requests]


@pytest.fixture
def webhook(simulator: Simulator) -> Iterator[Webhook]:
    webhook = Webhook()
    door: Answer = webhook.answer
    loop = simulator._loop
    assert loop is not None
    listener = asyncio.run_coroutine_threadsafe(listen(door, HOST, 0), loop).result(5)
    webhook.url = f"http://{HOST}:{listener.port}/api/v1/tenants/banco/events"
    yield webhook
    simulator.end_stories()
    asyncio.run_coroutine_threadsafe(listener.close(), loop).result(5)
