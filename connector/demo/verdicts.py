"""Whether a story ended as it had to: the portal's record against the simulator's truth. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from connector.simulator.events import ACD_ENDS_BEFORE
from connector.simulator.lynn import Call


@dataclass(frozen=True)
class Truth:
    """One offer as the simulator knows it. Times are seconds since 1970.

    `answered_at` None: nobody answered. `outcomes`: (state, reason) that are right. `by_event`:
    an acd.end tells of the answer. `failures`: how often Lynn fails before it understands.
    """

    conversation_id: str
    session_id: str
    user_id: str
    agent: str
    started_at: float
    answered_at: float | None
    outcomes: tuple[tuple[str, str], ...]
    by_event: bool = False
    failures: int = 0

    @property
    def is_automatic(self) -> bool:
        return self.answered_at == self.started_at

    @property
    def may_be_told_at(self) -> float | None:
        """Genesys ends the queue's part, of which acd.end tells, just before the agent's begins."""
        if self.answered_at is None or not self.by_event:
            return self.answered_at
        return self.answered_at - ACD_ENDS_BEFORE

    def is_about(self, call: Call) -> bool:
        """Whether Lynn was called for this offer, or for another one of the same two."""
        body = call.body if isinstance(call.body, dict) else {}
        same = (self.conversation_id, self.user_id)
        return same == (body.get("conversationId"), body.get("userId"))


@dataclass(frozen=True)
class Found:
    """What the portal made of the offer (empty: it knows nothing of it), and all that came to
    Lynn about it."""

    connection_id: str
    state: str
    reason: str
    calls: tuple[Call, ...]

    @property
    def told(self) -> list[Call]:
        return [call for call in self.calls if call.acted]

    @property
    def failed(self) -> list[Call]:
        return [call for call in self.calls if not call.acted]


def complaints(truth: Truth, found: Found) -> list[str]:
    """What is wrong, each in words that say what was expected and what came; empty: all right."""
    return [
        complaint
        for complaint in (
            _wrong_outcome(truth, found),
            _wrong_number(truth, found),
            _too_early(truth, found),
            _wrong_failures(truth, found),
            _wrong_key(found),
        )
        if complaint
    ]


def _wrong_outcome(truth: Truth, found: Found) -> str:
    if (found.state, found.reason) in truth.outcomes:
        return ""
    expected = " or ".join(in_words(*each) for each in truth.outcomes)
    return f"expected {expected}, but the portal says {in_words(found.state, found.reason)}"


def _wrong_number(truth: Truth, found: Found) -> str:
    told = len(found.told)
    if truth.answered_at is None and found.calls:
        return f"nobody answered, but Lynn was called {times(len(found.calls))}"
    if found.state == "delivered" and told != 1:
        return f"expected Lynn to be told once, but it was told {times(told)}"
    if found.state != "delivered" and told:
        return f"expected Lynn not to be told, but it was told {times(told)}"
    return ""


def _too_early(truth: Truth, found: Found) -> str:
    first = min((call.at for call in found.calls), default=None)
    if first is None or truth.may_be_told_at is None or first >= truth.may_be_told_at:
        return ""
    early = span(truth.may_be_told_at - first)
    return f"expected nothing to leave before the answer, but Lynn was called {early} before it"


def _wrong_failures(truth: Truth, found: Found) -> str:
    if not truth.failures or len(found.failed) == truth.failures:
        return ""
    failed = times(len(found.failed))
    return f"expected Lynn to fail {times(truth.failures)} first, but it failed {failed}"


def _wrong_key(found: Found) -> str:
    keys = {call.idempotency_key for call in found.calls}
    if keys <= {found.connection_id}:
        return ""
    shown = ", ".join(sorted(str(key) for key in keys))
    return f"expected the Idempotency-Key {found.connection_id or '(none)'}, but {shown} came"


def in_words(state: str, reason: str) -> str:
    """`not answered (rang out)`; a reason that only repeats the state is left out."""
    if not state:
        return "nothing: it knows no such offer"
    shown = "" if reason in ("", state) else f" ({reason.replace('_', ' ')})"
    return state.replace("_", " ") + shown


def when_told(truth: Truth, calls: Sequence[Call]) -> str:
    """When Lynn was told, seen from the answer."""
    told = next((call for call in calls if call.acted), None)
    if told is None:
        return "never"
    since = truth.started_at if truth.answered_at is None else truth.answered_at
    what = "the offer" if truth.answered_at is None or truth.is_automatic else "the answer"
    return f"{span(told.at - since)} after {what}"


def span(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def times(count: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{count} times")
