"""An event comes in: what it opens, joins, proves, ends, and what it leaves alone."""

import itertools
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from connector import receive as receiving
from connector.decide import aligned
from connector.domain import Evidence, Mode, QueuePolicy, Reason, State
from connector.events import parse
from connector.models import AgentConnection, Event, EventOutcome, WebhookToken
from connector.models.token import digest_of
from connector.receive import receive
from tests.conftest import AUTO_QUEUE, MANUAL_QUEUE

OFFERED = datetime(2026, 10, 12, 14, 3, 21, 482_000, tzinfo=UTC)
OFF_QUEUE = "52c8a1d0-7e94-4b3f-a65d-18f0e7b9c243"


def ms(moment):
    return round(moment.timestamp() * 1000)


def start(**fields):
    """Agent u-1 is offered conversation c-1 as session s-1."""
    return {
        "topic": "user.start",
        "conversationId": "c-1",
        "userId": "u-1",
        "sessionId": "s-1",
        "participantId": "p-1",
        "queueId": MANUAL_QUEUE,
        "mediaType": "MESSAGE",
        "provider": "PureCloud Messaging",
        "addressTo": "lynn-1",
        "eventTime": ms(OFFERED),
        **fields,
    }


def answer(after=7, **fields):
    """The queue says that agent u-1 answered so many seconds after the offer."""
    return {
        "topic": "acd.end",
        "conversationId": "c-1",
        "answeredUserId": "u-1",
        "acdOutcome": "ANSWERED",
        "queueId": MANUAL_QUEUE,
        "mediaType": "MESSAGE",
        "addressTo": "lynn-1",
        "eventTime": ms(OFFERED + timedelta(seconds=after)),
        **fields,
    }


def end(after=40, interacted=0, **fields):
    """Session s-1 ends so many seconds after the offer."""
    return {
        "topic": "user.end",
        "conversationId": "c-1",
        "userId": "u-1",
        "sessionId": "s-1",
        "interactingDurationMs": interacted,
        "heldDurationMs": 0,
        "eventTime": ms(OFFERED + timedelta(seconds=after)),
        **fields,
    }


@pytest.fixture
def say(tenant, now):
    """Receives an event so many seconds after `now`."""

    def receive_at(content, after=0):
        body = json.dumps(content)
        return receive(tenant, parse(body.encode()), body, now + timedelta(seconds=after))

    return receive_at


def only():
    return AgentConnection.objects.get()


def state():
    row = only()
    return row.state, row.reason


def hold(row, until):
    """A worker takes the row."""
    AgentConnection.objects.filter(pk=row.id).update(lease=uuid.uuid4(), due_at=until)


# user.start ---------------------------------------------------------------------------------------


def test_an_offer_of_a_manual_queue_is_checked(say, tenant, now):
    receipt = say(start())

    row = only()
    due_at = aligned(OFFERED + timedelta(seconds=2), tenant.policy)
    assert (row.pk, "checking", "", False) == (
        receipt.id,
        receipt.state,
        receipt.reason,
        receipt.duplicate,
    )
    assert (due_at, None, "") == (row.due_at, row.answered_at, row.evidence)
    assert OFFERED + timedelta(seconds=120) == row.give_up_at


def test_an_offer_of_an_automatic_queue_is_delivered_at_once(say, now):
    say(start(queueId=AUTO_QUEUE))

    row = only()
    assert (State.DELIVERING, now) == (row.state, row.due_at)
    assert (row.evidence, row.answered_at) == (Evidence.AUTO, OFFERED)
    assert OFFERED + timedelta(seconds=600) == row.deliver_by


def test_a_connection_holds_what_the_event_and_the_tenant_say(say, tenant, now):
    tenant.version = 7

    say(start())

    row = only()
    assert (
        row.conversation_id,
        row.session_id,
        row.participant_id,
        row.user_id,
    ) == ("c-1", "s-1", "p-1", "u-1")
    assert (row.queue_id, row.queue_name, row.answer_mode) == (MANUAL_QUEUE, "Soporte", "manual")
    assert (
        row.provider,
        row.external_id,
        row.media_type,
    ) == ("PureCloud Messaging", "lynn-1", "message")
    assert (7, now, OFFERED, OFFERED) == (
        row.tenant_version,
        row.received_at,
        row.event_time,
        row.offered_at,
    )


@pytest.mark.parametrize(
    ("settings", "fields", "reason"),
    [
        ({}, {"queueId": OFF_QUEUE}, Reason.QUEUE_DISABLED),
        ({}, {"queueId": "f0f0"}, Reason.QUEUE_NOT_LISTED),
        ({}, {"queueId": ""}, Reason.NO_QUEUE),
        ({}, {"mediaType": "VOICE"}, Reason.MEDIA_TYPE_NOT_USED),
        ({"queue_policy": QueuePolicy.ALL}, {"queueId": OFF_QUEUE}, Reason.QUEUE_DISABLED),
        ({"media_types": ["voice"]}, {}, Reason.MEDIA_TYPE_NOT_USED),
    ],
    ids=["disabled", "not listed", "no queue", "media", "disabled among all", "other media"],
)
@pytest.mark.parametrize("event", [start, answer])
def test_what_the_tenant_does_not_want_is_ignored_for_its_reason(
    say, tenant, event, settings, fields, reason
):
    tenant.queues.create(genesys_id=OFF_QUEUE, enabled=False)
    vars(tenant).update(settings)

    receipt = say(event(**fields))

    assert (only().pk, "ignored", reason) == (receipt.id, receipt.state, receipt.reason)
    assert (State.IGNORED, reason) == state()


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, {"queueId": MANUAL_QUEUE.upper()}),
        ({}, {"mediaType": ""}),
        ({"queue_policy": QueuePolicy.ALL}, {"queueId": "f0f0"}),
        ({"queue_policy": QueuePolicy.ALL}, {"queueId": ""}),
        ({"media_types": ["message", "voice"]}, {"mediaType": "voice"}),
    ],
    ids=["upper case", "no media type", "any queue", "no queue", "another medium"],
)
def test_what_the_tenant_wants_is_not_ignored(say, tenant, settings, fields):
    vars(tenant).update(settings)

    say(start(**fields))

    assert state() == (State.CHECKING, "")


@pytest.mark.parametrize(("mode", "expected"), [("auto", "delivering"), ("manual", "checking")])
def test_a_queue_that_does_not_say_follows_the_tenant(say, tenant, mode, expected):
    tenant.queues.create(genesys_id=OFF_QUEUE)
    tenant.answer_mode = mode

    say(start(queueId=OFF_QUEUE))

    assert (expected, mode) == (only().state, only().answer_mode)


def test_in_shadow_mode_everything_is_the_same_up_to_the_delivery(say, tenant):
    tenant.mode = Mode.SHADOW

    say(start(queueId=AUTO_QUEUE))

    assert state() == (State.DELIVERING, "")


@pytest.mark.parametrize(
    ("event", "late", "expected"),
    [
        (start(), 0, ("checking", "")),
        (start(), 719, ("checking", "")),
        (start(), 720, ("expired", "stale_event")),
        (start(queueId=AUTO_QUEUE), 599, ("delivering", "")),
        (start(queueId=AUTO_QUEUE), 600, ("expired", "stale_event")),
        (answer(0), 599, ("delivering", "")),
        (answer(0), 600, ("expired", "stale_event")),
        (start(queueId="f0f0"), 86_400, ("ignored", "queue_not_listed")),
    ],
)
def test_an_event_that_can_be_of_no_use_any_more_is_stale(say, now, event, late, expected):
    say(event, after=late - (now - OFFERED).total_seconds())

    assert expected == state()


def test_a_late_offer_is_looked_at_at_once(say, tenant, now):
    say(start(), after=300)

    late = now + timedelta(seconds=300)
    assert aligned(late, tenant.policy) == only().due_at
    assert only().due_at - late <= timedelta(seconds=tenant.check_every)


def test_an_event_of_a_clock_that_runs_ahead_counts_from_now(say, now):
    say(start(eventTime=ms(now + timedelta(hours=3))))

    assert (now, now + timedelta(hours=3)) == (only().offered_at, only().event_time)


def test_an_event_without_a_time_counts_from_now(say, now):
    say(start(eventTime=""))

    assert (now, None) == (only().offered_at, only().event_time)


# The same offer -----------------------------------------------------------------------------------

NO_SESSION = {"sessionId": ""}
NEITHER = {"sessionId": "", "eventTime": ""}


@pytest.mark.parametrize(
    ("first", "second", "after"),
    [
        (start(), start(), 0),
        (start(), start(), 86_400),
        (start(), start(eventTime=ms(OFFERED) + 5000), 0),
        (start(), start(userId="u-2", eventTime=""), 900),
        (start(), start(conversationId="c-2"), 0),
        (start(**NO_SESSION), start(**NO_SESSION), 86_400),
        (start(**NO_SESSION), start(), 600),
        (start(), start(**NO_SESSION), 600),
        (start(**NEITHER), start(**NEITHER), 300),
        (start(**NEITHER), start(), 299),
        (start(), start(**NEITHER), 299),
        (start(**NEITHER), start(**NO_SESSION), 299),
        (start(**NO_SESSION), start(**NEITHER), 299),
    ],
    ids=[
        "session",
        "session, a day later",
        "session, other time",
        "session, other agent",
        "session, other conversation",
        "time, a day later",
        "time, session later",
        "time, session earlier",
        "5 minutes",
        "session and time later",
        "session and time earlier",
        "time later",
        "time earlier",
    ],
)
def test_the_same_offer_is_not_opened_twice(say, first, second, after):
    opened = say(first)

    again = say(second, after=after)

    assert (opened.id, opened.state, True) == (again.id, only().state, again.duplicate)
    assert only().duplicates == 1
    assert outcomes() == ["opened", "duplicate"]


def outcomes():
    return list(Event.objects.order_by("received_at", "id").values_list("outcome", flat=True))


@pytest.mark.parametrize(
    ("first", "second", "after"),
    [
        (start(), start(sessionId="s-2"), 1),
        (start(), start(sessionId="s-2", userId="u-2"), 1),
        (start(**NO_SESSION), start(sessionId="", eventTime=ms(OFFERED) + 1), 1),
        (start(**NO_SESSION), start(sessionId="", eventTime="2026-10-12T14:03:21.4824Z"), 1),
        (start(**NO_SESSION), start(sessionId="", userId="u-2"), 1),
        (start(**NO_SESSION), start(sessionId="", conversationId="c-2"), 1),
        (start(**NEITHER), start(userId="u-2", **NEITHER), 1),
        (start(**NEITHER), start(conversationId="c-2", **NEITHER), 1),
        (start(**NEITHER), start(**NEITHER), 360),
        (start(**NEITHER), start(**NO_SESSION), 360),
        (
            start(sessionId="", conversationId="a:b", userId="c"),
            start(sessionId="", conversationId="a", userId="b:c"),
            1,
        ),
    ],
    ids=[
        "other session",
        "other session and agent",
        "other time",
        "other time within a millisecond",
        "same time, other agent",
        "same time, other conversation",
        "other agent",
        "other conversation",
        "6 minutes later",
        "6 minutes later with a time",
        "ids that join to the same text",
    ],
)
def test_another_offer_is_another_connection(say, first, second, after):
    opened = say(first)

    other = say(second, after=after)

    assert opened.id != other.id
    assert not other.duplicate
    assert list(AgentConnection.objects.values_list("duplicates", flat=True)) == [0, 0]


def test_one_tenant_does_not_see_the_offers_of_another(say, tenant, now):
    say(start())
    other = type(tenant).objects.create(slug="otro", name="Otro", queue_policy=QueuePolicy.ALL)
    body = json.dumps(start())

    receipt = receive(other, parse(body.encode()), body, now)

    assert not receipt.duplicate
    assert AgentConnection.objects.count() == 2


def test_every_duplicate_is_counted(say):
    for _ in range(4):
        say(start())

    assert only().duplicates == 3


def test_a_duplicate_adds_what_was_missing(say):
    say(start(addressTo="", provider="", participantId="", **NO_SESSION))

    say(start(provider="Other", addressTo="lynn-2"))

    row = only()
    assert (
        row.session_id,
        row.participant_id,
        row.provider,
        row.external_id,
    ) == ("s-1", "p-1", "Other", "lynn-2")
    assert say(start(eventTime="")).duplicate


def test_a_duplicate_changes_nothing_that_was_known(say):
    say(start())

    say(start(addressTo="lynn-2", provider="Other", queueId=AUTO_QUEUE))

    row = only()
    assert (row.external_id, row.queue_id, row.state) == ("lynn-1", MANUAL_QUEUE, "checking")


def test_a_duplicate_of_a_final_offer_opens_nothing(say):
    say(start(queueId="f0f0"))

    assert (say(start()).state, say(start()).duplicate) == ("ignored", True)


# acd.end ------------------------------------------------------------------------------------------


def test_an_answer_is_delivered_at_once(say, now):
    say(start())

    receipt = say(answer(7), after=8)

    row = only()
    assert (row.pk, "delivering", "", False) == (
        receipt.id,
        receipt.state,
        receipt.reason,
        receipt.duplicate,
    )
    assert (Evidence.ACD_END, OFFERED + timedelta(seconds=7)) == (row.evidence, row.answered_at)
    assert now + timedelta(seconds=8) == row.due_at
    assert row.answered_at + timedelta(seconds=600) == row.deliver_by


def test_an_answer_alone_opens_the_connection(say):
    receipt = say(answer(0))

    row = only()
    assert (receipt.state, receipt.duplicate) == ("delivering", False)
    assert (row.answered_at, row.evidence, row.session_id) == (OFFERED, Evidence.ACD_END, "")
    assert (row.user_id, row.queue_name, row.external_id) == ("u-1", "Soporte", "lynn-1")


def test_a_user_start_joins_the_answer_that_came_before_it(say):
    opened = say(answer(7), after=8)

    joined = say(start(), after=9)

    row = only()
    assert (opened.id, "delivering", False) == (joined.id, joined.state, joined.duplicate)
    assert (
        row.session_id,
        row.participant_id,
        row.event_time,
        row.offered_at,
    ) == ("s-1", "p-1", OFFERED, OFFERED)
    assert (OFFERED + timedelta(seconds=7), 0) == (row.answered_at, row.duplicates)


def test_a_user_start_that_comes_again_after_it_joined_is_a_duplicate(say):
    say(answer(7), after=8)
    say(start(), after=9)

    assert say(start(), after=10).duplicate
    assert only().duplicates == 1


@pytest.mark.parametrize("fields", [NO_SESSION, NEITHER, {"eventTime": ""}])
def test_a_user_start_with_less_to_show_joins_too(say, fields):
    say(answer(7), after=8)

    say(start(**fields), after=60)

    assert only().state == State.DELIVERING


@pytest.mark.parametrize(
    "other",
    [
        start(userId="u-2"),
        start(eventTime=ms(OFFERED + timedelta(seconds=60))),
        start(eventTime=ms(OFFERED - timedelta(minutes=6))),
        start(conversationId="c-2"),
    ],
    ids=["other agent", "rang later", "rang much earlier", "other conversation"],
)
def test_a_user_start_of_another_offer_does_not_join_an_answer(say, other):
    say(answer(7), after=8)

    say(other, after=70)

    assert AgentConnection.objects.count() == 2


def test_a_user_start_that_is_known_does_not_join_a_later_answer(say):
    say(start(sessionId="", queueId=AUTO_QUEUE))
    say(answer(120), after=121)

    again = say(start(sessionId="", queueId=AUTO_QUEUE), after=122)

    assert again.duplicate
    assert AgentConnection.objects.count() == 2


@pytest.mark.parametrize("first", [[], [start()]], ids=["alone", "after its user.start"])
@pytest.mark.parametrize("ahead", [0, 60], ids=["", "of a clock that runs ahead"])
def test_the_same_answer_again_is_a_duplicate(say, first, ahead):
    for content in (*first, answer(ahead)):
        say(content)
    answered_at = only().answered_at

    again = say(answer(ahead), after=30)

    assert (again.state, again.duplicate) == ("delivering", True)
    assert (answered_at, 1) == (only().answered_at, only().duplicates)


@pytest.mark.parametrize(
    ("content", "late", "reason"),
    [
        (answer(), 86_400, "stale_event"),
        (answer(queueId=OFF_QUEUE), 8, "queue_not_listed"),
        (answer(queueId=OFF_QUEUE, eventTime=""), 8, "queue_not_listed"),
    ],
)
def test_the_same_answer_again_is_a_duplicate_also_where_it_is_of_no_use(
    say, content, late, reason
):
    first = say(content, after=late)
    again = say(content, after=late + 1)

    assert (first.id, reason, True) == (again.id, again.reason, again.duplicate)
    assert 1 == only().duplicates


def test_an_answer_adds_what_its_user_start_lacked(say):
    say(start(addressTo="", provider=""))

    say(answer(provider="PureCloud Messaging"), after=8)

    assert ("lynn-1", "PureCloud Messaging") == (only().external_id, only().provider)


def test_an_answer_without_a_time_that_comes_again_is_a_duplicate(say):
    say(answer(eventTime=""))

    assert say(answer(eventTime=""), after=120).duplicate
    assert AgentConnection.objects.count() == 1


def test_a_later_answer_without_a_time_is_another_one(say):
    say(answer(eventTime=""))

    assert not say(answer(eventTime=""), after=3600).duplicate
    assert AgentConnection.objects.count() == 2


def test_an_answer_again_after_the_delivery_does_not_deliver_twice(say, now):
    say(start())
    say(answer(7), after=8)
    AgentConnection.objects.update(
        state=State.DELIVERED, reason=Reason.DELIVERED, due_at=None, delivered_at=now
    )

    receipt = say(answer(7), after=9)

    assert (receipt.state, receipt.reason, receipt.duplicate) == ("delivered", "delivered", True)
    assert AgentConnection.objects.count() == 1


def test_an_answer_after_it_was_seen_and_delivered_is_evidence_only(say, now):
    say(start())
    AgentConnection.objects.update(
        state=State.DELIVERED,
        reason=Reason.DELIVERED,
        due_at=None,
        evidence=Evidence.STATUS,
        answered_at=OFFERED + timedelta(seconds=6),
    )

    receipt = say(answer(7), after=9)

    assert (receipt.state, receipt.duplicate) == ("delivered", False)
    assert (Evidence.STATUS, OFFERED + timedelta(seconds=6)) == (
        only().evidence,
        only().answered_at,
    )


def test_an_answer_of_an_automatic_queue_is_no_second_connection(say):
    say(start(queueId=AUTO_QUEUE))

    say(answer(1, queueId=AUTO_QUEUE), after=2)

    assert (only().state, only().evidence) == (State.DELIVERING, Evidence.AUTO)


@pytest.mark.parametrize("outcome", ["ABANDON", "FLOW_OUT", "UNKNOWN", ""])
def test_other_outcomes_are_evidence_of_nothing(say, outcome):
    say(start())

    receipt = say(answer(acdOutcome=outcome), after=8)

    assert (receipt.id, receipt.state, receipt.reason) == (None, "ignored", "acd_not_answered")
    assert state() == (State.CHECKING, "")


def test_an_answer_of_another_agent_is_a_connection_of_its_own_and_ends_the_older_offer(say, now):
    say(start())

    say(answer(7, answeredUserId="u-2"), after=8)

    older, newer = AgentConnection.objects.order_by("offered_at")
    assert (newer.user_id, newer.state) == ("u-2", State.DELIVERING)
    assert (State.CHECKING, now + timedelta(seconds=8)) == (older.state, older.due_at)
    assert older.due_at == older.superseded_at


def test_an_older_answer_of_another_agent_ends_nothing(say):
    say(start(eventTime=ms(OFFERED + timedelta(seconds=30))), after=31)

    say(answer(7, answeredUserId="u-2"), after=32)

    assert None is AgentConnection.objects.get(user_id="u-1").superseded_at


def test_an_offer_that_comes_late_is_ended_by_the_answer_that_overtook_it(say):
    say(start(userId="u-2", sessionId="s-2", eventTime=ms(OFFERED + timedelta(seconds=50))), 50)
    say(answer(57, answeredUserId="u-2"), after=58)

    receipt = say(start(), after=60)

    assert (receipt.state, receipt.reason) == ("not_answered", "superseded")


def test_a_newer_offer_is_not_ended_by_an_older_answer(say):
    say(answer(7), after=8)

    receipt = say(
        start(userId="u-2", sessionId="s-2", eventTime=ms(OFFERED + timedelta(seconds=50))), 51
    )

    assert receipt.state == "checking"


def test_an_automatic_answer_of_another_agent_ends_the_older_offer(say):
    say(start())

    later = ms(OFFERED + timedelta(seconds=50))
    say(start(userId="u-2", sessionId="s-2", queueId=AUTO_QUEUE, eventTime=later), after=51)

    assert AgentConnection.objects.get(user_id="u-1").superseded_at


def test_a_row_that_a_worker_is_at_is_superseded_without_being_taken_from_it(say, now):
    held = say(start())
    hold(held, now + timedelta(seconds=15))

    say(answer(7, answeredUserId="u-2"), after=8)

    row = AgentConnection.objects.get(pk=held.id)
    assert now + timedelta(seconds=15) == row.due_at
    assert row.superseded_at


def test_an_answer_of_an_earlier_leg_does_not_prove_the_later_one(say):
    say(start(eventTime=ms(OFFERED + timedelta(minutes=10))), after=601)

    say(answer(7), after=602)

    assert AgentConnection.objects.get(session_id="s-1").state == State.CHECKING
    assert AgentConnection.objects.count() == 2


def test_an_answer_proves_the_newest_leg_it_can_belong_to(say):
    say(start())
    say(end(40), after=41)
    say(start(sessionId="s-2", eventTime=ms(OFFERED + timedelta(seconds=60))), after=61)

    say(answer(65), after=66)

    assert AgentConnection.objects.get(session_id="s-2").state == State.DELIVERING
    assert AgentConnection.objects.get(session_id="s-1").state == State.NOT_ANSWERED


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (State.NOT_ANSWERED, Reason.GAVE_UP),
        (State.FAILED, Reason.GENESYS_UNAVAILABLE),
        (State.FAILED, Reason.GENESYS_CREDENTIALS_REFUSED),
        (State.FAILED, Reason.GENESYS_PERMISSION_MISSING),
    ],
)
def test_an_answer_that_is_told_after_we_gave_up_is_still_delivered(say, ended, reason):
    say(start())
    AgentConnection.objects.update(state=ended, reason=reason, due_at=None)

    receipt = say(answer(110), after=130)

    row = only()
    assert (receipt.state, row.reason) == ("delivering", "")
    assert (None, OFFERED + timedelta(seconds=110)) == (row.final_at, row.answered_at)


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (State.CANCELLED, Reason.CANCELLED_BY_PERSON),
        (State.NOT_ANSWERED, Reason.SUPERSEDED),
        (State.FAILED, Reason.LYNN_REFUSED),
        (State.IGNORED, Reason.QUEUE_NOT_LISTED),
    ],
)
def test_an_answer_opens_nothing_again_that_ended_for_another_reason(say, ended, reason):
    say(start())
    AgentConnection.objects.update(state=ended, reason=reason, due_at=None)

    say(answer(7), after=8)

    assert (ended, reason) == state()


def test_an_answer_that_is_told_too_late_is_not_delivered(say):
    say(start())

    say(answer(7), after=700)

    assert state() == (State.EXPIRED, Reason.TOO_LATE)


# user.end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("not_answered", "rang_out")),
        ({"interacted": 9000}, ("expired", "answered_and_over")),
        ({"heldDurationMs": 9000}, ("expired", "answered_and_over")),
    ],
    ids=["rang out", "interacted", "held only"],
)
@pytest.mark.parametrize("early", [False, True], ids=["after user.start", "before user.start"])
def test_the_end_of_its_session_ends_an_offer(say, fields, expected, early):
    events = [start(), end(40, **fields)]
    for content in reversed(events) if early else events:
        say(content, after=41)

    row = only()
    assert expected == (row.state, row.reason)
    assert OFFERED + timedelta(seconds=40) == row.ended_at
    assert [row.pk] * 2 == list(Event.objects.values_list("connection", flat=True))


def test_an_interacting_end_proves_an_answer_that_nobody_told_lynn(say):
    say(start())
    say(end(40, interacted=9000), after=41)

    assert (Evidence.USER_END, OFFERED + timedelta(seconds=40)) == (
        only().evidence,
        only().answered_at,
    )


def test_the_end_of_an_answer_before_lynn_was_told_expires_it(say):
    say(start())
    say(answer(7), after=8)

    say(end(40, interacted=33_000), after=41)

    assert state() == (State.EXPIRED, Reason.ANSWERED_AND_OVER)


@pytest.mark.parametrize(
    ("interacted", "expected"),
    [(0, ("not_answered", "rang_out")), (9000, ("expired", "answered_and_over"))],
)
@pytest.mark.parametrize("early", [False, True])
def test_an_automatic_queue_that_was_not_answered_is_not_delivered(
    say, interacted, expected, early
):
    events = [start(queueId=AUTO_QUEUE), end(40, interacted=interacted)]
    for content in reversed(events) if early else events:
        say(content, after=41)

    assert expected == state()


def test_an_end_after_the_delivery_is_only_noted(say):
    say(start(queueId=AUTO_QUEUE))
    AgentConnection.objects.update(state=State.DELIVERED, reason=Reason.DELIVERED, due_at=None)

    say(end(40, interacted=9000), after=41)

    assert state() == (State.DELIVERED, Reason.DELIVERED)
    assert (True, OFFERED + timedelta(seconds=40)) == (only().interacted, only().ended_at)


def test_an_end_of_another_session_ends_nothing(say):
    say(start())

    receipt = say(end(40, sessionId="s-2"), after=41)

    assert (receipt.id, receipt.reason) == (None, "before_user_start")
    assert state() == (State.CHECKING, "")


def test_an_end_without_a_session_ends_nothing(say):
    say(start())

    receipt = say(end(40, sessionId=""), after=41)

    assert (receipt.id, receipt.reason) == (None, "no_session")
    assert state() == (State.CHECKING, "")


@pytest.mark.parametrize("early", [False, True])
def test_an_end_that_does_not_say_whether_the_agent_interacted_ends_nothing(say, early):
    unknown = end(40, interactingDurationMs="", heldDurationMs="")
    for content in (unknown, start()) if early else (start(), unknown):
        say(content, after=41)

    assert state() == (State.CHECKING, "")
    assert None is only().ended_at


def test_an_end_again_is_a_duplicate(say):
    say(start())
    say(end(40), after=41)

    again = say(end(40), after=42)

    assert (again.state, again.duplicate) == ("not_answered", True)
    assert only().duplicates == 1


def test_an_early_end_again_is_a_duplicate_and_both_belong_to_the_connection(say):
    say(end(40), after=41)
    again = say(end(40), after=42)

    say(start(), after=43)

    assert (again.id, again.duplicate) == (None, True)
    assert [only().pk] * 3 == list(Event.objects.values_list("connection", flat=True))


def test_an_early_end_is_heard_when_an_answer_learns_its_session(say):
    say(answer(7), after=8)
    say(end(40, interacted=33_000), after=41)

    say(start(), after=42)

    assert state() == (State.EXPIRED, Reason.ANSWERED_AND_OVER)
    assert only().events.count() == 3


def test_an_early_end_is_heard_when_a_duplicate_learns_its_session(say):
    say(start(**NO_SESSION))
    say(end(40), after=41)

    say(start(), after=42)

    assert state() == (State.NOT_ANSWERED, Reason.RANG_OUT)


def test_an_end_of_a_clock_that_runs_ahead_ends_now(say, now):
    say(start())

    say(end(86_400, interacted=5), after=41)

    assert now + timedelta(seconds=41) == only().ended_at


# While a worker is at it --------------------------------------------------------------------------


def test_a_proof_takes_the_row_from_a_worker_that_is_still_asking(say, now):
    say(start())
    hold(only(), now + timedelta(seconds=48))

    say(answer(7), after=41)

    row = only()
    assert (row.state, row.lease, row.retaken) == ("delivering", None, True)


@pytest.mark.parametrize("left", [14, -1], ids=["at work", "died"])
@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (end(40), {"interacted": False, "ended_at": OFFERED + timedelta(seconds=40)}),
        (end(40, interacted=1), {"interacted": True, "ended_at": OFFERED + timedelta(seconds=40)}),
        (start(), {"duplicates": 1}),
    ],
    ids=["rang out", "over", "duplicate"],
)
def test_a_row_that_a_worker_holds_gets_facts_only(say, now, content, facts, left):
    say(start())
    hold(only(), now + timedelta(seconds=41 + left))
    before = only()

    receipt = say(content, after=41)

    row = only()
    assert ("checking", before.lease, before.due_at) == (receipt.state, row.lease, row.due_at)
    assert state() == (State.CHECKING, "")
    assert facts == {name: getattr(row, name) for name in facts}


# Any order ----------------------------------------------------------------------------------------


def orders(*events):
    """Every order in which the events may come, also with one of them coming twice."""
    kinds = [event["topic"] for event in events]
    twice = [(*events, event) for event in events]
    return {
        tuple(order): None
        for several in (events, *twice)
        for order in itertools.permutations([kinds.index(each["topic"]) for each in several])
    }


ANSWERED = (start(), answer(7), end(40, interacted=33_000))
RANG_OUT = (start(), end(40))


@pytest.mark.parametrize("order", orders(*ANSWERED), ids=str)
def test_an_answer_that_is_over_ends_so_in_any_order(say, order):
    for after, number in enumerate(order):
        say(ANSWERED[number], after=41 + after)

    assert state() == (State.EXPIRED, Reason.ANSWERED_AND_OVER)
    assert len(order) - 3 == Event.objects.filter(outcome=EventOutcome.DUPLICATE).count()
    assert not Event.objects.filter(connection=None).exists()


@pytest.mark.parametrize("order", orders(*RANG_OUT), ids=str)
def test_an_offer_that_rang_out_ends_so_in_any_order(say, order):
    for after, number in enumerate(order):
        say(RANG_OUT[number], after=41 + after)

    assert state() == (State.NOT_ANSWERED, Reason.RANG_OUT)
    assert len(order) - 2 == Event.objects.filter(outcome=EventOutcome.DUPLICATE).count()


@pytest.mark.parametrize("order", orders(start(), answer(7)), ids=str)
def test_an_answer_is_delivered_once_in_any_order(say, order):
    for after, number in enumerate(order):
        say((start(), answer(7))[number], after=8 + after)

    row = only()
    assert (State.DELIVERING, OFFERED + timedelta(seconds=7)) == (row.state, row.answered_at)
    assert (row.session_id, row.offered_at) == ("s-1", OFFERED)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_of_two_agents_the_one_who_answered_is_told_in_any_order(say, order):
    second = {"userId": "u-2", "sessionId": "s-2"}
    rang = ms(OFFERED + timedelta(seconds=45))
    story = (
        start(),
        end(44),
        start(eventTime=rang, **second),
        answer(52, answeredUserId="u-2"),
    )
    for after, number in enumerate(order):
        say(story[number], after=60 + after)

    ends = dict(AgentConnection.objects.values_list("user_id", "state"))
    assert ends["u-2"] == "delivering"
    assert AgentConnection.objects.count() == 2
    assert AgentConnection.objects.get(user_id="u-1").reason in ("rang_out", "superseded")


# What the database refuses ------------------------------------------------------------------------

NOW = datetime(2026, 10, 12, 14, 3, 22, tzinfo=UTC)
EVIDENT = {"answered_at": NOW, "evidence": Evidence.STATUS}


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("open_means_due", {"due_at": None}),
        ("open_means_due", {"state": "delivering", "due_at": None, **EVIDENT}),
        ("open_means_due", {"state": "not_answered", "reason": "gave_up", "due_at": NOW}),
        ("one_reason_per_final_state", {"reason": "gave_up"}),
        ("one_reason_per_final_state", {"state": "not_answered", "due_at": None}),
        (
            "one_reason_per_final_state",
            {"state": "not_answered", "reason": "too_late", "due_at": None},
        ),
        ("one_reason_per_final_state", {"state": "lost", "reason": "gave_up", "due_at": None}),
        ("nothing_leaves_without_evidence", {"state": "delivering"}),
        ("nothing_leaves_without_evidence", {"state": "delivering", "evidence": "status"}),
        ("nothing_leaves_without_evidence", {"state": "delivering", "answered_at": NOW}),
        (
            "nothing_leaves_without_evidence",
            {"state": "delivered", "reason": "delivered", "due_at": None},
        ),
        (
            "nothing_leaves_without_evidence",
            {"state": "shadowed", "reason": "would_deliver", "due_at": None},
        ),
    ],
)
def test_the_database_refuses_a_connection_that_cannot_be(say, name, columns):
    say(start())

    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        AgentConnection.objects.update(**columns)

    assert name in str(refused.value) or columns["state"] == "lost"


def test_the_database_refuses_a_second_row_of_one_offer(say, tenant):
    say(start())
    twin = only()
    twin.pk = uuid.uuid4()

    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)

    assert AgentConnection.objects.count() == 1


@pytest.mark.parametrize("slot", [0, 1, 2, 3])
def test_the_database_refuses_a_third_live_token(tenant, token, now, slot):
    WebhookToken.make(tenant, now)

    with pytest.raises(IntegrityError), transaction.atomic():
        WebhookToken.objects.create(tenant=tenant, digest=digest_of("x"), last4="x", slot=slot)

    assert tenant.tokens.count() == 2


def test_the_database_keeps_any_number_of_ended_tokens(tenant, token, now):
    for _ in range(3):
        WebhookToken.objects.create(tenant=tenant, digest=digest_of("x"), last4="x", slot=None)

    assert tenant.tokens.count() == 4


def test_an_event_about_what_retention_has_just_removed_is_received_anew(say, monkeypatch):
    say(start())
    locked, gone = receiving._locked, [AgentConnection.DoesNotExist()]

    def gone_at_first(row):
        if gone:
            raise gone.pop()
        return locked(row)

    monkeypatch.setattr(receiving, "_locked", gone_at_first)

    receipt = say(start(), after=1)

    assert (only().pk, True) == (receipt.id, receipt.duplicate)
    assert (1, 2) == (only().duplicates, Event.objects.count())
