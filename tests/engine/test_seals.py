"""Whatever the engine does honestly, the audit chain holds, and counts what it holds."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from connector import intervene
from connector.audit import counts, seal
from connector.audit.verify import verify
from connector.claim import claim
from connector.domain import FINAL, MOVES, Reason, State
from connector.errors import NotPossible
from connector.models import AgentConnection, Attempt, AuditSeal
from tests.engine.conftest import (
    AUTO_QUEUE,
    GONE,
    MANUAL_QUEUE,
    OVERLOADED,
    UNAUTHORISED,
    Desk,
    Genesys,
    Lynn,
)

REOPENABLE = [state for state in FINAL if MOVES[state]]


def seal_all(desk: Desk) -> None:
    seal.seal_due(desk.clock.now, time.monotonic() + 60)


def check(desk: Desk) -> None:
    assert verify(desk.tenant).fault is None


def test_a_delivered_offer_is_sealed_with_its_attempts(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact")
    desk.look()

    seal_all(desk)

    made = AuditSeal.objects.get(connection_id=row.pk)
    assert (State.DELIVERED, row.attempts.count()) == (made.state, made.attempts)
    check(desk)


def test_an_answer_that_is_proven_after_we_gave_up_is_sealed_again(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, _ = desk.ring()
    genesys.agent_is(offer, "alert")
    desk.work(2)
    desk.work(120)
    seal_all(desk)
    assert Reason.GAVE_UP == AuditSeal.objects.get().reason

    answered = {**offer, "answeredUserId": offer["userId"], "acdOutcome": "ANSWERED"}
    desk.receive({**answered, "eventTime": int(desk.clock.now.timestamp() * 1000)}, "acd.end")
    check(desk)
    desk.work()
    desk.work(100)
    seal_all(desk)

    ends = AuditSeal.objects.order_by("number").values_list("reason", "former")
    assert [(Reason.GAVE_UP, None), (Reason.DELIVERED, 1)] == list(ends)
    check(desk)


def test_what_a_late_event_adds_is_no_edit(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    offer, row = desk.ring(AUTO_QUEUE, sessionId="", participantId="")
    genesys.names[offer["userId"]] = "María"
    genesys.agent_is(offer, "interact")
    desk.work()
    desk.work(1)
    seal_all(desk)
    check(desk)

    desk.receive({**offer, "sessionId": "of-the-offer"})
    desk.receive({**offer, "sessionId": "of-the-offer", "interactingDurationMs": 9}, "user.end")

    row.refresh_from_db()
    assert "of-the-offer" == row.session_id
    check(desk)


@dataclass
class Day:
    """Things that happen to a portal in no particular order."""

    desk: Desk
    genesys: Genesys
    lynn: Lynn
    dice: random.Random
    offers: list[dict[str, Any]] = field(default_factory=list)

    def ring(self) -> None:
        queue = self.dice.choice([MANUAL_QUEUE, AUTO_QUEUE, "not-listed"])
        offer, _ = self.desk.ring(queue, **self.dice.choice([{}, {"sessionId": ""}]))
        self.genesys.agent_is(offer, "alert")
        self.offers.append(offer)

    def ring_elsewhere(self) -> None:
        offer = self.an_offer()
        again, _ = self.desk.ring(conversationId=offer["conversationId"])
        self.genesys.agent_is(again, "alert")
        self.offers.append(again)

    def ring_again(self) -> None:
        self.desk.receive({**self.an_offer(), **self.dice.choice([{}, {"mediaType": "message"}])})

    def answer(self) -> None:
        segment = self.dice.choice(["interact", "hold", "wrapup"])
        self.genesys.agent_is(self.an_offer(), segment)

    def prove(self) -> None:
        offer = self.an_offer()
        at = {"eventTime": int(self.desk.clock.now.timestamp() * 1000)}
        proof = {**offer, **at, "answeredUserId": offer["userId"], "acdOutcome": "ANSWERED"}
        self.desk.receive(proof, "acd.end")

    def prove_the_unknown(self) -> None:
        offer = self.desk.offer()
        proof = {**offer, "answeredUserId": offer["userId"], "acdOutcome": "ANSWERED"}
        self.desk.receive(proof, "acd.end")
        self.offers.append(offer)

    def end(self) -> None:
        offer = self.an_offer()
        spoke = self.dice.choice([0, 4000])
        self.desk.receive({**offer, "interactingDurationMs": spoke}, "user.end")

    def work(self) -> None:
        self.desk.work(self.dice.choice([0, 1, 2, 20, 130, 130]))

    def crash(self) -> None:
        claim(self.desk.clock.now, most=5)

    def trouble(self) -> None:
        self.lynn.answers.append(self.dice.choice([OVERLOADED, GONE, ConnectionError("reset")]))
        self.genesys.status_answers.append(self.dice.choice([OVERLOADED, UNAUTHORISED]))

    def intervene(self) -> None:
        rows = AgentConnection.objects.order_by("pk").values_list("pk", flat=True)
        pk = self.dice.choice(rows.filter(state__in=REOPENABLE) or rows)
        act = self.dice.choice([intervene.deliver_again, intervene.check_again, intervene.cancel])
        try:
            act(pk, self.desk.clock.now)
        except NotPossible:
            return

    def seal(self) -> None:
        seal_all(self.desk)

    def purge(self) -> None:
        sealed = AgentConnection.objects.filter(sealed_at__isnull=False)
        before = self.desk.clock.now - timedelta(minutes=self.dice.choice([5, 20]))
        seal.append_retention(self.desk.tenant, bodies_before=before, now=self.desk.clock.now)
        old = Attempt.objects.filter(connection__in=sealed.filter(received_at__lt=before))
        old.update(request_body="", response_body="")

    def an_offer(self) -> dict[str, Any]:
        return self.dice.choice(self.offers[-6:])


@pytest.mark.parametrize("seed", range(3))
def test_no_day_of_a_portal_looks_like_tampering(
    desk: Desk, genesys: Genesys, lynn: Lynn, seed: int
) -> None:
    day = Day(desk, genesys, lynn, random.Random(seed))
    day.ring()
    often = [day.ring, day.work, day.work, day.seal, day.answer, day.prove, day.end, day.intervene]
    seldom = [day.ring_elsewhere, day.ring_again, day.prove_the_unknown, day.crash, day.trouble]
    for step in range(70):
        act: Callable[[], None] = day.dice.choice([*often, *often, *seldom, day.purge])
        act()
        if step % 5 == 0:
            check(desk)

    for _ in range(40):
        desk.work(30)
    desk.clock.forward(100)
    seal_all(desk)

    report = verify(desk.tenant)
    assert report.fault is None
    assert (AgentConnection.objects.count(), 0) == (report.connections, report.unsealed)
    ends = AgentConnection.objects.filter(state__in=FINAL).values_list("state", "reason")
    since, until = desk.clock.now - timedelta(days=2), desk.clock.now + timedelta(hours=1)
    assert Counter(ends) == counts.totals(None, since, until)
