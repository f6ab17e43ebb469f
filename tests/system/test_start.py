"""Roles that start before the database is ready, and several machines that start at once."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.services import service
from tests.system.portal import ROOT, Portal, free_port, postgres_database, wait_until

BEHIND = "The database is not up to date: run ./run migrate (or ./run serve once)."


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Portal]:
    """A portal whose database holds nothing."""
    if request.param == "sqlite":
        portal = Portal(f"sqlite:///{tmp_path}/portal.sqlite3")
        yield portal
        portal.kill()
        return
    with postgres_database(service("TEST_POSTGRES_URL")) as url:
        portal = Portal(url)
        yield portal
        portal.kill()


def call(portal: Portal, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=portal.environment | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def execute(portal: Portal, *statements: str) -> None:
    url = portal.environment["DATABASE_URL"]
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database, database:
            for statement in statements:
                database.execute(statement)
    else:
        with psycopg.connect(url) as server:
            for statement in statements:
                server.execute(statement.encode())


def ended(commands: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Exit code and complaint of each."""
    said = [command.communicate(timeout=180)[1] for command in commands]
    return [(each.returncode, text) for each, text in zip(commands, said, strict=True)]


@pytest.mark.parametrize("version", ["zero", "0004"])
def test_roles_that_start_before_the_database_is_migrated_wait_for_that(
    empty: Portal, tmp_path: Path, version: str
) -> None:
    empty.run("migrate", "connector", version)
    log = tmp_path / "log"
    with log.open("wb") as empty.output:
        empty.start("web", "--bind", f"127.0.0.1:{empty.port}")
        empty.start("worker")
        wait_until(lambda: empty.get("/readyz")[0] == 503, 60, "web says that it is not ready")
        wait_until(lambda: log.read_text().count(BEHIND) == 2, 60, "both say what they wait for")
        migrations = empty.get("/readyz")[1]["migrations"]

        empty.run("migrate")
        empty.wait_until_ready()

    assert migrations.endswith("to be applied: run ./run migrate")
    assert 2 == log.read_text().count(BEHIND)
    assert "Traceback" not in log.read_text()


def test_an_event_that_comes_before_the_database_is_migrated_is_to_be_sent_again(
    empty: Portal,
) -> None:
    empty.start("web", "--bind", f"127.0.0.1:{empty.port}")
    wait_until(lambda: empty.get("/readyz")[0] == 503, 60, "web says that it is not ready")

    status, said = empty.post("banco", {})

    assert (503, "unavailable") == (status, said["error"])


def test_a_worker_that_waits_for_migrations_ends_when_told_to(empty: Portal) -> None:
    worker = call(empty, "worker")
    assert worker.stderr
    assert BEHIND in worker.stderr.readline()

    worker.send_signal(signal.SIGTERM)

    assert (0, "") == ended([worker])[0]


def test_what_a_newer_version_has_migrated_keeps_no_older_one_from_starting(
    empty: Portal,
) -> None:
    empty.run("migrate")
    execute(
        empty,
        "INSERT INTO django_migrations (app, name, applied) "
        "VALUES ('connector', '9999_of_the_future', '2026-10-12')",
    )

    empty.start("web", "--bind", f"127.0.0.1:{empty.port}")
    empty.start("worker")

    empty.wait_until_ready()


def test_several_machines_may_migrate_at_once(empty: Portal) -> None:
    machines = [call(empty, "migrate", "--verbosity", "0") for _ in range(3)]

    assert [(0, "")] * 3 == ended(machines)


def test_migrations_that_were_stopped_in_the_middle_go_on(empty: Portal) -> None:
    """Those that build indexes are not atomic, so a part of what they do is there already."""
    empty.run("migrate", "connector", "0006")
    execute(
        empty,
        "DELETE FROM django_migrations WHERE app = 'connector' AND name > '0003'",
        "DROP INDEX connection_queue",
        "DROP INDEX connection_ended",
    )

    empty.run("migrate")

    assert "[ ]" not in empty.run("showmigrations", "connector")


def test_an_index_that_was_half_built_is_built_anew() -> None:
    with postgres_database(service("TEST_POSTGRES_URL")) as url:
        portal = Portal(url)
        portal.run("migrate", "connector", "0006")
        execute(
            portal,
            "DELETE FROM django_migrations WHERE name LIKE '0006_admin_log%'",
            "UPDATE pg_index SET indisvalid = false "
            "WHERE indexrelid = 'connector_admin_log_time'::regclass",
        )

        portal.run("migrate")

        with psycopg.connect(url) as server:
            found = server.execute(
                "SELECT indisvalid FROM pg_index "
                "WHERE indexrelid = 'connector_admin_log_time'::regclass"
            )
            assert (True,) == found.fetchone()


def test_a_worker_waits_for_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        portal = Portal(f"postgres://nobody@127.0.0.1:{free_port()}/portal", output=output)
        worker = portal.start("worker")
        try:
            wait_until(lambda: "trying again" in log.read_text(), 30, "it says that it waits")

            worker.send_signal(signal.SIGTERM)

            assert 0 == worker.wait(15)
        finally:
            portal.kill()
    assert 1 == log.read_text().count("The database cannot be reached, trying again")
    assert "Traceback" not in log.read_text()


def test_web_answers_while_the_database_cannot_be_reached(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        portal = Portal(f"postgres://nobody@127.0.0.1:{free_port()}/portal", output=output)
        portal.start("web", "--bind", f"127.0.0.1:{portal.port}")
        try:
            wait_until(lambda: portal.get("/readyz")[0] == 503, 30, "it says what it lacks")
        finally:
            portal.kill()
    assert "The database cannot be reached, so events get a 503 until it can" in log.read_text()
