"""Events: the list, one event, and who sees its body."""

from datetime import timedelta

import pytest

from connector.models import EventOutcome
from tests.admin.conftest import EXTERNAL_ID, START, make_event

LIST = "/admin/connector/event/"


@pytest.mark.parametrize("others", [0, 30])
def test_the_list_costs_the_same_however_long_it_is(
    browser, tenant, connection, others, django_assert_num_queries
):
    for _ in range(others):
        make_event(tenant, connection)
    client = browser("Operators")

    with django_assert_num_queries(8):
        client.get(LIST)


def test_an_event_is_found_by_its_whole_conversation_id(browser, connection):
    client = browser("Operators")

    assert str(connection.pk) in client.get(LIST, {"q": " C-1 "}).text
    assert "Nothing matches" in client.get(LIST, {"q": "c-"}).text


def test_an_event_and_a_connection_are_received_each_in_its_gender(browser, connection):
    client = browser("Operators")
    client.cookies["django_language"] = "es"

    assert "<span>Recibido</span>" in client.get(LIST).text
    assert "<span>Recibida</span>" in client.get("/admin/connector/agentconnection/").text


def test_an_empty_list_speaks_of_ids_only_to_whoever_looked_for_one(browser, connection):
    client = browser("Operators")

    assert "Ids have to be whole" in client.get(LIST, {"q": "c-"}).text
    assert "Ids have to be whole" not in client.get(LIST, {"outcome": "refused"}).text


def test_an_event_shows_its_body_without_the_customers_address(browser, connection):
    shown = browser("Operators").get(f"{LIST}{connection.events.get().pk}/change/").text

    assert "posted-mark" in shown
    assert EXTERNAL_ID not in shown


def test_the_body_is_hidden_from_who_may_not_see_it(browser, connection):
    shown = browser("Auditors").get(f"{LIST}{connection.events.get().pk}/change/").text

    assert "posted-mark" not in shown
    assert "The contents are hidden" in shown


def test_a_refused_event_says_what_was_wrong(browser, tenant):
    event = make_event(tenant, reason="invalid_event", detail="userId is required")
    tenant.events.update(outcome=EventOutcome.REFUSED)

    shown = browser("Operators").get(f"{LIST}{event.pk}/change/").text

    assert "userId is required" in shown
    assert "Refused" in shown


def test_it_says_so_in_the_readers_language(browser, tenant):
    detail = "The event cannot be used: userId is required, eventTime must be a text."
    event = make_event(tenant, reason="invalid_event", detail=detail)
    client = browser("Operators")
    client.cookies["django_language"] = "es"

    for page in (LIST, f"{LIST}{event.pk}/change/"):
        shown = client.get(page).text
        assert "falta userId, eventTime debe ser un texto" in shown
        assert "is required" not in shown


def test_an_unused_event_says_why(browser, tenant):
    make_event(tenant, reason="heartbeat")

    assert "A sign of life" in browser("Operators").get(f"{LIST}?tenant={tenant.slug}").text


@pytest.mark.parametrize(
    "narrowing",
    [
        "outcome=opened",
        "kind=user.start",
        "q=c-1",
        "since=2026-10-12&until=2026-10-13",
        "tenant=banco-sur&outcome=opened",
    ],
)
def test_filters_narrow_the_list(browser, tenant, connection, narrowing):
    tenant.events.create(
        received_at=START - timedelta(days=9), outcome=EventOutcome.REFUSED, reason="not_json"
    )

    shown = browser("Operators").get(f"{LIST}?{narrowing}").text

    assert "user.start" in shown
    assert "Not json" not in shown


def test_a_refused_event_says_in_the_list_what_was_wrong(browser, tenant):
    make_event(tenant, reason="invalid_event", detail='"to": "+573001112233" is wrong')
    tenant.events.update(outcome=EventOutcome.REFUSED)

    shown = browser("Operators").get(f"{LIST}?outcome=refused").text

    assert "is wrong" in shown
    assert EXTERNAL_ID not in shown


@pytest.mark.parametrize("permissions", [(), ("view_external_id",)])
def test_what_was_wrong_with_an_event_hides_the_customers_address(browser, tenant, permissions):
    event = make_event(tenant, reason="invalid_event", detail='"to": "+573001112233" is wrong')

    shown = browser("Auditors", *permissions).get(f"{LIST}{event.pk}/change/").text

    assert "is wrong" in shown
    assert (EXTERNAL_ID in shown) == bool(permissions)


@pytest.mark.parametrize("narrowing", ["outcome=nonsense", "kind=nonsense"])
def test_a_filter_that_makes_no_sense_finds_nothing_and_says_why(browser, connection, narrowing):
    shown = browser("Operators").get(f"{LIST}?{narrowing}").text

    assert "“nonsense”" in shown
    assert "Nothing matches" in shown
