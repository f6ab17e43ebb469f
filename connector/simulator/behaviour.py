"""Misbehaviour: which call is answered badly, and how."""

import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from connector.simulator.http import How, Reply

MIB = 1024 * 1024
HUGE = 50 * MIB
BOMB_MEMBERS = 100  # each of 10 MiB once unpacked

HTML = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
INVALID_UTF8 = b'{"userName": "Mar\xeda Fernanda \xff\xfe"}'

ELSEWHERE = "/lynn/elsewhere/PureCloud/OpenMessaging_OnEvent"  # who follows is on record there

ErrorBody = Callable[[int, int | None], Any]  # status, seconds to wait: the body of an error


class Act(StrEnum):
    """What can go wrong with one answer."""

    STATUS = "status"  # another status, with `body` and `headers`
    HTML = "html"
    INVALID_UTF8 = "invalid_utf8"
    HANG = "hang"  # nothing was done, nothing is answered
    HANG_AFTER = "hang_after"  # done, but never answered
    DRIP_HEADERS = "drip_headers"
    DRIP_BODY = "drip_body"
    RESET = "reset"
    RESET_BODY = "reset_body"
    HUGE = "huge"
    GZIP_BOMB = "gzip_bomb"
    DELAY = "delay"  # a right answer, `seconds` later


BEFORE_THE_WORK = frozenset({Act.STATUS, Act.HTML, Act.HANG, Act.RESET})
ON_THE_WIRE = {
    Act.HANG: How.HANG,
    Act.HANG_AFTER: How.HANG,
    Act.DRIP_HEADERS: How.DRIP_HEADERS,
    Act.DRIP_BODY: How.DRIP_BODY,
    Act.RESET: How.RESET,
    Act.RESET_BODY: How.RESET_BODY,
}


@dataclass
class Rule:
    """One misbehaviour. `times` None: until it is cleared. `containing`: only calls in whose path
    or body this text stands. `probability` is drawn from a generator that starts with `seed`.
    `seconds`: of a delay; between the bytes of a drip.
    """

    act: Act
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    containing: str = ""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    retry_after: int | None = None
    seconds: float = 1.0
    _chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    @property
    def before_the_work(self) -> bool:
        """True: the other side did not act on the call."""
        return self.act in BEFORE_THE_WORK

    def applies(self, text: bytes) -> bool:
        """Whether this call is one of those; uses up one of `times` if so."""
        if self.times == 0 or self.containing.encode() not in text:
            return False
        if self._chance.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


def rule(act: str, **settings: Any) -> Rule:
    """ValueError names what is not known."""
    known = {each.name for each in fields(Rule) if each.init} - {"act"}
    if unknown := set(settings) - known:
        raise ValueError(f"A misbehaviour has no {', '.join(sorted(unknown))}.")
    return Rule(Act(act), **settings)


class Rules:
    """The misbehaviours of one side, by kind of call; `all` stands for every kind."""

    def __init__(self) -> None:
        self._rules: dict[str, list[Rule]] = {}

    def add(self, kind: str, new: Rule) -> None:
        self._rules.setdefault(kind, []).append(new)

    def clear(self, kind: str | None = None) -> None:
        if kind is None:
            self._rules.clear()
        else:
            self._rules.pop(kind, None)

    def take(self, kind: str, text: bytes) -> tuple[float, Rule | None]:
        """The delay of this call, and the first other misbehaviour that applies to it."""
        if not self._rules:
            return 0.0, None
        delay = 0.0
        for each in (*self._rules.get(kind, ()), *self._rules.get("all", ())):
            if not each.applies(text):
                continue
            if each.act is not Act.DELAY:
                return delay, each
            delay += each.seconds
        return delay, None


def misbehave(one: Rule, good: Reply, error_body: ErrorBody) -> Reply:
    """The bad answer in place of a good one."""
    if one.act in ON_THE_WIRE:
        return replace(good, how=ON_THE_WIRE[one.act], pause=one.seconds)
    extra = tuple(one.headers.items())
    if one.act is Act.STATUS:
        return _another_status(one, error_body)
    if one.act is Act.HTML:
        return Reply(one.status or 200, HTML, extra, content_type="text/html; charset=utf-8")
    if one.act is Act.INVALID_UTF8:
        return Reply(one.status or 200, INVALID_UTF8, extra)
    if one.act is Act.HUGE:
        return Reply(one.status or 200, huge_body(), extra)
    return Reply(one.status or 200, gzip_bomb(), (*extra, ("Content-Encoding", "gzip")))


def _another_status(one: Rule, error_body: ErrorBody) -> Reply:
    status = one.status or 503
    headers = dict(one.headers)
    if one.retry_after is not None:
        headers["Retry-After"] = str(one.retry_after)
    if 300 <= status < 400:
        headers.setdefault("Location", ELSEWHERE)
    body = one.body if one.body is not None else error_body(status, one.retry_after)
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return Reply(status, text.encode(), tuple(headers.items()))


@lru_cache(maxsize=1)
def huge_body() -> bytes:
    """50 MiB of valid JSON."""
    filling = b"x" * (HUGE - len(b'{"filling": ""}'))
    return b'{"filling": "' + filling + b'"}'


@lru_cache(maxsize=1)
def gzip_bomb() -> bytes:
    """About 1 MiB that unpacks to 1000 MiB: gzip members may follow one another."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    member = packer.compress(b" " * (10 * MIB)) + packer.flush()
    return member * BOMB_MEMBERS
