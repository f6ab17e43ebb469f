"""How many queries a page costs is fixed, however much there is to show."""

import pytest

from connector.domain import Kind
from connector.models import AgentConnection
from tests.admin.conftest import make_attempt, make_connection, make_event

LIST = "/admin/connector/agentconnection/"

# Each: session, user, permissions (2), tenants, what waits for a person; then what is its own.
PAGES = (
    (LIST, 8),  # count, rows
    (f"{LIST}?state=failed&tenant=banco-sur", 8),
    (f"{LIST}?state=checking&tenant=banco-sur", 8),
    (f"{LIST}?q=c-1", 9),  # found by its key
    (f"{LIST}?q=s-1", 11),  # neither a conversation nor an agent, but a session
    (f"{LIST}?queue=Soporte", 9),  # queues of that name
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
    client, path = browser("Auditors"), page.format(pk=connection.pk)
    client.get(path)  # what a process remembers, such as content types

    with django_assert_num_queries(queries):
        assert client.get(path).status_code == 200
    assert AgentConnection.objects.count() == others + 1
