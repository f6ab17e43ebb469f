"""Two tenants, one of them foreign, people of each kind, and what each may ask for: the world in
which the permission matrix is walked. What must not leak is marked, and known by its mark."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from connector.domain import Kind, Outcome, Reason, State, TroubleKind
from connector.models import (
    Acknowledgement,
    AgentConnection,
    Event,
    EventOutcome,
    ExportLog,
    Heartbeat,
    HourlyCount,
    ItemState,
    Probe,
    Replay,
    ReplayKind,
    Tenant,
    Trouble,
    WebhookToken,
)
from connector.permissions import make_groups
from tests.admin.conftest import CLIENT_SECRET, HEADER_SECRET, make_attempt, make_connection

NOWHERE = "https://127.0.0.1:9"  # refused before anything is sent
PASSWORD = "correct-horse-battery"
GROUPS = {"admin": "Tenant admins", "operator": "Operators", "auditor": "Auditors"}
BODY_MARK = "body-mark"
ADDRESSES = {"own": "+573001112233", "foreign": "+5491166677788"}  # of Lynn's customers
TOKENS = {"own": "own-webhook-token-0123456789", "foreign": "foreign-webhook-token-0123456789"}
SLUGS = {"own": "banco-sur", "foreign": "clinica-ajena"}
MARKS = {"own": "Ownwords", "foreign": "Foreignwords"}  # in every name and word of the tenant


@dataclass(frozen=True)
class Side:
    """A tenant and one of each thing that it can have. Lynn refused `connection`, Genesys could not
    be asked about `unseen`, `open` still rings. `empty` is another tenant of the same people,
    paused and without connections; `account` is listed on the tenant; `group` is no tenant's."""

    name: str
    tenant: Tenant
    empty: Tenant
    connection: AgentConnection
    unseen: AgentConnection
    open: AgentConnection
    event: Event
    replay: Replay
    token: WebhookToken
    account: User
    group: Group

    @property
    def ids(self) -> set[str]:
        """Which nobody else may read."""
        rows = (self.tenant, self.empty, self.connection, self.unseen, self.open)
        return {str(row.pk) for row in (*rows, self.event, self.replay)}


@dataclass(frozen=True)
class World:
    people: dict[str, User]
    sessions: dict[str, str]
    own: Side
    foreign: Side
    secrets: frozenset[str]

    def client(self, who: str, **options: Any) -> Client:
        """From far away: what the portal's own machine may ask for is another matter."""
        client = Client(REMOTE_ADDR="203.0.113.7", **options)
        if who in self.sessions:
            client.cookies["sessionid"] = self.sessions[who]
        return client


def make_world() -> World:
    call_command("createcachetable", verbosity=0)
    make_groups(using="default", apps=apps)
    people = _people()
    own, foreign = _side("own", 731_000, people), _side("foreign", 842_000, people)
    insiders = [people[who] for who in ("admin", "operator", "auditor", "stranger")]
    for tenant in (own.tenant, own.empty):
        tenant.people.set([*insiders, own.account])
    foreign.tenant.people.add(foreign.account)
    later = _now() + timedelta(hours=1)  # alive for as long as the walk takes
    Heartbeat.objects.create(name="a-worker", started_at=_now(), seen_at=later)
    return World(people, _sessions(people), own, foreign, _secrets(people, own, foreign))


def _now() -> Any:
    return timezone.now()


def _people() -> dict[str, User]:
    """The stranger is listed on the tenant, which alone opens nothing; the guest has an account
    that may not enter the admin."""
    people = {"root": User.objects.create_superuser("root", password=PASSWORD)}
    for who in (*GROUPS, "stranger", "guest"):
        people[who] = User.objects.create_user(who, password=PASSWORD, is_staff=who != "guest")
    for who, group in GROUPS.items():
        people[who].groups.add(Group.objects.get(name=group))
    return people


def _sessions(people: dict[str, User]) -> dict[str, str]:
    found = {}
    for who, person in people.items():
        client = Client()
        client.force_login(person)
        found[who] = client.cookies["sessionid"].value
    return found


def _secrets(people: dict[str, User], *sides: Side) -> frozenset[str]:
    """Plain, encrypted or hashed: in no answer to anybody."""
    found = {CLIENT_SECRET, HEADER_SECRET, PASSWORD, *TOKENS.values()}
    for person in User.objects.all():
        found.add(person.password)
    for side in sides:
        found |= {side.tenant.client_secret.ciphertext, side.tenant.lynn_headers.ciphertext}
        found.add(side.token.digest)
    return frozenset(found - {""})


# One tenant ---------------------------------------------------------------------------------------


def _side(name: str, number: int, people: dict[str, User]) -> Side:
    tenant = _tenant(name, number, SLUGS[name], f"{MARKS[name]} tenant")
    connection = _connection(name, tenant, 1)
    unseen = _connection(name, tenant, 3, **UNSEEN)
    token, _plain = WebhookToken.make(tenant, _now(), TOKENS[name])
    side = Side(
        name=name,
        tenant=tenant,
        empty=_tenant(name, number + 1, f"{SLUGS[name]}-2", f"{MARKS[name]} empty", enabled=False),
        connection=connection,
        unseen=unseen,
        open=_connection(name, tenant, 2, due_at=_now() + timedelta(hours=1), **OPEN),
        event=_event(name, tenant, connection),
        replay=_replay(name, tenant, unseen),
        token=token,
        account=_locked_out_account(name),
        group=Group.objects.create(name=f"group-{name}"),
    )
    _what_people_did(side, people["root"])
    _what_was_seen(side)
    return side


def _locked_out_account(name: str) -> User:
    called = f"account-{MARKS[name]}"
    AccessAttempt.objects.create(username=called, failures_since_start=9)
    return User.objects.create_user(called, is_staff=True)


NOT_SEEN = {"answered_at": None, "evidence": ""}
UNSEEN = {"reason": Reason.GENESYS_UNAVAILABLE, **NOT_SEEN}
OPEN = {"state": State.CHECKING, "reason": "", "final_at": None, **NOT_SEEN}


def _tenant(name: str, number: int, slug: str, called: str, *, enabled: bool = True) -> Tenant:
    tenant = Tenant(
        pk=number,
        slug=slug,
        name=called,
        enabled=enabled,
        client_id="5b1e0c9a-0000-4000-8000-000000000000",
        client_secret=CLIENT_SECRET,
        api_url=NOWHERE,
        login_url=NOWHERE,
        lynn_base_url=NOWHERE,
    )
    tenant.extra_headers = {"X-Lynn-Key": HEADER_SECRET}
    tenant.save()
    tenant.queues.create(
        genesys_id=f"q-{MARKS[name].lower()}", name=f"{MARKS[name]} queue", answer_mode="manual"
    )
    return tenant


def _connection(name: str, tenant: Tenant, number: int, **columns: Any) -> AgentConnection:
    """Whatever may repeat the address of Lynn's customer does."""
    mark, address = MARKS[name], ADDRESSES[name]
    at = _now() - timedelta(minutes=20)
    row = make_connection(
        tenant,
        number,
        **{
            "conversation_id": f"conversation-{mark}-{number}",
            "session_id": f"session-{mark}-{number}",
            "user_id": f"agent-{mark}",
            "user_name": f"{mark} Ríos",
            "queue_id": f"q-{mark.lower()}",
            "queue_name": f"{mark} queue",
            "external_id": address,
            "trouble_detail": f"unknown customer {address}",
            "received_at": at,
            "offered_at": at,
            "give_up_at": at + timedelta(hours=2),
            "answered_at": at,
            "final_at": at,
        }
        | columns,
    )
    body = json.dumps({"externalId": address, "mark": BODY_MARK})
    make_attempt(row, Kind.STATUS, 2, detail="alert", response_body=body)
    make_attempt(
        row,
        Kind.DELIVERY,
        3,
        outcome=Outcome.REFUSED,
        detail=f"{mark}: unknown customer {address}",
        status_code=404,
        request_body=body,
    )
    return row


def _event(name: str, tenant: Tenant, connection: AgentConnection) -> Event:
    address = ADDRESSES[name]
    return Event.objects.create(
        tenant=tenant,
        connection=connection,
        received_at=connection.received_at,
        topic=f"v2.detail.events.conversation.{connection.conversation_id}.user.start",
        kind="user.start",
        outcome=EventOutcome.OPENED,
        conversation_id=connection.conversation_id,
        detail=f'"addressTo": "{address}" is odd',
        body=json.dumps({"addressTo": address, "mark": BODY_MARK}),
    )


def _replay(name: str, tenant: Tenant, connection: AgentConnection) -> Replay:
    replay = Replay.objects.create(
        tenant=tenant,
        kind=ReplayKind.DELIVER_AGAIN,
        why=f"{MARKS[name]} why",
        rate=1,
        total=1,
        started_at=_now(),
        paced_at=_now(),
        by_name="root",
    )
    replay.items.create(connection=connection, state=ItemState.WAITING)
    return replay


def _what_people_did(side: Side, root: User) -> None:
    mark = MARKS[side.name]
    Acknowledgement.objects.create(
        connection=side.connection, by=root, by_name="root", at=_now(), note=f"{mark} note"
    )
    for row in (side.connection, side.replay):
        LogEntry.objects.log_actions(root.pk, [row], CHANGE, f"{mark} log", single_object=True)
    ExportLog.objects.create(
        by=root, by_name="root", at=_now(), form="csv", tenant=side.tenant, wanted={"q": mark}
    )


def _what_was_seen(side: Side) -> None:
    mark, now = MARKS[side.name], _now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    HourlyCount.objects.create(
        tenant=side.tenant, hour=hour, state=State.FAILED, reason=Reason.LYNN_REFUSED, count=1
    )
    Trouble.objects.create(
        tenant=side.tenant, kind=TroubleKind.LYNN_UNREACHABLE, since=now, detail=f"{mark} trouble"
    )
    fetched = [{"id": f"q-new-{mark.lower()}", "name": f"{mark} new", "auto": False}]
    Probe.objects.create(
        tenant=side.tenant,
        kind=Probe.Kind.QUEUES,
        at=now,
        outcome=Probe.Outcome.GOOD,
        result={"queues": fetched, "more": False},
    )
