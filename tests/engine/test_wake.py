"""Waiting for work, on any database; test_wake_by_call.py has what a server adds."""

import time

import pytest
from django.db import DatabaseError, connection

from connector import wake


def seconds_of(wait: float) -> float:
    started = time.monotonic()
    wake.wait(wait)
    return time.monotonic() - started


@pytest.mark.django_db(transaction=True)
def test_a_wait_ends_by_itself() -> None:
    assert seconds_of(0.05) >= 0.05


@pytest.mark.django_db
def test_a_call_that_fails_is_no_failure_of_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake, "_last_call", 0.0)
    monkeypatch.setattr(wake, "CAN_CALL", True)

    def away(*args: object) -> object:
        raise DatabaseError("gone")

    with connection.execute_wrapper(away):
        wake.call()
