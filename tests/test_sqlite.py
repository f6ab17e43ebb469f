"""Writers of SQLite take turns: nobody waits while others overtake."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import DatabaseError

from portal.sqlite.base import DatabaseWrapper

pytestmark = pytest.mark.django_db  # lets any database be connected to


def wrapper(path: Path) -> DatabaseWrapper:
    return DatabaseWrapper(
        {
            "ENGINE": "portal.sqlite",
            "NAME": str(path),
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
            "AUTOCOMMIT": True,
            "ATOMIC_REQUESTS": False,
            "CONN_MAX_AGE": 0,
            "CONN_HEALTH_CHECKS": False,
            "TIME_ZONE": None,
            "TEST": {},
        },
        alias="default",
    )


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "test.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE turn (number INTEGER CHECK (number >= 0))")
    connection.close()
    return path


def count(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        number: int = connection.execute("SELECT count(*) FROM turn").fetchone()[0]
        return number
    finally:
        connection.close()


def write(database: DatabaseWrapper, number: int = 1) -> None:
    database.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    try:
        with database.cursor() as cursor:
            cursor.execute("INSERT INTO turn VALUES (%s)", [number])
        database.commit()
    except DatabaseError:
        database.rollback()
        raise
    finally:
        database.set_autocommit(True)


def test_many_threads_write_one_after_the_other(path: Path) -> None:
    def write_often() -> None:
        database = wrapper(path)
        for _ in range(20):
            write(database)
        database.close()

    threads = [threading.Thread(target=write_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 160 == count(path)


def test_a_transaction_that_failed_hands_the_turn_on(path: Path) -> None:
    first, second = wrapper(path), wrapper(path)

    with pytest.raises(DatabaseError):
        write(first, number=-1)
    write(second)

    assert 1 == count(path)
    assert first._turn is None
    first.close()
    second.close()


def test_a_connection_that_is_closed_in_mid_transaction_hands_the_turn_on(path: Path) -> None:
    first, second = wrapper(path), wrapper(path)
    first.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    first.close()

    write(second)

    assert 1 == count(path)
    second.close()


def test_nobody_else_writes_while_one_has_the_turn(path: Path) -> None:
    def write_once() -> None:
        second = wrapper(path)
        write(second)
        second.close()

    first = wrapper(path)
    first.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    other = threading.Thread(target=write_once)
    other.start()
    other.join(0.05)
    assert other.is_alive()

    first.commit()
    first.set_autocommit(True)
    other.join(5)

    assert 1 == count(path)
    first.close()
