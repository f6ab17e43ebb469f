"""Which offer an event belongs to."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.domain import Evidence, Reason, State
from connector.events import AcdEnd, UserStart
from connector.models import AgentConnection, Queue, Tenant
from connector.offers import (
    answered_offer,
    came_before_an_answer,
    can_still_be_proven,
    complete,
    new_row,
    offer_key,
    same_offer,
    waits_for_user_start,
)

OFFERED = datetime(2026, 10, 12, 14, 3, 21, 482_000, tzinfo=UTC)
TENANT = Tenant(id=1, slug="banco-sur", give_up_after=120, answer_mode="manual", version=3)


def after(seconds):
    return OFFERED + timedelta(seconds=seconds)


def row(**columns):
    values = {
        "offer_key": "s:s-1",
        "conversation_id": "c-1",
        "user_id": "u-1",
        "session_id": "s-1",
        "event_time": OFFERED,
        "offered_at": OFFERED,
        "received_at": OFFERED,
        "state": State.CHECKING,
    }
    return AgentConnection(**values | columns)


def waiting(**columns):
    """Opened by an acd.end 10 s after the offer."""
    times = {"event_time": after(10), "offered_at": after(10), "received_at": after(10)}
    return row(offer_key="acd:1", session_id="", answered_at=after(10), **times | columns)


def start(**fields):
    values = {"user_id": "u-1", "session_id": "s-1", "event_time": OFFERED}
    return UserStart(topic="", conversation_id="c-1", **values | fields)


def answer(**fields):
    values = {"user_id": "u-1", "event_time": after(10)}
    return AcdEnd(topic="", conversation_id="c-1", outcome="answered", **values | fields)


@pytest.mark.parametrize(
    ("event", "known", "same"),
    [
        (start(), row(), True),
        (start(user_id="u-2", event_time=after(99)), row(), True),
        (start(session_id="s-2"), row(), False),
        (start(session_id=""), row(), True),
        (start(session_id=""), row(user_id="u-2"), False),
        (start(session_id="", event_time=after(1)), row(), False),
        (start(), row(session_id=""), True),
        (start(session_id="", event_time=None), row(), True),
        (start(), row(session_id="", event_time=None), True),
        (start(), row(session_id="", event_time=None, received_at=after(-600)), False),
        (start(), waiting(), True),
        (start(event_time=after(15)), waiting(), True),
        (start(event_time=after(16)), waiting(), False),
        (start(event_time=after(-290)), waiting(), True),
        (start(event_time=after(-291)), waiting(), False),
        (start(event_time=None), waiting(), True),
        (start(event_time=None), waiting(received_at=after(-600)), False),
        (start(), waiting(user_id="u-2"), False),
    ],
)
def test_an_offer_is_the_same_by_session_else_by_time_else_by_nearness(event, known, same):
    assert (known if same else None) is same_offer(event, [known], after(0))


def test_an_exact_match_comes_before_an_answer_that_waits():
    rows = [waiting(), row(session_id="")]

    assert rows[1] is same_offer(start(session_id=""), rows, after(20))


def test_of_several_rows_the_first_is_the_newest_and_wins():
    rows = [waiting(), waiting()]

    assert rows[0] is same_offer(start(), rows, after(20))


@pytest.mark.parametrize(
    ("seconds", "columns", "fits"),
    [
        (-5, {}, True),
        (-6, {}, False),
        (3600, {}, True),
        (3601, {}, False),
        (10, {"ended_at": after(5)}, True),
        (10, {"ended_at": after(4)}, False),
        (10, {"answered_at": after(5), "evidence": Evidence.STATUS}, True),
        (10, {"answered_at": after(4), "evidence": Evidence.STATUS}, False),
        (60, {"answered_at": OFFERED, "evidence": Evidence.AUTO}, True),
        (61, {"answered_at": OFFERED, "evidence": Evidence.AUTO}, False),
        (600, {"answered_at": after(700), "evidence": Evidence.USER_END}, True),
        (10, {"user_id": "u-2"}, False),
    ],
)
def test_an_answer_belongs_to_an_offer_that_can_have_been_answered_then(seconds, columns, fits):
    known = row(**columns)

    found = answered_offer(answer(event_time=after(seconds)), [known], after(seconds))

    assert (known if fits else None) is found


@pytest.mark.parametrize(("seconds", "fits"), [(300, True), (301, False)])
def test_an_answer_without_a_time_may_come_five_minutes_late(seconds, fits):
    known = row(answered_at=OFFERED, evidence=Evidence.ACD_END)

    found = answered_offer(answer(event_time=None), [known], after(seconds))

    assert (known if fits else None) is found


@pytest.mark.parametrize(
    ("columns", "provable"),
    [
        ({}, True),
        ({"answered_at": OFFERED}, False),
        ({"state": State.NOT_ANSWERED, "reason": Reason.GAVE_UP}, True),
        ({"state": State.FAILED, "reason": Reason.GENESYS_UNAVAILABLE}, True),
        ({"state": State.NOT_ANSWERED, "reason": Reason.RANG_OUT}, False),
        ({"state": State.CANCELLED, "reason": Reason.CANCELLED_BY_PERSON}, False),
        ({"state": State.IGNORED, "reason": Reason.NO_QUEUE}, False),
    ],
)
def test_a_proof_changes_only_what_waits_for_one_or_gave_up(columns, provable):
    assert provable is can_still_be_proven(row(**columns))


@pytest.mark.parametrize(
    ("columns", "overtaken"),
    [
        ({}, True),
        ({"user_id": "u-1"}, False),
        ({"offered_at": OFFERED}, False),
        ({"answered_at": None}, False),
        ({"state": State.NOT_ANSWERED}, False),
        ({"state": State.DELIVERED}, True),
        ({"state": State.EXPIRED}, True),
    ],
)
def test_an_offer_is_overtaken_by_a_later_one_that_was_answered(columns, overtaken):
    values = {
        "user_id": "u-2",
        "offered_at": after(30),
        "answered_at": after(40),
        "state": State.DELIVERING,
    }
    other = row(**values | columns)

    assert overtaken is came_before_an_answer(row(), [other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (start(session_id="s-1"), start(session_id="s-2")),
        (start(session_id=""), start(session_id="", event_time=after(0.000_1))),
        (start(session_id=""), answer(event_time=OFFERED)),
        (start(session_id="", event_time=None), start(session_id="", event_time=None)),
        (answer(event_time=None), answer(event_time=None)),
        (
            UserStart(topic="", conversation_id="a:b", user_id="c", event_time=OFFERED),
            UserStart(topic="", conversation_id="a", user_id="b:c", event_time=OFFERED),
        ),
    ],
    ids=["session", "time", "kind", "no time", "no time of an answer", "colons"],
)
def test_offers_that_are_not_the_same_have_different_keys(one, other):
    assert offer_key(one) != offer_key(other)


def test_an_offer_told_again_has_the_same_key():
    assert offer_key(start(user_id="u-2")) == offer_key(start(event_time=after(1)))
    assert offer_key(start(session_id="")) == offer_key(start(session_id="", queue_id="q"))
    assert offer_key(answer()) == offer_key(answer())


@pytest.mark.parametrize("time", [OFFERED + timedelta(microseconds=1), None])
def test_the_longest_keys_fit_their_column(time):
    ids = {"conversation_id": "c" * 100, "user_id": "u" * 100, "event_time": time}
    keys = [
        offer_key(UserStart(topic="", **ids)),
        offer_key(UserStart(topic="", session_id="s" * 100, **ids)),
        offer_key(AcdEnd(topic="", outcome="answered", **ids)),
    ]

    assert max(map(len, keys)) <= 255


def test_a_row_that_waits_becomes_the_offer_of_its_user_start():
    joined = waiting(provider="")

    complete(joined, start(participant_id="p-1", provider="PureCloud Messaging"))

    assert not waits_for_user_start(joined)
    assert (joined.offer_key, joined.session_id, joined.participant_id) == ("s:s-1", "s-1", "p-1")
    assert (joined.event_time, joined.offered_at) == (OFFERED, OFFERED)
    assert joined.provider == "PureCloud Messaging"


def test_a_row_that_joins_without_a_time_keeps_its_own():
    joined = waiting()

    complete(joined, start(event_time=None))

    assert (after(10), after(10)) == (joined.event_time, joined.offered_at)


def test_what_is_known_is_not_overwritten():
    known = row(external_id="lynn-1", media_type="")

    complete(known, start(external_id="lynn-2", media_type="message"))

    assert (known.external_id, known.media_type) == ("lynn-1", "message")


def test_a_new_row_has_what_event_queue_and_tenant_say():
    queue = Queue(genesys_id="q-1", name="Soporte", answer_mode="auto")

    new = new_row(TENANT, start(queue_id="q-1"), queue, now=after(1))

    assert (
        new.queue_id,
        new.queue_name,
        new.answer_mode,
        new.tenant_version,
    ) == ("q-1", "Soporte", "auto", 3)
    assert (OFFERED, after(1), after(120)) == (new.offered_at, new.received_at, new.give_up_at)


@pytest.mark.parametrize("queue", [None, Queue(genesys_id="q-1")], ids=["none", "silent"])
def test_without_a_word_of_the_queue_the_tenant_decides(queue):
    assert new_row(TENANT, start(), queue, now=OFFERED).answer_mode == "manual"


def test_an_offer_is_not_made_in_the_future():
    new = new_row(TENANT, start(event_time=after(3600)), None, now=OFFERED)

    assert (OFFERED, after(3600)) == (new.offered_at, new.event_time)
