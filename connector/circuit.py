"""The breaker before a tenant's Lynn: when to stop posting, and who may try again. Pure.

What counts: an unavailable Lynn (408, 425, 5xx, no answer) is a failure; every other answer, a
refusal too, comes from a Lynn that is there. 429 says neither: Lynn lives, and wants less. What
never left this machine says nothing of Lynn at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from django.utils.translation import gettext as _

from connector.errors import ServiceError, ServiceUnavailable

IN_A_ROW = 5  # failures without an answer between them
SHARE = 0.7  # of at least AT_LEAST deliveries within WINDOW
AT_LEAST = 10
WINDOW = timedelta(minutes=5)
SLICE = 30  # seconds; what ended within one is counted together
PROBE_EVERY = timedelta(seconds=15)


class Proof(Enum):
    """What the end of a delivery says of Lynn."""

    ALIVE = "alive"
    AWAY = "away"
    NEITHER = "neither"


class Leave(Enum):
    """What a delivery may do now: go, go alone and be the probe, or wait for the next one."""

    GO = "go"
    PROBE = "probe"
    WAIT = "wait"


@dataclass(frozen=True)
class Slice:
    """How many deliveries ended within SLICE seconds from `start` (seconds since 1970)."""

    start: int
    answers: int = 0
    failures: int = 0


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """`recent` goes back to the first failure within WINDOW and is empty while there is none, so
    that a healthy Lynn needs no counting. Open since `opened_at`, None while closed; `closed_at`
    is when it was closed last."""

    in_a_row: int = 0
    recent: tuple[Slice, ...] = ()
    opened_at: datetime | None = None
    next_probe_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.opened_at is not None

    @property
    def failures(self) -> int:
        return sum(each.failures for each in self.recent)

    @property
    def counted(self) -> int:
        return sum(each.answers + each.failures for each in self.recent)


@dataclass(frozen=True)
class Ended:
    """Deliveries that ended together, and when the first of them began. `is_alive`: Lynn answered
    one that was made beside them, whichever of them came back first."""

    began_at: datetime
    answers: int = 0
    failures: int = 0
    is_alive: bool = False


def proof(status: int | None, error: ServiceError | None) -> Proof:
    """`status` is that of Lynn's answer, None where there was none."""
    if error is None:
        return Proof.ALIVE
    if isinstance(error, ServiceUnavailable):
        return Proof.NEITHER if status == 429 else Proof.AWAY
    return Proof.NEITHER if status is None else Proof.ALIVE


def after(circuit: Circuit, ended: Ended, now: datetime) -> Circuit:
    """The circuit after these deliveries: an answer closes it, too many failures open it.

    Failures that began before it was closed last are not news.
    """
    if circuit.is_open:
        return Circuit(closed_at=now) if ended.answers else circuit
    if circuit.closed_at and ended.began_at < circuit.closed_at:
        ended = replace(ended, failures=0)
    recent = _count(circuit, ended, now)
    if not any(each.failures for each in recent):
        return Circuit(closed_at=circuit.closed_at)
    lives = ended.answers or ended.is_alive
    in_a_row = 0 if lives else circuit.in_a_row + ended.failures
    counted = replace(circuit, in_a_row=in_a_row, recent=recent)
    if not ended.failures or not _is_too_much(counted):
        return counted
    return replace(counted, opened_at=now, next_probe_at=now + PROBE_EVERY)


def _count(circuit: Circuit, ended: Ended, now: datetime) -> tuple[Slice, ...]:
    start = int(now.timestamp()) // SLICE * SLICE
    slices = {each.start: each for each in within_window(circuit.recent, now)}
    this = slices.get(start, Slice(start))
    slices[start] = Slice(start, this.answers + ended.answers, this.failures + ended.failures)
    return tuple(slices[key] for key in sorted(slices))


def within_window(recent: Iterable[Slice], now: datetime) -> tuple[Slice, ...]:
    """Those slices of which a part is younger than WINDOW."""
    oldest = (now - WINDOW).timestamp() - SLICE
    return tuple(each for each in recent if each.start > oldest)


def _is_too_much(circuit: Circuit) -> bool:
    often = circuit.counted >= AT_LEAST and circuit.failures >= SHARE * circuit.counted
    return circuit.in_a_row >= IN_A_ROW or often


def is_counting(circuit: Circuit, now: datetime) -> bool:
    """Whether answers have to be counted: while there is a failure to weigh them against."""
    return any(each.failures for each in within_window(circuit.recent, now))


def may_go(circuit: Circuit, now: datetime) -> Leave:
    """A probe that is further off than it can be was set by another clock, and is due."""
    if not circuit.is_open:
        return Leave.GO
    at = circuit.next_probe_at or now
    return Leave.PROBE if at <= now or at > now + PROBE_EVERY else Leave.WAIT


def probing(circuit: Circuit, now: datetime) -> Circuit:
    """Somebody takes the probe. The next is due a while later whatever becomes of this one, so
    that a prober that dies holds nobody up."""
    return replace(circuit, next_probe_at=now + PROBE_EVERY)


def why_open(circuit: Circuit, last_failure: str) -> str:
    """In words; what was counted when it opened stays with it while it is open."""
    words = {
        "in_a_row": circuit.in_a_row,
        "failures": circuit.failures,
        "counted": circuit.counted,
        "last": last_failure,
    }
    if circuit.in_a_row >= IN_A_ROW:
        return _("%(in_a_row)d deliveries in a row failed; the last: %(last)s") % words
    return (
        _("%(failures)d of %(counted)d deliveries within 5 minutes failed; the last: %(last)s")
        % words
    )


def since_when(circuit: Circuit, last_failure: str) -> str:
    """What stands on record with a connection that waits, as the services' own words do."""
    opened_at = circuit.opened_at
    at = f"{opened_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if opened_at else "a moment ago"
    return f"no answer since {at}; the last: {last_failure}"
