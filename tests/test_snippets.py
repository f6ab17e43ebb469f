"""Snippets: they do what they say when they are pasted."""

import json
import re
import shlex
import subprocess

import pytest
from django.utils import translation

from connector import events, snippets
from connector.events import AcdEnd, UserEnd, UserStart
from connector.models import AgentConnection, Event
from connector.snippets import Webhook
from tests.conftest import AUTO_QUEUE, MANUAL_QUEUE, PAYLOADS

TOKEN = "a-token-of-24-characters"
WEBHOOK = Webhook(
    "https://portal.example.com/api/v1/tenants/banco-sur/events",
    "banco-sur",
    (MANUAL_QUEUE, AUTO_QUEUE),
    TOKEN,
)
NAMELESS = Webhook(WEBHOOK.address, WEBHOOK.slug)


def inputs(event):
    """What a workflow gets of an event: its top-level primitives (TopLevelPrimitives)."""
    return {name: value for name, value in event.items() if not isinstance(value, list | dict)}


def rendered(template, action, given):
    """As Genesys does it: ${input.rawRequest} is the inputs that the contract knows, as JSON."""
    known = action["contract"]["input"]["inputSchema"]["properties"]
    raw = json.dumps({name: given[name] for name in known if name in given})
    return template.replace("${input.rawRequest}", raw)


def body_of(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())["detail"]["eventBody"]


def test_the_trigger_is_as_genesys_wants_it(payload):
    made = json.loads(snippets.trigger(WEBHOOK))

    assert {"name", "topicName", "enabled", "target"} <= set(made)
    assert made["target"]["workflowTargetSettings"] == {"dataFormat": "TopLevelPrimitives"}
    assert "delayBySeconds" not in made
    assert len(made["description"]) <= 512
    assert made["matchCriteria"][-1] == {
        "jsonPath": "queueId",
        "operator": "In",
        "values": [MANUAL_QUEUE, AUTO_QUEUE],
    }


def test_without_listed_queues_the_trigger_lets_all_through():
    paths = [each["jsonPath"] for each in json.loads(snippets.trigger(NAMELESS))["matchCriteria"]]

    assert ["mediaType", "messageType"] == paths


def test_the_trigger_of_answers_asks_for_answers():
    made = json.loads(snippets.trigger(WEBHOOK, snippets.ACD_END))

    assert made["topicName"].endswith(".acd.end")
    assert {"jsonPath": "acdOutcome", "operator": "Equal", "value": "ANSWERED"} in made[
        "matchCriteria"
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("eventbridge_user_start", UserStart),
        ("eventbridge_acd_end_answered", AcdEnd),
        ("eventbridge_user_end_not_answered", UserEnd),
    ],
)
def test_one_data_action_serves_all_three_topics(name, kind):
    action = json.loads(snippets.data_action(WEBHOOK))
    event = body_of(name)

    body = rendered(action["config"]["request"]["requestTemplate"], action, inputs(event))

    assert events.parse(body.encode()) == events.parse(json.dumps(inputs(event)).encode())
    assert isinstance(events.parse(body.encode()), kind)


def test_the_data_action_shows_the_token_from_its_credentials():
    text = snippets.data_action(WEBHOOK)
    request = json.loads(text)["config"]["request"]

    assert TOKEN not in text
    assert request["headers"]["Authorization"] == "Bearer ${credentials.token}"
    assert request["requestUrlTemplate"] == WEBHOOK.address
    assert request["requestType"] == "POST"


@pytest.mark.django_db
def test_what_the_data_action_sends_is_accepted(post, tenant):
    action = json.loads(snippets.data_action(WEBHOOK))
    event = body_of("eventbridge_user_start")
    body = rendered(action["config"]["request"]["requestTemplate"], action, inputs(event))

    answer = post(body.encode())

    assert answer.status_code == 202
    assert set(answer.json()) == set(action["contract"]["output"]["successSchema"]["properties"])


def matches(pattern, event):
    """Amazon EventBridge: every field of the pattern holds one of the values that it lists."""
    for name, wanted in pattern.items():
        found = event.get(name)
        if isinstance(wanted, dict):
            if not matches(wanted, found or {}):
                return False
        elif not any(
            found.startswith(each["prefix"]) if isinstance(each, dict) else found == each
            for each in wanted
        ):
            return False
    return True


@pytest.mark.parametrize(
    "name",
    [
        "eventbridge_user_start",
        "eventbridge_acd_end_answered",
        "eventbridge_user_end_not_answered",
    ],
)
def test_the_rule_lets_the_events_of_listed_queues_through(payload, name):
    pattern = json.loads(snippets.event_pattern(WEBHOOK, ["message"]))
    other = json.loads(snippets.event_pattern(Webhook("https://x", "x", ("another",)), ["message"]))

    assert matches(pattern, payload(name))
    assert not matches(other, payload(name))
    assert not matches(pattern, payload(name) | {"detail-type": "v2.users.{id}.presence"})


@pytest.mark.django_db
def test_what_eventbridge_sends_with_its_connection_is_accepted(client, payload, token):
    made = json.loads(snippets.eventbridge_connection(Webhook("", "banco-sur", (), token)))
    key = made["AuthParameters"]["ApiKeyAuthParameters"]
    destination = json.loads(snippets.api_destination(WEBHOOK, 50))

    answer = client.post(
        destination["InvocationEndpoint"].removeprefix("https://portal.example.com"),
        json.dumps(payload("eventbridge_user_start")),
        "application/json",
        headers={key["ApiKeyName"]: key["ApiKeyValue"]},
    )

    assert answer.status_code == 202
    assert destination["HttpMethod"] == "POST"


def test_the_api_destination_stays_within_what_aws_allows():
    made = json.loads(snippets.api_destination(Webhook("https://x", "a" * 63), 10_000))

    assert made["InvocationRateLimitPerSecond"] == 300
    assert re.fullmatch(r"[.\-_A-Za-z0-9]{1,64}", made["Name"])


@pytest.mark.parametrize("webhook", [WEBHOOK, NAMELESS])
def test_a_token_that_is_not_known_has_a_placeholder(webhook):
    texts = [snippets.curl(webhook), snippets.eventbridge_connection(webhook)]

    expected = webhook.token or snippets.PLACEHOLDER
    assert all(expected in text for text in texts)


def test_a_placeholder_is_in_the_readers_language():
    with translation.override("es"):
        assert "PONGA-AQUI-EL-TOKEN" in snippets.curl(NAMELESS)
        assert "PONGA-AQUI-EL-ID" in snippets.trigger(NAMELESS)


@pytest.mark.django_db(transaction=True)
def test_the_curl_command_posts_an_event_that_harms_nobody(live_server, tenant, token):
    tenant.queue_policy, tenant.answer_mode = "all", "auto"
    tenant.save()
    webhook = Webhook(f"{live_server.url}/api/v1/tenants/banco-sur/events", "banco-sur", (), token)

    done = subprocess.run(
        ["/bin/sh", "-c", snippets.curl(webhook)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert " 202 " in done.stdout.splitlines()[0]
    assert json.loads(done.stdout.splitlines()[-1])["state"] == "ignored"
    assert AgentConnection.objects.get().reason == "media_type_not_used"
    assert Event.objects.get().body


def test_the_curl_command_is_one_command():
    words = shlex.split(snippets.curl(WEBHOOK).replace("\\\n", ""))

    assert ("curl", WEBHOOK.address) == (words[0], words[-1])
