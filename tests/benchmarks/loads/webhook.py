"""A long stream of posts: how long the webhook takes while the work is done beside it."""

from tests.benchmarks.load import ALL_TOLD, NONE_TWICE, Goal, Load
from tests.benchmarks.loads import steady

LOAD = Load(
    name="webhook",
    about="automatic events at 200 a second for five minutes",
    measure=steady.measure,
    full={"rate": 200, "seconds": 300, "patience": 60},
    short={"rate": 200, "seconds": 10, "patience": 60},
    databases=("postgres",),
    goals=(*ALL_TOLD, *NONE_TWICE, Goal("webhook p99 (ms)", at_most=100)),
)
