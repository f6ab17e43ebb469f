"""A great many offers that wait, with few calls to spend on them; some are never answered."""

import random
from collections.abc import Iterator

from tests.benchmarks.ledger import Figures, spread
from tests.benchmarks.load import ALL_TOLD, NONE_TWICE, Goal, Load
from tests.benchmarks.stage import Stage

ANSWERED = 0.6  # of all offers
GRACE = 15.0  # seconds after the last deadline until which all must be decided


def measure(
    stage: Stage, *, offers: int, agents: int, limit: int, rate: float, give_up_after: float
) -> Figures:
    stage.open(agents=agents, limit=limit, give_up_after=give_up_after)
    times = list(rings(stage.clock(offers), offers, rate, give_up_after))
    planned = stage.upstream.manual("banco", agents, times)

    sent = stage.send(planned)
    stage.sleep(give_up_after + GRACE)

    found = stage.ledger(planned, sent)
    return {
        **spread("answered to told", found.all_lags, 50, 95, 99),
        **found.figures(),
        **stage.costs(found.delivered),
        **stage.undecided(),
    }


def rings(
    begin: float, offers: int, rate: float, give_up_after: float
) -> Iterator[tuple[float, float | None]]:
    """Answers come when all are pending, and well before the deadline."""
    chance, all_ring = random.Random(1), begin + offers / rate
    for number in range(offers):
        start = begin + number / rate
        answer = chance.uniform(all_ring, begin + give_up_after - 20)
        yield start, answer if chance.random() < ANSWERED else None


LOAD = Load(
    name="pending",
    about="10,000 offers pending over 2,000 agents, 60 % are answered, 300 calls a minute",
    measure=measure,
    full={"offers": 10_000, "agents": 2000, "limit": 300, "rate": 60, "give_up_after": 300},
    short={"offers": 1000, "agents": 400, "limit": 60, "rate": 60, "give_up_after": 60},
    goals=(
        *ALL_TOLD,
        *NONE_TWICE,
        Goal("undecided", at_most=0),
        Goal("answered to told p95 (ms)", at_most=12_000),
        Goal("memory, worker (MB)", at_most=300),
    ),
)
