"""The main job, from outside: real processes, real HTTP, each database."""

import statistics
import time
import uuid
from collections import Counter
from typing import Any

import pytest

from connector.simulator.server import Simulator
from connector.simulator.stories import STORIES
from connector.simulator.world import Offer
from tests.system.conftest import tenant_of
from tests.system.portal import Portal, wait_until

SHORT = {"talk_for": 10.0, "second_talks_for": 10.0, "ring_for": 8.0, "wrapup_for": 5.0}


def offer(
    simulator: Simulator, *, automatic: bool, agent: str, slug: str = "banco"
) -> dict[str, Any]:
    queues = {queue.auto_answer: queue.id for queue in simulator.queues(slug)}
    return {
        "eventTime": int(time.time() * 1000),
        "conversationId": str(uuid.uuid4()),
        "sessionId": str(uuid.uuid4()),
        "userId": agent,
        "queueId": queues[automatic],
        "mediaType": "MESSAGE",
        "provider": "PureCloud Messaging",
        "addressTo": "lynn-1",
    }


def told(simulator: Simulator, slug: str = "banco") -> list[str]:
    return [call.body["conversationId"] for call in simulator.lynn_calls(slug)]


def test_every_story_ends_as_it_must(portal: Portal, simulator: Simulator) -> None:
    portal.configure(tenant_of(simulator, timing={"give_up_after": 12}))
    portal.serve()
    hook = f"http://127.0.0.1:{portal.port}/api/v1/tenants/banco/events"
    token = tenant_of(simulator)["webhook_tokens"][0]
    names = ["automatic", "manual", "never", "transfer", "refused_then_next", "hold", "parked"]
    names += ["quick_wrapup", "supervisor", "acd_end", "only_acd_end", "out_of_order"]
    names += ["duplicates", "same_conversation_twice", "abandoned"]

    runs = [
        simulator.play(
            name,
            organisation="banco",
            webhook=hook,
            token=token,
            give_up_after=12,
            **{key: value for key, value in SHORT.items() if key in STORIES[name].parameters},
        )
        for name in names
    ]
    wait_until(lambda: all(run.finished for run in runs), 60, "the stories are over")
    records = portal.wait_for_states(
        lambda found: all(record["state"] not in ("checking", "delivering") for record in found),
        30,
        "all is decided",
    )

    for run in runs:
        for part in run.parts:
            allowed = [(outcome.state, outcome.reason) for outcome in part.expected]
            assert end_of(part.offer, records) in (allowed or [None]), run.story
    for call in simulator.lynn_calls("banco"):
        record = next(each for each in records if each["id"] == call.idempotency_key)
        assert "delivered" == record["state"]
    assert len(set(simulator_keys(simulator))) == len(simulator_keys(simulator))


def end_of(offer: Offer, records: list[dict[str, Any]]) -> tuple[str, str] | None:
    """An acd.end alone names no session of the agent's."""
    for record in records:
        same_agent = (record["conversation_id"], record["user_id"]) == (
            offer.conversation_id,
            offer.user_id,
        )
        if record["session_id"] == offer.session_id or (same_agent and not record["session_id"]):
            return record["state"], record["reason"]
    return None


def simulator_keys(simulator: Simulator) -> list[str]:
    return [call.idempotency_key for call in simulator.lynn_calls("banco")]


def test_a_burst_is_delivered_exactly_once(portal: Portal, simulator: Simulator) -> None:
    portal.configure(tenant_of(simulator))
    portal.serve()
    agents = [agent.id for agent in simulator.agents("banco")]
    events = [offer(simulator, automatic=True, agent=agents[n % 10]) for n in range(1000)]

    took = portal.post_all("banco", events, connections=32)
    wait_until(lambda: len(told(simulator)) >= 1000, 60, "Lynn was told of all")
    records = portal.wait_for_states(
        lambda found: Counter(record["state"] for record in found) == {"delivered": 1000},
        10,
        "all are written down",
    )

    assert {event["conversationId"]: 1 for event in events} == Counter(told(simulator))
    assert 1000 == len(records)
    print(f"webhook p99 {statistics.quantiles(took, n=100)[98] * 1000:.0f} ms")


def test_two_hundred_ringing_agents_are_seen_by_bulk_calls(
    portal: Portal, simulator: Simulator
) -> None:
    simulator.add_agents("banco", "Agente", count=200)
    portal.configure(tenant_of(simulator))
    portal.serve()
    agents = [agent.id for agent in simulator.agents("banco")][-200:]
    events = [ringing(simulator, agent, answer_after=None) for agent in agents]
    portal.post_all("banco", events, connections=16)
    wait_until(lambda: len(simulator.call_log("banco")) >= 5, 10, "the first tick is over")
    before, started = len(simulator.call_log("banco")), time.monotonic()

    wait_until(lambda: time.monotonic() - started > 8, 10, "four ticks are over")

    calls = [call for call in simulator.call_log("banco")[before:] if call.kind != "token"]
    assert {"query"} == {call.kind for call in calls}
    assert len(calls) <= 5 * 5
    assert 200 == len({user_id for call in calls for user_id in call.user_ids})


@pytest.mark.parametrize("portal", ["postgres"], indirect=True)
def test_several_workers_share_the_work(portal: Portal, simulator: Simulator) -> None:
    portal.configure(tenant_of(simulator))
    portal.start("web", "--bind", f"127.0.0.1:{portal.port}")
    portal.start("worker")
    portal.start("worker")
    portal.wait_until_ready()
    agents = [agent.id for agent in simulator.agents("banco")]
    events = [offer(simulator, automatic=True, agent=agents[n % 10]) for n in range(500)]

    portal.post_all("banco", events, connections=16)

    wait_until(lambda: len(told(simulator)) >= 500, 60, "Lynn was told of all")
    portal.wait_for_states(
        lambda found: Counter(record["state"] for record in found) == {"delivered": 500},
        10,
        "all are written down",
    )
    assert {event["conversationId"]: 1 for event in events} == Counter(told(simulator))


def test_a_power_cut_loses_nothing(portal: Portal, simulator: Simulator) -> None:
    """50 are being checked and 50 delivered when everything is killed."""
    portal.configure(tenant_of(simulator, timing={"give_up_after": 60}))
    portal.serve()
    agents = [agent.id for agent in simulator.agents("banco")]
    simulator.lynn_misbehaves("banco", "delay", seconds=0.5)
    events = [offer(simulator, automatic=True, agent=agents[n % 10]) for n in range(50)]
    events += [ringing(simulator, agents[n % 10], answer_after=4) for n in range(50)]
    portal.post_all("banco", events, connections=16)
    wait_until(lambda: len(told(simulator)) >= 20, 20, "deliveries are under way")

    portal.kill()
    cut_at = len(told(simulator))
    portal.serve()

    records = portal.wait_for_states(
        lambda found: Counter(record["state"] for record in found) == {"delivered": 100},
        60,
        "all are delivered",
    )
    counts = Counter(told(simulator))
    assert {event["conversationId"] for event in events} == set(counts)
    assert sum(counts.values()) - 100 <= 64, f"{cut_at} were told before the cut"
    assert 100 == len(records)


def ringing(simulator: Simulator, agent: str, answer_after: float | None) -> dict[str, Any]:
    """An offer that rings in the simulator's Genesys, with its event."""
    event = offer(simulator, automatic=False, agent=agent)
    played = simulator.add_offer("banco", agent, event["queueId"], answer_after=answer_after)
    return event | {"conversationId": played.conversation_id, "sessionId": played.session_id}


def test_stopping_leaves_nothing_running(portal: Portal, simulator: Simulator) -> None:
    portal.configure(tenant_of(simulator))
    process = portal.serve()
    started = time.monotonic()

    process.terminate()

    assert 0 == process.wait(20)
    assert time.monotonic() - started < 15
    wait_until(lambda: portal.pids() == [], 5, "nothing is left")
