"""A steady stream of automatic events: how long from the 202 until Lynn is told."""

from tests.benchmarks.ledger import Figures, spread
from tests.benchmarks.load import ALL_TOLD, NONE_TWICE, Goal, Load
from tests.benchmarks.stage import WARM, Stage


def measure(stage: Stage, *, rate: float, seconds: float, patience: float) -> Figures:
    stage.open()
    count = int(rate * seconds)
    begin = stage.clock(count)
    times = [begin + number / rate for number in range(count)]
    planned = stage.upstream.automatic("banco", WARM, times)

    sent = stage.send(planned)
    stage.wait(planned, patience)

    found = stage.ledger(planned, sent)
    return {
        **spread("202 to Lynn", found.all_lags, 50, 95, 99),
        **spread("webhook", found.webhook, 50, 99),
        **found.figures(),
        **stage.costs(found.delivered),
    }


LOAD = Load(
    name="steady",
    about="automatic events at 50 a second for a minute",
    measure=measure,
    full={"rate": 50, "seconds": 60, "patience": 240},
    short={"rate": 50, "seconds": 10, "patience": 60},
    goals=(
        *ALL_TOLD,
        *NONE_TWICE,
        Goal("202 to Lynn p50 (ms)", at_most=60, databases=("postgres",)),
        Goal("202 to Lynn p99 (ms)", at_most=250, databases=("postgres",)),
        Goal("202 to Lynn p50 (ms)", at_most=120, databases=("sqlite",)),
    ),
)
