"""Whatever is posted, the door answers in its own words and stores what it promises."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.errors import InvalidEvent
from connector.events import AcdEnd, Unused, UserEnd, UserStart, parse
from connector.models import AgentConnection, Event, Tenant
from tests.conftest import PAYLOADS

SAMPLES = [
    json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    for name in (
        "eventbridge_user_start",
        "eventbridge_acd_end_answered",
        "eventbridge_user_end_not_answered",
        "notification_user_start",
        "flat_workflow_user_start",
    )
]
NAMES = sorted({name for sample in SAMPLES for name in (*sample, *sample.get("detail", ()))})
FIELDS = sorted({name for each in SAMPLES[:3] for name in each["detail"]["eventBody"]})
TOPICS = ("user.start", "acd.end", "user.end", "channel.metadata", "acd.start")
ANSWERS = {
    202: {"id", "state", "reason", "duplicate"},
    400: {"error", "detail", "fields"},
    413: {"error", "detail"},
}

texts = st.text(st.characters(exclude_categories=[]), max_size=130)
numbers = st.integers() | st.integers(1_791_813_700_000, 1_791_813_900_000) | st.floats()
scalars = st.none() | st.booleans() | numbers | texts | st.sampled_from(TOPICS)
odd_times = st.datetimes().map(lambda moment: moment.isoformat()) | st.dates().map(str)
anything = st.recursive(
    scalars | odd_times,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts | st.sampled_from(NAMES + FIELDS), inner, max_size=6)
    ),
    max_leaves=20,
)
few_ids = st.sampled_from(["", "a", "b", "a:b", "b:a", "c" * 100])


@st.composite
def mutated(draw):
    """A sample with random values in random fields, its shapes nested into each other."""
    sample = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2)):
        sample[name] = draw(anything | st.sampled_from(SAMPLES))
    body = _body(sample)
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=4)):
        body[name] = draw(few_ids | anything)
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=2)):
        body.pop(name, None)
    return sample


def _body(sample):
    for name in ("detail", "eventBody"):
        if isinstance(sample.get(name), dict):
            sample = sample[name]
    return sample


def as_bytes(content):
    return json.dumps(content).encode()


bodies = st.binary() | (anything | mutated()).map(as_bytes)


def read(body):
    """What `parse` makes of it: an event, or its refusal; anything else it raises passes."""
    try:
        return parse(body)
    except InvalidEvent as refused:
        return refused


def texts_of(result):
    if isinstance(result, InvalidEvent):
        return [result.detail, *result.fields, *result.fields.values()]
    return [value for value in vars(result).values() if isinstance(value, str)]


@given(bodies)
@settings(max_examples=1500)
def test_every_body_is_an_event_or_refused_in_words_that_can_be_stored(body):
    result = read(body)

    assert isinstance(result, UserStart | AcdEnd | UserEnd | Unused | InvalidEvent)
    assert all("\0" not in text and text == text.encode().decode() for text in texts_of(result))


@given(mutated())
@settings(max_examples=1500)
def test_reading_again_gives_the_same(content):
    first, second = read(as_bytes(content)), read(as_bytes(content))

    assert vars(first) == vars(second)


@pytest.fixture
def busy(tenant):
    """A tenant without an inbound limit that hypothesis would reach, and that uses every queue."""
    Tenant.objects.filter(pk=tenant.pk).update(inbound_per_second=10_000, queue_policy="all")


@given(body=bodies)
@settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_door_answers_every_body_in_its_own_words(busy, post, body):
    before = Event.objects.count()

    answer = post(body)

    assert ANSWERS[answer.status_code] == set(answer.json())
    assert before + 1 == Event.objects.count()


@given(contents=st.lists(mutated(), min_size=1, max_size=6))
@settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_accepted_can_be_read_back(busy, post, contents):
    receipts = [post(content).json() for content in contents]

    named = {receipt["id"] for receipt in receipts if receipt.get("id")}
    assert named <= {str(pk) for pk in AgentConnection.objects.values_list("pk", flat=True)}
    for row in [*Event.objects.all(), *AgentConnection.objects.all()]:
        row.clean_fields()
        row.validate_constraints()
    Event.objects.all().delete()
    AgentConnection.objects.all().delete()


@given(contents=st.lists(mutated(), min_size=2, max_size=4))
@settings(max_examples=1500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_was_posted_twice_opens_a_second_connection(busy, post, contents):
    for content in contents:
        post(content)
    opened = AgentConnection.objects.count()

    for content in reversed(contents):
        post(content)

    assert opened == AgentConnection.objects.count()
