"""A portal in which something is made to go wrong, beside the simulator of Genesys and Lynn."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connector.simulator.server import Simulator
from connector.simulator.thread import running
from tests.services import service
from tests.system.portal import Portal, postgres_database

pytest.register_assert_rewrite("tests.faults.ledger")

FULL = os.environ.get("TEST_FAULTS") == "full"

Make = Callable[..., Portal]


def full_or_short(full: Any, short: Any) -> Any:
    """The length that the requirement names, or one that a run of all tests has time for."""
    return full if FULL else short


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """An empty database of a kind, to be copied; made once for all tests."""
    with ExitStack() as stack:

        @cache
        def made(kind: str) -> str:
            if kind == "sqlite":
                url = f"sqlite:///{tmp_path_factory.mktemp('migrated')}/portal.sqlite3"
            else:
                url = stack.enter_context(postgres_database(service("TEST_POSTGRES_URL")))
            Portal(url).run("migrate")
            return url

        yield made


@pytest.fixture
def make_portal(tmp_path: Path, migrated: Callable[[str], str]) -> Iterator[Make]:
    """Makes a portal on `sqlite` or `postgres`, migrated and not started; `through` may put
    something between it and its database."""
    with ExitStack() as stack:

        def copy(kind: str) -> str:
            original = migrated(kind)
            if kind == "sqlite":
                path = shutil.copy(original.removeprefix("sqlite:///"), tmp_path)
                return f"sqlite:///{path}"
            template = original.rpartition("/")[2]
            made = postgres_database(service("TEST_POSTGRES_URL"), template)
            return stack.enter_context(made)

        def make(kind: str, through: Callable[[str], str] = str, redis_url: str = "") -> Portal:
            portal = Portal(through(copy(kind)), redis_url)
            stack.callback(portal.kill)
            portal.environment["FAULT_FOLDER"] = str(tmp_path)
            portal.environment["DJANGO_SETTINGS_MODULE"] = "tests.faults.settings"
            return portal

        yield make


def happened(portal: Portal, name: str) -> int:
    """How often a fault has been noted."""
    return len(list(Path(portal.environment["FAULT_FOLDER"]).glob(f"{name}.*")))
