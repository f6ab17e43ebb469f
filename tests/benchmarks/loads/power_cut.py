"""SIGKILL of everything in the middle of the work, and a restart on the same data."""

import time

from tests.benchmarks.ledger import Figures, spread
from tests.benchmarks.load import ALL_TOLD, Goal, Load
from tests.benchmarks.loads.ringing import ANSWERED_AFTER, all_at_once
from tests.benchmarks.stage import Stage

DARK = 1.0  # seconds without power


def measure(stage: Stage, *, offers: int, agents: int, rate: float, patience: float) -> Figures:
    stage.open(agents=agents)
    times = list(all_at_once(stage.clock(offers), offers, rate))
    planned = stage.upstream.manual("banco", agents, times)

    sent = stage.send(planned)
    stage.sleep(sum(ANSWERED_AFTER) / 2)
    stage.contender.kill()
    stage.sleep(DARK)
    told_before = len(stage.told)
    restarted_at = time.time()
    stage.contender.start()
    stage.wait(planned, ANSWERED_AFTER[1] + patience + stage.contender.comes_back_after)

    found = stage.ledger(planned, sent)
    return {
        "told before the cut": told_before,
        "work resumed after (s)": stage.upstream.first_work_after(restarted_at) - restarted_at,
        **spread("answered to told", found.all_lags, 50, 95, 99),
        **found.figures(),
    }


LOAD = Load(
    name="power-cut",
    about="SIGKILL of all in the middle of 1,000 ringing offers",
    measure=measure,
    full={"offers": 1000, "agents": 250, "rate": 150, "patience": 30},
    short={"offers": 200, "agents": 50, "rate": 100, "patience": 15},
    goals=(
        *ALL_TOLD,
        Goal("false", at_most=0),
        Goal("work resumed after (s)", at_most=15),
    ),
)
