"""Five shapes of JSON in, one event out."""

import json
import re
from datetime import UTC, datetime

import pytest

from connector.errors import InvalidEvent
from connector.events import AcdEnd, Unused, UserEnd, UserStart, parse

TOPIC = "v2.detail.events.conversation.8d2f6b1e-4c3a-4f59-9b7e-0a61c5d2e814"
OFFERED = datetime(2026, 10, 12, 14, 3, 21, 482_000, tzinfo=UTC)
START = {
    "conversation_id": "8d2f6b1e-4c3a-4f59-9b7e-0a61c5d2e814",
    "user_id": "2b7d94e1-6f08-4c35-8a1d-c35e7f90b246",
    "session_id": "5e9a3c70-18bd-4d02-a6f1-94c7d80e2b63",
    "participant_id": "c1b7e0d4-52fa-4a1b-8e36-7f90ab23cd45",
    "queue_id": "a40c5e8b-93d1-47f6-b2e0-6d18f7c9053a",
    "media_type": "message",
    "provider": "PureCloud Messaging",
    "external_id": "lynn-77c0a1f4e2b94d06",
    "event_time": OFFERED,
}
SAMPLES = (
    "eventbridge_user_start",
    "eventbridge_acd_end_answered",
    "eventbridge_user_end_not_answered",
)


def read(content):
    return parse(content if isinstance(content, bytes) else json.dumps(content).encode())


def start(**fields):
    """A user.start of a flat object with only what is required, and `fields`."""
    return read({"topic": "user.start", "conversationId": "c", "userId": "u", **fields})


def refusal(content):
    with pytest.raises(InvalidEvent) as refused:
        read(content)
    return refused.value


def envelope(sample):
    return sample


def detail(sample):
    return sample["detail"]


def notification(sample):
    return {key: sample["detail"][key] for key in ("topicName", "version", "eventBody")}


def event_body(sample):
    return sample["detail"]["eventBody"]


def flat(sample):
    """As composed in a workflow: numbers as text, no lists, other fields empty."""
    body = sample["detail"]["eventBody"]
    texts = {name: str(value) for name, value in body.items() if not isinstance(value, list)}
    return {"topic": sample["detail"]["topicName"], "subject": "", "wrapUpCode": None, **texts}


def without_topic(event):
    return {name: value for name, value in vars(event).items() if name != "topic"}


@pytest.mark.parametrize("shape", [envelope, detail, notification, event_body, flat])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_shape_of_a_sample_is_the_same_event(payload, name, shape):
    expected = read(payload(name))

    event = read(shape(payload(name)))

    assert type(expected) is type(event)
    assert without_topic(expected) == without_topic(event)


@pytest.mark.parametrize("name", ["eventbridge_user_start", "notification_user_start"])
def test_a_user_start_is_read_field_by_field(payload, name):
    assert UserStart(topic=f"{TOPIC}.user.start", **START) == read(payload(name))


def test_a_workflow_may_name_the_topic_without_the_id(payload):
    topic = "v2.detail.events.conversation.{id}.user.start"

    assert UserStart(topic=topic, **START) == read(payload("flat_workflow_user_start"))


def test_an_acd_end_names_who_answered_and_no_session_of_the_agent(payload):
    event = read(payload("eventbridge_acd_end_answered"))

    assert isinstance(event, AcdEnd)
    assert event.answered
    assert (START["user_id"], "", "") == (event.user_id, event.session_id, event.participant_id)
    assert datetime(2026, 10, 12, 14, 3, 29, 99_000, tzinfo=UTC) == event.event_time


def test_a_user_end_tells_that_nobody_interacted(payload):
    event = read(payload("eventbridge_user_end_not_answered"))

    assert isinstance(event, UserEnd)
    assert event.interacted is False
    assert START["session_id"] == event.session_id


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        (f"{TOPIC}.user.start", UserStart),
        ("v2.detail.events.conversation.{id}.user.start", UserStart),
        ("user.start", UserStart),
        ("V2.DETAIL.EVENTS.CONVERSATION.{ID}.USER.START", UserStart),
        ("  user.start\n", UserStart),
        (f"{TOPIC}.acd.end", AcdEnd),
        (f"{TOPIC}.user.end", UserEnd),
        (f"{TOPIC}.acd.start", Unused),
        (f"{TOPIC}.customer.end", Unused),
        (f"{TOPIC}.user.start.more", Unused),
        ("superuser.start", Unused),
        ("v2.detail.events.agent.2b7d94e1.state", Unused),
        ("start", Unused),
    ],
)
def test_the_end_of_the_topic_tells_the_kind(topic, kind):
    body = {"conversationId": "c", "userId": "u", "answeredUserId": "u", "acdOutcome": "ANSWERED"}

    assert kind is type(read({"topic": topic, **body}))


@pytest.mark.parametrize("name", ["topic", "topicName", "eventName", "detail-type"])
def test_the_topic_has_several_names(name):
    assert isinstance(read({name: "user.end", "conversationId": "c"}), UserEnd)


@pytest.mark.parametrize("topic", ["", "   ", None, 7, ["user.end"]])
def test_an_empty_topic_is_none(topic):
    content = {"topic": topic, "conversationId": "c", "userId": "u"}

    assert isinstance(read(content), UserStart)
    assert isinstance(read({**content, "eventName": "user.end"}), UserEnd)


def test_the_topic_of_the_envelope_counts_where_its_detail_has_none(payload):
    sample = payload("eventbridge_user_end_not_answered")
    del sample["detail"]["topicName"]

    assert isinstance(read(sample), UserEnd)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, UserStart),
        ({"userId": "u", "interactingDurationMs": 0}, UserEnd),
        ({"alertingDurationMs": "44818"}, UserEnd),
        ({"disconnectType": "CLIENT"}, UserEnd),
        ({"acdOutcome": "ABANDON"}, AcdEnd),
        ({"answeredUserId": "u"}, AcdEnd),
        ({"acdOutcome": "", "answeredUserId": None, "interactingDurationMs": ""}, UserStart),
        ({"disconnectType": "", "heldDurationMs": None}, UserStart),
    ],
    ids=str,
)
def test_without_a_topic_the_body_tells_the_kind(fields, kind):
    assert kind is type(read({"conversationId": "c", "userId": "u", **fields}))


@pytest.mark.parametrize("value", ["MESSAGE", "message", "Message", " message "])
def test_enums_are_read_in_any_case(value):
    assert start(mediaType=value).media_type == "message"


@pytest.mark.parametrize("outcome", ["ANSWERED", "answered", "Answered"])
def test_an_outcome_is_read_in_any_case(outcome):
    content = {"topic": "acd.end", "conversationId": "c", "answeredUserId": "u"}

    assert read({**content, "acdOutcome": outcome}).answered


@pytest.mark.parametrize("outcome", ["ABANDON", "FLOW_OUT", "UNKNOWN", "", None])
def test_other_outcomes_need_nobody_who_answered(outcome):
    event = read({"topic": "acd.end", "conversationId": "c", "acdOutcome": outcome})

    assert not event.answered
    assert event.user_id == ""


def test_lower_case_does_not_make_a_value_longer_than_its_column():
    assert len(start(mediaType="İ" * 100).media_type) == 100


@pytest.mark.parametrize(
    "value",
    [
        1791813801482,
        1791813801.482,
        "1791813801482",
        " 1791813801482 ",
        "1791813801.482",
        "2026-10-12T14:03:21.482Z",
        "2026-10-12T14:03:21.482+00:00",
        "2026-10-12T09:03:21.482-05:00",
        "2026-10-12 14:03:21.482",
    ],
)
def test_times_come_in_milliseconds_in_seconds_or_as_text(value):
    assert start(eventTime=value).event_time == OFFERED


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        True,
        False,
        [],
        {},
        "soon",
        "nan",
        "inf",
        10**400,
        1e308,
        "2026-13-45T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        4102444800000,
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_time_that_is_none_is_named(value):
    content = {"conversationId": "c", "userId": "u", "eventTime": value}

    assert refusal(content).fields == {"eventTime": "must be a time in milliseconds since 1970"}


@pytest.mark.parametrize("value", ["", None, "  "])
def test_empty_optional_fields_are_as_good_as_missing_ones(value):
    names = ("sessionId", "participantId", "queueId", "mediaType", "provider", "addressTo")

    assert start() == start(**dict.fromkeys(names, value))


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_time_is_none(value):
    assert start().event_time is None
    assert start(eventTime=value).event_time is None


def test_the_external_id_may_be_called_to():
    assert start(to="lynn-1").external_id == "lynn-1"
    assert start(to="lynn-1", addressTo="lynn-2").external_id == "lynn-2"


@pytest.mark.parametrize("address", [" lynn 1 ", "\tlynn-1\n", "lynn-1\u2028"])
def test_what_is_passed_on_to_lynn_is_left_as_it_is(address):
    event = start(addressTo=address, provider=address)

    assert (address, address) == (event.external_id, event.provider)


def test_an_external_id_may_be_a_number_and_long():
    assert start(addressTo=573001112233).external_id == "573001112233"
    assert len(start(addressTo="a" * 5000).external_id) == 5000


@pytest.mark.parametrize(
    ("fields", "interacted"),
    [
        ({"interactingDurationMs": 1200, "heldDurationMs": 0}, True),
        ({"interactingDurationMs": "1200"}, True),
        ({"interactingDurationMs": 0, "heldDurationMs": 900}, True),
        ({"heldDurationMs": "900"}, True),
        ({"interactingDurationMs": 0, "heldDurationMs": 0}, False),
        ({"interactingDurationMs": "0"}, False),
        ({"interactingDurationMs": -5}, False),
        ({"heldDurationMs": 0}, None),
        ({"interactingDurationMs": "", "heldDurationMs": None}, None),
        ({}, None),
    ],
)
def test_a_user_end_says_whether_the_agent_interacted(fields, interacted):
    assert interacted is read({"topic": "user.end", "conversationId": "c", **fields}).interacted


NO_TEXT = "contains characters that are no text"
NO_NUMBER = "must be a number of milliseconds"
RINGING = {"conversationId": "c", "userId": "u"}
ENDED = {"topic": "user.end", "conversationId": "c"}


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ({}, {"conversationId": "is required", "userId": "is required"}),
        (RINGING | {"conversationId": " "}, {"conversationId": "is required"}),
        (RINGING | {"userId": None}, {"userId": "is required"}),
        (RINGING | {"userId": 7}, {"userId": "must be a text"}),
        (RINGING | {"userId": True}, {"userId": "must be a text"}),
        (RINGING | {"userId": ["u"]}, {"userId": "must be a text"}),
        (RINGING | {"userId": "u" * 101}, {"userId": "is longer than 100 characters"}),
        (RINGING | {"userId": "\ud800"}, {"userId": NO_TEXT}),
        (RINGING | {"conversationId": "c\0"}, {"conversationId": NO_TEXT}),
        (RINGING | {"sessionId": 1.5}, {"sessionId": "must be a text"}),
        (RINGING | {"mediaType": {}}, {"mediaType": "must be a text"}),
        (RINGING | {"provider": False}, {"provider": "must be a text"}),
        (RINGING | {"provider": "p" * 256}, {"provider": "is longer than 255 characters"}),
        ({"topic": "user.end"}, {"conversationId": "is required"}),
        (ENDED | {"heldDurationMs": "long"}, {"heldDurationMs": NO_NUMBER}),
        (ENDED | {"interactingDurationMs": [1]}, {"interactingDurationMs": NO_NUMBER}),
        (ENDED | {"interactingDurationMs": 10**400}, {"interactingDurationMs": NO_NUMBER}),
        ({"conversationId": "c", "acdOutcome": "ANSWERED"}, {"answeredUserId": "is required"}),
        ({"topic": "user.start", "eventBody": "text"}, {"eventBody": "must be an object"}),
        ({"source": "aws", "detail": []}, {"detail": "must be an object"}),
    ],
    ids=lambda value: ",".join(value)[:40],
)
def test_every_wrong_field_is_named(content, wrong):
    error = refusal(content)

    assert wrong == error.fields
    assert all(name in error.detail for name in wrong)


def nested(levels):
    return b'{"conversationId":"c","userId":"u","x":' + b"[" * levels + b"]" * levels + b"}"


def test_twenty_levels_are_read():
    assert isinstance(read(nested(19)), UserStart)


@pytest.mark.parametrize("levels", [20, 21, 500, 30_000])
def test_more_than_twenty_levels_are_refused(levels):
    assert refusal(nested(levels)).detail == "The JSON is nested deeper than 20 levels."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b"{'conversationId': 'c'}",
        b'{"conversationId": "c"} more',
        b'{"conversationId": NaN}',
        b'{"conversationId": -Infinity}',
        b'{"eventTime": ' + b"9" * 5000 + b"}",
        b'{"conversationId": "\xff"}',
        b'{"conversationId": "a\x01b"}',
        '{"conversationId": "c"}'.encode("utf-16"),
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_not_json_in_utf8_is_refused_in_words(body):
    said = refusal(body).detail
    assert re.fullmatch(
        r"The body is not JSON( in UTF-8\.|; what is wrong begins at line 1, column \d+\.)", said
    )


@pytest.mark.parametrize("body", [b"null", b"1", b'"text"', b"[]", b'[{"userId": "u"}]'])
def test_json_that_is_no_object_is_refused(body):
    assert refusal(body).detail == "The body is JSON, but not an object."


def test_a_byte_order_mark_does_no_harm():
    assert isinstance(read(b'\xef\xbb\xbf{"conversationId": "c", "userId": "u"}'), UserStart)


def test_of_a_field_that_comes_twice_the_last_counts():
    event = read(b'{"conversationId": "c", "userId": "first", "userId": "last"}')

    assert event.user_id == "last"


@pytest.mark.parametrize("name", ["notification_heartbeat", "notification_pong"])
def test_heartbeats_are_of_no_use(payload, name):
    assert Unused(topic="channel.metadata", reason="heartbeat") == read(payload(name))


@pytest.mark.parametrize("topic", [f"{TOPIC}.acd.start", "v2.users.u.presence", "x" * 400])
def test_other_topics_are_not_used_whatever_they_hold(topic):
    unused = Unused(topic=topic[:255], reason="topic_not_used")

    assert unused == read({"topic": topic})
    assert unused == read({"topicName": topic, "eventBody": {"conversationId": 7}})


def test_a_topic_keeps_only_what_a_database_stores():
    assert start(topic="user.\0\ud800start").topic == "user.start"
