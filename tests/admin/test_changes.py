"""Changes: who changed a setting, acted on a connection, or took data out."""

import pytest
from django.contrib.auth.models import User

from connector.models import AgentConnection
from tests.admin.conftest import CLIENT_SECRET, make_connection, make_tenant

PAGE = "/admin/changes/"
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


def test_it_goes_on_with_more(browser, tenant, monkeypatch):
    monkeypatch.setattr("connector.admin.changes.PAGE", 1)
    client = browser("Tenant admins")

    assert "?most=4" in client.get(PAGE).text
    assert client.get(PAGE, {"most": "nonsense"}).status_code == 200


def test_only_so_much_of_the_log_is_looked_at(browser, root, foreign, connection, monkeypatch):
    """A busy foreign tenant does not make the page slow."""
    monkeypatch.setattr("connector.admin.changes.CHUNK", 1)
    monkeypatch.setattr("connector.admin.changes.MOST_LOOKED_AT", 2)
    root.post(f"{CONNECTION}{connection.pk}/deliver-again/")
    for number in range(2):
        other = make_connection(foreign, number)
        root.post(f"{CONNECTION}{other.pk}/deliver-again/")

    assert "Deliver again" not in browser("Operators").get(PAGE).text
    assert AgentConnection.objects.filter(state="delivering").count() == 3


@pytest.mark.parametrize("times", [1, 5])
def test_the_page_costs_the_same_however_much_was_changed(
    browser, tenant, times, django_assert_max_num_queries
):
    client = browser("Tenant admins")
    for number in range(times):
        tenant.give_up_after = 100 + number
        tenant.save()

    with django_assert_max_num_queries(20):
        client.get(PAGE)


def test_it_needs_the_permission_to_see_tenants(browser, tenant):
    client = browser("Auditors")
    tenant.people.get().groups.clear()

    assert client.get(PAGE).status_code == 403
