"""More than a year of a contact centre's work, as rows. Always the same. No database."""

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from connector.domain import AnswerMode, Evidence, Kind, Outcome, Reason, State
from connector.models import EventOutcome

DAYS = 400
KEPT_BODIES = timedelta(days=30)
LOOKED_AFTER = timedelta(days=14)  # of what failed before, most was acknowledged
TENANTS = 40
LEFT = TENANTS - 2  # these left the portal half way, and are found at the end of no index
AGENTS, QUEUES = 120, 6
OPEN_NOW = 200
WEEKEND = 0.4  # of a working day
FIRST_NAMES = ("María", "Diego", "Sofía", "Juan", "Ana", "Luis", "Lucía", "Pedro", "Elena", "Tomás")
LAST_NAMES = ("Ríos", "Castaño", "Herrera", "Pérez", "Gómez", "Torres", "Vargas", "Rojas", "Díaz")
BODY = '{"entities": [{"userId": "%s", "sessions": [{"sessionId": "%s"}]}], "pageCount": 1}'

Row = dict[str, Any]


@dataclass(frozen=True)
class Ending:
    """`share` of a hundred connections end so, with so many attempts each."""

    state: State
    reason: Reason
    share: int
    attempts: int


ENDINGS = (
    Ending(State.DELIVERED, Reason.DELIVERED, 70, 3),
    Ending(State.SHADOWED, Reason.WOULD_DELIVER, 2, 3),
    Ending(State.NOT_ANSWERED, Reason.RANG_OUT, 6, 3),
    Ending(State.NOT_ANSWERED, Reason.GAVE_UP, 4, 3),
    Ending(State.NOT_ANSWERED, Reason.SUPERSEDED, 2, 3),
    Ending(State.IGNORED, Reason.QUEUE_NOT_LISTED, 6, 0),
    Ending(State.IGNORED, Reason.MEDIA_TYPE_NOT_USED, 2, 0),
    Ending(State.EXPIRED, Reason.TOO_LATE, 2, 4),
    Ending(State.EXPIRED, Reason.STALE_EVENT, 1, 0),
    Ending(State.FAILED, Reason.LYNN_REFUSED, 2, 8),
    Ending(State.FAILED, Reason.GENESYS_UNAVAILABLE, 1, 8),
    Ending(State.FAILED, Reason.GENESYS_CREDENTIALS_REFUSED, 1, 8),
    Ending(State.CANCELLED, Reason.CANCELLED_BY_PERSON, 1, 8),
)
HUNDRED = tuple(ending for ending in ENDINGS for _ in range(ending.share))
ASKING = (Reason.GENESYS_UNAVAILABLE, Reason.GENESYS_CREDENTIALS_REFUSED)
NOT_LEFT = (State.NOT_ANSWERED, State.CANCELLED)  # Lynn had nothing to be told


@dataclass(frozen=True)
class Story:
    """One connection with everything that belongs to it."""

    connection: Row
    attempts: Sequence[Row]
    events: Sequence[Row]


class Year:
    """`tenants` are ids, the busiest first; each has about half of the one before it, at most."""

    def __init__(self, tenants: Sequence[int], connections: int, now: datetime) -> None:
        self.tenants, self.connections, self.now = tenants, connections, now
        self.luck = random.Random(11)
        self.shares = list(accumulate(1 / (rank + 1) for rank in range(len(tenants))))
        self.last: dict[int, tuple[str, str]] = {}

    def stories(self) -> Iterator[Story]:
        """Oldest first."""
        hundred = list(HUNDRED)
        for number, at in enumerate(self._times()):
            if number % 100 == 0:
                self.luck.shuffle(hundred)
            yield self._story(number, at, hundred[number % 100])

    def _times(self) -> Iterator[datetime]:
        begins = self.now - timedelta(days=DAYS)
        days = [begins + timedelta(days=day) for day in range(DAYS)]
        weights = [WEEKEND if day.weekday() >= 5 else 1.0 for day in days]
        ends = [round(self.connections * part / sum(weights)) for part in accumulate(weights)]
        for day, first, end in zip(days, [0, *ends], ends, strict=False):
            for second in sorted(self.luck.uniform(0, 86_400) for _ in range(end - first)):
                yield day + timedelta(seconds=second)

    def _story(self, number: int, at: datetime, ending: Ending) -> Story:
        tenant = self._tenant(at)
        agent = self.luck.randrange(AGENTS)
        ids = self._ids(tenant, at)
        is_open = number >= self.connections - OPEN_NOW
        row = _offer(number, at, tenant, agent, ids)
        row |= self._open() if is_open else self._end(at, ending)
        return Story(row, list(self._attempts(row, ending)), list(self._events(row)))

    def _tenant(self, at: datetime) -> int:
        place = self.luck.choices(range(len(self.tenants)), cum_weights=self.shares)[0]
        if place >= LEFT and at > self.now - timedelta(days=DAYS / 2):
            place = 0
        return self.tenants[place]

    def _ids(self, tenant: int, at: datetime) -> tuple[str, str, uuid.UUID]:
        """Conversation, session, connection; every tenth conversation goes on to another agent."""
        again = self.luck.random() < 0.1
        conversation, _ = self.last.get(tenant, ("", "")) if again else ("", "")
        conversation = conversation or str(self._uuid())
        session = str(self._uuid())
        self.last[tenant] = (conversation, session)
        return conversation, session, self._uuid(at)

    def _uuid(self, at: datetime | None = None) -> uuid.UUID:
        """Version 7 where it has a time, else 4."""
        value = self.luck.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | (0x2 << 62)
        if at is None:
            return uuid.UUID(int=value | (0x4 << 76))
        ms = int(at.timestamp() * 1000)
        return uuid.UUID(int=(ms << 80) | (value & ((1 << 80) - 1)) | (0x7 << 76))

    def _open(self) -> Row:
        later = self.now + timedelta(hours=2)
        return {"state": State.CHECKING, "reason": "", "due_at": later, "give_up_at": later}

    def _end(self, at: datetime, ending: Ending) -> Row:
        answered = at + timedelta(seconds=self.luck.uniform(1, 20))
        final = answered + timedelta(milliseconds=self.luck.lognormvariate(5.5, 1))
        told = ending.state in (State.DELIVERED, State.SHADOWED)
        waits = ending.state == State.FAILED or ending.reason == Reason.TOO_LATE
        looked_at = at < self.now - LOOKED_AFTER and self.luck.random() < 0.97
        return {
            "state": ending.state,
            "reason": ending.reason,
            "evidence": Evidence.STATUS if told else "",
            "answered_at": answered if told else None,
            "delivered_at": final if ending.state == State.DELIVERED else None,
            "final_at": final,
            "sealed_at": final + timedelta(seconds=2),
            "acknowledged_at": final + timedelta(hours=3) if waits and looked_at else None,
            "checks": 2 if ending.attempts else 0,
            "tries": max(0, ending.attempts - 2),
        }

    def _attempts(self, row: Row, ending: Ending) -> Iterator[Row]:
        kinds = [Kind.STATUS] * ending.attempts
        if ending.reason not in ASKING and ending.state not in NOT_LEFT:
            kinds[2:] = [Kind.DELIVERY] * max(0, ending.attempts - 2)
        for place, kind in enumerate(kinds):
            started = row["received_at"] + timedelta(seconds=2 + place * 2)
            said = self._said(kind, place == len(kinds) - 1, ending)
            yield {
                "id": self._uuid(started),
                "connection_id": row["id"],
                "kind": kind,
                "number": place + 1,
                "count": 4 if place == 0 else 1,
                "call_id": self._uuid(),
                "started_at": started,
                "last_at": started + timedelta(seconds=1),
                "duration_ms": 96,
                "method": "POST",
                **said,
                **self._body(row),
            }

    def _said(self, kind: Kind, is_last: bool, ending: Ending) -> Row:
        if kind == Kind.DELIVERY:
            address = "https://lynn.example.com/eu/PureCloud/OpenMessaging_OnEvent"
            worked = is_last and ending.state == State.DELIVERED
        else:
            address = "https://api.mypurecloud.com/api/v2/analytics/agents/status/query"
            worked = ending.reason not in ASKING
        return {
            "url": address,
            "outcome": Outcome.OK if worked else Outcome.UNAVAILABLE,
            "status_code": 200 if worked else 503,
            "detail": "alert" if worked else "answered 503",
        }

    def _body(self, row: Row) -> Row:
        if row["received_at"] < self.now - KEPT_BODIES:
            return {}
        body = BODY % (row["user_id"], row["session_id"]) * 4
        return {"response_body": body, "response_length": len(body)}

    def _events(self, row: Row) -> Iterator[Row]:
        """A start each, an end for half of them, and now and then one that was refused."""
        at, chance = row["received_at"], self.luck.random()
        yield self._event(row, at, "user.start", EventOutcome.OPENED, row["id"])
        if chance < 0.5:
            later = at + timedelta(seconds=40)
            yield self._event(row, later, "user.end", EventOutcome.EVIDENCE, row["id"])
        elif chance > 0.99:
            yield self._event(row, at, "", EventOutcome.REFUSED, None) | {"reason": "invalid_event"}

    def _event(
        self, row: Row, at: datetime, kind: str, outcome: EventOutcome, connection: Any
    ) -> Row:
        keeps = at >= self.now - KEPT_BODIES
        return {
            "id": self._uuid(at),
            "tenant_id": row["tenant_id"],
            "connection_id": connection,
            "received_at": at,
            "topic": f"v2.detail.events.conversation.{row['conversation_id']}.{kind}",
            "kind": kind,
            "outcome": outcome,
            "conversation_id": row["conversation_id"],
            "session_id": row["session_id"],
            "body": BODY % (row["user_id"], row["session_id"]) * 4 if keeps else "",
        }


def _offer(
    number: int, at: datetime, tenant: int, agent: int, ids: tuple[str, str, uuid.UUID]
) -> Row:
    conversation, session, key = ids
    queue = (agent + number % 2) % QUEUES
    return {
        "id": key,
        "tenant_id": tenant,
        "offer_key": f"s:{session}",
        "conversation_id": conversation,
        "session_id": session,
        "participant_id": session,
        "user_id": f"{tenant:08x}-d16a-4f20-87b4-{agent:012x}",
        "user_name": name_of(tenant, agent),
        "queue_id": queue_id(tenant, queue),
        "queue_name": queue_name(queue),
        "provider": "Open Messaging",
        "external_id": f"+57300{number:07d}",
        "media_type": "message",
        "answer_mode": AnswerMode.MANUAL,
        "event_time": at,
        "received_at": at,
        "offered_at": at,
        "give_up_at": at + timedelta(minutes=2),
    }


def name_of(tenant: int, agent: int) -> str:
    first, last = (tenant + agent) % len(FIRST_NAMES), (tenant * 7 + agent) % len(LAST_NAMES)
    return f"{FIRST_NAMES[first]} {LAST_NAMES[last]}"


def queue_id(tenant: int, queue: int) -> str:
    return f"{tenant:08x}-77aa-4f20-87b4-{queue:012x}"


def queue_name(queue: int) -> str:
    return ("Soporte", "Ventas", "Retención", "Cobranzas", "Reclamos", "Citas")[queue]
