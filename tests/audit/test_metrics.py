"""/metrics: the same numbers whichever process answers, and only for whom they are meant."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from connector import intervene
from connector.domain import Reason, State
from connector.models import (
    AgentConnection,
    Chore,
    GenesysAccess,
    Heartbeat,
    LynnAccess,
    Tenant,
)
from tests.audit.trail import NOW, delivered, ended, seal_all

pytestmark = pytest.mark.django_db

TOKEN = "a-token-for-prometheus"
LABELS = ("tenant", "state", "reason", "le", "worker", "chore")


@pytest.fixture(autouse=True)
def _no_token(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""


def read(client: Client) -> dict[str, float]:
    """Sample with its labels, in the order of LABELS -> value."""
    answer = client.get("/metrics")
    assert 200 == answer.status_code, answer.content
    return {
        f"{sample.name}{{{','.join(_values(sample.labels))}}}": sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def _values(labels: dict[str, str]) -> list[str]:
    assert set(labels) <= set(LABELS)
    return [labels[name] for name in LABELS if name in labels]


def test_it_is_prometheus_text(client: Client) -> None:
    answer = client.get("/metrics")

    assert "text/plain; version=0.0.4; charset=utf-8" == answer.headers["Content-Type"]
    assert b"# TYPE portal_connections_total counter" in answer.content
    assert b"# TYPE portal_delivery_delay_seconds histogram" in answer.content


def test_how_connections_ended(client: Client, tenant: Tenant) -> None:
    delivered(tenant)
    for _ in range(2):
        ended(tenant, State.NOT_ANSWERED, Reason.GAVE_UP)
    seal_all()

    found = read(client)

    assert 1 == found["portal_connections_total{banco-sur,delivered,delivered}"]
    assert 2 == found["portal_connections_total{banco-sur,not_answered,gave_up}"]
    assert 3 == found["portal_audit_seals_total{banco-sur}"]


def test_a_counter_never_goes_down(client: Client, tenant: Tenant) -> None:
    row = ended(tenant, State.NOT_ANSWERED, Reason.GAVE_UP)
    seal_all()
    intervene.check_again(row.pk, NOW)
    AgentConnection.objects.filter(pk=row.pk).update(
        state=State.NOT_ANSWERED, reason=Reason.RANG_OUT, due_at=None
    )
    seal_all()

    found = read(client)

    assert 1 == found["portal_connections_total{banco-sur,not_answered,gave_up}"]
    assert 1 == found["portal_connections_total{banco-sur,not_answered,rang_out}"]


def test_how_long_lynn_waited(client: Client, tenant: Tenant) -> None:
    delivered(tenant)
    seal_all()

    found = read(client)

    name = "portal_delivery_delay_seconds"
    assert 0 == found[f"{name}_bucket{{banco-sur,0.05}}"]
    assert 1 == found[f"{name}_bucket{{banco-sur,0.1}}"]
    assert 1 == found[f"{name}_bucket{{banco-sur,+Inf}}"]
    assert 1 == found[f"{name}_count{{banco-sur}}"]
    assert 0.084 == found[f"{name}_sum{{banco-sur}}"]


def test_what_is_open_overdue_and_not_sealed(client: Client, tenant: Tenant) -> None:
    due_at = timezone.now() - timedelta(seconds=50)
    ended(tenant, State.CHECKING, "", due_at=due_at, final_at=None)  # type: ignore[arg-type]
    delivered(tenant)

    found = read(client)

    assert 1 == found["portal_open_connections{banco-sur,checking}"]
    assert 0 == found["portal_open_connections{banco-sur,delivering}"]
    assert 50 <= found["portal_overdue_seconds{}"] < 80
    assert 1 == found["portal_unsealed_connections{}"]


def test_workers_and_chores(client: Client) -> None:
    now = timezone.now()
    for name, age in (("here", 1), ("gone", 600)):
        at = now - timedelta(seconds=age)
        Heartbeat.objects.create(name=name, started_at=at, seen_at=at)
    Chore.objects.create(
        name="seal", every=5, due_at=now, finished_at=now, took_ms=250, problem="oh no"
    )

    found = read(client)

    assert 1 == found["portal_workers_alive{}"]
    assert (now - timedelta(seconds=600)).timestamp() == pytest.approx(
        found["portal_worker_seen_timestamp_seconds{gone}"]
    )
    assert now.timestamp() == pytest.approx(found["portal_chore_finished_timestamp_seconds{seal}"])
    assert 0.25 == found["portal_chore_duration_seconds{seal}"]
    assert 1 == found["portal_chore_failed{seal}"]


def test_genesys_and_lynn(client: Client, tenant: Tenant) -> None:
    now = timezone.now()
    GenesysAccess.objects.create(
        tenant=tenant,
        allowed_per_minute=240,
        blocked_until=now + timedelta(seconds=90),
        trouble=Reason.GENESYS_UNAVAILABLE,
    )
    LynnAccess.objects.create(tenant=tenant, opened_at=now)

    found = read(client)

    assert 240 == found["portal_genesys_calls_allowed_per_minute{banco-sur}"]
    assert 60 < found["portal_genesys_blocked_seconds{banco-sur}"] <= 90
    assert 1 == found["portal_genesys_trouble{banco-sur}"]
    assert 1 == found["portal_lynn_breaker_open{banco-sur}"]


def test_names_with_quotes_and_line_ends_do_no_harm(client: Client) -> None:
    name = 'a "worker"\nof\\mine'
    Heartbeat.objects.create(name=name, started_at=NOW, seen_at=NOW)

    assert f"portal_worker_seen_timestamp_seconds{{{name}}}" in read(client)


def test_the_number_of_queries_does_not_grow_with_tenants(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        tenant = Tenant.objects.create(slug=f"t-{number}", name=str(uuid.uuid4()))
        GenesysAccess.objects.create(tenant=tenant)
        LynnAccess.objects.create(tenant=tenant)
        delivered(tenant)
    seal_all()

    with django_assert_num_queries(11):
        read(client)


# Who may read it ----------------------------------------------------------------------------------


def test_with_a_token_whoever_brings_it_may_read(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN

    answer = client.get(
        "/metrics", REMOTE_ADDR="203.0.113.9", headers={"Authorization": f"Bearer {TOKEN}"}
    )

    assert 200 == answer.status_code


@pytest.mark.parametrize(
    "sent",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"],
)
def test_with_a_token_nobody_else_may(client: Client, settings: Settings, sent: str) -> None:
    settings.METRICS_TOKEN = TOKEN

    answer = client.get("/metrics", headers={"Authorization": sent} if sent else {})

    assert 401 == answer.status_code
    assert 'Bearer realm="metrics"' == answer.headers["WWW-Authenticate"]
    assert b"PORTAL_METRICS_TOKEN" in answer.content
    assert TOKEN.encode() not in answer.content


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"])
def test_without_one_this_machine_may(client: Client, address: str) -> None:
    assert 200 == client.get("/metrics", REMOTE_ADDR=address).status_code


@pytest.mark.parametrize(
    "address", ["203.0.113.9", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "", "localhost"]
)
def test_without_one_other_machines_may_not(client: Client, address: str) -> None:
    answer = client.get("/metrics", REMOTE_ADDR=address)

    assert 403 == answer.status_code
    assert b"Set the variable" in answer.content


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Proto"]
)
def test_nobody_gets_in_through_a_proxy_or_by_naming_one(client: Client, header: str) -> None:
    headers = {header: "127.0.0.1"}

    assert 403 == client.get("/metrics", headers=headers).status_code
    assert 403 == client.get("/metrics", headers=headers, REMOTE_ADDR="203.0.113.9").status_code


def test_a_database_that_is_away_is_said_to_be(client: Client) -> None:
    def away(*args: object) -> object:
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        answer = client.get("/metrics")

    assert 503 == answer.status_code
    assert b"The database is unavailable: OperationalError\n" == answer.content


def test_a_database_that_was_never_there_is_said_to_be_away(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL a process learns the time from it."""

    def away() -> datetime:
        raise OperationalError("gone")

    monkeypatch.setattr("connector.metrics.clock.now", away)

    assert 503 == client.get("/metrics").status_code


def test_nothing_can_be_posted(client: Client) -> None:
    assert 405 == client.post("/metrics").status_code
