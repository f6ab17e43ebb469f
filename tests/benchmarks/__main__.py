"""Our portal beside the plain thing and the floor.

.venv/bin/python -m tests.benchmarks [--load NAME ...] [--database sqlite postgres]
    [--contender ours plain floor] [--rounds N] [--short] [--json FILE]
"""

import argparse
import json
import os
import platform
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from tests.benchmarks.contenders import DATABASES, NAMES, contender
from tests.benchmarks.ledger import Figures
from tests.benchmarks.load import Load
from tests.benchmarks.loads import LOADS
from tests.benchmarks.report import medians, table, verdicts
from tests.benchmarks.stage import Stage
from tests.benchmarks.upstream import UpstreamProcess

ENDS = (signal.SIGINT, signal.SIGTERM)
Json = dict[str, Any]


def run(name: str, database: str, load: Load, size: Json) -> Figures:
    """One contender under one load, with a fresh simulator and a fresh database."""
    with UpstreamProcess() as upstream, contender(name, database) as started:
        return load.measure(Stage(started, upstream, database), **size)


def compare(load: Load, database: str, wanted: argparse.Namespace) -> Json:
    """All contenders in turn, as often as there are rounds; prints the table."""
    names = [each for each in wanted.contender or load.contenders if each in NAMES]
    size = load.short if wanted.short else load.full
    rounds: dict[str, list[Figures]] = defaultdict(list)
    for number in range(1, wanted.rounds + 1):
        for name in names:
            say(f"{load.name} on {database}, {name}, round {number} of {wanted.rounds}")
            try:
                rounds[name].append(run(name, database, load, size))
            except (AssertionError, RuntimeError, OSError) as error:
                say(f"{name} could not finish: {error}")
    figures = {name: medians(rounds[name]) for name in names if rounds[name]}
    print(table(load, database, size, figures), flush=True)
    return {
        "load": load.name,
        "database": database,
        "size": size,
        "rounds": rounds,
        "medians": figures,
        "goals": verdicts(load, database, figures),
    }


def say(words: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {words}", file=sys.stderr, flush=True)


def stop(number: int, frame: FrameType | None) -> None:
    """Leave nothing running, however often it is asked for."""
    for each in ENDS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit("Stopped.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Our portal beside the plain thing and the floor, in turn, in one run.",
    )
    add_choice(parser, "--load", list(LOADS), list(LOADS))
    add_choice(parser, "--database", DATABASES, ["sqlite"])
    add_choice(parser, "--contender", NAMES, None)
    parser.add_argument("--rounds", type=int, default=1, help="figures are medians of so many")
    parser.add_argument("--short", action="store_true", help="small sizes; goals do not count")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    wanted = parser.parse_args()
    if "postgres" in wanted.database and not os.environ.get("TEST_POSTGRES_URL"):
        parser.error("PostgreSQL needs TEST_POSTGRES_URL, the address of a server.")
    return wanted


def add_choice(
    parser: argparse.ArgumentParser, flag: str, names: Sequence[str], default: list[str] | None
) -> None:
    usual = "those of the load" if default is None else " ".join(default)
    words = f"one or more of {', '.join(names)} (default: {usual})"
    parser.add_argument(flag, nargs="+", choices=names, default=default, metavar="NAME", help=words)


def main() -> None:
    wanted = arguments()
    for number in ENDS:
        signal.signal(number, stop)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%F %R}")
    if wanted.short:
        print("Short sizes: the goals are shown, but they are meant for the full ones.", flush=True)
    results = []
    for name in wanted.load:
        for database in (each for each in wanted.database if each in LOADS[name].databases):
            results.append(compare(LOADS[name], database, wanted))
            if wanted.json:
                wanted.json.write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
