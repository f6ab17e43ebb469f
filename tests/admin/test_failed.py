"""What needs a person: the groups, acknowledging, and bulk replays."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.html import escape

from connector import attention, replay
from connector.decide import Verdict
from connector.domain import Reason, State
from connector.models import AgentConnection, Replay, ReplayState
from tests.admin.conftest import START, make_connection

PAGE = "/admin/failed/"
AGAIN = f"{PAGE}replay/"
ACKNOWLEDGE = f"{PAGE}acknowledge/"
LYNN = {"tenant": "banco-sur", "reason": "lynn_refused"}
TOO_LATE = {"state": State.EXPIRED, "reason": Reason.TOO_LATE}
UNSEEN = {"reason": Reason.GENESYS_UNAVAILABLE, "answered_at": None, "evidence": ""}


def states():
    return list(AgentConnection.objects.order_by("received_at").values_list("state", flat=True))


def test_nothing_that_needs_a_person_says_so(browser):
    assert "Nothing needs a person" in browser("Operators").get(PAGE).text


def test_what_waits_is_grouped_with_words_what_to_do(browser, tenant, foreign):
    for number in range(3):
        make_connection(tenant, number)
    make_connection(tenant, 10, **TOO_LATE)
    make_connection(tenant, 11, state=State.NOT_ANSWERED, reason=Reason.GAVE_UP)
    make_connection(foreign, 12)

    shown = browser("Operators").get(PAGE).text

    assert "3 connections" in shown
    assert "Banco del Sur: Lynn refused the message" in shown
    assert "Correct Lynn&#x27;s address" in shown
    assert "Banco del Sur: Too late to tell Lynn" in shown
    assert "Nobody answered in time" not in shown
    assert "Clínica Andina" not in shown


def test_every_reason_that_can_wait_says_what_to_do(root, tenant):
    for number, reason in enumerate(attention_reasons()):
        state = State.EXPIRED if reason == Reason.TOO_LATE else State.FAILED
        make_connection(tenant, number, state=state, reason=reason)

    shown = root.get(PAGE).text

    assert {escape(str(reason.label)) in shown for reason in attention_reasons()} == {True}


def attention_reasons():
    return [reason for reason in Reason if reason in REASONS_THAT_WAIT]


REASONS_THAT_WAIT = {
    Reason.GENESYS_CREDENTIALS_REFUSED,
    Reason.GENESYS_PERMISSION_MISSING,
    Reason.GENESYS_UNAVAILABLE,
    Reason.NOT_WATCHED,
    Reason.LYNN_REFUSED,
    Reason.ADDRESS_NOT_ALLOWED,
    Reason.NAME_UNAVAILABLE,
    Reason.INTERNAL_ERROR,
    Reason.TOO_LATE,
}


@pytest.mark.parametrize("count", [1, 40])
def test_the_page_costs_the_same_however_much_waits(
    browser, tenant, count, django_assert_max_num_queries
):
    for number in range(count):
        make_connection(tenant, number)
    client = browser("Operators")

    with django_assert_max_num_queries(8):
        client.get(PAGE)


# Acknowledging ------------------------------------------------------------------------------------


def test_an_acknowledged_group_leaves_the_page_with_its_note_on_record(browser, tenant, foreign):
    mine, other = make_connection(tenant), make_connection(tenant, 2, **TOO_LATE)
    elsewhere = make_connection(foreign, 3)
    client = browser("Operators")

    answer = client.post(ACKNOWLEDGE, {**LYNN, "note": "told by phone"}, follow=True)

    assert "1 connection was acknowledged" in answer.text
    assert {other, elsewhere} == set(attention.waiting(AgentConnection.objects.all()))
    (note,) = mine.acknowledgements.all()
    assert ("told by phone", "Operators@example.com") == (note.note, note.by_name)
    mine.refresh_from_db()
    assert mine.state == State.FAILED
    page = client.get(f"/admin/connector/agentconnection/{mine.pk}/change/").text
    assert "told by phone" in page


@pytest.mark.parametrize("shown_at", ["", "nonsense", "2026-10-12T14:00:00", "9999-12-31T00:00+00"])
def test_without_a_time_all_of_a_group_is_acknowledged(browser, connection, shown_at):
    browser("Operators").post(ACKNOWLEDGE, {**LYNN, "note": "x", "shown_at": shown_at})

    assert not attention.waiting(AgentConnection.objects.all()).exists()


def test_what_failed_after_the_page_was_shown_is_not_acknowledged_unseen(browser, tenant):
    seen = make_connection(tenant)
    client = browser("Operators")
    shown_at = re.search('name="shown_at" value="([^"]+)"', client.get(PAGE).text)[1]
    unseen = make_connection(tenant, 2, final_at=timezone.now())

    client.post(ACKNOWLEDGE, {**LYNN, "note": "x", "shown_at": unescape(shown_at)})

    assert [unseen] == list(attention.waiting(AgentConnection.objects.all()))
    assert seen.acknowledgements.exists()


def test_what_a_database_cannot_store_is_left_out_of_a_note(browser, connection):
    browser("Operators").post(ACKNOWLEDGE, {**LYNN, "note": "a\0b"})

    assert "ab" == connection.acknowledgements.get().note


@pytest.mark.parametrize(
    "address", ["/admin/connector/agentconnection/", "/admin/auth/user/", "/admin/auth/group/"]
)
def test_an_action_on_what_cannot_be_there_does_nothing_and_says_so(root, connection, address):
    action = "deliver_again" if "connector" in address else "delete_selected"

    answer = root.post(address, {"action": action, "_selected_action": "nonsense"}, follow=True)

    assert "What was chosen is not there. Nothing was done." in answer.text


def test_one_connection_is_acknowledged_on_its_page(browser, connection):
    client = browser("Operators")
    address = f"/admin/connector/agentconnection/{connection.pk}"
    assert f"{address}/acknowledge/" in client.get(f"{address}/change/").text

    answer = client.post(f"{address}/acknowledge/", {"note": "done"}, follow=True)

    assert "Acknowledged" in answer.text
    assert not attention.count()
    assert f"{address}/acknowledge/" not in answer.text
    assert (
        "nobody any more"
        in client.post(f"{address}/acknowledge/", {"note": "done"}, follow=True).text
    )


@pytest.mark.parametrize(
    "address", [ACKNOWLEDGE, "/admin/connector/agentconnection/{}/acknowledge/"]
)
def test_an_acknowledgement_needs_a_note(browser, connection, address):
    answer = browser("Operators").post(
        address.format(connection.pk), {**LYNN, "note": "  "}, follow=True
    )

    assert "Say what was done" in answer.text
    assert attention.count() == 1


@pytest.mark.parametrize("role", ["Tenant admins", "Auditors"])
@pytest.mark.parametrize(
    "address", [ACKNOWLEDGE, "/admin/connector/agentconnection/{}/acknowledge/"]
)
def test_acknowledging_needs_its_permission(browser, connection, role, address):
    client = browser(role)

    assert client.post(address.format(connection.pk), {**LYNN, "note": "x"}).status_code == 403
    assert "Acknowledge" not in client.get(PAGE).text
    assert attention.count() == 1


def test_foreign_connections_are_not_acknowledged(browser, foreign):
    make_connection(foreign)

    browser("Operators").post(ACKNOWLEDGE, {"tenant": "clinica", "note": "x"})

    assert attention.count() == 1


def test_what_fails_again_waits_again(browser, connection):
    attention.acknowledge(AgentConnection.objects.all(), _person(browser), "x", timezone.now())
    connection.refresh_from_db()

    connection.move_to(Verdict(State.DELIVERING, due_at=START), START)
    connection.move_to(Verdict(State.FAILED, Reason.LYNN_REFUSED), START)
    connection.save()

    assert attention.count() == 1
    assert connection.needs_a_person


def _person(browser):
    client = browser("Operators")
    return AgentConnection.objects.get().tenant.people.get() if client else None


# Many at once: the pages --------------------------------------------------------------------------


def test_the_preview_shows_how_many_which_and_why_not(browser, tenant):
    make_connection(tenant)
    make_connection(tenant, 2, user_name="Diego", **{**UNSEEN, "reason": Reason.LYNN_REFUSED})

    shown = browser("Operators").get(AGAIN, LYNN).text

    assert "<strong>1 connection</strong> can be taken up again" in shown
    assert "Nothing shows that this agent answered" in shown
    assert "María" in shown
    assert "may be told late, or twice" in shown


def test_a_reason_of_genesys_suggests_to_check_again(browser, tenant):
    make_connection(tenant, **UNSEEN)

    shown = (
        browser("Operators")
        .get(AGAIN, {"tenant": "banco-sur", "reason": "genesys_unavailable"})
        .text
    )

    assert "Genesys is asked about each" in shown
    assert "1 connection</strong> can" in shown


def test_the_button_of_a_group_says_what_it_does(browser, tenant):
    client = browser("Operators")
    make_connection(tenant)
    assert "Deliver these again…" in client.get(PAGE).text

    AgentConnection.objects.update(**UNSEEN)

    assert "Check these again…" in client.get(PAGE).text


def test_who_may_only_deliver_again_is_offered_that(browser, tenant):
    make_connection(tenant, **UNSEEN)
    client = browser("Auditors", "deliver_again")

    link = client.get(PAGE).text.split('href="/admin/failed/replay/?')[1].split('"')[0]

    assert client.get(f"{AGAIN}?{unescape(link)}").status_code == 200


def test_beginning_writes_down_what_is_to_be_done(browser, tenant, foreign):
    mine = [make_connection(tenant, number) for number in range(3)]
    make_connection(foreign, 9)
    client = browser("Operators")

    answer = client.post(AGAIN, {**LYNN, "why": "Lynn's key was wrong", "rate": "2"}, follow=True)

    (begun,) = Replay.objects.all()
    assert answer.redirect_chain == [(f"/admin/connector/replay/{begun.pk}/change/", 302)]
    assert (3, 2.0, "deliver_again", "Lynn's key was wrong", "Operators@example.com") == (
        begun.total,
        begun.rate,
        begun.kind,
        begun.why,
        begun.by_name,
    )
    assert {row.pk for row in mine} == {item.connection_id for item in begun.items.all()}
    assert set(states()) == {State.FAILED}
    assert "data-live" in answer.text
    assert "0 of 3" in answer.text
    assert "Lynn's key was wrong" in LogEntry.objects.get().change_message


def test_a_second_click_does_not_begin_it_twice(browser, connection):
    client = browser("Operators")

    for _ in range(2):
        answer = client.post(AGAIN, {**LYNN, "why": "x", "rate": "1"}, follow=True)

    assert 1 == Replay.objects.count()
    assert answer.redirect_chain == [(PAGE, 302)]
    assert "Waits its turn in a bulk replay that is running already." in answer.text


@pytest.mark.parametrize(
    "missing", [{"why": ""}, {"why": "x", "rate": "0"}, {"why": "x", "rate": ""}]
)
def test_a_reason_and_a_rate_are_required(browser, connection, missing):
    answer = browser("Operators").post(AGAIN, {**LYNN, "rate": "1", **missing})

    assert "field-error" in answer.text
    assert not Replay.objects.exists()


@pytest.mark.parametrize("tenant_slug", ["", "clinica", "nonsense"])
def test_a_group_of_ones_own_tenant_has_to_be_chosen(browser, foreign, connection, tenant_slug):
    make_connection(foreign, 2)

    answer = browser("Operators").post(
        AGAIN, {"tenant": tenant_slug, "why": "x", "rate": "1"}, follow=True
    )

    assert "Choose a group first" in answer.text
    assert not Replay.objects.exists()


@pytest.mark.parametrize("role", ["Tenant admins", "Auditors"])
def test_replaying_needs_its_permission(browser, connection, role):
    client = browser(role)

    assert client.get(AGAIN, LYNN).status_code == 403
    assert client.post(AGAIN, {**LYNN, "why": "x", "rate": "1"}).status_code == 403
    assert AGAIN not in client.get(PAGE).text
    assert not Replay.objects.exists()


def test_each_kind_needs_its_own_permission(browser, connection):
    client = browser("Auditors", "check_again")

    assert client.get(AGAIN, {**LYNN, "kind": "check_again"}).status_code == 200
    assert client.get(AGAIN, {**LYNN, "kind": "deliver_again"}).status_code == 403


def begun(tenant, **settings):
    person = tenant.people.first()
    values = {
        "tenant": tenant,
        "kind": "deliver_again",
        "why": "Lynn was down",
        "rate": 10,
        "by": person,
        "now": START,
        "wanted": {},
    }
    return replay.start(AgentConnection.objects.filter(tenant=tenant), **values | settings)


def test_the_page_of_a_replay_tells_how_it_goes(browser, tenant):
    client = browser("Operators")
    make_connection(tenant)
    make_connection(tenant, 2, **{**UNSEEN, "reason": Reason.LYNN_REFUSED})
    running = begun(tenant)
    replay.advance(START + timedelta(seconds=5))

    shown = client.get(f"/admin/connector/replay/{running.pk}/change/").text

    assert "1 taken up again, 1 not possible, 0 left" in shown
    assert 'value="2"' in shown
    assert "Nothing shows that this agent answered" in shown
    assert "Lynn was down" in client.get("/admin/connector/replay/").text
    assert (
        "Lynn was down"
        in client.get(
            f"/admin/connector/agentconnection/{AgentConnection.objects.first().pk}/change/"
        ).text
    )
    assert "1 of 2" in client.get(PAGE).text


def test_the_rate_of_a_replay_is_written_as_the_reader_does(browser, tenant):
    client = browser("Operators")
    client.cookies["django_language"] = "es"
    make_connection(tenant)
    slow = begun(tenant, rate=0.5)

    assert "<dd>0,5</dd>" in client.get(f"/admin/connector/replay/{slow.pk}/change/").text


def test_a_replay_can_be_stopped(browser, tenant):
    client = browser("Operators")
    make_connection(tenant)
    running = begun(tenant)
    address = f"/admin/connector/replay/{running.pk}/stop/"

    client.get(address)
    assert Replay.objects.get().is_running
    answer = client.post(address, follow=True)
    replay.advance(START + timedelta(seconds=5))

    assert "Stopped; what was not taken up" in answer.text
    assert states() == [State.FAILED]
    assert "had ended already" in client.post(address, follow=True).text


@pytest.mark.parametrize("role", ["Tenant admins", "Auditors"])
def test_stopping_needs_the_permission_to_begin(browser, tenant, connection, role):
    client = browser(role)
    running = begun(tenant)

    assert client.post(f"/admin/connector/replay/{running.pk}/stop/").status_code == 403
    assert Replay.objects.get().is_running


def test_foreign_replays_are_invisible(browser, foreign):
    client = browser("Operators")
    make_connection(foreign)
    running = begun(foreign, by=_root())

    assert client.post(f"/admin/connector/replay/{running.pk}/stop/").status_code == 404
    assert "Lynn was down" not in client.get("/admin/connector/replay/").text
    assert "Deliver again" not in client.get(PAGE).text
    assert Replay.objects.get().state == ReplayState.RUNNING


def _root():
    return User.objects.create_superuser("root2@example.com")


@pytest.mark.parametrize("role", ["Tenant admins", "Operators", "Auditors"])
def test_each_role_may_look(browser, tenant, role):
    client = browser(role)
    make_connection(tenant)
    running = begun(tenant)
    before = states(), Replay.objects.values().get()

    pages = [
        PAGE,
        "/admin/connector/replay/",
        f"/admin/connector/replay/{running.pk}/change/",
        f"/admin/connector/replay/{running.pk}/history/",
    ]
    assert {200} == {client.get(page).status_code for page in pages}
    assert (states(), Replay.objects.values().get()) == before


def test_looking_acknowledges_and_begins_nothing(root, connection):
    address = f"/admin/connector/agentconnection/{connection.pk}/acknowledge/"

    codes = [root.get(page, {**LYNN, "note": "x"}).status_code for page in (ACKNOWLEDGE, address)]
    root.get(AGAIN, {**LYNN, "why": "x", "rate": "1"})

    assert [302, 302] == codes
    assert attention.count() == 1
    assert not Replay.objects.exists()


def test_strangers_are_asked_to_sign_in(client, connection):
    for page in (PAGE, AGAIN, ACKNOWLEDGE, "/admin/export/", "/admin/changes/", "/admin/workers/"):
        assert "/admin/login/" in client.get(page).url
