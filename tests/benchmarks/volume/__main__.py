"""Pages, API and export with a million connections and three million attempts.

.venv/bin/python -m tests.benchmarks.volume [--database sqlite postgres] [--connections N]
    [--json FILE]
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.__main__ import ENDS, add_choice, say, stop
from tests.benchmarks.contenders import DATABASES, database
from tests.benchmarks.volume.report import report
from tests.benchmarks.volume.web import first_and_next
from tests.system.portal import ROOT, Portal

CONNECTIONS = 1_000_000


def run(kind: str, connections: int) -> dict[str, Any]:
    """All figures of one kind of database, which is made, filled and dropped."""
    with tempfile.TemporaryDirectory() as folder, database(kind, folder) as url:
        portal = Portal(url)
        portal.run("migrate")
        say(f"{kind}: seeding {connections:,} connections")
        started = time.monotonic()
        _inside(portal, "seed", f"main({connections})")
        seconds = time.monotonic() - started
        say(f"{kind}: seeded in {seconds:.0f} s; asking for the pages")
        figures: dict[str, Any] = json.loads(_inside(portal, "measure", "main()"))
        say(f"{kind}: asking a web process that has just started")
        web = first_and_next(portal, figures.pop("session"))
        return {"database": kind, "seconds": seconds, **figures, "web": web}


def _inside(portal: Portal, module: str, call: str) -> str:
    """What this prints in a process of the portal."""
    code = f"from tests.benchmarks.volume.{module} import main; {call}"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        cwd=ROOT,
        env=portal.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{module} failed; its own words are above.")
    return done.stdout


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.volume",
        description="What pages, audit API and export cost when there is very much to show.",
    )
    add_choice(parser, "--database", DATABASES, ["sqlite"])
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="three attempts each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    wanted = parser.parse_args()
    if "postgres" in wanted.database and not os.environ.get("TEST_POSTGRES_URL"):
        parser.error("PostgreSQL needs TEST_POSTGRES_URL, the address of a server.")
    return wanted


def main() -> None:
    wanted = arguments()
    for number in ENDS:
        signal.signal(number, stop)
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {datetime.now(UTC):%F %R}")
    results = []
    for kind in wanted.database:
        results.append(run(kind, wanted.connections))
        print(report(results[-1]), flush=True)
        if wanted.json:
            wanted.json.write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main()
