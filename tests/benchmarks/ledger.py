"""Who was told of what, counted from the simulator's own record. Pure."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.benchmarks.upstream import Planned, Told

Key = tuple[str, str, str]  # tenant, conversation, agent
Figures = dict[str, float]


class Sent(NamedTuple):
    """A post as its sender saw it; `status` 0: no answer."""

    at: float
    answered_at: float
    status: int


@dataclass
class Ledger:
    """What became of each planned event.

    `lags`: seconds from the answer of the agent (automatic queues: from the 202) until Lynn was
    told. `missing` were accepted and are not told of, `doubled` are tellings that Lynn had already
    confirmed, `excused` those of which Lynn had never said that it acted, `false` tellings of what
    had not happened.
    """

    accepted: int = 0
    not_accepted: int = 0
    delivered: int = 0
    missing_by_tenant: Counter[str] = field(default_factory=Counter)
    doubled: int = 0
    excused: int = 0
    false: int = 0
    first_sent: float = 0.0
    last_told: float = 0.0
    lags: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    webhook: list[float] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.missing_by_tenant.total()

    @property
    def all_lags(self) -> list[float]:
        return [lag for lags in self.lags.values() for lag in lags]

    def figures(self) -> Figures:
        return {
            "delivered": self.delivered,
            "missing": self.missing,
            "doubled": self.doubled,
            "doubled, excused": self.excused,
            "false": self.false,
            "posts without a 202": self.not_accepted,
        }


def ledger(planned: Sequence[Planned], sent: Sequence[Sent], told: Iterable[Told]) -> Ledger:
    tellings: dict[Key, list[Told]] = defaultdict(list)
    for each in told:
        tellings[key_of(each)].append(each)
    found = Ledger(first_sent=min((each.at for each in sent), default=0.0))
    for plan, post in zip(planned, sent, strict=True):
        _note_post(found, post)
        _note(found, plan, post, tellings.pop(key_of(plan), []))
    found.false += sum(len(each) for each in tellings.values())
    return found


def key_of(one: Planned | Told) -> Key:
    return one.slug, one.conversation_id, one.user_id


def _note_post(found: Ledger, post: Sent) -> None:
    if post.status == 202:
        found.accepted += 1
        found.webhook.append(post.answered_at - post.at)
    else:
        found.not_accepted += 1


def _note(found: Ledger, plan: Planned, post: Sent, tellings: list[Told]) -> None:
    tellings.sort(key=lambda each: each.at)
    if not plan.answers:
        found.false += len(tellings)
        return
    early = [each for each in tellings if plan.answered_at and each.at < plan.answered_at]
    found.false += len(early)
    acted = [each for each in tellings if each.acted]
    if not acted:
        found.missing_by_tenant[plan.slug] += post.status == 202
        return
    found.delivered += 1
    found.last_told = max(found.last_told, acted[0].at)
    found.lags[plan.slug].append(acted[0].at - (plan.answered_at or post.answered_at))
    confirmed = Counter(each.answered for each in acted[:-1])
    found.doubled += confirmed[True]
    found.excused += confirmed[False]


def percentile(values: Sequence[float], percent: int) -> float:
    """NaN of nothing."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def spread(name: str, seconds: Sequence[float], *percents: int) -> Figures:
    """Milliseconds at these percentiles."""
    return {f"{name} p{each} (ms)": percentile(seconds, each) * 1000 for each in percents}
