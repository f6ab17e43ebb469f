"""Offers that the portal is to hear of, how they may end, and the events that tell of them."""

import uuid
from dataclasses import dataclass, replace
from typing import Any

from connector.simulator.events import Event, acd_end, user_end
from connector.simulator.server import Simulator
from connector.simulator.world import Offer, Segment, whole_milliseconds

DELIVERED = ("delivered", "delivered")
GAVE_UP = ("not_answered", "gave_up")
RANG_OUT = ("not_answered", "rang_out")
OVER = ("expired", "answered_and_over")

End = tuple[str, str]


@dataclass(frozen=True)
class Case:
    """One offer that the portal is to hear of, and how it may end.

    `answered_at`: in seconds since 1970; None if the agent never answers. `told`: how often Lynn
    may have acted on it, at least and at most; without it once where it ends as delivered, else
    never.
    """

    slug: str
    event: dict[str, Any]
    automatic: bool = False
    answered_at: float | None = None
    ends: tuple[End, ...] = (DELIVERED,)
    told: tuple[int, int] | None = None

    @property
    def key(self) -> str:
        return str(self.event["sessionId"])


def automatic(simulator: Simulator, slug: str, agent: int = 0, **more: Any) -> Case:
    """An offer of a queue that answers by itself, made just now."""
    people = simulator.agents(slug)
    event = _event(simulator, slug, people[agent % len(people)].id, automatic=True)
    return Case(slug, event, automatic=True, answered_at=event["eventTime"] / 1000, **more)


def manual(
    simulator: Simulator,
    slug: str,
    agent: int = 0,
    answer_after: float | None = 0.0,
    conversation_id: str = "",
    **more: Any,
) -> Case:
    """An offer of a manual queue, made just now, answered after so many seconds; None: never."""
    people = simulator.agents(slug)
    event = _event(simulator, slug, people[agent % len(people)].id, automatic=False)
    offer = simulator.add_offer(
        slug,
        event["userId"],
        event["queueId"],
        start=event["eventTime"] / 1000,
        answer_after=answer_after,
        conversation_id=conversation_id,
    )
    event |= {"conversationId": offer.conversation_id, "sessionId": offer.session_id}
    if answer_after is None:
        more.setdefault("ends", (GAVE_UP,))
    return Case(slug, event, answered_at=offer.answered_at, **more)


def answered_now(simulator: Simulator, case: Case) -> Case:
    """The same case, whose agent has rung until now and takes it."""
    at, ringing = whole_milliseconds(simulator.clock()), offer_of(simulator, case)
    offers = simulator.organisation(case.slug).world.offers_of(ringing.user_id)
    segments = (*ringing.segments, Segment(at, "interact"))
    offers[offers.index(ringing)] = replace(ringing, segments=segments)
    return replace(case, answered_at=at)


def mixed(simulator: Simulator, slug: str, number: int) -> Case:
    """Automatic and manual by turns, the manual ones answered after up to 2 s."""
    if number % 2:
        return automatic(simulator, slug, number)
    return manual(simulator, slug, number, answer_after=number % 5 / 2)


def _event(simulator: Simulator, slug: str, agent: str, *, automatic: bool) -> dict[str, Any]:
    queues = {queue.auto_answer: queue.id for queue in simulator.queues(slug)}
    return {
        "eventTime": int(simulator.clock() * 1000),
        "conversationId": str(uuid.uuid4()),
        "sessionId": str(uuid.uuid4()),
        "userId": agent,
        "queueId": queues[automatic],
        "mediaType": "MESSAGE",
        "provider": "PureCloud Messaging",
        "addressTo": "lynn-1",
    }


def wrapped(event: Event) -> dict[str, Any]:
    """As a notification; its session stands outside too, where the ledger looks for it."""
    topic = f"v2.detail.events.conversation.{event.conversation_id}.{event.kind}"
    return {"topicName": topic, "eventBody": event.body, "sessionId": event.body["sessionId"]}


def answer_of(simulator: Simulator, case: Case) -> dict[str, Any]:
    """An acd.end that says that this agent answered two seconds after the ringing began."""
    world = simulator.organisation(case.slug).world
    return wrapped(acd_end(world, offer_of(simulator, case), case.event["eventTime"] / 1000 + 2))


def end_of(simulator: Simulator, case: Case, interacting: float = 0) -> dict[str, Any]:
    world = simulator.organisation(case.slug).world
    event = user_end(world, offer_of(simulator, case), case.event["eventTime"] / 1000 + 5)
    durations = {"interactingDurationMs": int(interacting * 1000)}
    return wrapped(replace(event, body=event.body | durations))


def offer_of(simulator: Simulator, case: Case) -> Offer:
    offers = simulator.organisation(case.slug).world.offers_of(case.event["userId"])
    return next(each for each in offers if each.session_id == case.key)
