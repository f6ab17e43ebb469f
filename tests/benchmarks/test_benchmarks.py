"""The benchmarks still run: every contender, the smallest load, and a ledger that counts right."""

import pytest

from tests.benchmarks import unit_costs
from tests.benchmarks.__main__ import run
from tests.benchmarks.ledger import Sent, ledger, percentile
from tests.benchmarks.load import Goal
from tests.benchmarks.loads import LOADS
from tests.benchmarks.report import medians, table, verdicts
from tests.benchmarks.upstream import Planned, Told


@pytest.mark.parametrize("name", ["ours", "plain", "floor"])
def test_every_contender_delivers_a_small_burst_exactly_once(name: str) -> None:
    size = {"events": 20, "connections": 4, "patience": 30}

    figures = run(name, "sqlite", LOADS["burst"], size)

    assert (20, 0, 0, 0) == tuple(
        figures[each] for each in ("delivered", "missing", "doubled", "false")
    )
    assert "burst" in table(LOADS["burst"], "sqlite", size, {name: figures})


def test_the_unit_costs_are_measured_at_every_step() -> None:
    figures = unit_costs.run("sqlite", 4, [(40, 1)])

    steps = {name: set(costs) for name, costs in figures.items()}
    assert {
        "batches of 1": set(unit_costs.STEPS),
        "batches of 50": set(unit_costs.STEPS),
        "40 tenants, 1 due of each": {"claim"},
    } == steps


def planned(conversation: str, **more: object) -> Planned:
    return Planned("banco", conversation, "agent", "{}", **more)  # type: ignore[arg-type]


def told(conversation: str, at: float, *, acted: bool = True, answered: bool = True) -> Told:
    return Told("banco", conversation, "agent", at, acted, answered)


ACCEPTED = Sent(at=1.0, answered_at=1.1, status=202)


def test_an_automatic_event_is_late_from_its_202_on() -> None:
    found = ledger([planned("a")], [ACCEPTED], [told("a", 1.5)])

    assert [pytest.approx(0.4)] == found.all_lags


def test_an_answered_offer_is_late_from_the_answer_on() -> None:
    found = ledger([planned("a", answered_at=3.0)], [ACCEPTED], [told("a", 4.0)])

    assert [1.0] == found.all_lags


def test_what_was_accepted_and_never_told_is_missing() -> None:
    refused = Sent(1.0, 1.1, 503)

    found = ledger(
        [planned("a"), planned("b"), planned("c", answers=False)],
        [ACCEPTED, refused, ACCEPTED],
        [told("a", 1.2, acted=False, answered=False)],
    )

    assert (1, 1, 0) == (found.missing, found.not_accepted, found.delivered)


def test_telling_before_the_answer_or_without_one_is_false() -> None:
    found = ledger(
        [planned("a", answered_at=3.0), planned("b", answers=False)],
        [ACCEPTED, ACCEPTED],
        [told("a", 2.9), told("b", 5.0), told("nobody", 5.0)],
    )

    assert 3 == found.false


def test_a_second_telling_is_excused_where_lynn_never_said_that_it_had_acted() -> None:
    found = ledger(
        [planned("a"), planned("b")],
        [ACCEPTED, ACCEPTED],
        [told("a", 1.2), told("a", 1.3), told("b", 1.2, answered=False), told("b", 1.3)],
    )

    assert (1, 1) == (found.doubled, found.excused)


def test_percentiles_of_few_values() -> None:
    assert (7.0, 1.5) == (percentile([7.0], 99), percentile([1.0, 2.0], 50))


def test_figures_of_several_rounds_are_medians() -> None:
    assert {"x": 2.0} == medians([{"x": 1.0}, {"x": 9.0}, {"x": 2.0}])


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal("x", at_most=10), True),
        (Goal("x", at_most=9.9), False),
        (Goal("x", at_least=5, times="plain"), True),
        (Goal("x", at_least=6, times="plain"), False),
        (Goal("x", at_least=1, times="floor"), None),
        (Goal("y", at_most=1), None),
    ],
)
def test_a_goal_is_met_missed_or_cannot_be_told(goal: Goal, met: bool | None) -> None:
    assert met is goal.is_met({"ours": {"x": 10.0}, "plain": {"x": 2.0}})


def test_verdicts_name_the_goals_of_this_database() -> None:
    names = [each["figure"] for each in verdicts(LOADS["steady"], "sqlite", {})]

    assert "202 to Lynn p50 (ms)" in names
    assert "202 to Lynn p99 (ms)" not in names
