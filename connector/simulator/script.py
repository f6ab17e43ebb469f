"""What a story is made of: offers, the events that tell of them, and the right outcomes. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from connector.simulator import names
from connector.simulator.behaviour import Rule
from connector.simulator.events import Event, events_of
from connector.simulator.world import Offer, World, offer

KINDS = ("user.start", "acd.end", "user.end")


@dataclass(frozen=True)
class Outcome:
    """How an agent connection may end in the portal."""

    state: str
    reason: str


DELIVERED = Outcome("delivered", "delivered")
RANG_OUT = Outcome("not_answered", "rang_out")
GAVE_UP = Outcome("not_answered", "gave_up")
SUPERSEDED = Outcome("not_answered", "superseded")
OVER = Outcome("expired", "answered_and_over")


@dataclass(frozen=True)
class Part:
    """An offer that the portal hears of. `expected`: every outcome that is right, the usual one
    first; none when the portal must know nothing of this offer.
    """

    offer: Offer
    expected: tuple[Outcome, ...]


@dataclass(frozen=True)
class Beat:
    """Events that are posted side by side, at this time."""

    at: float
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Script:
    """A story that can be played. `unseen`: sessions that no event tells of."""

    parts: tuple[Part, ...]
    beats: tuple[Beat, ...]
    unseen: tuple[Offer, ...] = ()
    lynn_rules: tuple[Rule, ...] = ()


@dataclass
class Cast:
    """Where and when a story plays, who is free, and which kinds of events are sent."""

    world: World
    now: float
    kinds: tuple[str, ...]
    agents: Iterator[str]
    queue: str | None = None

    def agent(self) -> str:
        return next(self.agents)

    def queue_named(self, name: str) -> str:
        """The queue that was asked for, else the one with this name."""
        return self.queue or self.world.add_queue(name).id

    def offer(self, *, after: float = 0.0, agent: str = "", **life: Any) -> Offer:
        """An offer of a manual queue to the next agent, `after` seconds from now."""
        queue = self.queue_named(names.QUEUE_MANUAL)
        return offer(agent or self.agent(), queue, self.now + after, **life)

    def expected(self, one: Offer) -> tuple[Outcome, ...]:
        answered = one.answered_at is not None
        proven = "acd.end" in self.kinds and answered and one.via_acd
        if "user.start" not in self.kinds and not proven:
            return ()
        if answered:
            return (DELIVERED,)
        return (RANG_OUT,) if "user.end" in self.kinds and one.rang_out else (GAVE_UP,)

    def events(self, *offers: Offer) -> list[Event]:
        """The events of these offers that are to be sent, in the order of time."""
        every = [event for one in offers for event in events_of(self.world, one)]
        return sorted((each for each in every if each.kind in self.kinds), key=lambda one: one.at)

    def script(self, *offers: Offer, **more: Any) -> Script:
        """Each offer a part, each event a beat of its own."""
        parts = tuple(Part(one, self.expected(one)) for one in offers)
        return Script(parts, beats_of(self.events(*offers)), **more)


def beats_of(events: Iterable[Event], copies: int = 1) -> tuple[Beat, ...]:
    return tuple(Beat(each.at, (each,) * copies) for each in events)
