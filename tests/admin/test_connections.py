"""Connections: finding one, reading its story, and the list's cost."""

import pytest

from connector.domain import Outcome, Reason, State
from tests.admin.conftest import EXTERNAL_ID, START, make_connection, make_tenant

LIST = "/admin/connector/agentconnection/"


def page(connection):
    return f"{LIST}{connection.pk}/change/"


@pytest.mark.parametrize("others", [0, 30])
def test_the_list_costs_the_same_however_long_it_is(
    browser, tenant, connection, others, django_assert_num_queries
):
    for number in range(others):
        make_connection(tenant, number + 10)
    client = browser("Operators")

    # session, user, permissions (2), tenants to filter by, count, rows
    with django_assert_num_queries(7):
        client.get(LIST)


def test_a_connection_is_a_handful_of_queries(browser, connection, django_assert_num_queries):
    client = browser("Operators")

    with django_assert_num_queries(10):
        client.get(page(connection))


@pytest.mark.parametrize("term", ["c-1", " C-1 ", "s-1", "u-1", "maría fern", "María"])
def test_a_connection_is_found_by_a_whole_id_or_the_beginning_of_a_name(
    browser, tenant, connection, term
):
    make_connection(tenant, 2, user_name="Diego Castaño")

    shown = browser("Operators").get(LIST, {"q": term}).text

    assert "María Fernanda Ríos" in shown
    assert "Diego Castaño" not in shown


@pytest.mark.parametrize("term", ["c-", "-1", "Fernanda", EXTERNAL_ID])
def test_nothing_is_found_by_a_part_of_an_id(browser, connection, term):
    assert "Nothing matches" in browser("Operators").get(LIST, {"q": term}).text


def test_a_connection_is_found_by_its_own_id(browser, connection):
    shown = browser("Operators").get(LIST, {"q": str(connection.pk)}).text

    assert "María Fernanda Ríos" in shown


@pytest.mark.parametrize("narrowing", ["state__exact=failed", "answer_mode__exact=manual"])
def test_filters_narrow_the_list(browser, tenant, connection, narrowing):
    make_connection(
        tenant, 2, user_name="Diego", state="ignored", reason="no_queue", answer_mode="auto"
    )

    shown = browser("Operators").get(f"{LIST}?{narrowing}").text

    assert "María" in shown
    assert "Diego" not in shown


def test_the_tenant_filter_offers_only_ones_own(browser, tenant, foreign, connection):
    second = make_tenant("segundo", name="Segundo")
    make_connection(second)
    client = browser("Operators")
    second.people.add(tenant.people.get())

    shown = client.get(f"{LIST}?tenant__id__exact={second.pk}").text

    assert f"?tenant__id__exact={tenant.pk}" in shown
    assert f"?tenant__id__exact={foreign.pk}" not in shown


def test_a_long_list_is_counted_only_so_far(browser, tenant, connection, monkeypatch):
    monkeypatch.setattr("connector.admin.base.MOST_COUNTED", 1)
    make_connection(tenant, 2)

    assert "More than these" in browser("Operators").get(LIST).text


def test_the_page_tells_the_story(browser, connection):
    shown = browser("Operators").get(page(connection)).text

    assert "Received user.start" in shown
    assert "still ringing, 7 checks from +2 to +14 s" in shown
    assert "+15 s" in shown
    assert "refused · HTTP 401" in shown
    assert "Lynn refused the message" in shown


def test_the_story_is_told_in_the_order_in_which_it_happened(browser, connection):
    shown = browser("Operators").get(page(connection)).text

    steps = ["Received user.start", "Asked Genesys about the agent", "Told Lynn"]
    assert sorted(steps, key=shown.index) == steps


def test_an_open_connection_says_what_comes_next(browser, tenant):
    connection = make_connection(
        tenant, state=State.CHECKING, reason="", answered_at=None, final_at=None, due_at=START
    )

    assert "Next step" in browser("Operators").get(page(connection)).text


def test_other_connections_of_the_conversation_are_shown(browser, tenant, foreign, connection):
    other = make_connection(tenant, 2, conversation_id="c-1")
    elsewhere = make_connection(foreign, 3, conversation_id="c-1")

    shown = browser("Operators").get(page(connection)).text

    assert page(other) in shown
    assert page(elsewhere) not in shown


def test_bodies_are_for_those_who_may_see_them(browser, connection):
    operator = browser("Operators").get(page(connection)).text
    auditor = browser("Auditors").get(page(connection)).text

    assert "told-mark" in operator
    assert "posted-mark" in operator
    assert "told-mark" not in auditor
    assert "posted-mark" not in auditor
    assert "The contents are hidden" in auditor


def test_the_external_id_is_masked_everywhere(browser, connection):
    shown = browser("Operators").get(page(connection)).text

    assert EXTERNAL_ID not in shown
    assert "+5••••33" in shown


def test_the_external_id_is_shown_to_those_who_may_see_it(browser, connection):
    shown = browser("Operators", "view_external_id").get(page(connection)).text

    assert shown.count(EXTERNAL_ID) == 3


def test_a_call_that_a_person_wanted_says_so_with_its_size_and_times(browser, connection):
    connection.attempts.update(
        trigger="person", timing={"dns": 3}, response_length=20_000, count=2, kind="name"
    )

    shown = browser("Operators").get(page(connection)).text

    assert "by a person" in shown
    assert "dns: 3 ms" in shown
    assert "20000 bytes in all" in shown
    assert "2 calls from" in shown


def test_a_call_under_way_or_without_answer_can_be_shown(browser, connection):
    connection.attempts.update(outcome=Outcome.OPEN, status_code=None, duration_ms=3, timing={})
    connection.events.update(reason="before_user_start")

    shown = browser("Operators").get(page(connection)).text

    assert "under way" in shown
    assert "No answer" in shown


def test_the_reason_is_in_words(browser, connection):
    assert str(Reason.LYNN_REFUSED.label) in browser("Operators").get(page(connection)).text
