"""Whether the process lives and the portal can work."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from connector import health
from connector.models import AgentConnection, GenesysAccess, Heartbeat, Tenant

pytestmark = pytest.mark.django_db


def beat(seconds_ago: float = 0) -> None:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    Heartbeat.objects.create(name="a-worker", started_at=at, seen_at=at)


def overdue(seconds: float) -> None:
    now = timezone.now()
    AgentConnection.objects.create(
        tenant=Tenant.objects.create(slug="a", name="A"),
        offer_key="s:1",
        conversation_id="c",
        user_id="u",
        answer_mode="manual",
        received_at=now,
        offered_at=now,
        give_up_at=now,
        state="checking",
        due_at=now - timedelta(seconds=seconds),
    )


def test_the_process_lives(client: Client) -> None:
    assert {"status": "ok"} == client.get("/healthz").json()


def test_all_is_well(client: Client) -> None:
    beat()
    overdue(5)

    answer = client.get("/readyz")

    assert 200 == answer.status_code
    parts = {"database": "ok", "migrations": "ok", "worker": "ok", "overdue": "ok"}
    assert {"status": "ready", **parts} == answer.json()


def test_migrations_are_looked_at_until_all_are_applied(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_are_migrations_applied", False)
    ((app, newest),) = MigrationLoader(connection).graph.leaf_nodes("connector")
    MigrationRecorder(connection).record_unapplied(app, newest)

    assert client.get("/readyz").json()["migrations"].endswith("to be applied: run ./run migrate")
    MigrationRecorder(connection).record_applied(app, newest)
    assert "ok" == client.get("/readyz").json()["migrations"]


def test_no_worker_has_ever_been_seen(client: Client) -> None:
    answer = client.get("/readyz")

    assert 503 == answer.status_code
    assert "none has been seen: start ./run worker" == answer.json()["worker"]


def test_the_last_worker_has_fallen_silent(client: Client) -> None:
    beat(seconds_ago=40)

    assert client.get("/readyz").json()["worker"].startswith("none has been seen for 40 s")


def test_work_is_long_overdue(client: Client) -> None:
    beat()
    overdue(60)

    answer = client.get("/readyz")

    assert 503 == answer.status_code
    assert "oldest work is 60 s late" == answer.json()["overdue"]


def test_checks_that_wait_for_the_limit_of_genesys_are_not_late_work_of_ours(
    client: Client,
) -> None:
    beat()
    overdue(60)
    short = GenesysAccess.objects.create(tenant=Tenant.objects.get(), short_until=timezone.now())

    assert "ok" == client.get("/readyz").json()["overdue"]

    short.short_until -= timedelta(seconds=20)
    short.save()
    assert "oldest work is 60 s late" == client.get("/readyz").json()["overdue"]


def test_a_database_that_is_away_is_said_to_be(client: Client) -> None:
    def away(*args: object) -> object:
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        answer = client.get("/readyz")

    assert 503 == answer.status_code
    assert "unavailable: OperationalError" == answer.json()["database"]


def test_the_way_to_the_admin(client: Client) -> None:
    assert "/admin/" == client.get("/").headers["Location"]


def test_the_schema_is_served(client: Client) -> None:
    assert b"/api/v1/tenants/{slug}/events" in client.get("/api/v1/schema").content
