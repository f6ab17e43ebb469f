"""A contact centre's last day: tenants that fare well and badly, and people of each role."""

import json
import random
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from connector.audit import seal
from connector.domain import OPEN, Evidence, Kind, Outcome, Reason, State
from connector.models import (
    AgentConnection,
    Attempt,
    Event,
    EventOutcome,
    GenesysAccess,
    Heartbeat,
    Probe,
    Tenant,
    Trouble,
    WebhookToken,
)

CLIENT_ID = "5b1e0c9a-0000-4000-8000-000000000000"
CLIENT_SECRET = "the-client-secret"
PASSWORD = "correct-horse-battery"
ROLES = {"admin": "Tenant admins", "operator": "Operators", "auditor": "Auditors"}
NAMES = ("María Fernanda Ríos", "Diego Castaño", "Sofía Herrera", "Juan Pérez", "Ana Lucía Gómez")
QUEUES = ("Soporte", "Ventas", "Retención", "Cobranzas")
TENANTS = (
    ("banco-sur", "Banco del Sur"),
    ("seguros-pacifico", "Seguros Pacífico"),
    ("clinica-andina", "Clínica Andina"),
    ("telefonica-norte", "Telefónica Norte"),
    ("retail-express", "Retail Express"),
)
LAST_MONTH = 990 + 35 * 24 * 60  # the number of a story, which says how many minutes ago it was
ENDINGS = (
    *[(State.DELIVERED, Reason.DELIVERED)] * 16,
    *[(State.NOT_ANSWERED, Reason.RANG_OUT)] * 2,
    (State.NOT_ANSWERED, Reason.GAVE_UP),
    (State.IGNORED, Reason.QUEUE_NOT_LISTED),
    (State.EXPIRED, Reason.TOO_LATE),
    (State.FAILED, Reason.LYNN_REFUSED),
    (State.FAILED, Reason.GENESYS_UNAVAILABLE),
)


@dataclass(frozen=True)
class Seeded:
    """What tests need to find their way: ids, and the session of a person of each role."""

    tenant: int
    unused: int
    delivered: str
    failed: str
    checking: str
    event: str
    last_month: str
    users: dict[str, int]
    sessions: dict[str, str]


def main() -> None:
    """Run inside the portal; prints a Seeded as JSON."""
    print(json.dumps(asdict(seed())))


def seed() -> Seeded:
    """Always the same, up to now."""
    luck = random.Random(7)
    now = datetime.now(UTC)
    tenants = [_tenant(slug, name, now) for slug, name in TENANTS]
    for number in range(90):
        at = now - timedelta(minutes=13 * number + 3)
        _connection(luck.choice(tenants[:4]), number, at, *luck.choice(ENDINGS), luck)
    bank = tenants[0]
    delivered = _story(bank, 1000, now, State.DELIVERED, Reason.DELIVERED, luck)
    failed = _story(bank, 1001, now, State.FAILED, Reason.LYNN_REFUSED, luck)
    last_month = _story(bank, LAST_MONTH, now, State.DELIVERED, Reason.DELIVERED, luck)
    checking = _connection(bank, 1002, now - timedelta(seconds=7), State.CHECKING, "", luck)
    _trouble(tenants[3], now)
    _seal(now)
    later = now + timedelta(hours=1)  # no worker runs, and the tests take their time
    Heartbeat.objects.create(name="portal-1/1", started_at=now - timedelta(hours=3), seen_at=later)
    Event.objects.create(
        tenant=bank,
        received_at=now,
        topic="v2.detail.events.conversation.x.user.start",
        outcome=EventOutcome.REFUSED,
        reason="invalid_event",
        detail="userId: this field is missing",
        body='{"conversationId": "x"}',
    )
    _tests(bank, now)
    users = _people(tenants)
    return Seeded(
        tenant=bank.pk,
        unused=tenants[4].pk,
        delivered=str(delivered.pk),
        failed=str(failed.pk),
        checking=str(checking.pk),
        event=str(delivered.events.get().pk),
        last_month=last_month.conversation_id,
        users={role: user.pk for role, user in users.items()},
        sessions={role: _session(user) for role, user in users.items()},
    )


def _session(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _tenant(slug: str, name: str, now: datetime) -> Tenant:
    tenant = Tenant.objects.create(
        slug=slug,
        name=name,
        enabled=slug != "retail-express",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        lynn_base_url="https://lynn.example.com/eu",
        time_zone="America/Bogota",
    )
    for number, queue in enumerate(QUEUES):
        tenant.queues.create(genesys_id=f"{slug}-{number}", name=queue, answer_mode="manual")
    WebhookToken.make(tenant, now - timedelta(days=3))
    return tenant


def _connection(
    tenant: Tenant, number: int, at: datetime, state: Any, reason: Any, luck: random.Random
) -> AgentConnection:
    answered = at + timedelta(seconds=luck.uniform(1, 15))
    told = state in (State.DELIVERED, State.SHADOWED)
    is_open = state in OPEN
    final = answered + timedelta(milliseconds=luck.randint(40, 900))
    return AgentConnection.objects.create(
        tenant=tenant,
        offer_key=f"s:{number:08x}-93d1-47f6-b2e0-6d18f7c9053a",
        conversation_id=f"{number:08x}-603c-4ba7-b2df-236752a075a7",
        session_id=f"{number:08x}-93d1-47f6-b2e0-6d18f7c9053a",
        participant_id=f"{number:08x}-0000-47f6-b2e0-6d18f7c9053a",
        user_id=f"{number % 5:08x}-d16a-4f20-87b4-c2a9e5d8f601",
        user_name=NAMES[number % len(NAMES)],
        queue_id=f"{tenant.slug}-{number % 4}",
        queue_name=QUEUES[number % 4],
        provider="Open Messaging",
        external_id="+573001112233",
        media_type="message",
        answer_mode="manual",
        received_at=at,
        offered_at=at,
        give_up_at=at + timedelta(minutes=2),
        state=state,
        reason=reason,
        evidence=Evidence.STATUS if told else "",
        answered_at=answered if told else None,
        delivered_at=final if state == State.DELIVERED else None,
        final_at=None if is_open else final,
        due_at=at + timedelta(hours=2) if is_open else None,
        checks=luck.randint(1, 6),
    )


def _story(
    tenant: Tenant, number: int, now: datetime, state: State, reason: Reason, luck: random.Random
) -> AgentConnection:
    at = now - timedelta(minutes=number - 990)
    connection = _connection(tenant, number, at, state, reason, luck)
    connection.evidence, connection.answered_at = Evidence.STATUS, at + timedelta(seconds=8)
    connection.final_at = at + timedelta(seconds=9.1)
    connection.delivered_at = connection.final_at if state == State.DELIVERED else None
    connection.save()
    Event.objects.create(
        tenant=tenant,
        connection=connection,
        received_at=at,
        topic=f"v2.detail.events.conversation.{connection.conversation_id}.user.start",
        kind="user.start",
        outcome=EventOutcome.OPENED,
        conversation_id=connection.conversation_id,
        session_id=connection.session_id,
        body='{"conversationId": "x", "addressTo": "+573001112233"}',
    )
    _attempt(connection, Kind.STATUS, 2, detail="alert", count=3)
    _attempt(connection, Kind.STATUS, 8, detail="interact")
    refused = {"outcome": Outcome.REFUSED, "status_code": 401, "detail": "Lynn answered 401"}
    _attempt(connection, Kind.DELIVERY, 9, **(refused if state == State.FAILED else {}))
    return connection


def _attempt(connection: AgentConnection, kind: Kind, after: int, **columns: Any) -> None:
    at = connection.received_at + timedelta(seconds=after)
    asked = {"externalId": "+573001112233", "type": "eventAgentConnect"}
    told = {"request_body": str(asked).replace("'", '"')} if kind == Kind.DELIVERY else {}
    Attempt.objects.create(
        connection=connection,
        kind=kind,
        call_id=connection.pk,
        started_at=at,
        last_at=at + timedelta(seconds=columns.get("count", 1)),
        duration_ms=96,
        method="POST",
        url="https://lynn.example.com/eu/PureCloud/OpenMessaging_OnEvent",
        response_headers={"content-type": "application/json"},
        response_body='{"entities": [{"name": "María Fernanda Ríos"}]}',
        **{"outcome": Outcome.OK, "status_code": 200} | told | columns,
    )


def _tests(tenant: Tenant, now: datetime) -> None:
    """A connection test that went half well, fetched queues, and a test message."""

    def step(name: str, tone: str, finding: str, ms: int | None = 96, **facts: Any) -> Any:
        shown = {"name": name, "tone": tone, "finding": finding, "ms": ms, "facts": facts}
        return {**shown, "said": "login.mypurecloud.com answered 400"}

    steps = [
        step("genesys_host", "good", "reached"),
        step("token", "bad", "credentials_refused", host="login.mypurecloud.com"),
        step("agent_state", "still", "not_tried", None, because="token"),
        step("agent_names", "warn", "names_missing", None),
        step("lynn_answer", "good", "answered", status=405),
    ]
    queues = [{"id": "new", "name": "Nueva", "auto": True}]
    queues += [{"id": f"{tenant.slug}-0", "name": QUEUES[0], "auto": False}]
    message = {"url": "https://lynn.example.com/eu", "request_body": "{}", "body": "{}"}
    message |= {"status": 401, "ms": 88, "error": "lynn.example.com answered 401"}
    results = {
        "connection": ("bad", {"steps": steps}),
        "queues": ("good", {"queues": queues, "more": False}),
        "message": ("bad", message),
    }
    for kind, (outcome, result) in results.items():
        Probe.objects.create(
            tenant=tenant, kind=kind, at=now, by_name="ada", outcome=outcome, result=result
        )


def _trouble(tenant: Tenant, now: datetime) -> None:
    since = now - timedelta(minutes=20)
    GenesysAccess.objects.create(
        tenant=tenant,
        trouble=Reason.GENESYS_CREDENTIALS_REFUSED,
        trouble_detail="invalid_client",
        trouble_since=since,
        names_missing_since=since,
    )
    Trouble.objects.create(
        tenant=tenant, kind="lynn_unreachable", since=since, detail="Lynn answered 503"
    )


def _seal(now: datetime) -> None:
    """As the background chore does, which counts what has ended, too."""
    while seal.seal_due(now, time.monotonic())[1]:
        pass


def _people(tenants: list[Tenant]) -> dict[str, User]:
    users = {"root": User.objects.create_superuser("root")}
    for role, group in ROLES.items():
        users[role] = User.objects.create_user(role, is_staff=True)
        users[role].groups.add(Group.objects.get(name=group))
        for tenant in tenants[:3]:
            tenant.people.add(users[role])
    users["stranger"] = User.objects.create_user("stranger", is_staff=True)
    users["operator"].set_password(PASSWORD)  # the others come with a session; hashing takes long
    users["operator"].save()
    return users
