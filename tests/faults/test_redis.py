"""Redis is restarted and has forgotten everything."""

from urllib.parse import urlsplit

from redis import Redis

from connector.simulator.server import Simulator
from tests.faults.conftest import Make, full_or_short
from tests.faults.ledger import Books, Ledger, wait_until_final
from tests.faults.offers import mixed
from tests.faults.proxy import proxy
from tests.faults.test_database import pause, through
from tests.services import service
from tests.system.conftest import tenant_of
from tests.system.portal import wait_until

RESTARTS = full_or_short(5, 1)
DOWN_FOR = full_or_short(15, 3)  # seconds


def test_redis_is_restarted_under_load(make_portal: Make, simulator: Simulator) -> None:
    """Away, then back and empty. Events are taken and Lynn is told all the while."""
    redis_url = a_database_beside(service("TEST_REDIS_URL"))
    server = urlsplit(redis_url)
    with proxy(server.hostname or "", server.port or 6379) as between:
        portal = make_portal("postgres", redis_url=through(between, redis_url))
        portal.configure(tenant_of(simulator))
        serve = portal.serve()
        books = Books(portal)

        with books.pouring(lambda number: mixed(simulator, "banco", number), per_second=25):
            for _ in range(RESTARTS):
                wait_until(lambda: between.seen, 60, "Redis is used")
                between.refuse()
                Redis.from_url(redis_url).flushdb()
                told = len(simulator.lynn_calls("banco"))
                pause(DOWN_FOR)
                wait_until(
                    lambda least=told: len(simulator.lynn_calls("banco")) > least + 10,
                    60,
                    "Lynn is told although Redis is away",
                )
                between.open()
                pause(1)

        wait_until_final(portal, 120)
        assert serve.poll() is None
        assert not books.unsure, "posts were refused"
        Ledger(portal, simulator, books).balance()


def a_database_beside(url: str) -> str:
    """Another one than other tests use, since it is emptied."""
    parts = urlsplit(url)
    number = int(parts.path.strip("/") or 0)
    return parts._replace(path=f"/{number - 1 if number else 1}").geturl()
