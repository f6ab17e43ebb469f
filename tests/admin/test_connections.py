"""Connections: finding one, reading its story, and the list's cost."""

import json
import re
from datetime import timedelta
from html import unescape
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from connector import find
from connector.admin import connections
from connector.audit.export import record
from connector.domain import Kind, Outcome, Reason, State
from connector.models import AgentConnection
from tests.admin.conftest import (
    EXTERNAL_ID,
    START,
    make_attempt,
    make_connection,
    make_event,
    make_tenant,
    permission_called,
)

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

    # session, user, permissions (2), tenants to filter by, count, rows, waiting in the menu
    with django_assert_num_queries(8):
        client.get(LIST)


@pytest.mark.parametrize("listed", ["agentconnection", "event"])
def test_an_empty_list_leads_to_the_tenants_where_events_are_set_up(root, listed):
    empty = root.get(f"/admin/connector/{listed}/").text

    assert '<a class="button quiet" href="/admin/connector/tenant/">Show tenants</a>' in empty


def test_a_connection_is_a_handful_of_queries(browser, connection, django_assert_num_queries):
    client = browser("Operators")
    client.get(page(connection))  # what a process remembers, such as content types

    # session, user, permissions (2), tenants, connection (2), attempts, events, replays, notes,
    # neighbours, waiting for a person in the menu
    with django_assert_num_queries(13):
        client.get(page(connection))


def test_a_connection_leads_to_its_tenant_and_to_others_of_its_agent_and_queue(browser, tenant):
    connection = make_connection(tenant, queue_id="q-1")
    client = browser("Operators")

    shown = unescape(client.get(page(connection)).text)

    links = dict(re.findall(r'<dd><a href="([^"]+)"[^>]*>([^<]+)</a>', shown))
    assert {
        f"/admin/connector/tenant/{tenant.pk}/change/": "Banco del Sur",
        f"{LIST}?tenant=banco-sur&agent=u-1": "María Fernanda Ríos",
        f"{LIST}?tenant=banco-sur&queue=q-1": "Soporte",
    } == links
    assert [200] * 3 == [client.get(link).status_code for link in links]
    assert "1 connection" in client.get(f"{LIST}?tenant=banco-sur&queue=q-1").text


def test_who_may_not_see_tenants_is_not_led_to_one(tenant, connection):
    user = User.objects.create_user("reader@example.com", is_staff=True)
    user.user_permissions.add(permission_called("view_agentconnection"))
    tenant.people.add(user)
    client = Client()
    client.force_login(user)

    shown = client.get(page(connection)).text

    assert "<dd>Banco del Sur</dd>" in shown
    assert "/admin/connector/tenant/" not in shown


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


OTHER = {
    "user_name": "Diego",
    "user_id": "u-9",
    "queue_id": "q-9",
    "state": "ignored",
    "reason": "no_queue",
    "received_at": START - timedelta(days=1),
}


@pytest.mark.parametrize(
    "narrowing",
    [
        "state=failed",
        "reason=lynn_refused",
        "state=failed&reason=lynn_refused",
        "waiting=on",
        "queue=Q-1",
        "queue=soporte",
        "agent=u-1",
        "agent=María",
        "conversation=C-1",
        "since=2026-10-12",
        "since=2026-10-12T14:00:00Z",
        "since=2026-10-12T09:00:00-05:00",
        "since=2026-10-12T14:00:00+00:00",
        "until=2026-10-12T14:10:00&since=2026-10-12T14:00",
        "tenant=banco-sur&state=failed",
    ],
)
def test_filters_narrow_the_list(browser, tenant, connection, narrowing):
    tenant.queues.create(genesys_id="q-1", name="Soporte")
    AgentConnection.objects.update(queue_id="q-1")
    make_connection(tenant, 2, **OTHER)

    shown = browser("Operators").get(f"{LIST}?{narrowing}").text

    assert "María Fernanda Ríos" in shown
    assert "Diego" not in shown


@pytest.mark.parametrize(
    ("narrowing", "said"),
    [
        ("state=nonsense", "There is no state “nonsense”"),
        ("reason=nonsense", "There is no reason “nonsense”"),
        ("tenant=clinica", "There is no tenant “clinica”"),
        ("since=yesterday", "Enter a date"),
        ("since=2026-10-12&until=2026-10-11", "not after the beginning"),
        ("state=failed&reason=gave_up", "Nothing matches"),
    ],
)
def test_a_filter_that_makes_no_sense_finds_nothing_and_says_why(
    browser, foreign, connection, narrowing, said
):
    answer = browser("Operators").get(f"{LIST}?{narrowing}")

    assert answer.status_code == 200
    assert said in answer.text
    assert "María" not in answer.text


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_at_the_end_of_the_calendar_is_a_mistake(browser, connection, time):
    page = browser("Operators").get(f"{LIST}?since={time}")

    assert "Enter a date, or a date and a time." in page.text


def test_what_the_list_cannot_be_narrowed_by_is_left_out_with_a_word(browser, connection):
    answer = browser("Operators").get(f"{LIST}?state=failed&color=red", follow=True)

    assert answer.redirect_chain == [(f"{LIST}?state=failed", 302)]
    assert "cannot be narrowed down by “color”" in answer.text


def test_a_time_in_the_filter_is_shown_in_the_readers_zone(browser, connection):
    client = browser("Operators")
    client.cookies["time_zone"] = "America/Bogota"

    shown = client.get(f"{LIST}?until=2026-10-12T14:10:00Z").text

    assert 'value="2026-10-12T09:10:00"' in shown


def test_the_tenant_filter_offers_only_ones_own(browser, tenant, foreign, connection):
    client = browser("Operators")

    shown = client.get(LIST).text

    assert '<option value="banco-sur">' in shown
    assert "clinica" not in shown


@pytest.mark.parametrize("count", [1, 2])
def test_people_of_one_tenant_and_of_several_see_theirs_alone(
    browser, tenant, foreign, connection, count
):
    client = browser("Operators")
    second = make_tenant("segundo", name="Segundo")
    make_connection(second, 2, user_name="Diego")
    make_connection(foreign, 3, user_name="Eva")
    if count == 2:
        second.people.add(tenant.people.get())

    shown = client.get(LIST).text

    assert "María" in shown
    assert ("Diego" in shown) == (count == 2)
    assert "Eva" not in shown


@pytest.mark.parametrize(
    ("term", "foreign_columns"),
    [
        pytest.param("maría", {"user_id": "maría"}, id="the beginning of a name"),
        pytest.param("u-1", {"conversation_id": "u-1"}, id="an agent"),
        pytest.param("s-1", {"conversation_id": "s-1"}, id="a session"),
        pytest.param("s-1", {"user_id": "s-1"}, id="a session, that others have as an agent"),
    ],
)
@pytest.mark.parametrize("few", [1000, 2])
@pytest.mark.parametrize("name", ["q", "agent"])
def test_what_others_have_under_an_id_does_not_hide_ones_own(
    browser, tenant, foreign, monkeypatch, name, few, term, foreign_columns
):
    """Else one could find out which ids others have, and keep them from finding theirs."""
    monkeypatch.setattr(find, "FEW", few)
    for number in range(3):
        make_connection(foreign, 10 + number, **foreign_columns)
    make_connection(tenant, 1)
    client = browser("Operators")

    shown = client.get(f"{LIST}?{name}={term}").text

    is_found = name == "q" or term in ("maría", "u-1")
    assert ("María Fernanda Ríos" in shown) == is_found


def test_a_long_list_is_counted_only_so_far(browser, tenant, connection, monkeypatch):
    monkeypatch.setattr("connector.admin.base.MOST_COUNTED", 1)
    make_connection(tenant, 2)

    shown = browser("Operators").get(LIST).text

    assert "More than" in shown
    just_after = START + timedelta(microseconds=1)  # others may have come in the same moment
    assert f"?until={quote(just_after.isoformat())}" in shown


def test_the_list_leads_to_the_export_of_what_it_shows(browser, connection):
    shown = browser("Auditors").get(f"{LIST}?state=failed").text

    assert "/admin/export/?state=failed" in shown
    assert (
        "/admin/export/?state=failed" not in browser("Operators").get(f"{LIST}?state=failed").text
    )


@pytest.mark.parametrize("term", ["maría de la", "MARÍA", "María de la cruz"])
def test_names_are_found_in_small_and_large_letters(browser, tenant, term):
    make_connection(tenant, user_name="María de la Cruz")
    make_connection(tenant, 2, user_name="MARÍA DE LA CRUZ")

    shown = browser("Operators").get(LIST, {"q": term}).text

    assert "María de la Cruz" in shown or "MARÍA DE LA CRUZ" in shown


def test_the_page_tells_the_story(browser, connection):
    shown = browser("Operators").get(page(connection)).text

    assert "Genesys offered the conversation to the agent (user.start)" in shown
    assert "still ringing, 7 checks from +2 to +14 s" in shown
    assert "+15 s" in shown
    assert "refused · HTTP 401" in shown
    assert "Lynn refused the message" in shown


def test_the_story_is_told_in_the_order_in_which_it_happened(browser, connection):
    shown = browser("Operators").get(page(connection)).text

    steps = ["Genesys offered the conversation", "Asked Genesys about the agent", "to tell Lynn"]
    assert sorted(steps, key=shown.index) == steps


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        (Outcome.OK, "Told Lynn"),
        (Outcome.REFUSED, "Tried to tell Lynn"),
        (Outcome.NOT_SENT, "Would have told Lynn"),
    ],
)
def test_lynn_was_told_only_where_it_took_the_message(browser, tenant, outcome, title):
    connection = make_connection(tenant)
    make_attempt(connection, Kind.DELIVERY, 15, outcome=outcome)

    shown = browser("Operators").get(page(connection)).text

    assert f"<strong>{title}</strong>" in shown


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("acd.end", "Genesys reported the outcome of the queue (acd.end)"),
        ("routing.end", "Received routing.end"),
    ],
)
def test_an_event_is_told_in_words(browser, tenant, kind, title):
    connection = make_connection(tenant)
    event = make_event(tenant, connection)
    event.kind = kind
    event.save()

    assert title in browser("Operators").get(page(connection)).text


def test_what_happened_on_another_day_says_which(browser, connection):
    make_attempt(connection, Kind.DELIVERY, 3 * 86_400, trigger="person")

    shown = browser("Operators").get(page(connection)).text

    assert "<span>+259,200 s</span>" in shown
    assert re.search(r"<time [^>]*>15 Oct[^<]*, 14:03:2\d</time>", shown)


def test_what_went_wrong_is_told_in_the_readers_language(browser, connection):
    make_attempt(
        connection, Kind.DELIVERY, 16, outcome=Outcome.REFUSED, detail="x.com answered 403"
    )
    client = browser("Operators")
    client.cookies["django_language"] = "es"

    shown = client.get(page(connection)).text

    assert "(“x.com respondió 403”)" in shown
    assert "rechazado · x.com respondió 403" in shown
    assert "answered 403" not in shown


def test_a_story_that_is_too_long_to_show_says_so(browser, connection, monkeypatch):
    client = browser("Operators")
    monkeypatch.setattr(connections, "MOST_STEPS", 2)
    assert "more steps than are shown" not in client.get(page(connection)).text

    monkeypatch.setattr(connections, "MOST_STEPS", 1)

    assert "more steps than are shown" in client.get(page(connection)).text


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


def test_words_of_lynn_do_not_give_the_external_id_away(browser, connection):
    AgentConnection.objects.update(trouble_detail=f"no such customer: {EXTERNAL_ID}")
    connection.attempts.update(detail=f"no such customer: {EXTERNAL_ID}")

    shown = browser("Operators").get(page(connection)).text

    assert "no such customer: +5••••33" in shown
    assert EXTERNAL_ID not in shown


def test_headers_of_an_answer_do_not_give_the_external_id_away(browser, connection):
    there = f"https://lynn.example.com/?to={quote(EXTERNAL_ID)}&or={EXTERNAL_ID}"
    make_attempt(connection, Kind.DELIVERY, 20, response_headers={"location": there})

    masked = browser("Operators").get(page(connection)).text

    assert "location: https://lynn.example.com/?to=" in masked
    assert EXTERNAL_ID[1:] not in masked


def test_times_are_in_the_readers_zone_with_utc_on_hover(browser, connection):
    client = browser("Operators")
    client.cookies["time_zone"] = "America/Bogota"

    shown = client.get(page(connection)).text

    assert 'title="2026-10-12 14:03:36.000 UTC">09:03:36</time>' in shown


def test_an_open_connection_refreshes_itself_and_a_final_one_does_not(browser, tenant, connection):
    client = browser("Operators")
    ringing = make_connection(
        tenant, 2, state=State.CHECKING, reason="", answered_at=None, final_at=None, due_at=START
    )

    assert 'data-live="2"' in client.get(page(ringing)).text
    assert "data-live-done" in client.get(page(connection)).text


@pytest.mark.parametrize("permissions", [(), ("view_external_id",)])
def test_the_record_can_be_downloaded(browser, connection, permissions):
    answer = browser("Auditors", *permissions).get(f"{LIST}{connection.pk}/json/")

    told = record(connection, list(connection.attempts.all()), hide=not permissions)
    assert told == json.loads(answer.text)
    assert (told["external_id"] == EXTERNAL_ID) == bool(permissions)
    assert f'filename="connection-{connection.pk}.json"' in answer["Content-Disposition"]


def test_a_foreign_record_cannot_be_downloaded(browser, foreign):
    connection = make_connection(foreign)

    assert browser("Auditors").get(f"{LIST}{connection.pk}/json/").status_code == 404


def test_the_conversation_can_be_opened_in_the_genesys_of_the_tenant(browser, tenant, connection):
    tenant.region = "mypurecloud.de"
    tenant.save()

    shown = browser("Operators").get(page(connection)).text

    assert (
        'href="https://apps.mypurecloud.de/directory/#/analytics/interactions/c-1/admin"' in shown
    )


def test_no_link_is_made_up_for_a_genesys_elsewhere(browser, tenant, connection):
    tenant.api_url = "https://genesys.example.com"
    tenant.save()

    assert "Open in Genesys" not in browser("Operators").get(page(connection)).text
