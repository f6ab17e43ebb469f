"""Many offers that ring at once and are answered over a while."""

import random
from collections.abc import Iterator

from tests.benchmarks.ledger import Figures, spread
from tests.benchmarks.load import ALL_TOLD, NONE_TWICE, Goal, Load
from tests.benchmarks.stage import TIMING, Stage

ANSWERED_AFTER = (2.0, 20.0)  # seconds after the last one has begun to ring


def measure(stage: Stage, *, offers: int, agents: int, rate: float, patience: float) -> Figures:
    stage.open(agents=agents)
    times = list(all_at_once(stage.clock(offers), offers, rate))
    planned = stage.upstream.manual("banco", agents, times)

    sent = stage.send(planned)
    stage.wait(planned, ANSWERED_AFTER[1] + patience)

    found = stage.ledger(planned, sent)
    return {
        **spread("answered to told", found.all_lags, 50, 95, 99),
        **found.figures(),
        **stage.costs(found.delivered),
    }


def all_at_once(begin: float, offers: int, rate: float) -> Iterator[tuple[float, float]]:
    """When each rings and is answered: none is answered before the last one rings."""
    chance, all_ring = random.Random(1), begin + offers / rate
    for number in range(offers):
        yield begin + number / rate, all_ring + chance.uniform(*ANSWERED_AFTER)


LOAD = Load(
    name="ringing",
    about="1,000 offers ring at once (250 agents), answered after 2 to 20 s",
    measure=measure,
    full={"offers": 1000, "agents": 250, "rate": 150, "patience": 120},
    short={"offers": 200, "agents": 50, "rate": 100, "patience": 30},
    contenders=("ours", "plain", "plain-16", "floor"),
    goals=(
        *ALL_TOLD,
        *NONE_TWICE,
        Goal("answered to told p50 (ms)", at_most=TIMING["check_every"] * 500 + 300),
        Goal("Genesys calls per delivered event", at_most=0.2),
    ),
)
