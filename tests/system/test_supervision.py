"""A worker's cluster is watched: whatever of it dies, work goes on."""

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from connector.simulator.server import Simulator
from tests.system.conftest import tenant_of
from tests.system.portal import Portal, wait_until
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
