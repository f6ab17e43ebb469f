"""What to do next with an agent connection, given what we know. Pure: the clock is an argument.

Each function returns a Verdict, a value that `AgentConnection.move_to` carries out. The evidence,
strongest first: an acd.end with ANSWERED; the agent's status showing the session of this very
offer; a user.end of this session. Being absent from the status proves nothing, since the view lags.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from django.utils.translation import gettext as _

from connector.domain import MOVES, Evidence, Reason, State, Trigger, TroubleKind, WithoutName
from connector.errors import AddressNotAllowed, NotPossible, ServiceError, ServiceRefused

# Genesys analytics API, segmentType: what each means for "has this agent answered?".
ANSWERED = frozenset({"interact", "hold", "parked"})
OVER = frozenset({"wrapup"})
SUPERVISING = frozenset({"monitoring", "coaching", "barging", "screenmonitoring", "sharing"})
NOT_YET = frozenset(
    {
        "alert",
        "contacting",
        "dialing",
        "delay",
        "scheduled",
        "system",
        "unknown",
        "converting",
        "uploading",
        "transmitting",
        "ivr",
        "voicemail",
        "callback",
    }
)
KNOWN_SEGMENTS = ANSWERED | OVER | SUPERVISING | NOT_YET

# An offer without a session id takes a leg that started at most this long before its event.
LEG_TOLERANCE = timedelta(seconds=5)
ON_TIME = timedelta(seconds=10)  # a last look that comes so late still saw what happened
DELIVER_DELAYS = (1, 2, 4, 8, 15, 30, 60)  # seconds before the 2nd, 3rd ... try; the last repeats
REFUSED_PAUSE = 10  # seconds between looks while Genesys refuses credentials or permission


class Offer(Protocol):
    """The facts about one agent connection that decisions rest on; times are aware UTC.

    `offered_at` is the event's time, or the time it was received if that was earlier (clocks
    differ). `trouble` is the reason why the last look at Genesys failed, or that Lynn cannot be
    reached; "" if nothing is wrong.
    """

    state: str
    conversation_id: str
    session_id: str
    media_type: str
    user_id: str
    user_name: str
    offered_at: datetime
    answered_at: datetime | None
    evidence: str
    ended_at: datetime | None
    interacted: bool | None
    superseded_at: datetime | None
    give_up_at: datetime
    deliver_by: datetime | None
    trouble: str
    tries: int

    @property
    def by_person(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the tenant wants: seconds, and the phase that its grid of checks has."""

    check_every: float
    give_up_after: float
    deliver_within: float
    without_name: str
    phase: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """The state to move to; `due_at` if it is open, `reason` if it is final.

    `learnt` holds the columns of the connection that became known with it.
    """

    state: State
    reason: Reason | None = None
    due_at: datetime | None = None
    learnt: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Session:
    """One session in an agent's status; `segment` and `media_type` in lower case, times None where
    not given."""

    conversation_id: str
    session_id: str
    segment: str
    media_type: str = ""
    session_start: datetime | None = None
    segment_start: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class AgentStatus:
    """Genesys analytics API, agent status. Without the permission for agent names `user_id` and
    `user_name` are empty."""

    user_id: str
    user_name: str
    sessions: tuple[Session, ...]
    source: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class Sighting:
    """What a status says about one offer; `segment` is "" where it shows no session of it, and
    `status` None where it does not show the agent."""

    segment: str = ""
    since: datetime | None = None
    status: AgentStatus | None = None

    @property
    def user_name(self) -> str:
        return self.status.user_name if self.status else ""

    @property
    def answered(self) -> bool:
        return self.segment in ANSWERED

    @property
    def over(self) -> bool:
        return self.segment in OVER


class View:
    """Several agents' statuses, ready to be searched for offers."""

    def __init__(self, statuses: Iterable[AgentStatus]) -> None:
        statuses = list(statuses)
        self._by_user = {status.user_id: status for status in statuses if status.user_id}
        self._nameless = {
            session.session_id: status
            for status in statuses
            if not status.user_id
            for session in status.sessions
        }

    def sight(self, offer: Offer) -> Sighting:
        """Find the session of this offer: by its session id; by conversation only for an offer
        that has none, and then never among sessions of which we do not know the agent."""
        status = self._by_user.get(offer.user_id)
        if status is None and offer.session_id:
            status = self._nameless.get(offer.session_id)
        own = _sessions_of(offer, status.sessions) if status else []
        if not own:
            return Sighting(status=status)
        newest = max(own, key=lambda session: session.segment_start or _LONG_AGO)
        return Sighting(newest.segment, newest.segment_start, status)


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def _sessions_of(offer: Offer, sessions: Sequence[Session]) -> Sequence[Session]:
    if offer.session_id:
        return [session for session in sessions if session.session_id == offer.session_id]
    return _newest_leg(sessions, offer)


def _newest_leg(sessions: Sequence[Session], offer: Offer) -> list[Session]:
    earliest = offer.offered_at - LEG_TOLERANCE
    legs = [
        session
        for session in sessions
        if session.conversation_id == offer.conversation_id
        and _may_be_medium(session, offer)
        and session.segment not in SUPERVISING
        and session.session_start is not None
        and session.session_start >= earliest
    ]
    return [max(legs, key=lambda session: session.session_start or _LONG_AGO)] if legs else []


def _may_be_medium(session: Session, offer: Offer) -> bool:
    """A call, or a shared screen, that the agent takes in the same conversation is no answer to
    the message."""
    return "" in (offer.media_type, session.media_type) or session.media_type in (
        "unknown",
        offer.media_type,
    )


def from_facts(offer: Offer, now: datetime) -> Verdict | None:
    """What can be said without asking anybody; None where Genesys or Lynn have to be called."""
    if offer.state == State.CHECKING:
        return _still_checking(offer, now)
    return _still_delivering(offer, now)


def _still_checking(offer: Offer, now: datetime) -> Verdict | None:
    if offer.answered_at:
        return Verdict(State.DELIVERING, due_at=now)
    if offer.ended_at and offer.interacted:
        learnt = {"evidence": Evidence.USER_END, "answered_at": offer.ended_at}
        return Verdict(State.EXPIRED, Reason.ANSWERED_AND_OVER, learnt=learnt)
    if offer.ended_at:
        return Verdict(State.NOT_ANSWERED, Reason.RANG_OUT)
    if offer.superseded_at:
        return Verdict(State.NOT_ANSWERED, Reason.SUPERSEDED)
    return None


def _still_delivering(offer: Offer, now: datetime) -> Verdict | None:
    if offer.ended_at and not offer.by_person:
        if offer.interacted or offer.evidence != Evidence.AUTO:
            return Verdict(State.EXPIRED, Reason.ANSWERED_AND_OVER)
        return Verdict(State.NOT_ANSWERED, Reason.RANG_OUT)
    if offer.deliver_by and now >= offer.deliver_by:
        return _out_of_time(offer)
    return None


def _out_of_time(offer: Offer) -> Verdict:
    if not offer.user_name and offer.trouble not in ("", TroubleKind.LYNN_UNREACHABLE):
        refused = Reason.GENESYS_CREDENTIALS_REFUSED
        return Verdict(
            State.FAILED, refused if offer.trouble == refused else Reason.NAME_UNAVAILABLE
        )
    return Verdict(State.EXPIRED, Reason.TOO_LATE)


def answered(at: datetime, evidence: Evidence, policy: Policy, now: datetime) -> Verdict:
    """The agent answered at `at`: Lynn is to be told, from now until `deliver_within` is over."""
    learnt = {
        "answered_at": at,
        "evidence": evidence,
        "deliver_by": at + timedelta(seconds=policy.deliver_within),
        "trouble": "",
        "trouble_detail": "",
    }
    return Verdict(State.DELIVERING, due_at=now, learnt=learnt)


def on_sight(offer: Offer, sighting: Sighting, policy: Policy, now: datetime) -> Verdict:
    """After Genesys showed us the agent. The look at or after `give_up_at` is the last one."""
    since = max(min(sighting.since or now, now), offer.offered_at)
    if sighting.answered:
        verdict = answered(since, Evidence.STATUS, policy, now)
        learnt = {**verdict.learnt, "evidence_detail": sighting.segment}
        return Verdict(verdict.state, due_at=now, learnt=_with_name(learnt, sighting))
    if sighting.over:
        learnt = {
            "answered_at": since,
            "evidence": Evidence.STATUS,
            "evidence_detail": sighting.segment,
        }
        return Verdict(State.EXPIRED, Reason.ANSWERED_AND_OVER, learnt=_with_name(learnt, sighting))
    learnt = _with_name({"trouble": "", "trouble_detail": ""}, sighting)
    if now >= offer.give_up_at and _is_unknown(offer, sighting, policy, now):
        return Verdict(State.FAILED, Reason.NOT_WATCHED, learnt=learnt)
    if now >= offer.give_up_at:
        return Verdict(State.NOT_ANSWERED, Reason.GAVE_UP, learnt=learnt)
    return Verdict(State.CHECKING, due_at=next_check(offer, policy, now), learnt=learnt)


def _is_unknown(offer: Offer, sighting: Sighting, policy: Policy, now: datetime) -> bool:
    """A session that is gone when the last look comes long after the deadline, or when a person
    has us look again, may have been answered while nobody looked."""
    late = now - offer.give_up_at > max(ON_TIME, timedelta(seconds=2 * policy.check_every))
    return not sighting.segment and (late or offer.by_person)


def _with_name(learnt: Mapping[str, Any], sighting: Sighting) -> dict[str, Any]:
    return {**learnt, "user_name": sighting.user_name} if sighting.user_name else dict(learnt)


def on_blindness(
    offer: Offer, error: ServiceError, trouble: Reason, policy: Policy, now: datetime
) -> Verdict:
    """After a look that failed: the next one is when Genesys, or our budget of calls, has said.
    At `give_up_at` this is a failure of ours or of Genesys, and is never called "not answered"."""
    learnt = {"trouble": trouble, "trouble_detail": str(error)}
    if now >= offer.give_up_at or isinstance(error, AddressNotAllowed):
        return Verdict(State.FAILED, trouble, learnt=learnt)
    if error.retry_after:
        due_at = now + timedelta(seconds=error.retry_after)
    else:
        pause = REFUSED_PAUSE if isinstance(error, ServiceRefused) else 0
        due_at = max(next_check(offer, policy, now), now + timedelta(seconds=pause))
    return Verdict(State.CHECKING, due_at=min(due_at, offer.give_up_at), learnt=learnt)


def without_name(
    offer: Offer, error: ServiceError | None, trouble: Reason, policy: Policy, now: datetime
) -> Verdict | None:
    """After a look for the name of an agent who answered found none; `error` is why, None where
    Genesys answered and knew no name. Returns None if Lynn is to be told with an empty name."""
    detail = str(error) if error else "Genesys answered without a name"
    learnt = {"trouble": trouble, "trouble_detail": detail}
    if isinstance(error, AddressNotAllowed):
        return Verdict(State.FAILED, Reason.ADDRESS_NOT_ALLOWED, learnt=learnt)
    if policy.without_name == WithoutName.SEND:
        return None
    waited = (now - (offer.answered_at or now)).total_seconds()
    least = REFUSED_PAUSE if isinstance(error, ServiceRefused) else 1.0
    pause = (error and error.retry_after) or min(max(waited / 2, least), 60.0)
    due_at = now + timedelta(seconds=pause)
    return Verdict(State.DELIVERING, due_at=_until_deadline(offer, due_at), learnt=learnt)


def after_delivery(
    offer: Offer, error: ServiceError | None, now: datetime, jitter: float
) -> Verdict:
    """After Lynn was told (`error` is None) or was not. `jitter` from 0 to 1 spreads the retries;
    `offer.tries` counts the deliveries tried, this one included."""
    if error is None:
        return Verdict(
            State.DELIVERED,
            Reason.DELIVERED,
            learnt={"delivered_at": now, "trouble": "", "trouble_detail": ""},
        )
    learnt = {"trouble": "", "trouble_detail": str(error)}
    if isinstance(error, AddressNotAllowed):
        return Verdict(State.FAILED, Reason.ADDRESS_NOT_ALLOWED, learnt=learnt)
    if isinstance(error, ServiceRefused):
        return Verdict(State.FAILED, Reason.LYNN_REFUSED, learnt=learnt)
    due_at = now + timedelta(seconds=_pause(offer.tries, error, jitter))
    return Verdict(State.DELIVERING, due_at=_until_deadline(offer, due_at), learnt=learnt)


def _pause(tries: int, error: ServiceError, jitter: float) -> float:
    """Seconds until the next try. What Lynn asked for is never cut short, but those that it asked
    together do not come back together."""
    delay = DELIVER_DELAYS[min(max(tries, 1), len(DELIVER_DELAYS)) - 1]
    return max(delay * (0.75 + 0.5 * jitter), (error.retry_after or 0) * (1 + 0.2 * jitter))


def wait_for_lynn(offer: Offer, until: datetime, words: str) -> Verdict:
    """Lynn does not answer at present: nothing is tried before `until`, or before Lynn answers.
    At its deadline the offer comes due in any case."""
    learnt = {"trouble": TroubleKind.LYNN_UNREACHABLE, "trouble_detail": words}
    return Verdict(State.DELIVERING, due_at=_until_deadline(offer, until), learnt=learnt)


def _until_deadline(offer: Offer, due_at: datetime) -> datetime:
    return min(due_at, offer.deliver_by) if offer.deliver_by else due_at


def deliver_again(offer: Offer, policy: Policy, now: datetime) -> Verdict:
    """A person wants Lynn to be told again; raises NotPossible without evidence of an answer."""
    if offer.state == State.DELIVERING:
        return Verdict(State.DELIVERING, due_at=now)
    if State.DELIVERING not in MOVES[State(offer.state)]:
        raise NotPossible(_("A connection that was delivered or ignored stays as it is."))
    if not offer.answered_at or not offer.evidence:
        raise NotPossible(
            _("Nothing shows that this agent answered, so Lynn is not told; check again instead.")
        )
    deliver_by = now + timedelta(seconds=policy.deliver_within)
    return Verdict(State.DELIVERING, due_at=now, learnt=_by_person(deliver_by=deliver_by))


def check_again(offer: Offer, policy: Policy, now: datetime) -> Verdict:
    """A person wants Genesys to be asked again; raises NotPossible where the answer is known."""
    if offer.state == State.CHECKING:
        return Verdict(State.CHECKING, due_at=now)
    if State.CHECKING not in MOVES[State(offer.state)]:
        raise NotPossible(_("A connection that is being delivered or is done stays as it is."))
    if offer.answered_at:
        raise NotPossible(_("This agent is known to have answered; deliver again instead."))
    give_up_at = now + timedelta(seconds=policy.give_up_after)
    return Verdict(State.CHECKING, due_at=now, learnt=_by_person(give_up_at=give_up_at))


def cancel(offer: Offer) -> Verdict:
    """A person wants no more to be done; raises NotPossible for a connection that is final."""
    if not State(offer.state).is_open:
        raise NotPossible(_("Only an open connection can be cancelled."))
    return Verdict(State.CANCELLED, Reason.CANCELLED_BY_PERSON)


def _by_person(**learnt: Any) -> dict[str, Any]:
    return {"trigger": Trigger.PERSON, "trouble": "", "trouble_detail": "", "tries": 0, **learnt}


def next_check(offer: Offer, policy: Policy, now: datetime) -> datetime:
    """The tenant's next grid point after now, or the offer's last look if that comes first."""
    soonest = now + timedelta(milliseconds=1)
    return min(aligned(soonest, policy), max(offer.give_up_at, soonest))


def aligned(moment: datetime, policy: Policy) -> datetime:
    """The first point of the tenant's grid at or after `moment`, so that all its ringing agents
    come due together and share one call."""
    every = policy.check_every
    points = math.ceil((moment.timestamp() - policy.phase) / every)
    at = datetime.fromtimestamp(points * every + policy.phase, UTC)
    return max(at, moment)
