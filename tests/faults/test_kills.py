"""A worker is killed at each labelled point; what it was at is done by the next one."""

import json

import pytest

from connector.simulator.server import Simulator
from tests.faults.conftest import Make, full_or_short, happened
from tests.faults.ledger import Books, Ledger, wait_until_final
from tests.faults.offers import (
    DELIVERED,
    OVER,
    answer_of,
    answered_now,
    automatic,
    end_of,
    manual,
)
from tests.system.conftest import tenant_of
from tests.system.portal import wait_until

# The label, and how often Lynn is told in the end: twice only if the kill falls between its answer
# and our commit.
POINTS = {
    "after claim": 1,
    "before work": 1,
    "before commit of take": 1,
    "after commit of take": 1,
    "before token": 1,
    "after token": 1,
    "before commit of token": 1,
    "after commit of token": 1,
    "before status": 1,
    "after status": 1,
    "before commit of status": 1,
    "after commit of status": 1,
    "before post": 1,
    "after post": 2,
    "before commit of post": 2,
    "after commit of post": 1,
    "before acknowledgement": 1,
}
# The second look at an agent who is still ringing: its check is folded into the first one.
AGAIN = ("before status", "after status", "before commit of status", "after commit of status")
# The worker dies here, and before another one looks, events tell that all is over.
MEANWHILE = ("after token", "after status", "before commit of status")
ENDED = "ended-"


@pytest.mark.parametrize("scope", full_or_short(["process", "cluster"], ["process"]))
@pytest.mark.parametrize("kind", full_or_short(["sqlite", "postgres"], ["postgres"]))
def test_a_worker_killed_anywhere_loses_nothing(
    make_portal: Make, simulator: Simulator, kind: str, scope: str
) -> None:
    """One tenant for each point, so that all of them take the time of one lease."""
    portal = make_portal(kind)
    kills = {label.replace(" ", "-"): [label, 1] for label in POINTS}
    kills |= {label.replace(" ", "-") + "-again": [label, 2] for label in AGAIN}
    kills |= {f"{ENDED}{label.replace(' ', '-')}": [label, 1] for label in MEANWHILE}
    portal.environment |= {"FAULT_KILLS": json.dumps(kills), "FAULT_SCOPE": scope}
    patient = {"give_up_after": 600}
    portal.configure(*(tenant_of(simulator, slug, timing=patient) for slug in kills))
    portal.serve()
    books = Books(portal)

    def reached(slug: str) -> int:
        return happened(portal, f"reached-{slug}")

    for slug, (label, number) in kills.items():
        most = POINTS[label] if scope == "process" else 1 + len(kills)
        if slug.startswith(ENDED):  # nobody but the events can say that it was answered
            books.post(manual(simulator, slug, answer_after=None, ends=(OVER,)))
            continue
        answer_after = None if number > 1 else 0.0
        told = (POINTS[label], most)
        books.post(manual(simulator, slug, answer_after=answer_after, ends=(DELIVERED,), told=told))
    patience = 240 if scope == "process" else 480
    for case in [case for case in books.cases if case.slug.startswith(ENDED)]:
        wait_until(lambda slug=case.slug: reached(slug), patience, f"{case.slug} was reached")
        books.tell(case.slug, end_of(simulator, case, interacting=3))
        books.tell(case.slug, answer_of(simulator, case))
    for position, case in enumerate(books.cases):
        slug, number = case.slug, kills[case.slug][1]
        wait_until(
            lambda slug=slug, number=number: reached(slug) >= number,
            patience,
            f"{slug} was reached {number} times",
        )
        if number > 1:
            books.cases[position] = answered_now(simulator, case)
    for slug in kills:
        books.post(manual(simulator, slug, 1, answer_after=1))
        books.post(automatic(simulator, slug, 2))
    wait_until_final(portal, 240)

    Ledger(portal, simulator, books).balance()
