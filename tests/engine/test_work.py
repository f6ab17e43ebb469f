"""The story of a batch: ask, decide, tell, record."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from cryptography.fernet import Fernet
from django.db import DataError, OperationalError, connection
from django.test.utils import CaptureQueriesContext

from connector import access, intervene, record, tell, trouble, work
from connector.claim import claim
from connector.domain import TroubleKind
from connector.explain import explain
from connector.models import AgentConnection, AgentName, Attempt, GenesysAccess, Tenant, Trouble
from tests.engine.conftest import (
    AUTO_QUEUE,
    EXTERNAL_ID,
    GONE,
    MANUAL_QUEUE,
    NOT_PERMITTED,
    OVERLOADED,
    TOO_MANY,
    UNAUTHORISED,
    WRONG_CLIENT,
    Answer,
    Clock,
    Desk,
    Genesys,
    Lynn,
    _json,
)

FULL = 45.0  # calls: 15 % of a minute of 300


def ended(row: AgentConnection) -> tuple[str, str]:
    row.refresh_from_db()
    return row.state, row.reason


def steps(row: AgentConnection) -> list[tuple[str, str, str, int]]:
    return list(row.attempts.values_list("kind", "outcome", "detail", "count"))


def test_an_automatic_queue_is_told_at_once(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact", name="Ana")

    desk.work()

    assert ("delivered", "delivered") == ended(row)
    assert [
        {
            "conversationId": offer["conversationId"],
            "userId": offer["userId"],
            "userName": "Ana",
            "type": "eventAgentConnect",
            "provider": "PureCloud Messaging",
            "externalId": EXTERNAL_ID,
        }
    ] == lynn.bodies
    assert str(row.pk) == lynn.calls[0].headers["Idempotency-Key"]


def test_a_name_learnt_within_the_hour_needs_no_call(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    first, _ = desk.ring(AUTO_QUEUE)
    genesys.agent_is(first, "interact", name="Ana")
    desk.work()
    genesys.calls.clear()

    desk.clock.forward(3500)
    _, again = desk.ring(AUTO_QUEUE, userId=first["userId"])
    desk.work()

    assert ("delivered", "delivered") == ended(again)
    assert [] == genesys.calls
    assert "Ana" == lynn.bodies[-1]["userName"]


def test_a_name_older_than_an_hour_is_asked_for_again(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    first, _ = desk.ring(AUTO_QUEUE)
    genesys.agent_is(first, "interact", name="Ana")
    desk.work()

    desk.clock.forward(3601)
    again, _ = desk.ring(AUTO_QUEUE, userId=first["userId"])
    genesys.agent_is(again, "interact", name="Ana María")
    desk.work()

    assert "Ana María" == lynn.bodies[-1]["userName"]
    assert "Ana María" == AgentName.objects.get().name


def test_a_ringing_agent_is_looked_at_again_and_nobody_is_told(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "alert")

    for _ in range(3):
        desk.look()

    assert ("checking", "") == ended(row)
    assert [("token", "ok", "", 1), ("status", "ok", "alert", 3)] == steps(row)
    assert (3, None) == (row.checks, row.lease)
    assert [] == lynn.calls


def test_checks_come_every_two_seconds_on_the_tenants_grid(desk: Desk, genesys: Genesys) -> None:
    _, row = desk.ring()
    moments = []
    for _ in range(3):
        desk.look()
        moments.append(desk.clock.now)

    assert desk.clock.now - moments[0] == timedelta(seconds=4)
    assert timedelta(seconds=2) <= moments[0] - row.received_at <= timedelta(seconds=4)


@pytest.mark.parametrize("segment", ["interact", "hold", "parked", "INTERACT"])
def test_an_agent_who_answered_is_announced_in_the_same_task(
    desk: Desk, genesys: Genesys, lynn: Lynn, segment: str
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, segment, name='José "Pepe" Ñáñez')

    desk.look()

    assert ("delivered", "delivered") == ended(row)
    assert ("status", segment.lower()) == (row.evidence, row.evidence_detail)
    assert 'José "Pepe" Ñáñez' == lynn.bodies[0]["userName"]


def test_the_evidence_and_the_attempt_are_stored_before_anything_leaves(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    story: list[str] = []
    offer, _ = desk.ring()
    genesys.agent_is(offer, "interact")
    lynn.during_post.append(lambda: story.append("POST"))

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        story.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        desk.look()

    before = story[: story.index("POST")]
    assert any(sql.startswith("UPDATE") and '"evidence" =' in sql for sql in before)
    assert any(sql.startswith('INSERT INTO "connector_attempt"') for sql in before)
    assert before[-1].startswith("RELEASE SAVEPOINT")


@pytest.mark.parametrize(
    "segment", ["monitoring", "coaching", "barging", "screenmonitoring", "sharing", "new-thing"]
)
def test_a_supervisor_or_something_unknown_is_no_answer(
    desk: Desk, genesys: Genesys, lynn: Lynn, segment: str
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, segment)

    desk.look()

    assert ("checking", "") == ended(row)
    assert [] == lynn.calls


def test_wrapup_means_answered_and_over(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "wrapup")

    desk.look()

    assert ("expired", "answered_and_over") == ended(row)
    assert [] == lynn.calls


def test_the_session_of_an_older_leg_is_no_answer(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact", sessionId="another-session")

    desk.look()

    assert ("checking", "") == ended(row)
    assert "not there" == row.attempts.get(kind="status").detail


def test_nobody_answered_by_the_deadline(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "alert")

    desk.work(120)

    assert ("not_answered", "gave_up") == ended(row)
    assert (None, None) == (row.due_at, row.lease)


def test_an_answer_at_the_very_deadline_still_counts(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    desk.clock.forward(119)
    genesys.agent_is(offer, "interact")

    desk.work(1)

    assert ("delivered", "delivered") == ended(row)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (OVERLOADED, "genesys_unavailable"),
        (_json("not an object"), "genesys_unavailable"),
        (GONE, "genesys_unavailable"),
        (NOT_PERMITTED, "genesys_permission_missing"),
        (TOO_MANY, "genesys_unavailable"),
    ],
    ids=["503", "no status", "404", "403", "429"],
)
def test_not_having_seen_is_never_called_not_answered(
    desk: Desk, genesys: Genesys, answer: Any, reason: str
) -> None:
    genesys.status_answers = [answer] * 2
    _, row = desk.ring()

    desk.work(120)

    assert ("failed", reason) == ended(row)
    assert "" != row.trouble_detail


def test_refused_credentials_are_tried_until_the_deadline(desk: Desk, genesys: Genesys) -> None:
    genesys.token_answers = [WRONG_CLIENT] * 50
    _, row = desk.ring()
    while ended(row)[0] == "checking":
        desk.look()

    assert ("failed", "genesys_credentials_refused") == ended(row)
    assert timedelta(seconds=120) == desk.clock.now - row.offered_at
    assert 5 <= len(genesys.calls) <= 15
    assert "secret were not accepted" in GenesysAccess.objects.get().trouble_detail


def test_the_refused_token_call_stands_under_every_connection_that_waited_for_it(
    desk: Desk, genesys: Genesys
) -> None:
    genesys.token_answers = [WRONG_CLIENT] * 50
    _, first = desk.ring()
    desk.look()
    _, second = desk.ring(AUTO_QUEUE)
    desk.work()

    refused = {row.attempts.get(kind="token").call_id for row in (first, second)}
    assert 1 == len(refused)
    assert ["token"] == genesys.calls


def test_waiting_for_a_name_costs_few_rows(desk: Desk, genesys: Genesys) -> None:
    genesys.gives_names, genesys.user_answers = False, [NOT_PERMITTED] * 100
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")
    while ended(row)[0] == "delivering":
        desk.look()

    assert 1 == row.attempts.filter(kind="status").count()
    assert row.attempts.count() <= 25


def test_trouble_that_passes_leaves_no_trace_on_the_tenant(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    genesys.status_answers = [OVERLOADED]
    offer, row = desk.ring()
    desk.look()
    assert "genesys_unavailable" == GenesysAccess.objects.get().trouble
    genesys.agent_is(offer, "interact")

    desk.look()

    access = GenesysAccess.objects.get()
    assert ("", "", None) == (access.trouble, access.trouble_detail, access.trouble_since)
    assert ("delivered", "delivered") == ended(row)


def test_retry_after_holds_for_the_whole_tenant(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    genesys.status_answers = [TOO_MANY]
    offer, _ = desk.ring()
    desk.look()
    blocked_at = desk.clock.now
    desk.ring()
    genesys.calls.clear()

    desk.work(40)
    assert [] == genesys.calls
    genesys.agent_is(offer, "interact")
    while not lynn.calls:
        desk.look()

    assert desk.clock.now - blocked_at >= timedelta(seconds=42)


def test_retry_after_of_a_look_up_for_a_name_holds_for_the_whole_tenant(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    genesys.gives_names, genesys.user_answers = False, [TOO_MANY]
    offer, _ = desk.ring()
    genesys.agent_is(offer, "interact")
    desk.look()
    assert ["token", "status", "user"] == genesys.calls
    genesys.names = {offer["userId"]: "María"}
    desk.ring()

    desk.work(40)
    assert ["token", "status", "user"] == genesys.calls
    while not lynn.calls:
        desk.look()


def test_a_genesys_that_is_away_may_ask_the_whole_tenant_to_wait(
    desk: Desk, genesys: Genesys
) -> None:
    genesys.status_answers = [_json({}, 503, **{"Retry-After": "42"})]
    desk.ring()
    desk.look()
    desk.ring()
    genesys.calls.clear()

    desk.work(40)

    assert [] == genesys.calls


@pytest.mark.parametrize("answer", [OVERLOADED, WRONG_CLIENT])
def test_a_token_that_cannot_be_renewed_early_is_used_to_its_end(
    desk: Desk, genesys: Genesys, lynn: Lynn, answer: Answer
) -> None:
    desk.ring()
    desk.look()
    desk.clock.forward(3300)
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact")
    genesys.token_answers = [answer]

    while not lynn.calls:
        desk.look()

    assert ("delivered", "delivered") == ended(row)
    assert 1 == genesys.tokens_given


def test_a_login_that_asks_to_wait_is_obeyed_although_the_token_is_good(
    desk: Desk, genesys: Genesys
) -> None:
    desk.ring()
    desk.look()
    desk.clock.forward(3300)
    desk.ring()
    genesys.calls.clear()
    genesys.token_answers = [TOO_MANY]

    desk.look()

    assert ["token"] == genesys.calls


def test_a_token_refused_in_mid_life_is_fetched_once_and_the_question_asked_again(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "alert")
    desk.look()
    genesys.calls.clear()
    genesys.status_answers = [UNAUTHORISED]
    genesys.agent_is(offer, "interact")

    desk.look()

    assert ["status", "token", "status"] == genesys.calls
    assert ("delivered", "delivered") == ended(row)


def test_a_token_that_is_always_refused_ends_as_refused_credentials(
    desk: Desk, genesys: Genesys
) -> None:
    genesys.status_answers = [UNAUTHORISED] * 10
    _, row = desk.ring()

    desk.work(120)

    assert ("failed", "genesys_credentials_refused") == ended(row)
    assert ["token", "status", "token", "status"] == genesys.calls


def test_several_agents_share_one_call(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    rung = [desk.ring() for _ in range(50)]
    for offer, _ in rung[::2]:
        genesys.agent_is(offer, "interact")
    for offer, _ in rung[1::2]:
        genesys.agent_is(offer, "alert")

    desk.look()

    assert ["token", "query"] == genesys.calls
    assert 25 == len(lynn.calls)
    call_ids = Attempt.objects.filter(kind="status").values_list("call_id", flat=True)
    assert (50, 1) == (len(call_ids), len(set(call_ids)))


def test_more_than_fifty_agents_need_another_call(desk: Desk, genesys: Genesys) -> None:
    for _ in range(120):
        desk.ring()

    desk.clock.forward(4)
    for _ in range(3):
        desk.work()

    assert ["token", "query", "query", "query"] == genesys.calls
    assert 120 == AgentConnection.objects.filter(checks=1).count()


def test_where_the_bulk_query_is_refused_agents_are_asked_one_by_one_and_it_is_said(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    rung = [desk.ring() for _ in range(3)]
    for offer, _ in rung:
        genesys.agent_is(offer, "alert")
    genesys.agent_is(rung[1][0], "interact", name="Ana")
    genesys.query_answers = [NOT_PERMITTED]

    desk.look()
    desk.look()

    singles = ["status"] * 3
    assert ["token", "query", *singles, *singles[:2]] == genesys.calls
    assert ["checking", "delivered", "checking"] == [ended(row)[0] for _, row in rung]
    assert GenesysAccess.objects.get().one_by_one_since is not None
    assert ("bulk_query_refused", None) == Trouble.objects.values_list("kind", "until").get()
    assert ("refused", "ok") == tuple(kind[1] for kind in steps(rung[0][1]) if kind[0] == "status")


def test_lynn_is_told_of_each_before_the_next_agent_is_asked_for(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    for _ in range(2):
        offer, _ = desk.ring()
        genesys.agent_is(offer, "interact")
    genesys.query_answers = [NOT_PERMITTED]
    lynn.during_post.append(lambda: genesys.calls.append("lynn"))

    desk.look()

    assert ["token", "query", "status", "lynn", "status", "lynn"] == genesys.calls


def test_agents_asked_one_by_one_do_not_keep_a_worker_longer_than_it_may(
    desk: Desk, genesys: Genesys, lynn: Lynn, clock: Clock
) -> None:
    """Genesys takes five seconds for each; after sixty django-q2 would kill the worker."""
    for _ in range(20):
        offer, _ = desk.ring()
        genesys.agent_is(offer, "alert")
    genesys.query_answers = [NOT_PERMITTED]
    genesys.during_status.append(lambda: clock.forward(5))
    (taken,) = claim(clock.forward(4), most=1)
    began = clock.now

    work.work(taken.lease, taken.ids, clock)

    assert 20 == (clock.now - began).total_seconds()
    left = AgentConnection.objects.filter(checks=0, lease=None, due_at__lt=clock.now)
    assert 16 == left.count()
    for _ in range(4):  # those who were left out come first
        desk.work()
    assert 0 == AgentConnection.objects.filter(checks=0).count()


def test_names_are_looked_up_as_many_as_can_be_at_once(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    """A second round would outlive the lease of the first, where each takes all of its time."""
    genesys.gives_names = False
    for _ in range(40):
        offer, _ = desk.ring()
        genesys.agent_is(offer, "interact")
        genesys.names[offer["userId"]] = "Ana"

    desk.look()

    assert 32 == genesys.calls.count("user")
    assert 32 == len(lynn.calls)
    desk.work()
    assert 40 == AgentConnection.objects.filter(state="delivered").count()


def test_agents_asked_one_by_one_stay_within_the_budget(
    desk: Desk, genesys: Genesys, clock: Clock
) -> None:
    GenesysAccess.objects.create(
        tenant=desk.tenant,
        allowed_per_minute=60,
        calls_left=6,
        refilled_at=clock.now,
        bulk_refused_until=clock.now + timedelta(hours=1),
        one_by_one_since=clock.now,
    )
    for _ in range(20):
        desk.ring()

    desk.clock.forward(4)
    for _ in range(20):
        desk.work()

    assert 9 == genesys.calls.count("status")  # the burst of 15 % of a minute
    due = AgentConnection.objects.filter(checks=1).values_list("due_at", flat=True)
    assert {True} == {10 < (at - clock.now).total_seconds() <= 26 for at in due}


def test_the_bulk_query_is_tried_again_after_an_hour(
    desk: Desk, genesys: Genesys, clock: Clock
) -> None:
    GenesysAccess.objects.create(
        tenant=desk.tenant, bulk_refused_until=clock.now, one_by_one_since=clock.now
    )
    trouble.begin(desk.tenant, TroubleKind.BULK_QUERY_REFUSED, "refused", clock.now)
    for _ in range(2):
        desk.ring()

    desk.look()

    access = GenesysAccess.objects.get()
    assert not Trouble.objects.filter(until=None).exists()
    assert ["token", "query"] == genesys.calls
    assert (None, None) == (access.bulk_refused_until, access.one_by_one_since)


def test_a_permission_that_is_missing_for_both_questions_is_not_blamed_on_the_bulk_query(
    desk: Desk, genesys: Genesys
) -> None:
    rung = [desk.ring() for _ in range(2)]
    genesys.query_answers = [NOT_PERMITTED]
    genesys.status_answers = [NOT_PERMITTED, NOT_PERMITTED]

    desk.look()

    access = GenesysAccess.objects.get()
    assert (None, None) == (access.bulk_refused_until, access.one_by_one_since)
    assert "genesys_permission_missing" == access.trouble
    assert "checking" == ended(rung[0][1])[0]


def test_one_agent_id_that_genesys_cannot_read_does_not_spoil_the_others_check(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    desk.ring(userId="not-an-id")
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact")
    genesys.query_answers = [_json({"code": "bad.request"}, 400)]
    genesys.odd_ids = {"not-an-id"}

    desk.look()

    assert ("delivered", "delivered") == ended(row)
    assert GenesysAccess.objects.get().one_by_one_since is None


def test_a_short_limit_stretches_the_checks_of_all(desk: Desk, genesys: Genesys) -> None:
    GenesysAccess.objects.create(
        tenant=desk.tenant, allowed_per_minute=30, calls_left=4, refilled_at=desk.clock.now
    )
    for _ in range(120):
        desk.ring()

    desk.clock.forward(4)
    for _ in range(3):
        desk.work()

    due = AgentConnection.objects.filter(checks=1).values_list("due_at", flat=True)
    assert 120 == len(due)
    assert {True} == {4 < (at - desk.clock.now).total_seconds() <= 8 for at in due}


def test_a_check_costs_one_call_of_the_budget(desk: Desk, genesys: Genesys) -> None:
    desk.ring()

    desk.look()

    assert ["token", "status"] == genesys.calls
    assert FULL - 1 == GenesysAccess.objects.get().calls_left


def test_a_call_that_is_not_made_goes_back_to_the_budget(desk: Desk, genesys: Genesys) -> None:
    _, row = desk.ring()
    AgentConnection.objects.update(superseded_at=desk.clock.now)

    desk.look()

    assert ("not_answered", "superseded") == ended(row)
    assert [] == genesys.calls
    assert FULL == GenesysAccess.objects.get().calls_left


def test_what_genesys_said_of_others_is_not_kept_with_a_connection(
    desk: Desk, genesys: Genesys
) -> None:
    (first, row), (second, _) = desk.ring(), desk.ring()
    genesys.agent_is(first, "alert", name="Ana")
    genesys.agent_is(second, "alert", name="Sofía")

    desk.look()

    kept = row.attempts.get(kind="status").response_body
    assert ("Ana" in kept, "Sofía" in kept) == (True, False)


def test_half_a_surrogate_pair_from_genesys_is_kept_as_a_question_mark(
    desk: Desk, genesys: Genesys
) -> None:
    (offer, row), _ = desk.ring(), desk.ring()
    genesys.agent_is(offer, "alert", nickname="\ud83d")

    desk.look()

    assert "checking" == ended(row)[0]
    assert '"nickname": "?"' in row.attempts.get(kind="status").response_body


def test_without_the_permission_for_names_an_offer_is_found_by_its_session(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    (first, row), (second, other) = desk.ring(), desk.ring()
    genesys.gives_names, genesys.names = False, {first["userId"]: "Ana"}
    genesys.agent_is(first, "interact")
    genesys.agent_is(second, "alert")

    desk.look()

    assert (("delivered", "delivered"), ("checking", "")) == (ended(row), ended(other))
    assert ["token", "query", "user"] == genesys.calls
    assert GenesysAccess.objects.get().names_missing_since is not None


def test_without_names_an_offer_that_has_no_session_is_asked_for_alone(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    genesys.gives_names, genesys.names = False, {"loose": "Ana"}
    loose, row = desk.ring(sessionId="", userId="loose")
    desk.ring()
    genesys.agent_is({**loose, "sessionId": "of-the-status"}, "interact")

    desk.look()
    assert ("checking", "") == ended(row)
    desk.look()
    desk.work()

    assert ("delivered", "delivered") == ended(row)


@pytest.mark.parametrize("answer", [NOT_PERMITTED, OVERLOADED], ids=["403", "503"])
def test_an_automatic_queue_needs_the_status_for_nothing_but_the_name(
    desk: Desk, genesys: Genesys, lynn: Lynn, answer: Any
) -> None:
    genesys.status_answers = [answer]
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.names = {offer["userId"]: "Ana"}

    desk.work()

    assert ("delivered", "delivered") == ended(row)
    assert "Ana" == lynn.bodies[0]["userName"]


def test_without_a_name_a_patient_tenant_waits_and_fails_at_the_deadline(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    _, row = desk.ring(AUTO_QUEUE)
    while ended(row)[0] == "delivering":
        desk.look()

    assert ("failed", "name_unavailable") == ended(row)
    assert timedelta(seconds=600) == desk.clock.now - row.offered_at
    assert [] == lynn.calls


def test_without_a_name_an_impatient_tenant_tells_lynn_with_an_empty_one(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    Tenant.objects.update(without_name="send")
    _, row = desk.ring(AUTO_QUEUE)

    desk.work()

    assert ("delivered", "delivered") == ended(row)
    assert "" == lynn.bodies[0]["userName"]


def test_lynn_is_tried_again_until_it_takes_the_message(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    lynn.answers = [OVERLOADED, requests.ConnectionError("reset"), OVERLOADED]
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")
    moments = []
    while ended(row)[0] == "delivering":
        desk.look()
        moments.append((desk.clock.now - row.offered_at).total_seconds())

    assert ("delivered", "delivered") == ended(row)
    assert [
        0,
        pytest.approx(1, rel=0.25),
        pytest.approx(3, rel=0.25),
        pytest.approx(7, rel=0.25),
    ] == (moments)
    assert 1 == len({call.headers["Idempotency-Key"] for call in lynn.calls})
    outcomes = row.attempts.filter(kind="delivery").values_list("number", "outcome")
    assert [(1, "unavailable"), (2, "unavailable"), (3, "unavailable"), (4, "ok")] == list(outcomes)


def test_lynn_that_never_answers_ends_too_late(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    Tenant.objects.update(deliver_within=20)
    lynn.answers = [OVERLOADED] * 50
    desk.tenant.refresh_from_db()
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")
    while ended(row)[0] == "delivering":
        desk.look()

    assert ("expired", "too_late") == ended(row)
    assert timedelta(seconds=20) == desk.clock.now - row.offered_at


def test_a_worker_that_is_too_slow_sends_nothing_that_another_might_be_sending(
    desk: Desk, genesys: Genesys, lynn: Lynn, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")
    monkeypatch.setattr("connector.tell.SEND_BEFORE", 60.0)

    desk.work()

    assert [] == lynn.calls
    assert ("interrupted", "delivering") == (
        row.attempts.get(kind="delivery").outcome,
        ended(row)[0],
    )
    monkeypatch.undo()
    desk.work(2)
    assert ("delivered", "delivered") == ended(row)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 422])
def test_lynns_refusal_is_final(desk: Desk, genesys: Genesys, lynn: Lynn, status: int) -> None:
    lynn.answers = [_json({}, status)]
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")

    desk.work()

    assert ("failed", "lynn_refused") == ended(row)
    assert 1 == len(lynn.calls)


def test_shadow_mode_verifies_for_real_and_tells_nobody(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    Tenant.objects.update(mode="shadow")
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact", name="Ana")

    desk.look()

    assert ("shadowed", "would_deliver") == ended(row)
    assert [] == lynn.calls
    kept = row.attempts.get(kind="delivery")
    assert ("not_sent", True) == (kept.outcome, '"userName": "Ana"' in kept.request_body)


def test_who_lost_the_lease_writes_nothing(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact")
    desk.clock.forward(4)
    (lost,) = claim(desk.clock.now, most=1)
    desk.clock.forward(16)
    claim(desk.clock.now, most=1)

    work.work(lost.lease, lost.ids, desk.clock)

    assert ("checking", "") == ended(row)
    assert [] == genesys.calls


def test_an_acd_end_that_comes_during_a_check_does_not_wait_for_its_end(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "alert", name="Ana")
    proof = {**offer, "acdOutcome": "ANSWERED", "answeredUserId": offer["userId"]}

    def proven_while_genesys_thinks() -> None:
        desk.receive(proof, "acd.end")
        genesys.during_status.clear()
        desk.work()

    genesys.during_status.append(proven_while_genesys_thinks)
    genesys.names = {offer["userId"]: "Ana"}

    desk.look()

    assert ("delivered", "delivered") == ended(row)
    assert ("acd_end", 1) == (row.evidence, len(lynn.calls))
    assert {("ok", record.MOVED_ON), ("ok", "alert")} >= {
        (each.outcome, each.detail) for each in row.attempts.filter(kind="status")
    }


def test_a_user_end_that_comes_during_a_check_ends_the_offer(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "alert")
    end = {**offer, "interactingDurationMs": 0}
    genesys.during_status.append(lambda: desk.receive(end, "user.end"))

    desk.look()

    assert ("not_answered", "rang_out") == ended(row)
    assert [] == lynn.calls


def test_what_a_person_cancelled_during_a_check_stays_cancelled(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact")
    genesys.during_status.append(lambda: intervene.cancel(row.pk, desk.clock.now))

    desk.look()

    assert ("cancelled", "cancelled_by_person") == ended(row)
    assert [] == lynn.calls
    assert ("ok", record.MOVED_ON) == row.attempts.values_list("outcome", "detail").get(
        kind="status"
    )


def test_a_post_that_was_on_its_way_when_a_person_cancelled_is_not_called_untold(
    desk: Desk, genesys: Genesys, lynn: Lynn, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, row = desk.ring(AUTO_QUEUE)
    AgentName.objects.create(
        tenant=desk.tenant, user_id=offer["userId"], name="Ana", learnt_at=desk.clock.now
    )
    send_all = tell.send_all

    def cancelled_meanwhile(*args: Any) -> Any:
        intervene.cancel(row.pk, desk.clock.now)
        yield from send_all(*args)

    monkeypatch.setattr(tell, "send_all", cancelled_meanwhile)

    desk.work()

    assert ("cancelled", "cancelled_by_person") == ended(row)
    assert ("ok", 1) == (row.attempts.get(kind="delivery").outcome, row.tries)
    assert "until then Lynn had not accepted it (1 try)" in explain(row)


def test_a_post_that_died_with_its_worker_is_not_called_untold_when_a_person_cancels(
    desk: Desk, genesys: Genesys, lynn: Lynn, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, row = desk.ring(AUTO_QUEUE)
    AgentName.objects.create(
        tenant=desk.tenant, user_id=offer["userId"], name="Ana", learnt_at=desk.clock.now
    )

    def power_cut(*args: Any) -> Any:
        raise SystemExit

    monkeypatch.setattr(tell, "send_all", power_cut)
    with pytest.raises(SystemExit):
        desk.work()

    intervene.cancel(row.pk, desk.clock.forward(16))

    assert ("cancelled", "cancelled_by_person") == ended(row)
    assert ("interrupted", 1) == (row.attempts.get(kind="delivery").outcome, row.tries)


def test_a_check_that_failed_while_its_connection_moved_on_is_not_called_well(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    _, row = desk.ring()
    genesys.status_answers = [OVERLOADED]
    genesys.during_status.append(lambda: intervene.cancel(row.pk, desk.clock.now))

    desk.look()

    check = row.attempts.get(kind="status")
    assert ("unavailable", "api.example.com answered 503") == (check.outcome, check.detail)


def test_a_check_of_a_connection_that_was_cancelled_meanwhile_counts_as_a_call(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "alert")
    desk.look()
    genesys.during_status.append(lambda: intervene.cancel(row.pk, desk.clock.now))

    desk.look()

    check = row.attempts.get(kind="status")
    assert ("ok", "alert", 2, None) == (
        check.outcome,
        check.detail,
        check.count,
        check.reopened_at,
    )


def test_the_attempt_of_a_dead_worker_is_interrupted_when_its_connection_is_cancelled(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    row = died_during_the_check(desk, genesys)

    intervene.cancel(row.pk, desk.clock.forward(16))

    assert "interrupted" == row.attempts.get(kind="status").outcome


def test_the_attempt_of_a_dead_worker_is_interrupted_when_events_end_its_connection(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    row = died_during_the_check(desk, genesys)
    leg = {"conversationId": row.conversation_id, "userId": row.user_id}
    leg["sessionId"] = row.session_id

    desk.receive({**leg, "acdOutcome": "ANSWERED", "answeredUserId": row.user_id}, "acd.end")
    desk.receive({**leg, "interactingDurationMs": 5000}, "user.end")

    assert ("expired", "answered_and_over") == ended(row)
    assert "interrupted" == row.attempts.get(kind="status").outcome


def test_an_attempt_that_nobody_else_ends_is_interrupted_after_a_minute(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    row = died_during_the_check(desk, genesys)
    AgentConnection.objects.update(lease=None)

    assert 0 == record.interrupt_abandoned(desk.clock.forward(30))
    assert 1 == record.interrupt_abandoned(desk.clock.forward(31))

    assert "interrupted" == row.attempts.get(kind="status").outcome


def test_the_attempt_of_a_dead_worker_is_interrupted_when_a_person_has_it_checked_again(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    row = died_during_the_check(desk, genesys)
    intervene.check_again(row.pk, desk.clock.forward(16))

    desk.work(1)

    assert ["interrupted", "ok"] == [each.outcome for each in row.attempts.filter(kind="status")]


def test_an_attempt_that_is_under_way_is_not_abandoned(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    row = died_during_the_check(desk, genesys)

    assert 0 == record.interrupt_abandoned(desk.clock.forward(61))
    assert "open" == row.attempts.get(kind="status").outcome


def died_during_the_check(desk: Desk, genesys: Genesys) -> AgentConnection:
    """A connection whose worker was killed while Genesys thought; it still holds the lease."""
    offer, row = desk.ring()
    genesys.agent_is(offer, "alert")

    def power_cut() -> None:
        raise SystemExit

    genesys.during_status.append(power_cut)
    with pytest.raises(SystemExit):
        desk.look()
    genesys.during_status.clear()
    return row


def test_an_older_offer_ends_when_another_agent_answers(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    first, older = desk.ring(conversationId="one")
    genesys.agent_is(first, "alert")
    desk.clock.forward(1)
    second, newer = desk.ring(conversationId="one")
    genesys.agent_is(second, "interact")

    desk.work(5)
    desk.work()

    assert ("delivered", "delivered") == ended(newer)
    assert ("not_answered", "superseded") == ended(older)


def test_a_crash_leaves_interrupted_attempts_and_the_work_is_done_again(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact")

    def power_cut() -> None:
        raise SystemExit

    genesys.during_status.append(power_cut)
    with pytest.raises(SystemExit):
        desk.look()
    assert "open" == row.attempts.get(kind="status").outcome
    genesys.during_status.clear()
    desk.work(16)

    assert ("delivered", "delivered") == ended(row)
    assert ["interrupted", "ok"] == [
        attempt.outcome for attempt in row.attempts.filter(kind="status")
    ]


def test_a_crash_in_a_folded_check_keeps_what_was_seen_before(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "alert")
    desk.look()
    desk.look()

    def power_cut() -> None:
        raise SystemExit

    genesys.during_status.append(power_cut)
    with pytest.raises(SystemExit):
        desk.look()
    genesys.during_status.clear()
    desk.work(16)

    checks = row.attempts.filter(kind="status").values_list("outcome", "detail", "count")
    assert [("ok", "alert", 2), ("interrupted", "", 1), ("ok", "alert", 1)] == list(checks)


def test_a_surprise_of_our_own_is_loud_and_hits_one_connection_alone(
    desk: Desk, genesys: Genesys, lynn: Lynn, caplog: pytest.LogCaptureFixture
) -> None:
    (bad, poisoned), (good, row) = desk.ring(), desk.ring()
    genesys.agent_is(good, "interact")
    genesys.agents[bad["userId"]] = _Surprise()  # type: ignore[assignment]
    desk.clock.forward(4)

    with caplog.at_level("ERROR"):
        desk.work()

    assert ("failed", "internal_error") == ended(poisoned)
    assert ("delivered", "delivered") == ended(row)
    assert "A batch of 2 connections failed" in caplog.text
    assert f"Connection {poisoned.pk} failed" in caplog.text


class _Surprise(dict):  # type: ignore[type-arg]
    def __bool__(self) -> bool:
        raise ZeroDivisionError("a defect")


def test_a_secret_that_cannot_be_read_is_said_to_be_so(
    desk: Desk, genesys: Genesys, lynn: Lynn, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, row = desk.ring()
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]

    desk.work(120)

    assert ("failed", "internal_error") == ended(row)
    assert "PORTAL_FIELD_KEYS" in row.trouble_detail
    assert f"Connection {row.pk} failed: A stored secret" in caplog.text


def test_until_its_deadline_the_secret_may_become_readable_again(
    desk: Desk, genesys: Genesys, lynn: Lynn, settings: Any
) -> None:
    (_, first), (second, row) = desk.ring(), desk.ring()
    genesys.agent_is(second, "interact")
    right = settings.FIELD_KEYS
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]

    desk.work(4)

    assert [("checking", ""), ("checking", "")] == [ended(first), ended(row)]
    first.refresh_from_db()
    assert "PORTAL_FIELD_KEYS" in first.trouble_detail
    settings.FIELD_KEYS = right
    desk.work(12)
    assert ("delivered", "delivered") == ended(row)


@pytest.mark.parametrize("queue", [MANUAL_QUEUE, AUTO_QUEUE])
def test_a_token_that_another_worker_is_fetching_is_waited_for(
    desk: Desk, genesys: Genesys, lynn: Lynn, queue: str
) -> None:
    """At the deadline too, and by a tenant that tells Lynn without a name rather than wait."""
    Tenant.objects.update(without_name="send")
    desk.tenant.refresh_from_db()
    offer, row = desk.ring(queue)
    genesys.agent_is(offer, "interact", name="Ana")
    access.take(desk.tenant, 1, desk.clock.forward(120))

    desk.work()

    assert ([], []) == (genesys.calls, lynn.calls)
    row.refresh_from_db()
    assert (True, "") == (row.is_open, row.trouble)
    desk.work(10)  # that worker has died
    assert ["Ana"] == [body["userName"] for body in lynn.bodies]


def test_a_token_that_could_not_be_fetched_is_not_waited_for_at_the_deadline(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    _, first = desk.ring()
    desk.clock.forward(1)
    _, second = desk.ring()
    genesys.token_answers = [OVERLOADED]

    desk.work(119)
    desk.work(1)

    assert ["token"] == genesys.calls
    assert [("failed", "genesys_unavailable")] * 2 == [ended(first), ended(second)]


def test_headers_for_lynn_that_cannot_be_read_stop_the_delivery(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    Tenant.objects.update(lynn_headers="")
    connection.cursor().execute("UPDATE connector_tenant SET lynn_headers = 'not ours'")
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")

    desk.work()

    assert ("failed", "internal_error") == ended(row)
    assert [] == lynn.calls


def test_lynns_answer_is_written_down_although_the_database_was_away(
    desk: Desk, genesys: Genesys, lynn: Lynn, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")
    failures = iter([True, True])
    monkeypatch.setattr("connector.tell.PAUSE", 0)
    monkeypatch.setattr("django.db.connection.close", lambda: None)

    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if lynn.calls and next(failures, False):
            raise OperationalError("the server closed the connection")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(away):
        desk.work()

    assert ("delivered", "delivered") == ended(row)
    assert 1 == len(lynn.calls)


def test_a_database_that_goes_away_before_the_call_leaves_the_row_due(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")
    (taken,) = claim(desk.clock.now, most=1)

    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(away):
        work.work(taken.lease, taken.ids, desk.clock)
    desk.work(16)

    assert ("delivered", "delivered") == ended(row)


def test_a_write_that_fails_costs_a_moment_and_not_the_rest_of_the_lease(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact")
    failures = [OperationalError("deadlock detected")]

    def fails_once(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if genesys.calls.count("status") and sql.startswith("UPDATE") and failures:
            raise failures.pop()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fails_once):
        desk.look()
    row.refresh_from_db()
    assert (None, True) == (row.lease, row.retaken)
    desk.work(1)

    assert ("delivered", "delivered") == ended(row)
    assert 1 == len(lynn.calls)
    assert ["interrupted", "ok"] == [each.outcome for each in row.attempts.filter(kind="status")]


def test_a_batch_of_checks_is_written_down_in_few_statements(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    for _ in range(40):
        offer, _ = desk.ring()
        genesys.agent_is(offer, "alert")
    desk.clock.forward(4)
    (taken,) = claim(desk.clock.now, most=1)

    with CaptureQueriesContext(connection) as made:
        work.work(taken.lease, taken.ids, desk.clock)

    assert len(made) < 40
    assert 40 == Attempt.objects.filter(kind="status", outcome="ok", detail="alert").count()


def test_what_the_database_refuses_is_a_defect_of_ours_and_ends_the_connection(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    offer, row = desk.ring()
    genesys.agent_is(offer, "interact")

    def refuses(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if genesys.calls.count("status") and sql.startswith('INSERT INTO "connector_agentname"'):
            raise DataError("value too long for type character varying(255)")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuses):
        desk.look()

    assert ("failed", "internal_error") == ended(row)
    assert "DataError" in row.trouble_detail


def test_extra_headers_and_no_secret_of_theirs_on_record(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    desk.tenant.extra_headers = {"X-Lynn-Key": "very-secret"}
    desk.tenant.save()
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")

    desk.work()

    assert "very-secret" == lynn.calls[0].headers["X-Lynn-Key"]
    kept = " ".join(str(vars(attempt)) for attempt in row.attempts.all())
    assert not any(secret in kept for secret in ("very-secret", "a-secret", "token-1"))


@pytest.mark.parametrize("again", [intervene.check_again, intervene.deliver_again])
def test_a_person_can_bring_work_back(
    desk: Desk, genesys: Genesys, lynn: Lynn, clock: Clock, again: Any
) -> None:
    lynn.answers = [_json({}, 404)]
    offer, row = desk.ring()
    genesys.agent_is(offer, "alert" if again is intervene.check_again else "interact")
    desk.work(120)
    assert ended(row)[0] in ("not_answered", "failed")
    lynn.answers.clear()
    clock.forward(3600)
    genesys.agent_is(offer, "interact")

    again(row.pk, clock.now)
    desk.work()

    assert ("delivered", "delivered") == ended(row)
    assert "person" == row.attempts.filter(kind="delivery").last().trigger


def test_an_automatic_delivery_writes_its_connection_only_when_claimed_and_when_told(
    desk: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    AgentName.objects.create(
        tenant=desk.tenant, user_id="agent-1", name="Ana", learnt_at=desk.clock.now
    )
    desk.ring(AUTO_QUEUE)

    with CaptureQueriesContext(connection) as made:
        desk.work()

    updates = [each["sql"] for each in made if each["sql"].startswith('UPDATE "connector_agentc')]
    assert 2 == len(updates)
    assert 1 == len(lynn.calls)
    assert (1, 1) == (AgentConnection.objects.get().tries, Attempt.objects.get().number)


def test_tries_count_on_after_a_crash(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    offer, row = desk.ring(AUTO_QUEUE)
    genesys.agent_is(offer, "interact")

    def power_cut() -> None:
        raise SystemExit

    lynn.during_post.append(power_cut)
    with pytest.raises(SystemExit):
        desk.work()
    lynn.during_post.clear()
    desk.work(16)

    assert ("delivered", "delivered") == ended(row)
    assert [1, 2] == [each.number for each in row.attempts.filter(kind="delivery")]
    assert 2 == row.tries


def test_a_token_is_written_nowhere_but_encrypted(desk: Desk, genesys: Genesys, lynn: Lynn) -> None:
    offer, _ = desk.ring()
    genesys.agent_is(offer, "interact")
    written: list[str] = []

    def noted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        written.append(repr(params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(noted):
        desk.look()

    assert 1 == genesys.tokens_given
    assert "token-1" not in "".join(written)
