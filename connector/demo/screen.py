"""Plain lines, the same for a terminal and for a file."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

from django.core.management.base import OutputWrapper
from django.core.management.color import Style

from connector.demo.stop import Stopped

WIDTH = 96  # of paragraphs
STEP_WIDTH = 120
LABEL_WIDTH = 35


@dataclass(frozen=True)
class Row:
    """A line of the closing table; `complaints` empty: right."""

    story: str
    expected: str
    happened: str
    told: str
    complaints: Sequence[str] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        return (self.story, self.expected, self.happened, self.told, self.verdict)

    @property
    def verdict(self) -> str:
        return "WRONG" if self.complaints else "right"


HEADINGS = ("Story", "Expected", "What happened", "Lynn was told", "")


class Screen:
    def __init__(self, out: OutputWrapper, style: Style) -> None:
        self._out = out
        self._style = style

    def say(self, text: str = "") -> None:
        """Raises Stopped when nobody reads any more."""
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            # Python's own flush at the end must not complain either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Stopped from None

    def paragraph(self, text: str) -> None:
        self.say(fill(text, WIDTH))

    def heading(self, text: str) -> None:
        self.say()
        self.say(self._style.MIGRATE_HEADING(text))

    def step(self, seconds: float, label: str, text: str) -> None:
        self.say(step_line(seconds, label, text))

    def table(self, rows: Sequence[Row]) -> None:
        lines = table_lines(rows)
        self.say(self._style.MIGRATE_HEADING(lines[0]))
        for line in lines[1:]:
            self.say(line)


def step_line(seconds: float, label: str, text: str) -> str:
    """Goes on below itself where it is long."""
    start = f"  {since(seconds):>7}  {label:<{LABEL_WIDTH}}  "
    return fill(
        text,
        STEP_WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )


def since(seconds: float) -> str:
    return f"+{max(seconds, 0):.1f} s"


def table_lines(rows: Sequence[Row]) -> list[str]:
    """The heading, then a line a row; what was wrong stands below its row."""
    widths = [
        max(map(len, column)) for column in zip(HEADINGS, *(r.cells for r in rows), strict=True)
    ]
    lines = [_padded(HEADINGS, widths)]
    for row in rows:
        lines.append(_padded(row.cells, widths))
        lines += [f"      {complaint}" for complaint in row.complaints]
    return lines


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    pairs = zip(cells, widths, strict=True)
    return ("  " + "  ".join(f"{cell:<{width}}" for cell, width in pairs)).rstrip()
