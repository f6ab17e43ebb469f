"""Lynn is out for a while, from outside: real processes, real HTTP."""

from collections import Counter
from typing import Any

import pytest

from connector.simulator.server import Simulator
from tests.system.conftest import tenant_of
from tests.system.portal import Portal, wait_until
from tests.system.test_main_job import offer

EVENTS = 300
UNDER_WAY = 5 * 32  # posts, when the breaker opens, and a probe or two


@pytest.mark.parametrize("portal", ["sqlite", "postgres"], indirect=True)
def test_what_waited_for_lynn_is_delivered_once_it_is_back(
    portal: Portal, simulator: Simulator
) -> None:
    portal.configure(tenant_of(simulator))
    portal.start("web", "--bind", f"127.0.0.1:{portal.port}")
    portal.start("worker")
    portal.start("worker")
    portal.wait_until_ready()
    simulator.lynn_misbehaves("banco", "status", status=503)
    agents = [agent.id for agent in simulator.agents("banco")]
    events = [offer(simulator, automatic=True, agent=agents[n % 10]) for n in range(EVENTS)]

    portal.post_all("banco", events, connections=16)
    waiting = portal.wait_for_states(
        lambda found: all("Lynn cannot be reached" in each["explanation"] for each in found),
        30,
        "all wait for Lynn",
    )
    simulator.lynn_behaves("banco")
    wait_until(lambda: len(taken(simulator)) >= EVENTS, 60, "Lynn was told of all")
    records = portal.wait_for_states(
        lambda found: Counter(record["state"] for record in found) == {"delivered": EVENTS},
        30,
        "all are written down",
    )

    told = Counter(taken(simulator))
    assert {event["conversationId"] for event in events} == set(told)
    for record in records:
        assert told[record["conversation_id"]] <= 1 + len(unheard(record)), record
    in_vain = sum(len(deliveries(each)) for each in waiting)
    assert in_vain <= UNDER_WAY
    assert {1} == {deliveries(each).count("ok") for each in records}


def taken(simulator: Simulator) -> list[str]:
    """What Lynn acted on."""
    return [call.body["conversationId"] for call in simulator.lynn_calls("banco") if call.acted]


def deliveries(record: dict[str, Any]) -> list[str]:
    return [each["outcome"] for each in record["attempts"] if each["kind"] == "delivery"]


def unheard(record: dict[str, Any]) -> list[str]:
    """Deliveries that may have reached Lynn although its answer did not reach us: on a machine
    that is too busy even for the loopback."""
    attempts = [each for each in record["attempts"] if each["kind"] == "delivery"]
    return [each["detail"] for each in attempts if each["status_code"] is None]
