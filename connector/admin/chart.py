"""Stacked bars per hour: where each piece stands; the template draws them as SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from connector.domain import State

WIDTH, HEIGHT = 1200, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 14, 28
GAP = 8  # between two bars
LABEL_EVERY = 3  # hours


@dataclass(frozen=True)
class Series:
    """One colour and pattern of the bars, and the states that it stands for."""

    tone: str
    label: Any
    states: tuple[State, ...]


# From the bottom up.
SERIES = (
    Series("good", pgettext_lazy("several", "Delivered"), (State.DELIVERED, State.SHADOWED)),
    Series("warn", _("Not answered"), (State.NOT_ANSWERED,)),
    Series(
        "still", _("Ignored, expired or cancelled"), (State.IGNORED, State.EXPIRED, State.CANCELLED)
    ),
    Series("bad", _("Failed"), (State.FAILED,)),
)


@dataclass(frozen=True)
class Piece:
    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One hour; `numbers` go with SERIES. `label` is "" where it would crowd its neighbours."""

    hour: datetime
    words: str
    label: str
    middle: float
    numbers: Sequence[int]
    pieces: Sequence[Piece]


@dataclass(frozen=True)
class Chart:
    bars: Sequence[Bar]
    top: int
    series: Sequence[Series] = SERIES
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    floor: int = HEIGHT - BOTTOM
    ceiling: int = TOP
    label_y: int = HEIGHT - 8

    @property
    def is_empty(self) -> bool:
        return not any(sum(bar.numbers) for bar in self.bars)


def stacked(hours: Sequence[datetime], counts: Mapping[datetime, Mapping[str, int]]) -> Chart:
    """One bar for each of these hours, of whose counts by state some may be missing."""
    numbers = [_by_series(counts.get(hour, {})) for hour in hours]
    top = _round_up(max((sum(each) for each in numbers), default=0))
    bars = [_bar(place, hour, numbers[place], len(hours), top) for place, hour in enumerate(hours)]
    return Chart(bars, top)


def _by_series(states: Mapping[str, int]) -> list[int]:
    return [sum(states.get(state, 0) for state in series.states) for series in SERIES]


def _round_up(number: int) -> int:
    """The next digit with zeros, so that the axis ends in a number that one can read."""
    step = 1
    while True:
        for factor in (1, 2, 3, 4, 5, 6, 8):
            if number <= factor * step:
                return factor * step
        step *= 10


def _bar(place: int, hour: datetime, numbers: Sequence[int], bars: int, top: int) -> Bar:
    room = (WIDTH - LEFT - RIGHT) / bars
    x = LEFT + place * room + GAP / 2
    words = date_format(timezone.localtime(hour), "H:i")
    return Bar(
        hour=hour,
        words=words,
        label=words if place % LABEL_EVERY == 0 else "",
        middle=round(x + (room - GAP) / 2, 1),
        numbers=numbers,
        pieces=_pieces(numbers, x, room - GAP, top),
    )


def _pieces(numbers: Sequence[int], x: float, width: float, top: int) -> list[Piece]:
    pieces, y = [], float(HEIGHT - BOTTOM)
    for series, number in zip(SERIES, numbers, strict=True):
        height = number / top * (HEIGHT - TOP - BOTTOM)
        y -= height
        if number:
            pieces.append(
                Piece(series.tone, round(x, 1), round(y, 1), round(width, 1), round(height, 1))
            )
    return pieces
