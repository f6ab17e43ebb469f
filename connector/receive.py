"""An event comes in: one transaction, and after it nothing is lost.

Events arrive late, twice and in any order, so each is matched with what its conversation already
has. A row that a worker is at gets its facts written and is decided by that worker.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from connector import decide, history, offers, record
from connector.decide import Verdict
from connector.domain import Evidence, QueuePolicy, Reason, State
from connector.events import ACD_END, USER_END, AcdEnd, Unused, UserEnd, UserStart
from connector.events import Event as Parsed
from connector.history import History
from connector.models import AgentConnection, Event, EventOutcome, Queue, Tenant
from connector.models.bulk import insert

BODY_KEPT = 16 * 1024  # characters


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
    try:
        result = _store(tenant, event, body, now)
    except (AgentConnection.DoesNotExist, IntegrityError):
        # Retention has just removed what the event is about.
        result = _store(tenant, event, body, now)
    if result.row and result.rivals and result.row.state == State.DELIVERING:
        AgentConnection.objects.supersede_older(result.row, now)
    return _receipt(result)


def _store(tenant: Tenant, event: Parsed, body: str, now: datetime) -> Result:
    with transaction.atomic():
        result = _result(tenant, event, now)
        _record(tenant, event, result, body, now)
    return result


def _result(tenant: Tenant, event: Parsed, now: datetime) -> Result:
    if isinstance(event, Unused):
        return Result(EventOutcome.IGNORED, reason=event.reason)
    known = history.of(tenant, event)
    rivals = any(row.state == State.CHECKING and row.user_id != event.user_id for row in known.rows)
    return replace(_matched(tenant, event, known, now), rivals=rivals)


def _matched(
    tenant: Tenant, event: UserStart | AcdEnd | UserEnd, known: History, now: datetime
) -> Result:
    match event:
        case UserStart():
            return _user_start(tenant, event, known, now)
        case AcdEnd():
            return _acd_end(tenant, event, known, now)
        case UserEnd():
            return _user_end(tenant, event, known, now)


def _user_start(tenant: Tenant, event: UserStart, known: History, now: datetime) -> Result:
    row = offers.same_offer(event, known.rows, now)
    if row is None:
        return Result(EventOutcome.OPENED, _open(tenant, event, known, now))
    row = _locked(row)
    joins, had_session = offers.waits_for_user_start(row), bool(row.session_id)
    row.duplicates += 0 if joins else 1
    offers.complete(row, event)
    early = [] if had_session else _learn_early_end(row, known, now)
    _decide(row, now)
    row.save()
    _link(early, row)
    return Result(EventOutcome.EVIDENCE if joins else EventOutcome.DUPLICATE, row)


def _acd_end(tenant: Tenant, event: AcdEnd, known: History, now: datetime) -> Result:
    if not event.answered:
        return Result(EventOutcome.IGNORED, reason="acd_not_answered")
    at = min(event.event_time or now, now)
    row = offers.answered_offer(event, known.rows, at) or _told_before(event, known.rows)
    if row is None:
        return Result(EventOutcome.OPENED, _open(tenant, event, known, now))
    row = _locked(row)
    if offers.can_still_be_proven(row):
        offers.complete(row, event)
        _prove(row, decide.answered(at, Evidence.ACD_END, tenant.policy, now), now)
        return Result(EventOutcome.EVIDENCE, row)
    from_acd_end = row.evidence == Evidence.ACD_END or offers.waits_for_user_start(row)
    if (from_acd_end and not event.event_time) or _told_before(event, [row]):
        return _duplicate(row, event)
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
    """The agent is known to have answered: deliver, unless it is too late or over already.

    A worker that is just asking Genesys about this row has told nobody yet, so the row is taken
    from it instead of waiting for an answer that is not needed any more.
    """
    row.retaken = row.retaken or row.lease is not None
    row.lease = None
    row.move_to(verdict, now)
    row.settle(now)
    _end_attempts(row, now)
    row.save()


def _user_end(tenant: Tenant, event: UserEnd, known: History, now: datetime) -> Result:
    if not event.session_id:
        return Result(EventOutcome.IGNORED, reason="no_session")
    row = next((row for row in known.rows if row.session_id == event.session_id), None)
    if row is None:
        was_told = known.is_early_end_known
        outcome = EventOutcome.DUPLICATE if was_told else EventOutcome.IGNORED
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
        _end_attempts(row, now)


def _end_attempts(row: AgentConnection, now: datetime) -> None:
    """No worker will come to put the attempts in order of a row that was taken from one."""
    if not row.is_open:
        record.mark_interrupted([row], now)


def _locked(row: AgentConnection) -> AgentConnection:
    return AgentConnection.objects.select_for_update().get(pk=row.pk)


def _duplicate(row: AgentConnection, event: UserStart | AcdEnd | UserEnd) -> Result:
    row.duplicates += 1
    offers.complete(row, event)
    row.save()
    return Result(EventOutcome.DUPLICATE, row)


def _open(
    tenant: Tenant, event: UserStart | AcdEnd, known: History, now: datetime
) -> AgentConnection:
    queue = _queue(tenant, event.queue_id)
    row = offers.new_row(tenant, event, queue, now)
    row.move_to(_first_verdict(tenant, event, queue, row, now), now)
    early = _learn_early_end(row, known, now)
    if offers.came_before_an_answer(row, known.rows):
        row.superseded_at = now
    row.settle(now)
    insert([row])
    _link(early, row)
    return row


def _learn_early_end(
    row: AgentConnection, known: History, now: datetime
) -> Sequence[history.EarlyEnd]:
    """Note the end of this row's session if it was told before anybody knew the session; returns
    the ends that were told."""
    if not known.is_early_end_known:
        return []
    early = history.early_ends(row.tenant, row.session_id)
    if early:
        row.ended_at, row.interacted = min(early[0].at, now), early[0].interacted
    return early


def _link(early: Sequence[history.EarlyEnd], row: AgentConnection) -> None:
    if early:
        ids = [end.event_id for end in early]
        Event.objects.filter(pk__in=ids).update(connection=row)


def _first_verdict(
    tenant: Tenant,
    event: UserStart | AcdEnd,
    queue: Queue | None,
    row: AgentConnection,
    now: datetime,
) -> Verdict:
    ignored = reason_to_ignore(tenant, event, queue)
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


def reason_to_ignore(
    tenant: Tenant, event: UserStart | AcdEnd | AgentConnection, queue: Queue | None
) -> Reason | None:
    """Why an event is of no use to this tenant, or what was opened by it would be now."""
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


def _record(tenant: Tenant, event: Parsed, result: Result, body: str, now: datetime) -> None:
    told = Event(
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
    insert([told])


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


def _kind(event: Parsed) -> str:
    return {UserStart: "user.start", AcdEnd: "acd.end", UserEnd: USER_END, Unused: ""}[type(event)]


def _receipt(result: Result) -> Receipt:
    duplicate = result.outcome == EventOutcome.DUPLICATE
    if result.row is None:
        return Receipt(None, State.IGNORED, result.reason, duplicate)
    row = result.row
    return Receipt(row.pk, row.state, row.reason or result.reason, duplicate)
