"""All machines of the portal go by one clock: the database's, where it is a server's."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from connector import clock


@pytest.fixture(autouse=True)
def _own_clock_again() -> Iterator[None]:
    yield
    clock._ahead = timedelta(0)


class Server:
    """A database server whose clock is so many seconds ahead of ours."""

    vendor = "postgresql"

    def __init__(self, ahead: float, slept: Callable[[], object] = lambda: None) -> None:
        self.ahead = timedelta(seconds=ahead)
        self.slept = slept

    def cursor(self) -> "Server":
        return self

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *args: object) -> None:
        return None

    def execute(self, statement: str) -> None:
        assert "SELECT clock_timestamp()" == statement

    def fetchone(self) -> tuple[Any]:
        told = timezone.now() + self.ahead
        self.slept()
        return (told,)


def ahead() -> float:
    return round((clock.now() - timezone.now()).total_seconds())


@pytest.mark.parametrize("seconds", [600, -600])
def test_a_machine_whose_clock_is_wrong_goes_by_the_databases(
    seconds: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock.compare(Server(seconds))  # type: ignore[arg-type]
    clock.compare(Server(seconds))  # type: ignore[arg-type]

    assert seconds == ahead()
    assert 1 == caplog.text.count("differs from the database's by 600 s")


@pytest.mark.parametrize("known", [0, 600])
def test_a_server_that_is_slow_to_answer_does_not_put_a_clock_out(
    known: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when it is overloaded, and all connect anew."""
    clock.compare(Server(known))  # type: ignore[arg-type]
    time = Clock(timezone.now())
    monkeypatch.setattr(timezone, "now", time)

    clock.compare(Server(known, slept=lambda: time.forward(30)))  # type: ignore[arg-type]

    assert known == ahead()


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def test_small_differences_are_left_alone() -> None:
    clock.compare(Server(0.4))  # type: ignore[arg-type]

    assert timedelta(0) == clock._ahead


def test_a_clock_that_was_set_right_is_trusted_again() -> None:
    clock.compare(Server(600))  # type: ignore[arg-type]
    clock.compare(Server(0))  # type: ignore[arg-type]

    assert 0 == ahead()


@pytest.mark.django_db
def test_the_first_to_ask_for_the_time_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(clock, "_ahead", None)
    monkeypatch.setattr(connection, "ensure_connection", lambda: asked.append("database"))

    clock.now()

    assert ["database"] == asked


@pytest.mark.django_db
def test_the_database_is_asked_whenever_we_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    clock.compare(Server(600))  # type: ignore[arg-type]

    clock.compare(connection)

    assert (0 if connection.vendor == "postgresql" else 600) == ahead()
