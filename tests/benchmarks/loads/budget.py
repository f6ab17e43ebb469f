"""More offers than Genesys would let one ask about one by one."""

import random

from tests.benchmarks.ledger import Figures, spread
from tests.benchmarks.load import ALL_TOLD, NONE_TWICE, Goal, Load
from tests.benchmarks.stage import Stage

ANSWERED_AFTER = (2.0, 20.0)


def measure(
    stage: Stage, *, offers: int, seconds: float, agents: int, limit: int, patience: float
) -> Figures:
    stage.open(agents=agents, limit=limit)
    begin, chance = stage.clock(offers), random.Random(1)
    starts = [begin + number * seconds / offers for number in range(offers)]
    times = [(start, start + chance.uniform(*ANSWERED_AFTER)) for start in starts]
    planned = stage.upstream.manual("banco", agents, times)

    sent = stage.send(planned)
    stage.wait(planned, ANSWERED_AFTER[1] + patience)

    found = stage.ledger(planned, sent)
    return {
        **spread("answered to told", found.all_lags, 50, 95, 99),
        **found.figures(),
        **stage.costs(found.delivered),
    }


LOAD = Load(
    name="budget",
    about="600 offers in a minute, 50 agents, Genesys allows 300 calls a minute",
    measure=measure,
    full={"offers": 600, "seconds": 60, "agents": 50, "limit": 300, "patience": 100},
    short={"offers": 150, "seconds": 15, "agents": 50, "limit": 75, "patience": 60},
    goals=(
        *ALL_TOLD,
        *NONE_TWICE,
        Goal("Genesys calls refused with 429", at_most=0),
        Goal("answered to told p95 (ms)", at_most=4000),
    ),
)
