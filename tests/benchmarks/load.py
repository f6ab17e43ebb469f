"""What a load is: a function that measures, its sizes, and what it must show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.ledger import Figures

DATABASES = ("sqlite", "postgres")
CONTENDERS = ("ours", "plain", "floor")


@dataclass(frozen=True)
class Goal:
    """A figure of ours compared with a number, or with so many times another's."""

    figure: str
    at_most: float | None = None
    at_least: float | None = None
    times: str = ""
    databases: tuple[str, ...] = DATABASES

    def words(self) -> str:
        sign, bound = ("<=", self.at_most) if self.at_least is None else (">=", self.at_least)
        return f"{sign} {bound:g}" + (f" x {self.times}" if self.times else "")

    def is_met(self, figures: Mapping[str, Figures]) -> bool | None:
        """`figures` by contender; None where one that is needed is not there."""
        value = figures.get("ours", {}).get(self.figure)
        unit = figures.get(self.times, {}).get(self.figure) if self.times else 1.0
        if value is None or unit is None:
            return None
        if self.at_least is None:
            return value <= (self.at_most or 0.0) * unit
        return value >= self.at_least * unit


@dataclass(frozen=True)
class Load:
    """`measure(stage, **size)` arranges, sends, waits and returns its figures."""

    name: str
    about: str
    measure: Callable[..., Figures]
    full: dict[str, Any]
    short: dict[str, Any]
    goals: tuple[Goal, ...]
    contenders: tuple[str, ...] = CONTENDERS
    databases: tuple[str, ...] = DATABASES


ALL_TOLD = (Goal("missing", at_most=0), Goal("posts without a 202", at_most=0))
NONE_TWICE = (Goal("doubled", at_most=0), Goal("false", at_most=0))
