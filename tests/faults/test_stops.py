"""Processes end in the middle of the work, asked to or not."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from connector.simulator.server import Simulator
from tests.faults.conftest import Make, full_or_short
from tests.faults.ledger import Books, Ledger, wait_until_final
from tests.faults.offers import mixed
from tests.system.conftest import tenant_of
from tests.system.portal import Portal, wait_until

DATABASES = full_or_short(["sqlite", "postgres"], ["postgres"])
KILLS = full_or_short(12, 2)
STOPS = full_or_short(20, 3)
STOPS_WITHIN = 15  # seconds


def web_processes(portal: Portal) -> list[int]:
    """All that listen on the portal's port: gunicorn's arbiter and its workers."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = f":{portal.port:04X} 00000000:0000 0A"
    sockets = {f"socket:[{line.split()[9]}]" for line in lines if listening in line}
    return [pid for pid in portal.pids() if sockets & _open_files(pid)]


def _open_files(pid: int) -> set[str]:
    with contextlib.suppress(OSError):
        return {os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir()}
    return set()


@pytest.mark.parametrize("kind", DATABASES)
def test_web_is_killed_under_load(make_portal: Make, simulator: Simulator, kind: str) -> None:
    """By turns one process that answers, which its arbiter replaces, and all of them, which
    `serve` starts again; what a sender was not told to be accepted, it posts again."""
    portal = make_portal(kind)
    portal.configure(tenant_of(simulator))
    serve = portal.serve()
    books = Books(portal)

    with books.pouring(lambda number: mixed(simulator, "banco", number), per_second=40):
        for turn in range(KILLS):
            accepted = len(books.accepted)
            wait_until(lambda least=accepted: len(books.accepted) > least + 20, 90, "posts come in")
            victims = [pid for pid in web_processes(portal) if pid != serve.pid]
            assert len(victims) >= 2
            everything = turn % 2 and time.monotonic()
            for pid in victims if everything else victims[-1:]:
                os.kill(pid, signal.SIGKILL)
            if everything and turn < KILLS - 1:
                # `serve` takes a role that dies twice within 10 s for one that cannot live.
                wait_until(lambda at=everything: time.monotonic() > at + 10, 11, "10 s are over")

    wait_until_final(portal, 120)
    assert serve.poll() is None
    Ledger(portal, simulator, books).balance()


@pytest.mark.parametrize("kind", DATABASES)
def test_it_is_stopped_again_and_again_under_load(
    make_portal: Make, simulator: Simulator, kind: str
) -> None:
    portal = make_portal(kind)
    portal.configure(tenant_of(simulator, timing={"give_up_after": 300}))
    simulator.lynn_misbehaves("banco", "delay", seconds=0.2)
    books, took = Books(portal), []

    with books.pouring(lambda number: mixed(simulator, "banco", number), per_second=40):
        for _ in range(STOPS):
            accepted = len(books.accepted)
            process = portal.serve()
            wait_until(lambda least=accepted: len(books.accepted) > least + 20, 90, "posts come in")
            started = time.monotonic()
            process.terminate()
            assert 0 == process.wait(90)
            took.append(time.monotonic() - started)
            wait_until(lambda: portal.pids() == [], 30, "nothing is left running")
        portal.serve()

    wait_until_final(portal, 180)
    print(f"stopped within {max(took):.1f} s at most")
    # The machine that runs all this may stand still once.
    assert sorted(took)[len(took) // 2] < STOPS_WITHIN
    Ledger(portal, simulator, books).balance()
