"""Deliver again, check again, cancel: each acts, each needs its own permission."""

import pytest

from connector.domain import Reason, State
from tests.admin.conftest import START, make_connection

LIST = "/admin/connector/agentconnection/"
OPEN = {"state": State.CHECKING, "reason": "", "answered_at": None, "final_at": None}


def press(client, connection, name):
    return client.post(f"{LIST}{connection.pk}/{name}/", follow=True)


def state_of(connection):
    connection.refresh_from_db()
    return connection.state


def test_deliver_again_delivers_again(browser, connection):
    answer = press(browser("Operators"), connection, "deliver-again")

    assert state_of(connection) == State.DELIVERING
    assert "Lynn will be told" in answer.text


def test_check_again_checks_again(browser, tenant):
    connection = make_connection(
        tenant, state=State.NOT_ANSWERED, reason=Reason.GAVE_UP, answered_at=None, evidence=""
    )

    press(browser("Operators"), connection, "check-again")

    assert state_of(connection) == State.CHECKING


def test_cancel_cancels(browser, tenant):
    connection = make_connection(tenant, **OPEN, due_at=START)

    press(browser("Operators"), connection, "cancel")

    assert state_of(connection) == State.CANCELLED


@pytest.mark.parametrize("name", ["check-again", "cancel"])
def test_what_is_not_possible_is_said(browser, connection, name):
    answer = press(browser("Operators"), connection, name)

    assert state_of(connection) == State.FAILED
    assert 'class="error"' in answer.text


@pytest.mark.parametrize("name", ["deliver-again", "check-again", "cancel"])
@pytest.mark.parametrize("role", ["Tenant admins", "Auditors"])
def test_each_button_needs_its_permission(browser, connection, role, name):
    assert press(browser(role), connection, name).status_code == 403
    assert state_of(connection) == State.FAILED


@pytest.mark.parametrize("name", ["deliver-again", "check-again", "cancel"])
def test_foreign_connections_cannot_be_touched(browser, foreign, name):
    connection = make_connection(foreign)

    assert press(browser("Operators"), connection, name).status_code == 404
    assert state_of(connection) == State.FAILED


def test_actions_without_the_right_to_see_connections_are_refused(browser, tenant, connection):
    client = browser("Auditors", "deliver_again")
    tenant.people.get().groups.clear()

    assert press(client, connection, "deliver-again").status_code == 403


def test_a_button_that_cannot_be_used_says_why(browser, connection):
    shown = browser("Operators").get(f"{LIST}{connection.pk}/change/").text

    assert "may be told late, or twice" in shown
    assert "deliver again instead" in shown
    assert "Only an open connection can be cancelled" in shown
    assert f"{connection.pk}/cancel/" not in shown


def test_who_may_not_act_sees_no_buttons(browser, connection):
    assert "deliver-again" not in browser("Auditors").get(f"{LIST}{connection.pk}/change/").text


def test_who_did_it_is_on_record(browser, connection):
    client = browser("Operators")
    press(client, connection, "deliver-again")

    assert "Deliver again" in client.get(f"{LIST}{connection.pk}/history/").text


def choose(client, name, *connections, **more):
    chosen = {"action": name, "_selected_action": [str(each.pk) for each in connections], **more}
    return client.post(LIST, chosen, follow=True)


def test_several_are_delivered_again_and_the_others_are_explained(browser, tenant, connection):
    ignored = make_connection(tenant, 2, state=State.IGNORED, reason=Reason.NO_QUEUE)

    answer = choose(browser("Operators"), "deliver_again", connection, ignored)

    assert state_of(connection) == State.DELIVERING
    assert "1 connection is taken up again" in answer.text
    assert "1 stays as it is: A connection that was delivered or ignored" in answer.text


def test_a_choice_of_which_nothing_is_possible_changes_nothing(browser, connection):
    answer = choose(browser("Operators"), "check_again", connection)

    assert "1 stays as it is: This agent is known to have answered" in answer.text
    assert "taken up" not in answer.text


def test_several_are_checked_again(browser, tenant):
    connection = make_connection(tenant, **OPEN, due_at=START)

    assert (
        "1 connection is taken up" in choose(browser("Operators"), "check_again", connection).text
    )


@pytest.mark.parametrize("name", ["deliver_again", "check_again"])
def test_list_actions_need_their_permission(browser, connection, name):
    choose(browser("Auditors"), name, connection)

    assert state_of(connection) == State.FAILED


def test_too_many_at_once_are_refused(browser, tenant, connection, monkeypatch):
    monkeypatch.setattr("connector.admin.interventions.MOST_AT_ONCE", 1)
    second = make_connection(tenant, 2)

    answer = choose(browser("Operators"), "deliver_again", connection, second)

    assert "at most 1 connections" in answer.text
    assert state_of(connection) == State.FAILED
