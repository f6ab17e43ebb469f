"""What happens in one organisation, and what the status of an agent shows at a given time. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connector.simulator import names
from connector.simulator.names import new_id, stable_id

Json = dict[str, Any]

SUPERVISING = frozenset({"monitoring", "coaching", "barging", "screenmonitoring", "sharing"})
ANSWERED = frozenset({"interact", "hold", "parked"})
FORGET_AFTER = 60.0  # seconds after its end; no view lag is longer
KEEP_OVER = 64  # offers of one agent that may pile up before the ended ones are forgotten


def iso(at: float) -> str:
    """`2026-10-12T14:03:21.482Z`, as Genesys writes times in its answers."""
    moment = datetime.fromtimestamp(round(at, 3), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole_milliseconds(at: float) -> float:
    """Not later than `at`: what begins now is to be seen at once."""
    return math.floor(at * 1000 + 0.001) / 1000


@dataclass(frozen=True)
class Segment:
    """From `at` (seconds since 1970) on, the session is of this kind."""

    at: float
    kind: str


@dataclass(frozen=True)
class Offer:
    """One session of one agent: a conversation offered, or a supervisor's look at one.

    `segments` are in the order of time and the first one starts the session; from `over_at` on
    the status no longer shows it.
    """

    conversation_id: str
    session_id: str
    participant_id: str
    user_id: str
    queue_id: str | None
    segments: tuple[Segment, ...]
    over_at: float | None = None
    ended_by: str = "CLIENT"
    media_type: str = "message"
    via_acd: bool = True

    @property
    def started_at(self) -> float:
        return self.segments[0].at

    @property
    def answered_at(self) -> float | None:
        """When the agent took it; None for one who let it ring, and for a supervisor."""
        return next((each.at for each in self.segments if each.kind in ANSWERED), None)

    @property
    def left_at(self) -> float | None:
        """When the agent stopped talking: the start of wrapup, or the end of the session."""
        wrapups = (each.at for each in self.segments if each.kind == "wrapup")
        return next(wrapups, self.over_at)

    @property
    def rang_out(self) -> bool:
        ringing = self.segments[0].kind not in SUPERVISING
        return ringing and self.answered_at is None and self.over_at is not None

    def segment_at(self, now: float) -> Segment | None:
        """None before the session began and after it is over."""
        if now < self.started_at or (self.over_at is not None and now >= self.over_at):
            return None
        return next(each for each in reversed(self.segments) if each.at <= now)

    def seconds_as(self, kind: str) -> float:
        """How long the session was of this kind, until its end."""
        ends = [each.at for each in self.segments[1:]] + [self.over_at or self.segments[-1].at]
        pairs = zip(self.segments, ends, strict=True)
        return sum(end - each.at for each, end in pairs if each.kind == kind)


def offer(
    user_id: str,
    queue_id: str | None,
    start: float,
    *,
    answer_after: float | None = None,
    then: Iterable[tuple[float, str]] = (),
    wrapup_after: float | None = None,
    over_after: float | None = None,
    conversation_id: str = "",
    session_id: str = "",
    ended_by: str = "CLIENT",
    media_type: str = "message",
    via_acd: bool = True,
) -> Offer:
    """An offer made at `start`. All other times are seconds: `answer_after` and `over_after` count
    from the start (0: answered automatically, None: never), `then` and `wrapup_after` from the
    answer.
    """
    start = whole_milliseconds(start)
    return Offer(
        conversation_id=conversation_id or new_id(),
        session_id=session_id or new_id(),
        participant_id=new_id(),
        user_id=user_id,
        queue_id=queue_id,
        segments=_life(start, answer_after, tuple(then), wrapup_after),
        over_at=None if over_after is None else round(start + over_after, 3),
        ended_by=ended_by,
        media_type=media_type,
        via_acd=via_acd,
    )


def _life(
    start: float,
    answer_after: float | None,
    then: tuple[tuple[float, str], ...],
    wrapup_after: float | None,
) -> tuple[Segment, ...]:
    ringing = () if answer_after == 0 else (Segment(start, "alert"),)
    if answer_after is None:
        return ringing
    answered = round(start + answer_after, 3)
    later = [Segment(round(answered + after, 3), kind) for after, kind in then]
    if wrapup_after is not None:
        later.append(Segment(round(answered + wrapup_after, 3), "wrapup"))
    later.sort(key=lambda each: each.at)
    return (*ringing, Segment(answered, "interact"), *later)


def look_in(
    user_id: str, conversation_id: str, start: float, kind: str, *, over_after: float | None = None
) -> Offer:
    """A supervisor's session (`monitoring`, `coaching`, `barging`) in someone's conversation."""
    start = whole_milliseconds(start)
    return Offer(
        conversation_id=conversation_id,
        session_id=new_id(),
        participant_id=new_id(),
        user_id=user_id,
        queue_id=None,
        segments=(Segment(start, kind),),
        over_at=None if over_after is None else round(start + over_after, 3),
    )


@dataclass(frozen=True)
class Agent:
    """`named` False: a division that the permission for agent names does not cover."""

    id: str
    name: str
    preferred_name: str
    email: str
    division_id: str
    auto_answer: bool = False
    named: bool = True


@dataclass(frozen=True)
class Queue:
    """`auto_answer_open`: what the settings of the subtype `open` say; None: they say nothing."""

    id: str
    name: str
    auto_answer: bool = False
    auto_answer_open: bool | None = None
    alerting_seconds: int = 45


class World:
    """The agents, queues and offers of one organisation."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.id = stable_id(name, "organisation")
        self.division_id = stable_id(name, "division")
        self.manager_id = stable_id(name, "manager")
        self.agents: dict[str, Agent] = {}
        self.queues: dict[str, Queue] = {}
        self._offers: dict[str, list[Offer]] = {}

    def add_agent(self, name: str, *, preferred_name: str = "", named: bool = True) -> Agent:
        """The same name gives the same agent."""
        key = stable_id(self.name, "agent", name)
        letters = "".join(each for each in name.lower() if each.isascii() and each.isalnum())
        agent = Agent(
            id=key,
            name=name,
            preferred_name=preferred_name or name.split()[0],
            email=f"{letters}@example.com",
            division_id=self.division_id if named else stable_id(self.name, "other division"),
            named=named,
        )
        self.agents[key] = agent
        return agent

    def add_queue(
        self,
        name: str,
        *,
        auto_answer: bool = False,
        auto_answer_open: bool | None = None,
        alerting_seconds: int = 45,
    ) -> Queue:
        """The same name gives the same queue, with these settings."""
        key = stable_id(self.name, "queue", name)
        self.queues[key] = Queue(key, name, auto_answer, auto_answer_open, alerting_seconds)
        return self.queues[key]

    def add_offer(self, new: Offer) -> None:
        known = self._offers.setdefault(new.user_id, [])
        if len(known) >= KEEP_OVER:
            known[:] = [each for each in known if not _forgotten(each, new.started_at)]
        known.append(new)

    def offers_of(self, user_id: str) -> list[Offer]:
        return self._offers.get(user_id, [])

    def status(self, user_id: str, now: float, *, names: bool = True) -> Json | None:
        """The body of Genesys's agent status; None for a user who is not known.

        Without the permission for names, `userId` and `userName` are left out.
        """
        agent = self.agents.get(user_id)
        if agent is None:
            return None
        offers = self.offers_of(user_id)
        sessions = [each for each in (_session(one, now) for one in offers) if each]
        return {
            **({"userId": user_id} if names and agent.named else {}),
            "divisionId": agent.division_id,
            **({"userName": agent.name} if names and agent.named else {}),
            "managerId": self.manager_id,
            "sessionCount": len(sessions),
            "sessions": sessions,
            **self._presence(offers, now),
        }

    def _presence(self, offers: list[Offer], now: float) -> Json:
        at_work = iso(now - now % 3600)
        return {
            "systemPresence": "ON_QUEUE",
            "organizationPresenceId": stable_id(self.name, "on queue"),
            "presenceDate": at_work,
            "routingStatus": _routing_status(offers, now),
            "routingStatusDate": _last_change(offers, now) or at_work,
            "isOutOfOffice": False,
            "managementUnitId": stable_id(self.name, "management unit"),
            "businessUnitId": stable_id(self.name, "business unit"),
            "adherenceState": "InAdherence",
            "adherenceImpact": "Neutral",
            "adherenceDate": at_work,
            "scheduledActivityCategory": "OnQueueWork",
            "actualActivityCategory": "OnQueueWork",
        }


def furnished(name: str) -> World:
    """An organisation with the usual people and queues."""
    world = World(name)
    for full, preferred in names.PEOPLE:
        world.add_agent(full, preferred_name=preferred)
    world.add_queue(names.QUEUE_MANUAL)
    world.add_queue(names.QUEUE_AUTOMATIC, auto_answer=True, alerting_seconds=30)
    world.add_queue(names.QUEUE_OPEN_ONLY, auto_answer_open=True, alerting_seconds=60)
    world.add_queue(names.QUEUE_MAIL)
    return world


def _forgotten(one: Offer, now: float) -> bool:
    return one.over_at is not None and one.over_at < now - FORGET_AFTER


def _session(one: Offer, now: float) -> Json | None:
    segment = one.segment_at(now)
    if segment is None:
        return None
    return {
        "conversationId": one.conversation_id,
        "sessionId": one.session_id,
        "sessionStart": iso(one.started_at),
        "segmentStart": iso(segment.at),
        "segmentType": segment.kind,
        **({"routedQueueId": one.queue_id} if one.queue_id else {}),
        "requestedRoutingSkillIds": [],
        "originatingDirection": "inbound",
        "mediaType": one.media_type,
    }


def _routing_status(offers: list[Offer], now: float) -> str:
    live = [each for each in (one.segment_at(now) for one in offers) if each]
    if any(each.kind not in SUPERVISING for each in live):
        return "INTERACTING"
    begun = [each for each in offers if each.started_at <= now]
    return "NOT_RESPONDING" if begun and begun[-1].rang_out else "IDLE"


def _last_change(offers: list[Offer], now: float) -> str | None:
    times = [at for one in offers for at in (one.started_at, one.over_at) if at and at <= now]
    return iso(max(times)) if times else None
