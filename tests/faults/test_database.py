"""The database breaks off every session, then is away, then comes back."""

import threading
import time
from urllib.parse import urlsplit

from connector.simulator.server import Simulator
from tests.faults.conftest import Make, full_or_short
from tests.faults.ledger import Books, Ledger, count, wait_until_final
from tests.faults.offers import mixed
from tests.faults.proxy import Proxy, proxy
from tests.services import service
from tests.system.conftest import tenant_of
from tests.system.portal import wait_until

CUT_FOR = full_or_short(60, 10)  # seconds
CUT_EVERY = 0.7  # seconds
DOWN_FOR = full_or_short(20, 6)  # seconds


def test_sessions_are_cut_then_the_database_is_down(
    make_portal: Make, simulator: Simulator
) -> None:
    server = urlsplit(service("TEST_POSTGRES_URL"))
    with proxy(server.hostname or "", server.port or 5432) as between:
        portal = make_portal("postgres", through=lambda url: through(between, url))
        portal.configure(tenant_of(simulator, timing={"give_up_after": 300}))
        serve = portal.serve()
        books = Books(portal)

        with books.pouring(lambda number: mixed(simulator, "banco", number), per_second=25):
            wait_until(lambda: len(books.accepted) > 20, 60, "posts come in")
            cut_again_and_again(between, CUT_FOR)
            between.refuse()
            accepted = len(books.accepted)
            pause(DOWN_FOR)
            accepted_meanwhile = len(books.accepted) - accepted
            between.open()
            wait_until(lambda: len(books.accepted) > accepted + 20, 120, "posts come in again")

        wait_until_final(portal, 180)
        wait_until(lambda: portal.get("/readyz")[0] == 200, 90, "the portal is ready again")
        assert serve.poll() is None
        # One for each connection that posts may have been committed, and not been noted, before.
        assert accepted_meanwhile <= 4, "202 without a database"
        Ledger(portal, simulator, books).balance()


def test_a_worker_is_stopped_while_the_database_is_down(make_portal: Make) -> None:
    server = urlsplit(service("TEST_POSTGRES_URL"))
    with proxy(server.hostname or "", server.port or 5432) as between:
        portal = make_portal("postgres", through=lambda url: through(between, url))
        worker = portal.start("worker")
        wait_until(lambda: count(portal, "heartbeat") == 1, 60, "it works")

        between.refuse()
        worker.terminate()

        assert 0 == worker.wait(60)
        wait_until(lambda: portal.pids() == [], 30, "nothing is left running")


def through(between: Proxy, url: str) -> str:
    """The same database, reached by way of the proxy."""
    parts = urlsplit(url)
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return parts._replace(netloc=f"{user}127.0.0.1:{between.port}").geturl()


def cut_again_and_again(between: Proxy, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        between.cut()
        pause(CUT_EVERY)


def pause(seconds: float) -> None:
    """How long a fault lasts; there is nothing to wait for."""
    threading.Event().wait(seconds)
