"""The floor: the same job by one process, in memory, with nothing but the standard library.

    python -m tests.benchmarks.floor PORT TENANTS.json

Nothing is stored, nothing survives, nothing is recorded: what this costs, the job itself costs.
"""

import asyncio
import base64
import contextlib
import json
import sys
import time
import urllib.parse
from collections import deque
from dataclasses import dataclass, field
from typing import Any

ANSWERED = frozenset({"interact", "hold", "parked"})
AT_ONCE = 32  # connections to one Lynn
IN_A_CALL = 50  # agents
TIMEOUT = 8.0  # seconds for one call
LONGEST_WAIT = 8.0  # seconds between two tries
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
LYNN = "/PureCloud/OpenMessaging_OnEvent"
QUERY = "/api/v2/analytics/agents/status/query"

Json = dict[str, Any]


class Channel(asyncio.Protocol):
    """A kept-alive connection to an upstream; one call at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.buffer = b""
        self.answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end or len(body) < _number(head, b"content-length"):
            return
        self.buffer = b""
        if self.answer and not self.answer.done():
            self.answer.set_result((int(head[9:12]), head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.answer and not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError())


def _number(head: bytes, name: bytes) -> int:
    """The number in this header; 0 where it is missing."""
    return int(head.lower().partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0] or 0)


class Upstream:
    """One base address: calls over at most AT_ONCE connections that are kept open."""

    def __init__(self, base_url: str) -> None:
        url = urllib.parse.urlsplit(base_url)
        self.host, self.port, self.base = url.hostname or "", url.port or 80, url.path.rstrip("/")
        self.idle: list[Channel] = []
        self.turns = asyncio.Semaphore(AT_ONCE)

    async def call(
        self, method: str, path: str, body: bytes = b"", headers: str = ""
    ) -> tuple[int, bytes, bytes]:
        """Status, head and body; OSError where there was no answer."""
        message = (
            f"{method} {self.base}{path} HTTP/1.1\r\nHost: {self.host}\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        async with self.turns:
            channel = await self._channel()
            channel.answer = asyncio.get_running_loop().create_future()
            channel.transport.write(message)
            try:
                async with asyncio.timeout(TIMEOUT):
                    answer = await channel.answer
            except BaseException:
                channel.transport.abort()
                raise
            self.idle.append(channel)
            return answer

    async def _channel(self) -> Channel:
        while self.idle:
            channel = self.idle.pop()
            if not channel.transport.is_closing():
                return channel
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Channel, self.host, self.port))[1]


@dataclass
class Offer:
    conversation_id: str
    session_id: str
    user_id: str
    provider: str
    external_id: str
    give_up_at: float


@dataclass
class Tenant:
    token: str
    automatic: frozenset[str]
    client: Json
    genesys: Upstream
    lynn: Upstream
    check_every: float
    give_up_after: float
    deliver_within: float
    between_calls: float = 0.0
    bearer: str = ""
    token_wanted: asyncio.Lock = field(default_factory=asyncio.Lock)
    names: dict[str, str] = field(default_factory=dict)
    ringing: dict[str, list[Offer]] = field(default_factory=dict)
    posts: deque[Offer] = field(default_factory=deque)
    posting: int = 0

    # Genesys

    async def ask(self, method: str, path: str, body: bytes = b"") -> Json | None:
        """What Genesys answers; None where it does not."""
        if not self.bearer:
            async with self.token_wanted:
                if not self.bearer:
                    await self._fetch_token()
        headers = f"Authorization: Bearer {self.bearer}\r\nContent-Type: application/json\r\n"
        status, head, content = await self.genesys.call(method, path, body, headers)
        self._keep_to_the_limit(head)
        if status == 401:
            self.bearer = ""
        if status == 429:
            await asyncio.sleep(_number(head, b"retry-after"))
        return json.loads(content) if status == 200 else None

    async def _fetch_token(self) -> None:
        pair = f"{self.client['client_id']}:{self.client['client_secret']}".encode()
        headers = f"Authorization: Basic {base64.b64encode(pair).decode()}\r\n"
        headers += "Content-Type: application/x-www-form-urlencoded\r\n"
        body = b"grant_type=client_credentials"
        _, _, content = await self.genesys.call("POST", "/oauth/token", body, headers)
        self.bearer = json.loads(content)["access_token"]

    def _keep_to_the_limit(self, head: bytes) -> None:
        if allowed := _number(head, b"inin-ratelimit-allowed"):
            self.between_calls = 60 / (0.8 * allowed)

    async def watch(self) -> None:
        """Look at all ringing agents every `check_every` seconds, or as often as Genesys allows."""
        while True:
            started = time.monotonic()
            agents = list(self.ringing)
            for at in range(0, len(agents), IN_A_CALL):
                try:
                    await self._look_at(agents[at : at + IN_A_CALL])
                except (OSError, ValueError) as error:
                    print("Genesys:", repr(error), file=sys.stderr)
                await asyncio.sleep(self.between_calls)
            await asyncio.sleep(max(0.0, self.check_every - (time.monotonic() - started)))

    async def _look_at(self, agents: list[str]) -> None:
        predicates = [{"dimension": "userId", "value": each} for each in agents]
        body = json.dumps({"userFilter": {"type": "or", "predicates": predicates}}).encode()
        answer = await self.ask("POST", QUERY, body)
        now, entities = time.time(), answer["entities"] if answer else []
        seen = {}
        for entity in entities:
            self.names[entity["userId"]] = entity["userName"]
            for session in entity["sessions"]:
                seen[session["sessionId"]] = session["segmentType"]
        for agent in agents:
            self._decide(agent, seen, now)

    def _decide(self, agent: str, seen: dict[str, str], now: float) -> None:
        waiting = []
        for offer in self.ringing.pop(agent, ()):
            if seen.get(offer.session_id) in ANSWERED:
                self.tell(offer)
            elif now < offer.give_up_at:
                waiting.append(offer)
        if waiting:
            self.ringing[agent] = waiting

    # Lynn

    def tell(self, offer: Offer) -> None:
        self.posts.append(offer)
        if self.posting < AT_ONCE:
            self.posting += 1
            asyncio.get_running_loop().create_task(self._post_all())

    async def _post_all(self) -> None:
        while self.posts:
            await self._post(self.posts.popleft())
        self.posting -= 1

    async def _post(self, offer: Offer, stop_at: float = 0.0, wait: float = 0.0) -> None:
        """One try; a failed one is tried again later without keeping others waiting."""
        status, stop_at = 0, stop_at or time.monotonic() + self.deliver_within
        with contextlib.suppress(OSError, TimeoutError):
            status, _, _ = await self.lynn.call(
                "POST", LYNN, await self._message(offer), "Content-Type: application/json\r\n"
            )
        if status != 200 and time.monotonic() + wait < stop_at:
            loop, longer = asyncio.get_running_loop(), min(LONGEST_WAIT, wait * 2 or 1.0)
            loop.call_later(wait, lambda: loop.create_task(self._post(offer, stop_at, longer)))

    async def _message(self, offer: Offer) -> bytes:
        if offer.user_id not in self.names:
            user = await self.ask("GET", f"/api/v2/users/{offer.user_id}")
            self.names[offer.user_id] = user["name"] if user else ""
        return json.dumps(
            {
                "conversationId": offer.conversation_id,
                "userId": offer.user_id,
                "userName": self.names[offer.user_id],
                "type": "eventAgentConnect",
                "provider": offer.provider,
                "externalId": offer.external_id,
            }
        ).encode()


class Webhook(asyncio.Protocol):
    tenants: dict[str, Tenant] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end or len(body) < _number(head, b"content-length"):
            return
        self.buffer = b""
        tenant = self.tenants[head.split(b" ", 2)[1].split(b"/")[4].decode()]
        if f"X-Api-Key: {tenant.token}\r\n".encode() not in head:
            self.transport.write(REFUSED)
            return
        accept(tenant, json.loads(body)["detail"]["eventBody"])
        self.transport.write(ACCEPTED)


def accept(tenant: Tenant, event: Json) -> None:
    offer = Offer(
        event["conversationId"],
        event["sessionId"],
        event["userId"],
        event["provider"],
        event["addressTo"],
        time.time() + tenant.give_up_after,
    )
    if event["queueId"] in tenant.automatic:
        tenant.tell(offer)
    else:
        tenant.ringing.setdefault(offer.user_id, []).append(offer)


def read_tenant(settings: Json) -> Tenant:
    timing = settings["timing"]
    return Tenant(
        settings["webhook_tokens"][0],
        frozenset(each["id"] for each in settings["queues"] if each["answer_mode"] == "auto"),
        settings["genesys"],
        Upstream(settings["genesys"]["api_url"]),
        Upstream(settings["lynn"]["base_url"]),
        timing["check_every"],
        timing["give_up_after"],
        timing["deliver_within"],
    )


async def main(port: int, path: str) -> None:
    with open(path, encoding="utf-8") as file:
        Webhook.tenants = {each["slug"]: read_tenant(each) for each in json.load(file)}
    server = await asyncio.get_running_loop().create_server(Webhook, "127.0.0.1", port)
    async with server, asyncio.TaskGroup() as group:
        for tenant in Webhook.tenants.values():
            group.create_task(tenant.watch())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
