"""Named stories: what agents do, which events are sent when, and how it must end. Pure."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from connector.simulator import events, names
from connector.simulator.behaviour import Act, Rule
from connector.simulator.script import (
    DELIVERED,
    GAVE_UP,
    KINDS,
    OVER,
    SUPERSEDED,
    Beat,
    Cast,
    Part,
    Script,
    beats_of,
)
from connector.simulator.world import look_in, offer

START = ("user.start",)
START_AND_END = ("user.start", "user.end")
APART = 0.05  # seconds between two posts of which one must be first


@dataclass(frozen=True)
class Story:
    """`kinds`: the events it sends unless others are asked for."""

    name: str
    about: str
    kinds: tuple[str, ...]
    write: Callable[..., Script]
    parameters: dict[str, Any] = field(default_factory=dict)


STORIES: dict[str, Story] = {}


def story(*kinds: str) -> Callable[[Callable[..., Script]], Callable[..., Script]]:
    """Put a writer of scripts on the list, under its own name."""

    def register(write: Callable[..., Script]) -> Callable[..., Script]:
        name, about = write.__name__, inspect.getdoc(write) or ""
        parameters = list(inspect.signature(write).parameters.values())[1:]
        defaults = {each.name: each.default for each in parameters}
        STORIES[name] = Story(name, about, kinds, write, defaults)
        return write

    return register


@story(*START)
def automatic(cast: Cast, *, talk_for: float = 60.0) -> Script:
    """The queue answers by itself: the session begins in interact."""
    queue = cast.queue_named(names.QUEUE_AUTOMATIC)
    return cast.script(
        offer(cast.agent(), queue, cast.now, answer_after=0, over_after=talk_for),
    )


@story(*START)
def manual(cast: Cast, *, answer_after: float = 5.0, talk_for: float = 60.0) -> Script:
    """The agent answers after some seconds."""
    return cast.script(cast.offer(answer_after=answer_after, over_after=answer_after + talk_for))


@story(*START_AND_END)
def never(cast: Cast, *, ring_for: float = 20.0) -> Script:
    """The agent lets it ring until Genesys takes it away."""
    return cast.script(cast.offer(over_after=ring_for))


@story(*START_AND_END)
def transfer(
    cast: Cast,
    *,
    answer_after: float = 2.0,
    transfer_after: float = 6.0,
    second_answers_after: float = 2.0,
    talk_for: float = 60.0,
) -> Script:
    """One agent answers and hands over to another one, who answers too."""
    left = answer_after + transfer_after
    first = cast.offer(answer_after=answer_after, over_after=left, ended_by="TRANSFER")
    second = cast.offer(
        after=left,
        answer_after=second_answers_after,
        over_after=second_answers_after + talk_for,
        conversation_id=first.conversation_id,
        via_acd=False,
    )
    return cast.script(first, second)


@story(*START_AND_END)
def refused_then_next(
    cast: Cast, *, ring_for: float = 5.0, answer_after: float = 2.0, talk_for: float = 60.0
) -> Script:
    """The first agent lets it ring out, the second one answers."""
    first = cast.offer(over_after=ring_for)
    second = cast.offer(
        after=ring_for,
        answer_after=answer_after,
        over_after=answer_after + talk_for,
        conversation_id=first.conversation_id,
    )
    script = cast.script(first, second)
    if script.parts[0].expected != (GAVE_UP,):
        return script
    superseded = replace(script.parts[0], expected=(SUPERSEDED, GAVE_UP))
    return replace(script, parts=(superseded, script.parts[1]))


@story(*START)
def same_conversation_twice(
    cast: Cast,
    *,
    answer_after: float = 2.0,
    talk_for: float = 6.0,
    wrapup_for: float = 30.0,
    second_answers_after: float | None = 4.0,
    second_talks_for: float = 60.0,
) -> Script:
    """The same agent gets the same conversation again while the first session is in wrapup."""
    agent, left = cast.agent(), answer_after + talk_for
    first = cast.offer(
        agent=agent,
        answer_after=answer_after,
        wrapup_after=talk_for,
        over_after=left + wrapup_for,
    )
    second = cast.offer(
        after=left,
        agent=agent,
        answer_after=second_answers_after,
        over_after=(second_answers_after or 0) + second_talks_for,
        conversation_id=first.conversation_id,
    )
    return cast.script(first, second)


def _alternating(
    cast: Cast, kind: str, answer_after: float, every: float, talk_for: float
) -> Script:
    turns = max(1, int(talk_for / every))
    then = [(every * turn, kind if turn % 2 else "interact") for turn in range(1, turns + 1)]
    over_after = answer_after + talk_for
    return cast.script(cast.offer(answer_after=answer_after, over_after=over_after, then=then))


@story(*START)
def hold(
    cast: Cast, *, answer_after: float = 3.0, every: float = 0.7, talk_for: float = 60.0
) -> Script:
    """Answered, then hold and interact by turns."""
    return _alternating(cast, "hold", answer_after, every, talk_for)


@story(*START)
def parked(
    cast: Cast, *, answer_after: float = 3.0, every: float = 0.7, talk_for: float = 60.0
) -> Script:
    """Answered, then parked and interact by turns."""
    return _alternating(cast, "parked", answer_after, every, talk_for)


@story(*START)
def quick_wrapup(
    cast: Cast, *, answer_after: float = 2.5, talk_for: float = 0.2, wrapup_for: float = 30.0
) -> Script:
    """Answered and at once over: told only if someone looked in that moment, or by acd.end."""
    over_after = answer_after + talk_for + wrapup_for
    script = cast.script(
        cast.offer(answer_after=answer_after, wrapup_after=talk_for, over_after=over_after)
    )
    part = script.parts[0]
    if part.expected and "acd.end" not in cast.kinds:
        part = replace(part, expected=(OVER, DELIVERED))
    return replace(script, parts=(part,))


@story(*START_AND_END)
def supervisor(
    cast: Cast, *, ring_for: float = 20.0, kind: str = "monitoring", same_person: bool = True
) -> Script:
    """Nobody answers, but a supervisor listens in (and so does the called agent, `same_person`)."""
    ringing = cast.offer(over_after=ring_for)
    ears = [cast.agent(), *([ringing.user_id] if same_person else [])]
    looks = (
        look_in(ear, ringing.conversation_id, cast.now, kind, over_after=ring_for) for ear in ears
    )
    return cast.script(ringing, unseen=tuple(looks))


@story(*START)
def lynn_fails_first(
    cast: Cast,
    *,
    answer_after: float = 2.0,
    talk_for: float = 60.0,
    failures: int = 2,
    status: int = 503,
    retry_after: int | None = None,
) -> Script:
    """Lynn answers an error some times before it understands."""
    one = cast.offer(answer_after=answer_after, over_after=answer_after + talk_for)
    wrong = Rule(
        Act.STATUS,
        times=failures,
        containing=one.conversation_id,
        status=status,
        retry_after=retry_after,
    )
    return cast.script(one, lynn_rules=(wrong,))


@story(*START)
def lynn_hangs(
    cast: Cast,
    *,
    answer_after: float = 2.0,
    talk_for: float = 60.0,
    failures: int = 1,
    after_the_work: bool = False,
) -> Script:
    """Lynn takes the call and never answers; `after_the_work`: although it did what it should."""
    one = cast.offer(answer_after=answer_after, over_after=answer_after + talk_for)
    act = Act.HANG_AFTER if after_the_work else Act.HANG
    wrong = Rule(act, times=failures, containing=one.conversation_id)
    return cast.script(one, lynn_rules=(wrong,))


@story(*START)
def names_permission_missing(
    cast: Cast, *, answer_after: float = 2.0, talk_for: float = 60.0
) -> Script:
    """The agent's division is not covered by the permission for names."""
    full, preferred = names.UNNAMED_PERSON
    agent = cast.world.add_agent(full, preferred_name=preferred, named=False)
    over_after = answer_after + talk_for
    return cast.script(cast.offer(agent=agent.id, answer_after=answer_after, over_after=over_after))


@story(*KINDS)
def out_of_order(cast: Cast, *, ring_for: float = 4.0, answer_after: float = 2.0) -> Script:
    """Two conversations: user.end before user.start, and acd.end before user.start.

    Everything is posted late, when the first one has rung out and the second one is answered.
    """
    rung_out = cast.offer(over_after=ring_for)
    answered = cast.offer(answer_after=answer_after, over_after=ring_for + 60)
    late = cast.now + max(ring_for, answer_after)
    backwards = cast.events(rung_out)[::-1]
    backwards += [each for each in cast.events(answered)[::-1] if each.kind != "user.end"]
    beats = tuple(Beat(late + APART * turn, (each,)) for turn, each in enumerate(backwards))
    parts = (
        Part(rung_out, cast.expected(rung_out)),
        Part(answered, cast.expected(answered)),
    )
    return Script(parts, beats)


@story(*KINDS)
def duplicates(
    cast: Cast, *, answer_after: float = 3.0, talk_for: float = 10.0, copies: int = 2
) -> Script:
    """Every event arrives twice, at the same moment."""
    one = cast.offer(answer_after=answer_after, over_after=answer_after + talk_for)
    return Script((Part(one, cast.expected(one)),), beats_of(cast.events(one), copies))


@story("user.start", "acd.end")
def acd_end(cast: Cast, *, answer_after: float = 5.0, talk_for: float = 60.0) -> Script:
    """Genesys tells of the answer by itself, besides user.start."""
    return cast.script(cast.offer(answer_after=answer_after, over_after=answer_after + talk_for))


@story("acd.end")
def only_acd_end(cast: Cast, *, answer_after: float = 2.0, talk_for: float = 60.0) -> Script:
    """The sender has configured acd.end alone."""
    return cast.script(cast.offer(answer_after=answer_after, over_after=answer_after + talk_for))


@story("acd.end")
def abandoned(cast: Cast, *, wait_for: float = 2.0) -> Script:
    """The customer gives up in the queue: acd.end without an agent."""
    one = cast.offer(over_after=wait_for)
    event = events.acd_end(cast.world, one, cast.now + wait_for)
    changes = {"acdOutcome": "ABANDON", "disconnectType": "CLIENT"}
    body = {key: value for key, value in event.body.items() if key != "answeredUserId"}
    return Script((Part(one, ()),), beats_of([replace(event, body={**body, **changes})]))


def write(name: str, cast: Cast, parameters: dict[str, Any]) -> Script:
    """ValueError for a story or a parameter that does not exist."""
    chosen = STORIES.get(name)
    if chosen is None:
        raise ValueError(f"No story is called {name!r}; there are {', '.join(STORIES)}.")
    if unknown := sorted(set(parameters) - set(chosen.parameters)):
        raise ValueError(f"The story {name} has no {', '.join(unknown)}.")
    return chosen.write(cast, **parameters)
