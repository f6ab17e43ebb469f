"""A bulk replay, from outside: everything is killed in the middle, and it ends all the same."""

from collections.abc import Callable
from typing import Any

from connector.simulator.server import Simulator
from tests.system.conftest import tenant_of
from tests.system.portal import Portal, wait_until
from tests.system.test_main_job import offer

COUNT = 30
BEGIN = """
from django.contrib.auth.models import User
from django.utils import timezone
from connector import attention, replay
from connector.models import AgentConnection, Tenant
person = User.objects.create_superuser("olga")
rows = attention.waiting(AgentConnection.objects.all())
replay.start(rows, tenant=Tenant.objects.get(), kind="deliver_again", why="Lynn's key was wrong",
             rate=6, by=person, now=timezone.now(), wanted={})
"""
LOOK = """
from connector.models import Replay
one = Replay.objects.get()
print(one.state, one.done, one.refused)
"""


def look(portal: Portal) -> list[str]:
    return portal.run("shell", "-v", "0", "-c", LOOK).split()


def all_are(state: str) -> Callable[[list[dict[str, Any]]], bool]:
    return lambda found: [state] * COUNT == [each["state"] for each in found]


def test_a_bulk_replay_survives_the_death_of_everything(
    portal: Portal, simulator: Simulator
) -> None:
    portal.configure(tenant_of(simulator))
    simulator.lynn_misbehaves("banco", "status", status=403)
    portal.serve()
    agents = [agent.id for agent in simulator.agents("banco")]
    offers: list[dict[str, Any]] = [
        offer(simulator, automatic=True, agent=agents[number % len(agents)])
        for number in range(COUNT)
    ]
    portal.post_all("banco", offers, 4)
    portal.wait_for_states(all_are("failed"), 30, "all have failed")
    simulator.lynn_behaves("banco")

    portal.run("shell", "-v", "0", "-c", BEGIN)
    wait_until(lambda: int(look(portal)[1]) >= 3, 30, "the replay is under way")
    portal.kill()
    state, done, _ = look(portal)
    assert state == "running"
    assert int(done) < COUNT
    portal.serve()

    wait_until(lambda: look(portal)[0] == "finished", 60, "the replay has ended")
    assert ["finished", str(COUNT), "0"] == look(portal)
    portal.wait_for_states(all_are("delivered"), 30, "all are delivered")
    told = {call.body["conversationId"] for call in simulator.lynn_calls("banco") if call.acted}
    assert told == {each["conversationId"] for each in offers}
