"""Lynn fails now and then, and sometimes hangs: before it acted, or after."""

from tests.benchmarks.ledger import Figures, spread
from tests.benchmarks.load import ALL_TOLD, NONE_TWICE, Load
from tests.benchmarks.stage import WARM, Stage

FAILS, HANGS = 0.20, 0.02
LATE = 10.0  # seconds in which a second telling would still come


def measure(stage: Stage, *, events: int, rate: float, deliver_within: float) -> Figures:
    stage.open(deliver_within=deliver_within)
    for seed, act, probability in (
        (1, "status", FAILS),
        (2, "hang", HANGS / 2),
        (3, "hang_after", HANGS / 2),
    ):
        stage.upstream.lynn_misbehaves("banco", act, probability=probability, seed=seed)
    begin = stage.clock(events)
    times = [begin + number / rate for number in range(events)]
    planned = stage.upstream.automatic("banco", WARM, times)

    sent = stage.send(planned)
    stage.wait(planned, deliver_within)
    stage.sleep(LATE)

    found = stage.ledger(planned, sent)
    return {
        **spread("202 to Lynn", found.all_lags, 50, 95, 99),
        **found.figures(),
        **stage.costs(found.delivered),
    }


LOAD = Load(
    name="failing-lynn",
    about="automatic events while Lynn fails 20 % and hangs 2 % of all calls",
    measure=measure,
    full={"events": 1000, "rate": 25, "deliver_within": 120},
    short={"events": 200, "rate": 25, "deliver_within": 60},
    goals=(*ALL_TOLD, *NONE_TWICE),
)
