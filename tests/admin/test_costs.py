"""How many queries a page costs is fixed, however much there is to show."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from connector.domain import Kind
from connector.models import AgentConnection
from tests.admin.conftest import START, make_attempt, make_connection, make_event, make_tenant

LIST = "/admin/connector/agentconnection/"

# Each: session, user, permissions (2), tenants, what waits for a person; then what is its own.
PAGES = (
    (LIST, 8),  # count, rows
    (f"{LIST}?state=failed&tenant=banco-sur", 8),
    (f"{LIST}?state=checking&tenant=banco-sur", 8),
    (f"{LIST}?q=c-1", 9),  # found by its key
    (f"{LIST}?q=s-1", 11),  # neither a conversation nor an agent, but a session
    (f"{LIST}?queue=q-1", 10),  # queues of that name, then by key
    (f"{LIST}?waiting=on", 9),
    (f"{LIST}?agent=u-1", 9),
    (f"{LIST}{{pk}}/change/", 13),
    ("/admin/failed/", 8),
    ("/admin/export/", 8),
    ("/admin/connector/event/", 8),
    ("/admin/connector/event/?q=c-1", 9),
)


@pytest.mark.parametrize("others", [0, 60])
@pytest.mark.parametrize(("page", "queries"), PAGES)
def test_it_costs_the_same_however_much_there_is(
    browser, tenant, connection, page, queries, others, django_assert_num_queries
):
    for number in range(others):
        other = make_connection(tenant, number + 10, conversation_id=f"c-{number % 2}")
        make_attempt(other, Kind.STATUS, 2)
        make_event(tenant, other)
    AgentConnection.objects.update(queue_id="q-1")
    client, path = browser("Auditors"), page.format(pk=connection.pk)
    client.get(path)  # what a process remembers, such as content types

    with django_assert_num_queries(queries):
        assert client.get(path).status_code == 200
    assert AgentConnection.objects.count() == others + 1


@pytest.mark.parametrize("page", [LIST, "/admin/connector/event/", "/api/v1/connections"])
@pytest.mark.parametrize("others", [0, 60])
def test_for_readers_of_several_tenants_it_costs_one_more(
    browser, tenant, foreign, connection, page, others, django_assert_num_queries
):
    """When the newest of theirs was received: others may have received very much since."""
    make_tenant("segundo").people.add(*_people(client := browser("Auditors")))
    for number in range(others):
        later = {"received_at": START + timedelta(hours=number)}
        make_event(foreign, make_connection(foreign, number, **later))
    client.get(page)

    with django_assert_num_queries(8 if page.startswith("/api") else 9):
        answer = client.get(page)
    rows = (
        answer.json()["results"]
        if page.startswith("/api")
        else answer.context_data["cl"].result_list
    )
    assert 1 == len(rows)


def test_readers_of_several_tenants_see_what_was_done_to_a_connection(browser, connection):
    client = browser("Auditors")
    make_tenant("segundo").people.add(*_people(client))

    assert 200 == client.get(f"{LIST}{connection.pk}/history/").status_code


@pytest.mark.parametrize("page", [LIST, "/admin/connector/event/", "/api/v1/connections"])
def test_who_is_listed_on_no_tenant_sees_nothing(browser, tenant, connection, page):
    client = browser("Auditors")
    tenant.people.clear()

    answer = client.get(page)

    assert 200 == answer.status_code
    assert "c-1" not in answer.text


def _people(client):
    return User.objects.filter(pk=client.session["_auth_user_id"])
