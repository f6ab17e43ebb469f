"""The two sides that are played, Genesys organisations and Lynns, and what one can ask of them."""

import re
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from connector.simulator.behaviour import rule
from connector.simulator.lynn import Call as LynnCall
from connector.simulator.lynn import Lynn
from connector.simulator.organisation import KINDS as ENDPOINTS
from connector.simulator.organisation import Call as GenesysCall
from connector.simulator.organisation import Organisation, new_organisation
from connector.simulator.world import Agent, Json, Offer, Queue, look_in, offer

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")

Method = TypeVar("Method", bound=Callable[..., Any])


def locked(method: Method) -> Method:
    """Only one thread at a time: the server's own, or that of a test."""

    @wraps(method)
    def alone(self: "Sides", *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            return method(self, *args, **kwargs)

    return cast(Method, alone)


class Sides:
    """Organisations and Lynns, made when they are first named."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.organisations: dict[str, Organisation] = {}
        self.lynns: dict[str, Lynn] = {}

    # Genesys

    @locked
    def organisation(self, name: str) -> Organisation:
        known = self.organisations.get(name)
        if known is None:
            _check_name(name)
            known = self.organisations[name] = new_organisation(name)
        return known

    @locked
    def configure(self, name: str, **settings: Any) -> Json:
        """Change settings of an organisation (see `Settings`); what it is then."""
        self.organisation(name).configure(**settings)
        return self.organisation(name).as_json()

    @locked
    def revoke_tokens(self, name: str) -> None:
        self.organisation(name).revoke_tokens()

    @locked
    def agents(self, name: str) -> list[Agent]:
        return list(self.organisation(name).world.agents.values())

    @locked
    def queues(self, name: str) -> list[Queue]:
        return list(self.organisation(name).world.queues.values())

    @locked
    def add_agents(
        self, name: str, *people: str, count: int = 0, named: bool = True
    ) -> list[Agent]:
        """These people, and `count` more whose names do not matter."""
        world = self.organisation(name).world
        crowd = (f"Agente Núm. {number:04}" for number in range(1, count + 1))
        return [world.add_agent(each, named=named) for each in (*people, *crowd)]

    @locked
    def add_queue(self, name: str, queue: str, **settings: Any) -> Queue:
        return self.organisation(name).world.add_queue(queue, **settings)

    @locked
    def add_offer(
        self, name: str, user_id: str, queue_id: str | None, start: float | None = None, **life: Any
    ) -> Offer:
        """Offer a conversation without telling anyone; see `world.offer` for what can happen."""
        new = offer(user_id, queue_id, self.clock() if start is None else start, **life)
        self.organisation(name).world.add_offer(new)
        return new

    @locked
    def add_look_in(
        self, name: str, user_id: str, conversation_id: str, kind: str = "monitoring"
    ) -> Offer:
        """A supervisor's session, from now on."""
        new = look_in(user_id, conversation_id, self.clock(), kind)
        self.organisation(name).world.add_offer(new)
        return new

    @locked
    def calls(self, name: str) -> dict[str, int]:
        """How often each kind of endpoint was called."""
        return self.organisation(name).counted()

    @locked
    def call_log(self, name: str) -> list[GenesysCall]:
        return list(self.organisation(name).calls)

    # Lynn

    @locked
    def lynn(self, name: str) -> Lynn:
        known = self.lynns.get(name)
        if known is None:
            _check_name(name)
            known = self.lynns[name] = Lynn(name)
        return known

    @locked
    def lynn_calls(self, name: str, since: int = 0) -> list[LynnCall]:
        return self.lynn(name).since(since)

    # Misbehaviour

    @locked
    def misbehave(self, name: str, kind: str, act: str, **settings: Any) -> None:
        """Let calls of this kind (or `all`) to the organisation go wrong; see `behaviour.Rule`."""
        if kind not in (*ENDPOINTS, "all"):
            raise ValueError(f"No endpoint is called {kind!r}: {', '.join(ENDPOINTS)}.")
        self.organisation(name).rules.add(kind, rule(act, **settings))

    @locked
    def behave(self, name: str, kind: str | None = None) -> None:
        """No more misbehaviour of this kind of call; None: of any."""
        self.organisation(name).rules.clear(kind)

    @locked
    def lynn_misbehaves(self, name: str, act: str, **settings: Any) -> None:
        self.lynn(name).rules.add("lynn", rule(act, **settings))

    @locked
    def lynn_behaves(self, name: str) -> None:
        self.lynn(name).rules.clear()


def _check_name(name: str) -> None:
    if NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not a name: letters, digits, dot, dash and underscore are.")
