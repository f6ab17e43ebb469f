"""Events that come late, twice, in the wrong order, or a day after the conversation began."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from connector.simulator.events import Event, events_of
from connector.simulator.server import Simulator
from connector.simulator.thread import running
from connector.simulator.world import offer
from tests.faults.conftest import Make, full_or_short
from tests.faults.ledger import Books, Ledger, wait_until_final
from tests.faults.offers import (
    DELIVERED,
    GAVE_UP,
    OVER,
    RANG_OUT,
    Case,
    answer_of,
    automatic,
    end_of,
    manual,
    wrapped,
)
from tests.system.conftest import tenant_of

DAY = 24 * 3600
STALE = ("expired", "stale_event")
TOO_LATE = ("expired", "too_late")
CONVERSATIONS = full_or_short(1000, 100)


@pytest.mark.parametrize("kind", full_or_short(["sqlite", "postgres"], ["postgres"]))
def test_late_doubled_and_in_any_order(make_portal: Make, simulator: Simulator, kind: str) -> None:
    """Everything of many conversations is posted one to three times, in an order of chance, when
    they are over and up to half a minute old."""
    chance = random.Random(7)
    portal = make_portal(kind)
    patient = {"give_up_after": 600}  # longer than the posts take
    portal.configure(tenant_of(simulator, timing=patient))
    portal.serve()
    books = Books(portal)

    posts: list[Event] = []
    for number in range(CONVERSATIONS):
        case, events = over_already(simulator, number, chance)
        books.cases.append(case)
        posts += [each for each in events for _ in range(chance.randint(1, 3))]
    chance.shuffle(posts)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda event: books.tell("banco", wrapped(event)), posts))
    wait_until_final(portal, 120)

    Ledger(portal, simulator, books).balance()


def over_already(
    simulator: Simulator, number: int, chance: random.Random
) -> tuple[Case, list[Event]]:
    people, (queue, *_) = simulator.agents("banco"), simulator.queues("banco")
    answered = chance.random() < 0.7
    one = offer(
        people[number % len(people)].id,
        queue.id,
        simulator.clock() - chance.uniform(8, 30),
        answer_after=chance.uniform(0, 3) if answered else None,
        over_after=7,
    )
    world = simulator.organisation("banco").world
    ends = (OVER, DELIVERED) if answered else (RANG_OUT,)
    start, *others = events_of(world, one)
    case = Case("banco", start.body, answered_at=one.answered_at, ends=ends)
    return case, [start, *others]


class Clock:
    """The simulator's, which can be put back."""

    behind = 0.0

    def __call__(self) -> float:
        return time.time() - self.behind


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def yesterday(clock: Clock) -> Iterator[Simulator]:
    clock.behind = DAY
    with running(clock=clock) as simulator:
        yield simulator


def test_a_conversation_is_reopened_a_day_later(
    make_portal: Make, yesterday: Simulator, clock: Clock
) -> None:
    """Its id is the same, often its agent too. What is told of yesterday changes nothing today."""
    simulator = yesterday
    portal = make_portal("sqlite")
    portal.configure(tenant_of(simulator, timing={"give_up_after": 4}))
    portal.environment["FAULT_CLOCK"] = str(-DAY)
    portal.serve()
    books = Books(portal)
    answered = manual(simulator, "banco", 1, answer_after=1)
    # Its end is told at once, but we may have given up before that comes through.
    rung_out = manual(simulator, "banco", 2, answer_after=None, ends=(RANG_OUT, GAVE_UP))
    unseen = manual(simulator, "banco", 3, answer_after=None, ends=(TOO_LATE,))
    never_told = manual(simulator, "banco", 4, answer_after=1, ends=(STALE,))
    never_told_automatic = automatic(simulator, "banco", 5, ends=(STALE,))
    books.post_all([answered, rung_out, unseen])
    books.tell("banco", end_of(simulator, rung_out))
    wait_until_final(portal, 90)
    late = [answer_of(simulator, answered), end_of(simulator, answered, interacting=4)]
    late += [answer_of(simulator, unseen), end_of(simulator, rung_out)]
    portal.stop()

    clock.behind = 0
    portal.environment["FAULT_CLOCK"] = "0"
    portal.serve()
    again = [
        manual(simulator, "banco", 1, 3, conversation_id=answered.event["conversationId"]),
        manual(simulator, "banco", 6, None, conversation_id=rung_out.event["conversationId"]),
        in_conversation(automatic(simulator, "banco", 3), unseen),
    ]
    books.post_all(again)
    for event in late:
        books.tell("banco", event)
    for case in (answered, rung_out, unseen):
        books.tell("banco", case.event)
    books.post_all([never_told, never_told_automatic])
    wait_until_final(portal, 90)
    for event in late:
        books.tell("banco", event)
    wait_until_final(portal, 90)

    Ledger(portal, simulator, books).balance()


def in_conversation(case: Case, other: Case) -> Case:
    same = {"conversationId": other.event["conversationId"]}
    return replace(case, event=case.event | same)
