"""Which offer an event belongs to, and the row of a new one. No queries: the rows are handed in."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from connector.domain import Evidence, Reason, State
from connector.events import AcdEnd, UserEnd, UserStart
from connector.models import AgentConnection, Queue, Tenant

SAME_OFFER = timedelta(minutes=5)  # for events that carry neither session nor time
TOLERANCE = timedelta(seconds=5)  # between Genesys' own times of one moment
AUTO_TOLERANCE = timedelta(minutes=1)  # an automatic answer comes this soon after the offer
LONGEST_RINGING = timedelta(hours=1)

_ACD = "acd:"
_GIVEN_UP = (
    Reason.GAVE_UP,
    Reason.GENESYS_CREDENTIALS_REFUSED,
    Reason.GENESYS_PERMISSION_MISSING,
    Reason.GENESYS_UNAVAILABLE,
    Reason.NOT_WATCHED,
)


def same_offer(
    event: UserStart, rows: Sequence[AgentConnection], now: datetime
) -> AgentConnection | None:
    """The row of the offer that this user.start speaks of: same session; else same agent and
    event time; else same agent within 5 minutes. A row that an acd.end opened waits for the
    user.start of the ringing that the answer ended."""
    if event.session_id:
        for row in rows:
            if row.session_id == event.session_id:
                return row
    mine = [
        row
        for row in rows
        if row.user_id == event.user_id and not (event.session_id and row.session_id)
    ]
    told = (row for row in mine if not waits_for_user_start(row) and _is_same(event, row, now))
    waiting = (row for row in mine if waits_for_user_start(row) and _joins(event, row, now))
    return next(told, None) or next(waiting, None)


def _is_same(event: UserStart, row: AgentConnection, now: datetime) -> bool:
    if event.event_time and row.event_time:
        return event.event_time == row.event_time
    return abs(now - row.received_at) <= SAME_OFFER


def _joins(event: UserStart, row: AgentConnection, now: datetime) -> bool:
    if event.event_time:
        return _rang_before(row, event.event_time)
    return abs(now - row.received_at) <= SAME_OFFER


def _rang_before(row: AgentConnection, started_at: datetime) -> bool:
    return row.offered_at - SAME_OFFER <= started_at <= row.offered_at + TOLERANCE


def waits_for_user_start(row: AgentConnection) -> bool:
    """Whether an acd.end opened this row and no user.start has joined it yet."""
    return row.offer_key.startswith(_ACD)


def answered_offer(
    event: AcdEnd, rows: Sequence[AgentConnection], at: datetime
) -> AgentConnection | None:
    """The newest offer to this agent that can have been answered at `at`, which without an event
    time is when the event came and may be late."""
    late = TOLERANCE if event.event_time else SAME_OFFER
    mine = (row for row in rows if row.user_id == event.user_id)
    return next((row for row in mine if _can_be_answered(row, at, late)), None)


def _can_be_answered(row: AgentConnection, at: datetime, late: timedelta) -> bool:
    if at < row.offered_at - TOLERANCE or (row.ended_at and row.ended_at < at - TOLERANCE):
        return False
    if row.answered_at is None or row.evidence == Evidence.USER_END:
        return at <= row.offered_at + LONGEST_RINGING
    slack = AUTO_TOLERANCE if row.evidence == Evidence.AUTO else TOLERANCE
    return at <= row.answered_at + max(slack, late)


def came_before_an_answer(row: AgentConnection, rows: Sequence[AgentConnection]) -> bool:
    """Whether another agent, who was offered the conversation after this one, has answered it."""
    return any(
        other.user_id != row.user_id
        and other.offered_at > row.offered_at
        and other.answered_at is not None
        and other.state != State.NOT_ANSWERED
        for other in rows
    )


def can_still_be_proven(row: AgentConnection) -> bool:
    """Whether a proof of the answer changes anything: one is waited for, or we gave up waiting."""
    if row.answered_at:
        return False
    return row.state == State.CHECKING or row.reason in _GIVEN_UP


def complete(row: AgentConnection, event: UserStart | AcdEnd | UserEnd) -> None:
    """Fill in what the row lacks and this event of the same offer brings."""
    names = ["queue_id", "media_type", "provider", "external_id"]
    if isinstance(event, UserStart):
        names += ["session_id", "participant_id", "event_time"]
        _become(row, event)
    for name in names:
        if not getattr(row, name):
            setattr(row, name, getattr(event, name))


def _become(row: AgentConnection, event: UserStart) -> None:
    if waits_for_user_start(row):
        row.offer_key = offer_key(event)
        row.event_time = event.event_time or row.event_time
        row.offered_at = min(row.offered_at, event.event_time or row.offered_at)
    elif event.session_id:
        row.offer_key = offer_key(event)


def new_row(
    tenant: Tenant, event: UserStart | AcdEnd, queue: Queue | None, now: datetime
) -> AgentConnection:
    """An unsaved row with what the event tells; its state is still to be decided."""
    offered_at = min(event.event_time or now, now)
    return AgentConnection(
        tenant=tenant,
        tenant_version=tenant.version,
        offer_key=offer_key(event),
        conversation_id=event.conversation_id,
        session_id=event.session_id,
        participant_id=event.participant_id,
        user_id=event.user_id,
        queue_id=event.queue_id,
        queue_name=queue.name if queue else "",
        provider=event.provider,
        external_id=event.external_id,
        media_type=event.media_type,
        answer_mode=(queue.answer_mode if queue else "") or tenant.answer_mode,
        event_time=event.event_time,
        received_at=now,
        offered_at=offered_at,
        give_up_at=offered_at + timedelta(seconds=tenant.give_up_after),
        state=State.CHECKING,
    )


def offer_key(event: UserStart | AcdEnd) -> str:
    """What makes this offer unique within its tenant. The length tells where the first id ends."""
    agent = f"{len(event.conversation_id)}:{event.conversation_id}:{event.user_id}"
    stamp = event.event_time.isoformat() if event.event_time else ""
    if isinstance(event, AcdEnd):
        return f"{_ACD}{agent}:{stamp or uuid.uuid4()}"
    if event.session_id:
        return session_key(event.session_id)
    return f"t:{agent}:{stamp}" if stamp else f"w:{agent}:{uuid.uuid4()}"


def session_key(session_id: str) -> str:
    return f"s:{session_id}"
