"""The figures of one kind of database as tables. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

GOAL_MS = 100.0
WIDTH = 32

Figures = Mapping[str, Any]


def report(found: Figures) -> str:
    """Pages with their goal, then the rest; the slowest statement of each that is too slow."""
    lines = [f"\n{found['database']} (seeded in {found['seconds']:.0f} s)"]
    lines += _pages(found["pages"])
    lines += _exports(found["export"])
    lines += _web(found["web"])
    return "\n".join(lines)


def _pages(pages: Sequence[Figures]) -> Iterator[str]:
    reader = ""
    for page in pages:
        if page["reader"] != reader:
            reader = page["reader"]
            columns = f"{'median ms':>10}{'p95 ms':>8}{'CPU ms':>8}{'queries':>9}{'rows':>6}"
            yield f"\n{reader:{WIDTH}}{columns}"
        times = f"{page['median']:>10.1f}{page['p95']:>8.1f}{page['cpu']:>8.1f}"
        rows = "" if page["rows"] is None else page["rows"]
        yield f"{page['page']:{WIDTH}}{times}{page['queries']:>9}{rows:>6}{_verdict(page)}"
        if "slowest" in page:
            yield f"    {page['slowest']['time']} s: {page['slowest']['sql']}"


def _verdict(page: Figures) -> str:
    if not page["goal"]:
        return ""
    return f"   under {GOAL_MS:.0f} ms: {'met' if page['p95'] < GOAL_MS else 'NOT MET'}"


def _exports(exports: Sequence[Figures]) -> Iterator[str]:
    yield f"\n{'export':{WIDTH}}{'rows':>10}{'s':>8}{'MB more':>9}"
    for each in exports:
        cells = f"{each['rows']:>10,}{each['seconds']:>8.1f}{each['memory']:>9.1f}"
        yield f"{each['form']:{WIDTH}}{cells}"


def _web(pages: Sequence[Figures]) -> Iterator[str]:
    yield f"\n{'a fresh web process':{WIDTH}}{'ready s':>10}{'first ms':>10}{'next ms':>9}"
    for each in pages:
        cells = f"{each['ready']:>10.2f}{each['first']:>10.1f}{each['next']:>9.1f}"
        yield f"{each['page']:{WIDTH}}{cells}"
