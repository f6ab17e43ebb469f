"""Finding connections: names in every spelling, few or many, and what waits for a person."""

import pytest
from django.db import connection as database
from django.db.models import Q

from connector import find
from connector.domain import REASONS, State
from connector.models import NEEDS_A_PERSON, WAITS, AgentConnection, of_tenants
from tests.admin.conftest import START, make_connection, make_tenant

pytestmark = pytest.mark.django_db

NAMES = ("Ana Gómez", "Ana Lucía Gómez", "ANA LUCÍA", "ana", "Anabel", "Mariana", "Diego de la Ana")


@pytest.fixture
def rows(tenant):
    return [make_connection(tenant, n, user_name=name) for n, name in enumerate(NAMES)]


def found(term):
    rows = AgentConnection.objects.filter(find.name_begins(term))
    return sorted(rows.values_list("user_name", flat=True))


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("ana", ["ANA LUCÍA", "Ana Gómez", "Ana Lucía Gómez", "Anabel", "ana"]),
        ("Ana ", ["ANA LUCÍA", "Ana Gómez", "Ana Lucía Gómez", "Anabel", "ana"]),
        ("ana g", ["Ana Gómez"]),
        ("diego de la a", ["Diego de la Ana"]),
        ("zzz", []),
        ("a%", []),
        ("a_a", []),
    ],
)
@pytest.mark.parametrize(("few", "many"), [(1000, 5000), (0, 5000), (0, 0), (1, 2)])
def test_names_are_found_however_many_there_are(rows, monkeypatch, few, many, term, names):
    monkeypatch.setattr(find, "FEW", few)
    monkeypatch.setattr(find, "MANY", many)

    assert sorted(names) == found(term)


@pytest.mark.parametrize("term", ["\x00", "x" * 300, "'; --", "٣", "🙂"])
def test_odd_words_find_nothing(rows, term):
    assert found(term) in ([], sorted(NAMES) if not term.strip("\x00") else [])


@pytest.mark.parametrize("acknowledged_at", [None, START])
def test_what_needs_a_person_is_the_same_in_sql_and_in_python(tenant, acknowledged_at):
    facts = {"acknowledged_at": acknowledged_at}
    pairs = [(state, reason) for state, reasons in REASONS.items() for reason in reasons]
    for number, (state, reason) in enumerate(pairs):
        make_connection(tenant, number, state=state, reason=reason, **facts)
    make_connection(tenant, 99, state=State.DELIVERING, reason="", due_at=START, final_at=None)

    in_sql = set(AgentConnection.objects.filter(NEEDS_A_PERSON))
    assert in_sql == set(AgentConnection.objects.filter(WAITS))

    assert in_sql == {row for row in AgentConnection.objects.all() if row.needs_a_person}
    assert bool(in_sql) == (acknowledged_at is None)


def test_every_reason_belongs_to_one_state():
    reasons = [reason for reasons in REASONS.values() for reason in reasons]

    assert len(reasons) == len(set(reasons))


@pytest.mark.parametrize(
    ("params", "asked"),
    [
        ({"state": "failed", "queue": ""}, {"state": "failed"}),
        ({"waiting": "on"}, {"waiting": "on"}),
    ],
)
def test_what_was_asked_can_be_asked_again(params, asked):
    form = find.ConnectionFilter(params, [])

    assert asked == form.asked
    assert find.ConnectionFilter(asked, []).is_valid()


def test_a_condition_is_one_that_databases_can_read(tenant):
    form = find.ConnectionFilter({"q": "\x00", "agent": "\x00", "queue": "\x00"}, [tenant])

    assert not form.is_valid() or list(form.narrow(AgentConnection.objects.all())) == []


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"state": "failed"}, "connection_ended"),
        ({"reason": "stale_event"}, "connection_ended"),
        ({"state": "cancelled", "tenant": "banco-sur"}, "connection_tenant_ended"),
        ({"state": "checking"}, "connection_overdue"),
        ({"state": "checking", "tenant": "banco-sur"}, "connection_due"),
        ({"tenant": "banco-sur"}, "connection_tenant_received"),
    ],
)
@pytest.mark.skipif(database.vendor != "sqlite", reason="PostgreSQL decides by its statistics")
def test_a_state_is_found_by_its_index(tenant, asked, index):
    chosen = find.ConnectionFilter(asked, [tenant])

    rows = AgentConnection.objects.select_related("tenant").order_by("-received_at", "-id")
    plan = chosen.narrow(rows)[:50].explain()

    assert f"USING INDEX {index} " in plan


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"conversation": "c-1"}, "sqlite_autoindex_connector_agentconnection_1"),
        ({"agent": "u-1"}, "sqlite_autoindex_connector_agentconnection_1"),
        ({"waiting": "on"}, "sqlite_autoindex_connector_agentconnection_1"),
        ({"queue": "Soporte"}, "connection_tenant_received"),
    ],
)
@pytest.mark.skipif(database.vendor != "sqlite", reason="PostgreSQL decides by its statistics")
def test_not_all_of_a_tenant_is_looked_through(tenant, monkeypatch, asked, index):
    """SQLite takes any tenant for ten rows, so it would rather do that than look up six keys."""
    for number in range(6):
        tenant.queues.create(genesys_id=f"q-{number}", name="Soporte")
        facts = {"conversation_id": "c-1", "user_id": "u-1", "queue_id": f"q-{number}"}
        make_connection(tenant, number, **facts)
    if "queue" in asked:
        monkeypatch.setattr(find, "FEW", 5)
    chosen = find.ConnectionFilter({**asked, "tenant": tenant.slug}, [tenant])

    rows = chosen.narrow(AgentConnection.objects.order_by("-received_at", "-id"))

    assert 6 == rows.count()
    assert f"USING INDEX {index} " in rows[:50].explain()


@pytest.mark.parametrize("few", [0, 1000])
def test_what_needs_a_person_is_found_however_much_it_is(tenant, monkeypatch, few):
    monkeypatch.setattr(find, "FEW", few)
    row, _other = make_connection(tenant, 1), make_connection(make_tenant("clinica"), 2)
    make_connection(tenant, 3, acknowledged_at=START)
    chosen = find.ConnectionFilter({"waiting": "on", "tenant": tenant.slug}, [tenant])

    assert [row] == list(chosen.narrow(AgentConnection.objects.all()))


@pytest.mark.parametrize("asked", [{"q": "S-1 "}, {"q": "c-1"}, {"conversation": "C-1"}])
def test_what_an_id_names_is_looked_up_by_its_own_key(tenant, asked):
    """Asked together with the tenant and the order, SQLite would look through all of it."""
    row = make_connection(tenant, 1)
    chosen = find.ConnectionFilter({**asked, "tenant": tenant.slug}, [tenant])

    assert chosen.is_valid()
    assert of_tenants([tenant.pk]) & Q(pk__in=[row.pk]) == chosen.condition()


def test_a_session_of_a_foreign_tenant_is_not_found(tenant):
    make_connection(make_tenant("clinica"), 1)
    chosen = find.ConnectionFilter({"q": "s-1"}, [tenant])

    assert not chosen.narrow(AgentConnection.objects.all()).exists()
