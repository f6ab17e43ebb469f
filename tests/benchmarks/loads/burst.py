"""As many automatic events as the connections can carry."""

from tests.benchmarks.ledger import Figures, spread
from tests.benchmarks.load import ALL_TOLD, NONE_TWICE, Goal, Load
from tests.benchmarks.stage import WARM, Stage


def measure(stage: Stage, *, events: int, connections: int, patience: float) -> Figures:
    stage.open()
    planned = stage.upstream.automatic("banco", WARM, [None] * events)

    sent = stage.send(planned, connections)
    stage.wait(planned, patience)

    found = stage.ledger(planned, sent)
    return {
        "delivered a second": found.delivered / (found.last_told - found.first_sent),
        **spread("webhook", found.webhook, 50, 99),
        **found.figures(),
        **stage.costs(found.delivered),
    }


LOAD = Load(
    name="burst",
    about="automatic events as fast as 32 connections allow",
    measure=measure,
    full={"events": 2000, "connections": 32, "patience": 300},
    short={"events": 400, "connections": 32, "patience": 60},
    contenders=("ours", "plain", "plain-16", "floor"),
    goals=(
        *ALL_TOLD,
        *NONE_TWICE,
        Goal("delivered a second", at_least=15, times="plain"),
        Goal("delivered a second", at_least=round(1 / 7, 3), times="floor"),
        Goal("CPU per delivered event (ms)", at_most=5),
    ),
)
