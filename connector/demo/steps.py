"""What there is to tell about an offer at one moment, step by step. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from connector.demo.verdicts import Truth, span
from connector.domain import Evidence
from connector.explain import explain
from connector.models import AgentConnection
from connector.simulator.lynn import Call
from connector.simulator.player import Post


@dataclass(frozen=True)
class Step:
    """`key` is the same at every look, so that a step is told once."""

    key: str
    at: float
    text: str


@dataclass(frozen=True)
class Sight:
    """One look at an offer: the simulator's side, the portal's row, and Lynn's record."""

    truth: Truth
    posts: tuple[Post, ...]
    connection: AgentConnection | None
    calls: tuple[Call, ...]
    now: float

    @property
    def is_final(self) -> bool:
        return self.connection is not None and not self.connection.is_open


def steps(sight: Sight) -> list[Step]:
    """All that happened until now, in the order of time."""
    found = [*_posts(sight), *_answer(sight), *_portal(sight), *_lynn(sight), *_end(sight)]
    return sorted(found, key=lambda step: step.at)


def _posts(sight: Sight) -> Iterator[Step]:
    for post in sight.posts:
        for number, attempt in enumerate(tuple(post.attempts)):
            if attempt.status is None or attempt.status >= 300:
                what = attempt.problem or f"answered {attempt.status}"
                yield Step(f"refused {post.index} {number}", attempt.at, f"{post.kind}: {what}")
        if post.accepted_at is not None:
            took = span(post.accepted_at - post.attempts[-1].at)
            text = f"{_told_by(post)} posted, answered {post.status} in {took}"
            yield Step(f"accepted {post.index}", post.accepted_at, text)


def _told_by(post: Post) -> str:
    return "user.end (it rang out)" if post.kind == "user.end" else post.kind


def _answer(sight: Sight) -> Iterator[Step]:
    truth = sight.truth
    if truth.answered_at is None or truth.is_automatic or sight.now < truth.answered_at:
        return
    yield Step("answer", truth.answered_at, f"{truth.agent} answers; now the portal must see it")


def _portal(sight: Sight) -> Iterator[Step]:
    connection = sight.connection
    if connection is None:
        return
    if connection.trouble == "lynn_unreachable" and connection.is_open:
        yield Step("trouble lynn", sight.now, "Lynn does not answer; this delivery waits for it")
    elif connection.trouble and connection.is_open:
        text = f"Genesys could not be asked: {connection.trouble_detail}"
        yield Step(f"trouble {connection.trouble_detail}", sight.now, text)
    elif connection.state == "checking" and connection.checks:
        yield Step(
            f"check {connection.checks}", sight.now, f"still ringing ({_checks(connection)})"
        )
    if connection.evidence:
        yield Step("evidence", _before_lynn(sight), _evidence(connection))


def _before_lynn(sight: Sight) -> float:
    return min([sight.now, *(call.at for call in sight.calls)])


def _evidence(connection: AgentConnection) -> str:
    if connection.evidence == Evidence.AUTO:
        return "an automatic queue, so nobody has to be asked"
    if connection.evidence == Evidence.STATUS:
        return f"Genesys shows that the agent has answered ({_checks(connection)})"
    return f"the answer is known from the {connection.get_evidence_display()}"


def _checks(connection: AgentConnection) -> str:
    return f"{connection.checks} check{'' if connection.checks == 1 else 's'}"


def _lynn(sight: Sight) -> Iterator[Step]:
    for call in sight.calls:
        yield Step(f"call {call.index}", call.at, _call(sight, call))


def _call(sight: Sight, call: Call) -> str:
    if call.acted:
        return f"Lynn told: “{call.body['userName']} is with you” ({_since(sight, call)})"
    if call.status is None:
        return "Lynn was called and does not answer"
    return f"Lynn answers {call.status}; the portal will try again"


def _since(sight: Sight, call: Call) -> str:
    """From the 202 where Lynn had to be told at once, else from the answer."""
    truth = sight.truth
    accepted = min((post.accepted_at for post in sight.posts if post.accepted_at), default=None)
    if truth.answered_at is None or truth.is_automatic:
        after = call.at - (accepted or truth.started_at)
        return f"{span(max(after, 0))} after the 202"
    return f"{span(call.at - truth.answered_at)} after the answer"


def _end(sight: Sight) -> Iterator[Step]:
    if sight.connection is not None and sight.is_final:
        text = f"the portal's own words: {explain(sight.connection)}"
        yield Step("end", sight.now, text)
