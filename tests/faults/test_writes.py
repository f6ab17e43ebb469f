"""One write in a hundred fails before it is done, and one looks failed after it was done."""

import pytest

from connector.simulator.server import Simulator
from tests.faults.conftest import Make, full_or_short, happened
from tests.faults.ledger import Books, Ledger, wait_until_final
from tests.faults.offers import mixed
from tests.system.conftest import tenant_of

SHARE = "0.01"
EVENTS = full_or_short(4000, 400)


@pytest.mark.parametrize("kind", full_or_short(["sqlite", "postgres"], ["postgres"]))
def test_writes_fail_now_and_then(make_portal: Make, simulator: Simulator, kind: str) -> None:
    """In web and worker alike. Nothing dies, so Lynn is told of nothing twice."""
    portal = make_portal(kind)
    portal.configure(tenant_of(simulator, timing={"give_up_after": 300}))
    portal.environment |= {"FAULT_BEFORE": SHARE, "FAULT_AFTER": SHARE}
    portal.serve()
    books = Books(portal)

    books.post_all([mixed(simulator, "banco", number) for number in range(EVENTS)], connections=4)
    wait_until_final(portal, 240)

    print({name: happened(portal, f"failed-{name}") for name in ("before", "after")})
    assert happened(portal, "failed-before")
    assert happened(portal, "failed-after")
    Ledger(portal, simulator, books).balance()
