"""Machines whose clocks are ten minutes off, the portal's or those of Genesys."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from connector.clock import TOLERATED
from connector.simulator.server import Simulator
from connector.simulator.thread import running
from tests.faults.conftest import Make, full_or_short
from tests.faults.ledger import Books, Ledger, wait_until_final
from tests.faults.offers import automatic, manual, mixed
from tests.system.conftest import tenant_of
from tests.system.portal import wait_until
from tests.system.test_supervision import children

OFF = 600  # seconds
FOR = full_or_short(60, 17)  # seconds; leases and the patience of supervisors last 15


@pytest.mark.parametrize("web_ahead", full_or_short([0, OFF, -OFF], [-OFF]))
def test_machines_of_the_portal_are_off(
    make_portal: Make, simulator: Simulator, web_ahead: int
) -> None:
    """Three workers on one database, one of them right, one ahead, one behind: none takes from
    another what it holds, and none gives up too soon or too late."""
    portal = make_portal("postgres")
    portal.configure(tenant_of(simulator, timing={"give_up_after": 8}))
    simulator.lynn_misbehaves("banco", "delay", seconds=0.3)
    portal.start("web", "--bind", f"127.0.0.1:{portal.port}", FAULT_CLOCK=str(web_ahead))
    workers = [portal.start("worker", FAULT_CLOCK=str(ahead)).pid for ahead in (0, OFF, -OFF)]
    portal.wait_until_ready()
    wait_until(lambda: all(children(pid) for pid in workers), 60, "each has its cluster")
    clusters = [children(pid) for pid in workers]
    books, started = Books(portal), time.monotonic()
    books.post_all([manual(simulator, "banco", n, answer_after=None) for n in range(10)])

    with books.pouring(lambda number: mixed(simulator, "banco", number), per_second=20):
        wait_until(lambda: time.monotonic() > started + FOR, FOR + 1, "the time is over")

    wait_until_final(portal, 120)
    right, *wrong = [children(pid) == before for pid, before in zip(workers, clusters, strict=True)]
    # The machine that runs all this may stand still for so long that even the right one is.
    assert all(wrong) or not right, "a cluster was replaced"
    ledger = Ledger(portal, simulator, books)
    ledger.balance()
    assert_times_are_in_order(ledger)


def assert_times_are_in_order(ledger: Ledger) -> None:
    """Whichever machine wrote them down, as near as machines that keep their time agree."""
    now = datetime.now(UTC).isoformat()
    for record in ledger.records.values():
        assert_in_order(record["event_time"], record["received_at"])
        for attempt in record["attempts"]:
            assert_in_order(record["received_at"], attempt["started_at"], attempt["last_at"], now)


def assert_in_order(*times: str) -> None:
    moments = [datetime.fromisoformat(each) for each in times]
    assert all(later >= earlier - TOLERATED for earlier, later in pairwise(moments)), times


@pytest.fixture
def others() -> Iterator[dict[str, Simulator]]:
    """Two Genesys, one whose clock is ahead and one whose clock is behind."""
    with ExitStack() as stack:
        yield {
            "ahead": stack.enter_context(running(clock=lambda: time.time() + OFF)),
            "behind": stack.enter_context(running(clock=lambda: time.time() - OFF)),
            "far-behind": stack.enter_context(running(clock=lambda: time.time() - OFF)),
        }


def test_genesys_is_off(make_portal: Make, others: dict[str, Simulator]) -> None:
    """Ahead, all is as ever. Behind, its events are ten minutes old when they come: in time where
    the tenant allows for that, else too late to be of use, and so they end."""
    portal = make_portal("sqlite")
    patient = {"give_up_after": 2 * OFF, "deliver_within": 2 * OFF}
    strict = {"give_up_after": 60, "deliver_within": 300}
    timings = {"ahead": strict, "behind": patient, "far-behind": strict}
    portal.configure(
        *(tenant_of(others[slug], slug, timing=timing) for slug, timing in timings.items())
    )
    portal.serve()
    books = Books(portal)
    # So that no name has to be waited for later, when the token is there.
    books.post_all([manual(others[slug], slug) for slug in ("ahead", "behind")])
    wait_until_final(portal, 120)

    for number in range(20):
        for slug in ("ahead", "behind"):
            books.post(automatic(others[slug], slug, number))
            books.post(manual(others[slug], slug, number, answer_after=number % 5))
        stale = ("expired", "stale_event")
        books.post(automatic(others["far-behind"], "far-behind", number, ends=(stale,)))
        books.post(manual(others["far-behind"], "far-behind", number, ends=(stale,)))
    wait_until_final(portal, 120)

    Ledger(portal, others, books).balance()
