"""The simulator of Genesys and Lynn in a process of its own, and what the ledger needs from it."""

import json
import os
import uuid
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from typing import Any, NamedTuple, cast

from connector.simulator.events import Form, user_start, wrapped
from connector.simulator.server import Simulator
from connector.simulator.thread import running
from connector.simulator.world import Offer, offer
from tests.system.conftest import tenant_of
from tests.system.portal import TOKEN


class Planned(NamedTuple):
    """An offer and the post that tells of it. `at`: when to post it, None for as soon as can be;
    `answered_at` None: an automatic queue, or never answered (`answers` False).
    """

    slug: str
    conversation_id: str
    user_id: str
    body: str
    at: float | None = None
    answered_at: float | None = None
    answers: bool = True

    @property
    def path(self) -> str:
        return f"/api/v1/tenants/{self.slug}/events"

    @property
    def token(self) -> str:
        return f"{TOKEN}-{self.slug}"


class Told(NamedTuple):
    """A call to Lynn as Lynn saw it. `acted`: Lynn did its work; `answered`: and said so."""

    slug: str
    conversation_id: str
    user_id: str
    at: float
    acted: bool
    answered: bool


class Upstream:
    """Lives in the process of the simulator; the benchmark holds a proxy of it."""

    def __init__(self) -> None:
        self._running = running()
        self._simulator: Simulator = self._running.__enter__()
        self._seen: Counter[str] = Counter()

    def pid(self) -> int:
        return os.getpid()

    def tenant(self, slug: str, agents: int, limit: int | None, **settings: Any) -> dict[str, Any]:
        """An organisation with at least so many agents, as a tenant of a configuration file."""
        known = len(self._simulator.agents(slug))
        self._simulator.add_agents(slug, count=max(0, agents - known))
        self._simulator.configure(slug, limit=limit)
        return tenant_of(self._simulator, slug, **settings)

    def automatic(self, slug: str, agents: int, times: Sequence[float | None]) -> list[Planned]:
        """Offers of an automatic queue to the agents in turns, each posted at its time."""
        return [
            self._planned(slug, self._offer(slug, number % agents, True), at)
            for number, at in enumerate(times)
        ]

    def manual(
        self, slug: str, agents: int, times: Sequence[tuple[float, float | None]]
    ) -> list[Planned]:
        """Offers that ring from the first time on and are answered at the second (None: never)."""
        planned = []
        for number, (at, answered_at) in enumerate(times):
            wait = None if answered_at is None else answered_at - at
            one = self._offer(slug, number % agents, False, start=at, answer_after=wait)
            self._simulator.organisation(slug).world.add_offer(one)
            planned.append(self._planned(slug, one, at))
        return planned

    def _offer(self, slug: str, agent: int, automatic: bool, **life: Any) -> Offer:
        queues = {queue.auto_answer: queue.id for queue in self._simulator.queues(slug)}
        people = self._simulator.agents(slug)
        life = life or {"answer_after": 0}
        start = life.pop("start", None) or self._simulator.clock()
        return offer(people[agent].id, queues[automatic], start, **life)

    def _planned(self, slug: str, one: Offer, at: float | None) -> Planned:
        world = self._simulator.organisation(slug).world
        body = json.dumps(wrapped(user_start(world, one), Form.EVENTBRIDGE, world.id))
        automatic = world.queues[str(one.queue_id)].auto_answer
        return Planned(
            slug=slug,
            conversation_id=one.conversation_id,
            user_id=one.user_id,
            body=body,
            at=at,
            answered_at=None if automatic else one.answered_at,
            answers=one.answered_at is not None,
        )

    def lynn_misbehaves(self, slug: str, act: str, **settings: Any) -> None:
        self._simulator.lynn_misbehaves(slug, act, **settings)

    def lynn_behaves(self, slug: str) -> None:
        self._simulator.lynn_behaves(slug)

    def news(self) -> list[Told]:
        """The calls to every Lynn since the last time this was asked."""
        with self._simulator.lock:
            lynns = list(self._simulator.lynns.items())
            calls = [(slug, list(islice(one.calls, self._seen[slug], None))) for slug, one in lynns]
        for slug, fresh in calls:
            self._seen[slug] += len(fresh)
        return [
            Told(
                slug,
                call.body["conversationId"],
                call.body["userId"],
                call.at,
                call.acted,
                call.status == 200,
            )
            for slug, fresh in calls
            for call in fresh
            if isinstance(call.body, dict)
        ]

    def asked(self) -> Counter[tuple[str, int | None]]:
        """How often each kind of Genesys' endpoints answered with each status."""
        with self._simulator.lock:
            total: Counter[tuple[str, int | None]] = Counter()
            for one in self._simulator.organisations.values():
                total.update(one.counts)
            return total

    def first_work_after(self, at: float) -> float:
        """When Genesys or Lynn was first called after this time; infinity if never."""
        with self._simulator.lock:
            genesys = [
                call.at
                for one in self._simulator.organisations.values()
                for call in one.calls
                if call.kind != "token"
            ]
            lynn = [call.at for one in self._simulator.lynns.values() for call in one.calls]
        return min((each for each in genesys + lynn if each > at), default=float("inf"))

    def stop(self) -> None:
        self._running.__exit__(None, None, None)


class _Manager(BaseManager):
    pass


_Manager.register("Upstream", Upstream)


class UpstreamProcess:
    """Starts the process; `with` gives the proxy."""

    def __enter__(self) -> Upstream:
        self._manager = _Manager(ctx=get_context("spawn"), authkey=uuid.uuid4().bytes)
        self._manager.start()
        self._upstream = cast(Upstream, self._manager.Upstream())  # type: ignore[attr-defined]
        return self._upstream

    def __exit__(self, *_: object) -> None:
        self._upstream.stop()
        self._manager.shutdown()
