"""A running portal beside a running simulator, on each database that there is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.simulator.server import Simulator
from connector.simulator.thread import running
from tests.services import service
from tests.system.portal import TOKEN, Portal, postgres_database


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(params=["sqlite", "postgres", "postgres and redis"])
def portal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Portal]:
    """Migrated, not started; whatever is left of it is killed at the end."""
    if request.param == "sqlite":
        yield from _made(Portal(f"sqlite:///{tmp_path}/portal.sqlite3"))
        return
    redis_url = service("TEST_REDIS_URL") if "redis" in request.param else ""
    with postgres_database(service("TEST_POSTGRES_URL")) as url:
        yield from _made(Portal(url, redis_url))


def _made(portal: Portal) -> Iterator[Portal]:
    try:
        portal.run("migrate")
        yield portal
    finally:
        portal.kill()


def tenant_of(simulator: Simulator, slug: str = "banco", **settings: Any) -> dict[str, Any]:
    """A tenant as in a configuration file, whose Genesys and Lynn the simulator plays."""
    organisation = simulator.organisation(slug).settings
    return {
        "slug": slug,
        "name": f"Tenant {slug}",
        "genesys": {
            "client_id": organisation.client_id,
            "client_secret": organisation.client_secret,
            "api_url": simulator.genesys_url(slug),
            "login_url": simulator.genesys_url(slug),
        },
        "lynn": {"base_url": simulator.lynn_url(slug)},
        "webhook_tokens": [f"{TOKEN}-{slug}"],
        "queues": [
            {"id": queue.id, "name": queue.name, "answer_mode": _mode(queue.auto_answer)}
            for queue in simulator.queues(slug)
        ],
        "inbound_per_second": 10_000,
        **settings,
    }


def _mode(is_automatic: bool) -> str:
    return "auto" if is_automatic else "manual"
