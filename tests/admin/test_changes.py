"""Changes: who changed a setting, acted on a connection, or took data out."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection as database

from connector.admin.change_pages import Key, Walk
from connector.models import AgentConnection, Queue, Tenant
from tests.admin.conftest import CLIENT_SECRET, START, make_connection, make_tenant

PAGE = "/admin/changes/"
BY_ROOT = {"who": "root@example.com"}
CONNECTION = "/admin/connector/agentconnection/"


def test_settings_stand_there_with_who_and_what(browser, tenant):
    client = browser("Tenant admins")
    tenant.give_up_after = 90
    tenant.save()

    shown = client.get(PAGE).text

    assert "Give up after" in shown
    assert "120 → 90" in shown


def test_of_a_secret_only_that_it_was_changed(browser, tenant):
    tenant.client_secret = "another-secret-abc"
    tenant.save(update_fields=["client_secret"])

    shown = browser("Tenant admins").get(PAGE).text

    assert "Client secret: changed" in shown
    assert "another-secret-abc" not in shown
    assert CLIENT_SECRET not in shown


def test_what_people_did_to_connections_stands_there_too(browser, connection):
    client = browser("Operators")
    client.post(f"{CONNECTION}{connection.pk}/deliver-again/")

    shown = client.get(PAGE).text

    assert "Deliver again" in shown
    assert "Operators@example.com" in shown
    assert f"{CONNECTION}{connection.pk}/change/" in shown


def test_many_that_were_acknowledged_are_one_line(browser, tenant, connection):
    make_connection(tenant, 2)
    client = browser("Operators")
    asked = {"tenant": "banco-sur", "reason": "lynn_refused", "note": "told by phone"}
    client.post("/admin/failed/acknowledge/", asked)

    shown = client.get(PAGE).text

    assert shown.count("2 connections were acknowledged. told by phone") == 1


def test_exports_stand_there_too(browser, root, connection):
    client = browser("Auditors")
    answer = client.post("/admin/export/", {"form": "csv", "tenant": "banco-sur"})
    list(answer.streaming_content)

    assert "Exported the audit trail (csv, rows: 1)" in client.get(PAGE).text
    assert "Exported the audit trail" in root.get(PAGE).text


@pytest.mark.parametrize("role", ["Tenant admins", "Operators", "Auditors"])
def test_foreign_changes_are_invisible(browser, root, foreign, role):
    connection = make_connection(foreign)
    root.post(f"{CONNECTION}{connection.pk}/deliver-again/")
    list(root.post("/admin/export/", {"form": "csv", "tenant": "clinica"}).streaming_content)
    foreign.give_up_after = 73915
    foreign.save()

    shown = browser(role).get(PAGE).text

    assert "Clínica" not in shown
    assert "73915" not in shown
    assert "root@example.com" not in shown
    assert "Clínica" in root.get(PAGE).text


def test_one_tenant_can_be_looked_at(browser, tenant):
    client = browser("Tenant admins")
    second = make_tenant("segundo", name="Segundo")
    second.people.add(tenant.people.get())

    shown = client.get(PAGE, {"tenant": "segundo"}).text

    assert "tenant “Segundo”" in shown.replace("Tenant", "tenant")
    assert "“Banco del Sur”" not in shown


def test_users_and_groups_are_for_who_may_see_users(browser, root):
    root.post(
        "/admin/auth/user/add/",
        {"username": "nora", "usable_password": "false"},
    )

    assert User.objects.filter(username="nora").exists()
    assert "nora" in root.get(PAGE).text
    assert "nora" not in browser("Tenant admins").get(PAGE).text


def shown_on(client, address):
    """What each row of the page says, and where the links beside it lead."""
    answer = client.get(address)
    context = answer.context_data
    return [row.what for row in context["rows"]], context["older"], context["newer"]


def there_and_back(client, address):
    """The pages to the oldest change, and those from there back to the newest."""
    pages, back = [], []
    while address:
        rows, address, newer = shown_on(client, PAGE + address)
        pages.append(rows)
    while newer:
        rows, _older, newer = shown_on(client, PAGE + newer)
        back.append(rows)
    return pages, back


def a_change_of_each_kind(root, tenant, connection):
    """Six rows, of which four are of one moment."""
    root.post(f"{CONNECTION}{connection.pk}/deliver-again/")
    list(root.post("/admin/export/", {"form": "csv", "tenant": tenant.slug}).streaming_content)
    for number in range(3):
        tenant.queues.create(genesys_id=f"q-{number}")
    Queue.history.update(history_date=START)
    Tenant.history.update(history_date=START)


def test_pages_lead_to_the_oldest_change_and_back(browser, root, tenant, connection, monkeypatch):
    a_change_of_each_kind(root, tenant, connection)
    client = browser("Tenant admins")
    everything, older, newer = shown_on(client, PAGE)
    assert (None, None) == (older, newer)

    monkeypatch.setattr("connector.admin.changes.PAGE", 2)
    pages, back = there_and_back(client, "?")

    assert everything == [row for page in pages for row in page]
    assert len(everything) == 7
    assert pages[-2::-1] == back


def test_a_page_stays_what_it_was_while_changes_come_in(browser, tenant, monkeypatch):
    monkeypatch.setattr("connector.admin.changes.PAGE", 2)
    client = browser("Tenant admins")
    for number in range(4):
        tenant.queues.create(genesys_id=f"q-{number}")
    _rows, older, _newer = shown_on(client, PAGE)
    second = shown_on(client, PAGE + older)[0]

    tenant.queues.create(genesys_id="q-9")

    assert second == shown_on(client, PAGE + older)[0]


@pytest.mark.parametrize(
    ("asked", "is_there"),
    [
        ({"since": "2026-10-12"}, True),
        ({"since": "2026-10-12T23:30"}, True),
        ({"until": "2026-10-13"}, True),
        ({"since": "2026-10-13"}, False),
        ({"until": "2026-10-12T23:30"}, False),
    ],
)
def test_days_are_those_of_the_reader(browser, tenant, asked, is_there):
    tenant.queues.create(genesys_id="q-1", name="Soporte")
    Queue.history.update(history_date=datetime(2026, 10, 13, 4, 30, tzinfo=UTC))
    client = browser("Tenant admins")
    client.cookies["time_zone"] = "America/Bogota"

    assert is_there == ("Soporte" in client.get(PAGE, asked).text)


def test_what_one_person_did_can_be_looked_at(browser, root, tenant, connection):
    a_change_of_each_kind(root, tenant, connection)
    client = browser("Tenant admins")

    by_root = shown_on(client, f"{PAGE}?{urlencode(BY_ROOT)}")[0]

    assert len(by_root) == 2
    assert "Deliver again" in by_root[1]
    assert [] == shown_on(client, f"{PAGE}?who=root")[0]


def test_the_filter_stays_on_the_way(browser, tenant, monkeypatch):
    monkeypatch.setattr("connector.admin.changes.PAGE", 1)
    tenant.queues.create(genesys_id="q-1")

    _rows, older, _newer = shown_on(browser("Tenant admins"), f"{PAGE}?tenant={tenant.slug}")

    assert f"?tenant={tenant.slug}&before=" in older


@pytest.mark.parametrize("place", ["nonsense", "1.2", "99999999999999999.1.1", "٣.1.1", "1.9.1"])
def test_what_is_no_place_in_the_list_does_no_harm(browser, tenant, place):
    client = browser("Tenant admins")

    for side in ("before", "after"):
        assert client.get(PAGE, {side: place}).status_code == 200


@pytest.mark.parametrize("mistake", [{"tenant": "clinica"}, {"since": "yesterday"}])
def test_a_filter_that_makes_no_sense_shows_nothing(browser, tenant, foreign, mistake):
    shown = browser("Tenant admins").get(PAGE, mistake)

    assert [] == shown.context_data["rows"]
    assert "Correct the filter first." in shown.text


def test_only_so_much_of_the_log_is_looked_at(browser, root, foreign, connection, monkeypatch):
    """A busy foreign tenant does not make the page slow."""
    monkeypatch.setattr("connector.admin.acts.MOST_LOOKED_AT", 2)
    root.post(f"{CONNECTION}{connection.pk}/deliver-again/")
    for number in range(2):
        other = make_connection(foreign, number)
        root.post(f"{CONNECTION}{other.pk}/deliver-again/")

    client = browser("Operators")
    assert "only a part of it was looked through" in client.get(PAGE, BY_ROOT).text
    _rows, older, _newer = shown_on(client, f"{PAGE}?{urlencode(BY_ROOT)}")
    (act,), _older, _newer = shown_on(client, PAGE + older)
    assert "Deliver again" in act
    assert AgentConnection.objects.filter(state="delivering").count() == 3


@pytest.mark.parametrize("times", [1, 60])
def test_the_page_costs_the_same_however_much_was_changed(
    browser, root, tenant, connection, times, django_assert_num_queries
):
    client = browser("Tenant admins")
    for number in range(times):
        tenant.give_up_after = 100 + number
        tenant.save()
        tenant.queues.create(genesys_id=f"q-{number}").save()
        LogEntry.objects.create(
            user=User.objects.get(username="root@example.com"),
            content_type=ContentType.objects.get_for_model(AgentConnection),
            object_id=connection.pk,
            action_flag=CHANGE,
        )
    client.get(PAGE)

    with django_assert_num_queries(18):
        client.get(PAGE)


def test_the_log_of_the_admin_is_walked_by_an_index(db):
    walk = Walk(Key(START, 3, 7), since=START, until=START)
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")

    plan = walk.through(LogEntry.objects.all(), 3, "action_time")[:200].explain()

    assert "connector_admin_log_time" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_it_needs_the_permission_to_see_tenants(browser, tenant):
    client = browser("Auditors")
    tenant.people.get().groups.clear()

    assert client.get(PAGE).status_code == 403
