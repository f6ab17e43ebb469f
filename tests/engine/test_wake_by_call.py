"""The web wakes workers that wait, since the database is a server that carries the call."""

import threading
import time
from typing import Any

import pytest
from django.db import connection, connections

from connector import wake

pytestmark = pytest.mark.server


def seconds_of(wait: float) -> float:
    started = time.monotonic()
    wake.wait(wait)
    return time.monotonic() - started


@pytest.mark.django_db(transaction=True)
def test_a_call_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake, "_last_call", 0.0)
    wake.wait(0)  # listens from now on

    def somebody_calls() -> None:
        wake.call()
        connections.close_all()

    threading.Timer(0.1, somebody_calls).start()

    assert seconds_of(20) < 10


@pytest.mark.django_db(transaction=True)
def test_who_was_cut_off_listens_again(monkeypatch: pytest.MonkeyPatch) -> None:
    wake.wait(0)
    connection.close()
    monkeypatch.setattr(wake, "_last_call", 0.0)
    wake.wait(0)

    wake.call()

    assert seconds_of(20) < 10


@pytest.mark.django_db
def test_calls_follow_each_other_at_a_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake, "_last_call", 0.0)
    made: list[str] = []

    def note(execute: Any, sql: str, *args: Any) -> Any:
        made.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(note):
        for _ in range(5):
            wake.call()

    assert ["NOTIFY portal_due"] == made
