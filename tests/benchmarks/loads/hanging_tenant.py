"""Many tenants, with and without one whose Lynn hangs: what do the others notice?"""

from tests.benchmarks.ledger import Figures, Ledger, percentile
from tests.benchmarks.load import Goal, Load
from tests.benchmarks.stage import Stage

SETTLE = 5.0  # seconds under load before the first figure


def measure(stage: Stage, *, tenants: int, rate: float, seconds: float, patience: float) -> Figures:
    slugs = [f"tenant-{number:02}" for number in range(tenants)]
    stage.open(slugs, agents=1)
    others = slugs[1:]
    one_round(stage, slugs, rate, SETTLE, patience)
    stage.begin()

    without = one_round(stage, slugs, rate, seconds, patience)
    stage.upstream.lynn_misbehaves(slugs[0], "hang")
    with_it = one_round(stage, slugs, rate, seconds, patience, wait_for=others)

    before, after = (
        percentile([lag for slug in others for lag in each.lags[slug]], 95) * 1000
        for each in (without, with_it)
    )
    return {
        "others, p95 without (ms)": before,
        "others, p95 with (ms)": after,
        "others, with to without": after / before,
        "others, missing": missing_of(without, others) + missing_of(with_it, others),
        "doubled": without.doubled + with_it.doubled,
        "false": without.false + with_it.false,
        "posts without a 202": without.not_accepted + with_it.not_accepted,
        **stage.costs(without.delivered + with_it.delivered),
    }


def missing_of(found: Ledger, slugs: list[str]) -> int:
    return sum(found.missing_by_tenant[slug] for slug in slugs)


def one_round(
    stage: Stage,
    slugs: list[str],
    rate: float,
    seconds: float,
    patience: float,
    wait_for: list[str] | None = None,
) -> Ledger:
    """The same number of events to each tenant in turns."""
    count = round(rate * seconds / len(slugs))
    begin = stage.clock(count * len(slugs))
    planned = [
        each
        for turn, slug in enumerate(slugs)
        for each in stage.upstream.automatic(
            slug, 1, [begin + (number * len(slugs) + turn) / rate for number in range(count)]
        )
    ]
    told_before = len(stage.told)
    sent = stage.send(planned)
    awaited = [each for each in planned if wait_for is None or each.slug in wait_for]
    stage.wait(awaited, patience)
    del stage.told[:told_before]
    return stage.ledger(planned, sent)


LOAD = Load(
    name="hanging-tenant",
    about="50 tenants, automatic events at 50 a second, one tenant's Lynn hangs",
    measure=measure,
    full={"tenants": 50, "rate": 50, "seconds": 60, "patience": 60},
    short={"tenants": 50, "rate": 50, "seconds": 10, "patience": 30},
    goals=(
        Goal("others, with to without", at_most=1.1),
        Goal("others, missing", at_most=0),
        Goal("doubled", at_most=0),
        Goal("false", at_most=0),
    ),
)
