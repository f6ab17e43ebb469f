"""An event comes in: one transaction, and after it nothing is lost.

Events arrive late, twice and in any order, so each is matched with what its conversation already
has. A row that a worker is at gets its facts written and is decided by that worker.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import QuerySet

from connector import decide, offers
from connector.decide import Verdict
from connector.domain import Evidence, QueuePolicy, Reason, State
from connector.events import ACD_END, USER_END, AcdEnd, Unused, UserEnd, UserStart
from connector.events import Event as Parsed
from connector.models import AgentConnection, Event, EventOutcome, Queue, Tenant

BODY_KEPT = 16 * 1024  # characters

EarlyEnds = QuerySet[Event, tuple[uuid.UUID, datetime | None, datetime, bool | None]]


@dataclass(frozen=True)
class Receipt:
    """What the sender is told; `reason` is "" while the connection is open."""

    id: uuid.UUID | None
    state: str
    reason: str
    duplicate: bool = False


@dataclass(frozen=True)
class Result:
    """What an event did: the row it concerns, if any, and why nothing more came of it.

    `rivals`: other agents are still being offered the same conversation.
    """

    outcome: EventOutcome
    row: AgentConnection | None = None
    reason: str = ""
    rivals: bool = False


def receive(tenant: Tenant, event: Parsed, body: str, now: datetime) -> Receipt:
    """Store the event and all that follows from it. Receiving it again changes nothing but the
    count of duplicates. Database errors pass through; then nothing was stored."""
    with transaction.atomic():
        result = _result(tenant, event, now)
        _record(tenant, event, result, body, now)
    if result.row and result.rivals and result.row.state == State.DELIVERING:
        AgentConnection.objects.supersede_older(result.row, now)
    return _receipt(result)


def _result(tenant: Tenant, event: Parsed, now: datetime) -> Result:
    if isinstance(event, Unused):
        return Result(EventOutcome.IGNORED, reason=event.reason)
    _one_at_a_time(tenant, event)
    rows = _rows(tenant, event)
    rivals = any(row.state == State.CHECKING and row.user_id != event.user_id for row in rows)
    return replace(_matched(tenant, event, rows, now), rivals=rivals)


def _matched(
    tenant: Tenant,
    event: UserStart | AcdEnd | UserEnd,
    rows: Sequence[AgentConnection],
    now: datetime,
) -> Result:
    match event:
        case UserStart():
            return _user_start(tenant, event, rows, now)
        case AcdEnd():
            return _acd_end(tenant, event, rows, now)
        case UserEnd():
            return _user_end(tenant, event, rows, now)


def _rows(tenant: Tenant, event: UserStart | AcdEnd | UserEnd) -> Sequence[AgentConnection]:
    """What this conversation has, and the session's offer whatever conversation it was said to
    belong to; newest first. Most have nothing, which a query for the keys alone says at half the
    price."""
    known = AgentConnection.objects.filter(tenant=tenant).order_by()
    keys = known.filter(conversation_id=event.conversation_id).values_list("pk", flat=True)
    if event.session_id:
        same = known.filter(offer_key=offers.session_key(event.session_id))
        keys = keys.union(same.values_list("pk", flat=True))
    ids = list(keys)
    found = AgentConnection.objects.filter(pk__in=ids).order_by("-offered_at")
    return list(found) if ids else []


def _one_at_a_time(tenant: Tenant, event: UserStart | AcdEnd | UserEnd) -> None:
    """Events of one conversation or session wait for each other until commit, so that a user.end
    and its user.start see each other. On SQLite every writing transaction does so anyway."""
    if database.vendor == "postgresql":
        names = {f"c:{event.conversation_id}", f"s:{event.session_id or event.conversation_id}"}
        keys = sorted(_lock_key(tenant, name) for name in names)
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s) AS key", [keys])


def _lock_key(tenant: Tenant, name: str) -> int:
    digest = hashlib.sha256(f"{tenant.pk}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _user_start(
    tenant: Tenant, event: UserStart, rows: Sequence[AgentConnection], now: datetime
) -> Result:
    row = offers.same_offer(event, rows, now)
    if row is None:
        return Result(EventOutcome.OPENED, _open(tenant, event, rows, now))
    row = _locked(row)
    joins, had_session = offers.waits_for_user_start(row), bool(row.session_id)
    row.duplicates += 0 if joins else 1
    offers.complete(row, event)
    early = [] if had_session else _learn_early_end(row, now)
    _decide(row, now)
    row.save()
    _link(early, row)
    return Result(EventOutcome.EVIDENCE if joins else EventOutcome.DUPLICATE, row)


def _acd_end(
    tenant: Tenant, event: AcdEnd, rows: Sequence[AgentConnection], now: datetime
) -> Result:
    if not event.answered:
        return Result(EventOutcome.IGNORED, reason="acd_not_answered")
    at = min(event.event_time or now, now)
    row = offers.answered_offer(event, rows, at) or _told_before(event, rows)
    if row is None:
        return Result(EventOutcome.OPENED, _open(tenant, event, rows, now))
    row = _locked(row)
    untimed_again = row.evidence == Evidence.ACD_END and not event.event_time
    if row.answered_at and (untimed_again or _told_before(event, [row])):
        return _duplicate(row, event)
    if offers.can_still_be_proven(row):
        _prove(row, decide.answered(at, Evidence.ACD_END, tenant.policy, now), now)
    return Result(EventOutcome.EVIDENCE, row)


def _told_before(event: AcdEnd, rows: Sequence[AgentConnection]) -> AgentConnection | None:
    """The row that this very event was about when it came before. Its own time cannot tell where
    Genesys' clock runs ahead of ours."""
    mine = {row.pk: row for row in rows if row.user_id == event.user_id}
    if not mine or not event.event_time:
        return None
    told = Event.objects.filter(connection__in=mine, kind=ACD_END, event_time=event.event_time)
    pk = told.values_list("connection", flat=True).first()
    return mine[pk] if pk else None


def _prove(row: AgentConnection, verdict: Verdict, now: datetime) -> None:
    """The agent is known to have answered: deliver, unless it is too late or over already."""
    if row.lease:
        for name, value in verdict.learnt.items():
            setattr(row, name, value)
    else:
        row.move_to(verdict, now)
        row.settle(now)
    row.save()


def _user_end(
    tenant: Tenant, event: UserEnd, rows: Sequence[AgentConnection], now: datetime
) -> Result:
    if not event.session_id:
        return Result(EventOutcome.IGNORED, reason="no_session")
    row = next((row for row in rows if row.session_id == event.session_id), None)
    if row is None:
        early = _early_ends(tenant, event.session_id).exists()
        outcome = EventOutcome.DUPLICATE if early else EventOutcome.IGNORED
        return Result(outcome, reason="before_user_start")
    row = _locked(row)
    if row.ended_at:
        return _duplicate(row, event)
    if event.interacted is None:
        return Result(EventOutcome.IGNORED, row, reason="no_durations")
    row.ended_at, row.interacted = min(event.event_time or now, now), event.interacted
    _decide(row, now)
    row.save()
    return Result(EventOutcome.EVIDENCE, row)


def _decide(row: AgentConnection, now: datetime) -> None:
    """Carry out what the facts decide, unless a worker is at the row and will do so itself: that
    one, or the next if it died, who then also puts its attempts in order."""
    if not row.lease:
        row.settle(now)


def _locked(row: AgentConnection) -> AgentConnection:
    return AgentConnection.objects.select_for_update().get(pk=row.pk)


def _duplicate(row: AgentConnection, event: UserStart | AcdEnd | UserEnd) -> Result:
    row.duplicates += 1
    offers.complete(row, event)
    row.save()
    return Result(EventOutcome.DUPLICATE, row)


def _open(
    tenant: Tenant, event: UserStart | AcdEnd, rows: Sequence[AgentConnection], now: datetime
) -> AgentConnection:
    queue = _queue(tenant, event.queue_id)
    row = offers.new_row(tenant, event, queue, now)
    row.move_to(_first_verdict(tenant, event, queue, row, now), now)
    early = _learn_early_end(row, now)
    if offers.came_before_an_answer(row, rows):
        row.superseded_at = now
    row.settle(now)
    row.save(force_insert=True)
    _link(early, row)
    return row


def _learn_early_end(row: AgentConnection, now: datetime) -> Sequence[uuid.UUID]:
    """Note the end of this row's session if it was told before anybody knew the session; returns
    the events that told it."""
    early = list(_early_ends(row.tenant, row.session_id)) if row.session_id else []
    for _, event_time, received_at, interacted in early[:1]:
        row.ended_at, row.interacted = min(event_time or received_at, now), interacted
    return [pk for pk, *_ in early]


def _link(early: Sequence[uuid.UUID], row: AgentConnection) -> None:
    if early:
        Event.objects.filter(pk__in=early).update(connection=row)


def _first_verdict(
    tenant: Tenant,
    event: UserStart | AcdEnd,
    queue: Queue | None,
    row: AgentConnection,
    now: datetime,
) -> Verdict:
    ignored = _reason_to_ignore(tenant, event, queue)
    if ignored:
        return Verdict(State.IGNORED, ignored)
    policy = tenant.policy
    if isinstance(event, AcdEnd):
        verdict = decide.answered(row.offered_at, Evidence.ACD_END, policy, now)
    elif row.is_automatic:
        verdict = decide.answered(row.offered_at, Evidence.AUTO, policy, now)
    else:
        first = max(row.offered_at + timedelta(seconds=tenant.first_check_after), now)
        verdict = Verdict(State.CHECKING, due_at=decide.aligned(first, policy))
    use_until = verdict.learnt.get("deliver_by") or row.give_up_at + timedelta(
        seconds=tenant.deliver_within
    )
    return Verdict(State.EXPIRED, Reason.STALE_EVENT) if now >= use_until else verdict


def _reason_to_ignore(
    tenant: Tenant, event: UserStart | AcdEnd, queue: Queue | None
) -> Reason | None:
    if event.media_type and event.media_type not in tenant.media_types:
        return Reason.MEDIA_TYPE_NOT_USED
    if queue:
        return None if queue.enabled else Reason.QUEUE_DISABLED
    if tenant.queue_policy == QueuePolicy.ALL:
        return None
    return Reason.QUEUE_NOT_LISTED if event.queue_id else Reason.NO_QUEUE


def _queue(tenant: Tenant, queue_id: str) -> Queue | None:
    wanted = queue_id.lower()
    return next((queue for queue in tenant.queues.all() if queue.genesys_id == wanted), None)


def _early_ends(tenant: Tenant, session_id: str) -> EarlyEnds:
    ends = Event.objects.filter(
        tenant=tenant,
        session_id=session_id,
        kind=USER_END,
        connection=None,
        interacted__isnull=False,
    )
    return ends.order_by().values_list("pk", "event_time", "received_at", "interacted")


def _record(tenant: Tenant, event: Parsed, result: Result, body: str, now: datetime) -> None:
    Event.objects.create(
        tenant=tenant,
        connection=result.row,
        received_at=now,
        topic=event.topic,
        kind=_kind(event),
        outcome=result.outcome,
        reason=result.reason or (result.row.reason if result.row else ""),
        body=body[:BODY_KEPT],
        **_leg_columns(event),
    )


def _leg_columns(event: Parsed) -> dict[str, Any]:
    if isinstance(event, Unused):
        return {}
    return {
        "conversation_id": event.conversation_id,
        "session_id": event.session_id,
        "event_time": event.event_time,
        "interacted": event.interacted if isinstance(event, UserEnd) else None,
    }


def record_refusal(tenant: Tenant, reason: str, detail: str, body: str, now: datetime) -> None:
    """Keep a post that was refused, so that its sender's mistake can be found in the admin."""
    Event.objects.create(
        tenant=tenant,
        received_at=now,
        outcome=EventOutcome.REFUSED,
        reason=reason,
        detail=detail,
        body=body[:BODY_KEPT],
    )


def is_over_limit(tenant: Tenant, now: datetime) -> bool:
    """Whether this tenant posted as much in the last second as it may."""
    since = now - timedelta(seconds=1)
    posted = Event.objects.filter(tenant=tenant, received_at__gt=since)
    return posted.count() >= tenant.inbound_per_second


def _kind(event: Parsed) -> str:
    return {UserStart: "user.start", AcdEnd: "acd.end", UserEnd: USER_END, Unused: ""}[type(event)]


def _receipt(result: Result) -> Receipt:
    duplicate = result.outcome == EventOutcome.DUPLICATE
    if result.row is None:
        return Receipt(None, State.IGNORED, result.reason, duplicate)
    row = result.row
    return Receipt(row.pk, row.state, row.reason or result.reason, duplicate)
