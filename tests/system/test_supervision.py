"""A worker's cluster is watched: whatever of it dies, work goes on."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connector.simulator.server import Simulator
from tests.system.conftest import tenant_of
from tests.system.portal import ROOT, Portal, wait_until
from tests.system.test_main_job import offer, told

pytestmark = pytest.mark.parametrize("portal", ["sqlite"], indirect=True)


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in tasks.read_text().split()] if tasks.exists() else []


def worker_tree(portal: Portal) -> list[int]:
    """Supervisor, cluster, sentinel, and the sentinel's workers, monitor and pusher."""
    tree = [portal.start("worker").pid]
    wait_until(lambda: len(_below(tree[0])) >= 6, 20, "the cluster runs")
    return tree + _below(tree[0])


def _below(pid: int) -> list[int]:
    return [each for child in children(pid) for each in (child, *_below(child))]


@pytest.mark.parametrize(
    "victim", [1, 2, 3, 5, 6], ids=["cluster", "sentinel", "worker", "monitor", "pusher"]
)
def test_a_killed_process_of_the_cluster_is_replaced(
    portal: Portal, simulator: Simulator, victim: int
) -> None:
    portal.configure(tenant_of(simulator))
    portal.start("web", "--bind", f"127.0.0.1:{portal.port}")
    tree = worker_tree(portal)
    portal.wait_until_ready()

    os.kill(tree[victim], signal.SIGKILL)
    agents = [agent.id for agent in simulator.agents("banco")]
    events = [offer(simulator, automatic=True, agent=agents[n % 10]) for n in range(20)]
    portal.post_all("banco", events, connections=4)

    # What the killed cluster had claimed comes due when its lease of 15 s ends.
    wait_until(lambda: len(set(told(simulator))) >= 20, 25, "Lynn was told of all")


def test_a_killed_supervisor_takes_its_cluster_along(portal: Portal, simulator: Simulator) -> None:
    portal.configure(tenant_of(simulator))
    tree = worker_tree(portal)

    os.kill(tree[0], signal.SIGKILL)

    wait_until(lambda: portal.pids() == [], 15, "nothing is left running")


def test_a_cluster_that_stands_still_is_replaced(portal: Portal, simulator: Simulator) -> None:
    portal.configure(tenant_of(simulator))
    portal.start("web", "--bind", f"127.0.0.1:{portal.port}")
    tree = worker_tree(portal)
    portal.wait_until_ready()
    started = time.monotonic()
    for pid in tree[3:5]:
        os.kill(pid, signal.SIGSTOP)
    agents = [agent.id for agent in simulator.agents("banco")]
    event = offer(simulator, automatic=True, agent=agents[0])
    portal.post("banco", event)

    wait_until(lambda: event["conversationId"] in told(simulator), 75, "Lynn was told")

    assert Counter(told(simulator)) == {event["conversationId"]: 1}
    print(f"after {time.monotonic() - started:.0f} s")


@pytest.mark.parametrize("role", [0, 1], ids=["web", "worker"])
def test_serve_starts_a_role_again_that_was_killed(
    portal: Portal, simulator: Simulator, role: int
) -> None:
    portal.configure(tenant_of(simulator))
    process = portal.serve()

    os.kill(children(process.pid)[role], signal.SIGKILL)
    wait_until(lambda: portal.get("/readyz")[0] == 200, 15, "the portal is ready again")
    event = offer(simulator, automatic=True, agent=simulator.agents("banco")[0].id)
    wait_until(lambda: posts(portal, event), 15, "the webhook answers")

    wait_until(lambda: event["conversationId"] in told(simulator), 20, "Lynn was told")
    assert process.poll() is None


def posts(portal: Portal, event: dict[str, Any]) -> bool:
    try:
        return portal.post("banco", event)[0] == 202
    except OSError:
        return False


def test_serve_gives_up_on_a_role_that_cannot_live(portal: Portal, simulator: Simulator) -> None:
    process = portal.serve()
    for _ in range(2):
        victim = children(process.pid)[-1]  # the one that was started last
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda gone=victim: gone not in children(process.pid), 5, "it is gone")
        wait_until(lambda: len(children(process.pid)) == 2 or process.poll() is not None, 5, "next")

    assert 1 == process.wait(20)
    wait_until(lambda: portal.pids() == [], 10, "nothing is left running")


def test_a_port_that_is_taken_is_said_before_anything_starts(portal: Portal) -> None:
    with socket.create_server(("127.0.0.1", portal.port)):
        done = subprocess.run(
            [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{portal.port}"],
            cwd=ROOT,
            env=portal.environment,
            capture_output=True,
            text=True,
            timeout=30,
        )

    assert (1, "") == (done.returncode, done.stdout)
    assert f"127.0.0.1:{portal.port} cannot be listened on: Address already in use." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["exportconfig", "exportaudit"])
def test_a_database_that_is_not_migrated_is_said_in_one_sentence(
    portal: Portal, tmp_path: Path, command: str
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env={**portal.environment, "DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3"},
        capture_output=True,
        text=True,
        timeout=30,
    )

    said = "The database is not up to date: run ./run migrate (or ./run serve once).\n"
    assert (1, "", said) == (done.returncode, done.stdout, done.stderr)
    assert 0o600 == (tmp_path / "empty.sqlite3").stat().st_mode & 0o777
