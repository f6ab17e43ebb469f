"""Nothing to do: what does it cost to be there?"""

from tests.benchmarks.ledger import Figures
from tests.benchmarks.load import Goal, Load
from tests.benchmarks.stage import Stage


def measure(stage: Stage, *, settle: float, seconds: float) -> Figures:
    stage.open()
    stage.sleep(settle)
    stage.begin()

    stage.sleep(seconds)

    return {
        "CPU (% of a core)": stage.meter.cpu()["all"] / seconds * 100,
        "memory, all (MB)": stage.meter.memory,
        "memory, worker (MB)": stage.meter.worker_memory,
    }


LOAD = Load(
    name="at-rest",
    about="nothing to do",
    measure=measure,
    full={"settle": 10, "seconds": 60},
    short={"settle": 3, "seconds": 15},
    goals=(Goal("CPU (% of a core)", at_most=2), Goal("memory, all (MB)", at_most=250)),
)
