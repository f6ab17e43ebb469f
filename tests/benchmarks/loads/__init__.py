"""The loads, one a file, in the order in which they are run."""

from tests.benchmarks.load import Load
from tests.benchmarks.loads import (
    at_rest,
    budget,
    burst,
    failing_lynn,
    hanging_tenant,
    pending,
    power_cut,
    ringing,
    steady,
    webhook,
)

LOADS: dict[str, Load] = {
    each.LOAD.name: each.LOAD
    for each in (
        burst,
        steady,
        ringing,
        budget,
        pending,
        failing_lynn,
        hanging_tenant,
        power_cut,
        webhook,
        at_rest,
    )
}
