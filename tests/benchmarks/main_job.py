"""How fast the main job is: latency at rest and a burst, with the simulator beside it.

    .venv/bin/python -m tests.benchmarks.main_job [sqlite] [postgres]

PostgreSQL needs TEST_POSTGRES_URL. Prints one line a figure; machines differ, so compare figures
of one run.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connector.simulator.server import Simulator
from connector.simulator.thread import running
from tests.system.conftest import tenant_of
from tests.system.portal import ROOT, TOKEN, Portal, postgres_database, wait_until
from tests.system.test_main_job import offer

BURST, CONNECTIONS = 1000, 32


@contextmanager
def portal_on(database: str) -> Iterator[Portal]:
    with tempfile.TemporaryDirectory() as folder:
        if database == "sqlite":
            yield Portal(f"sqlite:///{folder}/portal.sqlite3")
            return
        with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
            yield Portal(url)


def told_at(simulator: Simulator, conversation_id: str) -> float:
    """The Unix time at which Lynn was told of this conversation; waits for it."""

    def calls() -> list[float]:
        recent = simulator.lynn_calls("banco")[-50:]
        return [call.at for call in recent if call.body["conversationId"] == conversation_id]

    wait_until(lambda: bool(calls()), 30, "Lynn was told", every=0.002)
    return calls()[0]


def automatic_at_rest(portal: Portal, simulator: Simulator) -> list[float]:
    agents = [agent.id for agent in simulator.agents("banco")]

    def once(number: int) -> float:
        event = offer(simulator, automatic=True, agent=agents[number % 3])
        portal.post("banco", event)
        accepted_at = time.time()
        return told_at(simulator, event["conversationId"]) - accepted_at

    return paced(once, 20)


def manual_at_rest(
    portal: Portal, simulator: Simulator, events: tuple[str, ...] = ("user.start",)
) -> list[float]:
    def once(number: int) -> float:
        run = simulator.play(
            "manual",
            organisation="banco",
            webhook=f"http://127.0.0.1:{portal.port}/api/v1/tenants/banco/events",
            token=f"{TOKEN}-banco",
            events=events,
            answer_after=2.0 + number * 0.37 % 2,
        )
        part = run.parts[0].offer
        told = told_at(simulator, part.conversation_id)
        assert part.answered_at is not None
        return told - part.answered_at

    return paced(once, 8)


def paced(once: Callable[[int], float], times: int) -> list[float]:
    took = []
    for number in range(times):
        took.append(once(number))
        time.sleep(0.15)
    return took


def burst(portal: Portal, simulator: Simulator) -> dict[str, float]:
    agents = [agent.id for agent in simulator.agents("banco")]
    events = [offer(simulator, automatic=True, agent=agents[n % 10]) for n in range(BURST)]
    before, cpu_before = len(simulator.lynn_calls("banco")), cpu_seconds(portal)
    started = time.time()
    sender = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks.sender", str(portal.port)),
            *("/api/v1/tenants/banco/events", f"{TOKEN}-banco", str(CONNECTIONS)),
        ],
        cwd=ROOT,
        input="\n".join(json.dumps(event) for event in events),
        capture_output=True,
        text=True,
        check=True,
    )
    wait_until(lambda: len(simulator.lynn_calls("banco")) >= before + BURST, 120, "all are told")
    seconds = time.time() - started
    took = statistics.quantiles(json.loads(sender.stdout), n=100)
    return {
        "burst, webhook p50 (ms)": took[49],
        "burst, webhook p99 (ms)": took[98],
        "burst, delivered a second": BURST / seconds,
        "burst, CPU of the portal per event (ms)": (cpu_seconds(portal) - cpu_before)
        * 1000
        / BURST,
        "burst, told more than once": len(simulator.lynn_calls("banco")) - before - BURST,
    }


def cpu_seconds(portal: Portal) -> float:
    """User and system time of all processes of the portal."""
    return sum(_cpu(pid) for pid in portal.pids()) / os.sysconf("SC_CLK_TCK")


def _cpu(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def measure(database: str) -> dict[str, Any]:
    with running() as simulator, portal_on(database) as portal:
        try:
            portal.run("migrate")
            portal.configure(tenant_of(simulator))
            portal.serve()
            automatic = automatic_at_rest(portal, simulator)
            manual = manual_at_rest(portal, simulator)
            proven = manual_at_rest(portal, simulator, ("user.start", "acd.end"))
            return {
                "automatic, 202 to Lynn, median (ms)": statistics.median(automatic) * 1000,
                "automatic, 202 to Lynn, worst (ms)": max(automatic) * 1000,
                "manual, answer to Lynn, median (ms)": statistics.median(manual) * 1000,
                "manual, answer to Lynn, worst (ms)": max(manual) * 1000,
                "acd.end, answer to Lynn, median (ms)": statistics.median(proven) * 1000,
                **burst(portal, simulator),
            }
        finally:
            portal.kill()


if __name__ == "__main__":
    for name in sys.argv[1:] or ["sqlite"]:
        for figure, value in measure(name).items():
            print(f"{name:9} {figure:42} {value:8.1f}", flush=True)
