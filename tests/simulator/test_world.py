"""What an agent's status shows at a given time; the clock is a number."""

import pytest

from connector.simulator.world import World, furnished, iso, look_in, offer

START = 1791813801.482


@pytest.fixture
def world() -> World:
    return furnished("banco")


@pytest.fixture
def agent(world: World) -> str:
    return next(iter(world.agents))


def kinds(world: World, agent: str, after: float) -> list[str]:
    status = world.status(agent, START + after)
    assert status is not None
    return [each["segmentType"] for each in status["sessions"]]


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        ({}, {0: ["alert"], 100: ["alert"]}),
        ({"answer_after": 5}, {4.9: ["alert"], 5: ["interact"], 900: ["interact"]}),
        ({"answer_after": 0}, {-0.1: [], 0: ["interact"]}),
        ({"over_after": 20}, {19.9: ["alert"], 20: []}),
        ({"answer_after": 2, "then": [(1, "hold"), (2, "parked")]}, {3: ["hold"], 4: ["parked"]}),
        (
            {"answer_after": 2, "wrapup_after": 3, "over_after": 9},
            {4.9: ["interact"], 5: ["wrapup"], 9: []},
        ),
    ],
    ids=["never", "manual", "automatic", "rings out", "hold and parked", "wrapup"],
)
def test_an_offer_lives_through_its_segments(world, agent, life, expected):
    world.add_offer(offer(agent, "q", START, **life))

    assert expected == {after: kinds(world, agent, after) for after in expected}


def test_times_are_written_as_genesys_writes_them(world, agent):
    world.add_offer(offer(agent, "q", START, answer_after=7.625))

    session = world.status(agent, START + 10)["sessions"][0]

    assert "2026-10-12T14:03:21.482Z" == session["sessionStart"] == iso(START)
    assert session["segmentStart"] == "2026-10-12T14:03:29.107Z"


def test_without_the_permission_for_names_id_and_name_are_withheld(world, agent):
    status = world.status(agent, START, names=False)

    assert not {"userId", "userName"} & status.keys()
    assert status["divisionId"] == world.division_id


def test_a_supervisor_never_counts_as_having_answered(world, agent):
    looking = look_in(agent, "c", START, "monitoring")
    world.add_offer(looking)

    assert looking.answered_at is None
    assert kinds(world, agent, 1) == ["monitoring"]
    assert world.status(agent, START + 1)["routingStatus"] == "IDLE"


def test_an_agent_who_let_it_ring_out_is_not_responding(world, agent):
    world.add_offer(offer(agent, "q", START, over_after=5))

    assert world.status(agent, START + 1)["routingStatus"] == "INTERACTING"
    assert world.status(agent, START + 6)["routingStatus"] == "NOT_RESPONDING"


def test_a_stranger_has_no_status(world):
    assert world.status("nobody", START) is None


def test_long_ended_offers_are_forgotten_and_open_ones_kept(world, agent):
    world.add_offer(offer(agent, "q", START))
    for number in range(200):
        world.add_offer(offer(agent, "q", START + number * 10, over_after=1))

    assert len(world.offers_of(agent)) < 100
    assert kinds(world, agent, 5000) == ["alert"]


def test_ids_are_the_same_in_every_run():
    assert furnished("banco").queues.keys() == furnished("banco").queues.keys()
    assert furnished("banco").agents.keys() != furnished("otro").agents.keys()


def test_what_begins_between_two_milliseconds_is_seen_at_once(world, agent):
    world.add_offer(offer(agent, "q", START + 0.0007))

    assert kinds(world, agent, 0.0007) == ["alert"]
