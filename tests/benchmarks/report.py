"""The figures of a load as a table. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from tests.benchmarks.ledger import Figures
from tests.benchmarks.load import Goal, Load

VERDICTS = {True: "met", False: "NOT MET", None: "-"}
HEAD = 42


def medians(rounds: Sequence[Figures]) -> Figures:
    names = dict.fromkeys(name for each in rounds for name in each)
    return {name: median([each[name] for each in rounds if name in each]) for name in names}


def table(
    load: Load, database: str, size: Mapping[str, Any], figures: Mapping[str, Figures]
) -> str:
    """One line a figure: every contender's, ours to the others', and the goals."""
    names = dict.fromkeys(name for each in figures.values() for name in each)
    others = [each for each in figures if each != "ours" and "ours" in figures]
    head = [f"{'':{HEAD}}", *(f"{each:>10}" for each in figures)]
    head += [f"{'to ' + each:>11}" for each in others]
    sizes = ", ".join(f"{name} {value}" for name, value in size.items())
    lines = [f"\n{load.name} on {database}: {load.about}", f"({sizes})", "".join(head)]
    for name in names:
        cells = [f"{_number(each.get(name)):>10}" for each in figures.values()]
        cells += [f"{_ratio(figures, each, name):>13}" for each in others]
        lines.append(f"{name:{HEAD}}{''.join(cells)}   {_goals(load, database, name, figures)}")
    return "\n".join(line.rstrip() for line in lines)


def verdicts(
    load: Load, database: str, figures: Mapping[str, Figures]
) -> list[dict[str, str | float | bool | None]]:
    return [
        {
            "figure": goal.figure,
            "goal": goal.words(),
            "ours": figures.get("ours", {}).get(goal.figure),
            "met": goal.is_met(figures),
        }
        for goal in _of(load, database)
    ]


def _goals(load: Load, database: str, name: str, figures: Mapping[str, Figures]) -> str:
    return ", ".join(
        f"{goal.words()}: {VERDICTS[goal.is_met(figures)]}"
        for goal in _of(load, database)
        if goal.figure == name
    )


def _of(load: Load, database: str) -> Iterable[Goal]:
    return (goal for goal in load.goals if database in goal.databases)


def _ratio(figures: Mapping[str, Figures], other: str, name: str) -> str:
    ours, theirs = figures["ours"].get(name), figures[other].get(name)
    if not ours or not theirs or math.isnan(ours / theirs):
        return ""
    return f"{ours / theirs:.3g}"


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.2f}"
