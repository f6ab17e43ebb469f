"""Plays stories: posts their events to a webhook as EventBridge would, and notes what came."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from connector.simulator.client import Answer, NoAnswerError, Poster
from connector.simulator.events import Auth, Event, Form, external_id, token_header, wrapped
from connector.simulator.script import Beat, Part, Script
from connector.simulator.world import Json, World

FIRST_WAIT = 0.5  # seconds before the second attempt; doubled each time
LONGEST_WAIT = 30.0
RETRIED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Target:
    """Where the events of a story go, in which form, and with which token.

    `url` empty: nothing is sent, the bodies can be read all the same. `event_delay`: seconds
    between an event and its post. `leave_out`: keys missing from the event bodies.
    """

    url: str = ""
    token: str = ""
    auth: Auth = Auth.BEARER
    form: Form = Form.EVENTBRIDGE
    event_delay: float = 0.0
    give_up_after: float = 60.0
    leave_out: tuple[str, ...] = ()

    def headers(self) -> dict[str, str]:
        own = {
            "Content-Type": "application/json",
            "User-Agent": "Amazon/EventBridge/ApiDestinations",
        }
        return dict([*own.items(), *([token_header(self.auth, self.token)] if self.token else [])])


@dataclass(frozen=True)
class Attempt:
    """One post; `status` None: no answer, `problem` says why."""

    at: float
    status: int | None
    problem: str = ""


@dataclass
class Post:
    """One event on its way to the webhook. `accepted_at`: when the 2xx was there."""

    index: int
    story: str
    kind: str
    conversation_id: str
    session_id: str
    planned_at: float
    body: Json
    attempts: list[Attempt] = field(default_factory=list)
    accepted_at: float | None = None
    answer: Any = None

    @property
    def status(self) -> int | None:
        return self.attempts[-1].status if self.attempts else None

    def as_json(self) -> Json:
        return {**asdict(self), "status": self.status}


@dataclass
class Run:
    """A story that is played, or was."""

    id: str
    story: str
    organisation: str
    world: World
    script: Script
    target: Target
    posts: list[Post]
    finished: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.script.parts

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "story": self.story,
            "organisation": self.organisation,
            "finished": self.finished,
            "offers": [_part_as_json(self.world, each) for each in self.parts],
            "posts": [each.as_json() for each in self.posts],
        }


def _part_as_json(world: World, part: Part) -> Json:
    offer = part.offer
    return {
        "conversation_id": offer.conversation_id,
        "session_id": offer.session_id,
        "participant_id": offer.participant_id,
        "user_id": offer.user_id,
        "user_name": world.agents[offer.user_id].name if offer.user_id in world.agents else None,
        "queue_id": offer.queue_id,
        "external_id": external_id(offer),
        "started_at": offer.started_at,
        "answered_at": offer.answered_at,
        "over_at": offer.over_at,
        "expected": [asdict(each) for each in part.expected],
    }


def planned(script: Script, target: Target, world: World, story: str, first: int) -> list[Post]:
    """The posts of a story before the first one is sent, numbered from `first`."""
    events = [(beat, event) for beat in script.beats for event in beat.events]
    return [
        Post(
            index=first + turn,
            story=story,
            kind=event.kind,
            conversation_id=event.conversation_id,
            session_id=event.body["sessionId"],
            planned_at=beat.at + target.event_delay,
            body=_body(event, target, world),
        )
        for turn, (beat, event) in enumerate(events)
    ]


def _body(event: Event, target: Target, world: World) -> Json:
    kept = {key: value for key, value in event.body.items() if key not in target.leave_out}
    if "conversationId" in target.leave_out:
        return kept
    return wrapped(Event(event.kind, event.at, kept), target.form, world.id)


async def play(run: Run, poster: Poster, clock: Callable[[], float]) -> None:
    """Post beat after beat, the events of a beat side by side; returns when all were tried."""
    waiting = iter(run.posts)
    for beat in run.script.beats:
        posts = [next(waiting) for _ in beat.events]
        await _sleep_until(beat, run.target, clock)
        await asyncio.gather(*(_deliver(each, run.target, poster, clock) for each in posts))
    run.finished = True


async def _sleep_until(beat: Beat, target: Target, clock: Callable[[], float]) -> None:
    await asyncio.sleep(max(0.0, beat.at + target.event_delay - clock()))


async def _deliver(post: Post, target: Target, poster: Poster, clock: Callable[[], float]) -> None:
    """Try until it is accepted, refused for good, or `give_up_after` seconds are over."""
    message, give_up_at = json.dumps(post.body).encode(), clock() + target.give_up_after
    wait = FIRST_WAIT
    while True:
        answer = await _attempt(post, target, poster, message, clock)
        if answer and answer.status not in RETRIED:
            return
        pause = _asked_wait(answer) or wait
        if clock() + pause > give_up_at:
            return
        await asyncio.sleep(pause)
        wait = min(wait * 2, LONGEST_WAIT)


async def _attempt(
    post: Post, target: Target, poster: Poster, message: bytes, clock: Callable[[], float]
) -> Answer | None:
    started = clock()
    try:
        answer = await poster.post(target.url, target.headers(), message)
    except NoAnswerError as error:
        post.attempts.append(Attempt(started, None, str(error)))
        return None
    post.attempts.append(Attempt(started, answer.status))
    post.answer = _parse(answer.body)
    if 200 <= answer.status < 300:
        post.accepted_at = clock()
    return answer


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _asked_wait(answer: Answer | None) -> float | None:
    """What Retry-After says in seconds; None where it says nothing readable."""
    try:
        return float(answer.headers["retry-after"]) if answer else None
    except (KeyError, ValueError):
        return None
