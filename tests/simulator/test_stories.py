"""Stories: what is posted, in which form, and what must come of it."""

import base64
import json

import pytest

from connector.simulator.stories import STORIES
from connector.simulator.thread import wait_until

from .conftest import ORG

QUICK = {"answer_after": 0.05}


def outcomes(run):
    return [[f"{each.state}:{each.reason}" for each in part.expected] for part in run.parts]


def play(simulator, story, webhook=None, **wishes):
    run = simulator.play(story, organisation=ORG, webhook=webhook.url if webhook else "", **wishes)
    wait_until(lambda: run.finished)
    return run


@pytest.mark.parametrize(
    ("story", "kinds", "expected"),
    [
        ("automatic", ["user.start"], [["delivered:delivered"]]),
        ("manual", ["user.start"], [["delivered:delivered"]]),
        ("never", ["user.start", "user.end"], [["not_answered:rang_out"]]),
        (
            "transfer",
            ["user.start", "user.end", "user.start", "user.end"],
            [["delivered:delivered"], ["delivered:delivered"]],
        ),
        (
            "refused_then_next",
            ["user.start", "user.end", "user.start", "user.end"],
            [["not_answered:rang_out"], ["delivered:delivered"]],
        ),
        (
            "same_conversation_twice",
            ["user.start", "user.start"],
            [["delivered:delivered"], ["delivered:delivered"]],
        ),
        ("hold", ["user.start"], [["delivered:delivered"]]),
        ("parked", ["user.start"], [["delivered:delivered"]]),
        ("quick_wrapup", ["user.start"], [["expired:answered_and_over", "delivered:delivered"]]),
        ("supervisor", ["user.start", "user.end"], [["not_answered:rang_out"]]),
        ("lynn_fails_first", ["user.start"], [["delivered:delivered"]]),
        ("lynn_hangs", ["user.start"], [["delivered:delivered"]]),
        ("names_permission_missing", ["user.start"], [["delivered:delivered"]]),
        (
            "out_of_order",
            ["user.end", "user.start", "acd.end", "user.start"],
            [["not_answered:rang_out"], ["delivered:delivered"]],
        ),
        (
            "duplicates",
            ["user.start"] * 2 + ["acd.end"] * 2 + ["user.end"] * 2,
            [["delivered:delivered"]],
        ),
        ("acd_end", ["user.start", "acd.end"], [["delivered:delivered"]]),
        ("only_acd_end", ["acd.end"], [["delivered:delivered"]]),
        ("abandoned", ["acd.end"], [[]]),
    ],
)
def test_a_story_sends_its_events_and_says_how_it_must_end(simulator, story, kinds, expected):
    run = play(simulator, story)

    assert kinds == [each.kind for each in run.posts]
    assert expected == outcomes(run)


def test_every_story_is_tried_above():
    assert len(STORIES) == 18


@pytest.mark.parametrize(
    ("story", "events", "expected"),
    [
        ("never", ["user.start"], [["not_answered:gave_up"]]),
        ("never", ["acd.end"], [[]]),
        ("quick_wrapup", ["user.start", "acd.end"], [["delivered:delivered"]]),
        (
            "refused_then_next",
            ["user.start"],
            [["not_answered:superseded", "not_answered:gave_up"], ["delivered:delivered"]],
        ),
        ("transfer", ["acd.end"], [["delivered:delivered"], []]),
    ],
)
def test_what_must_come_of_it_depends_on_the_events(simulator, story, events, expected):
    assert expected == outcomes(play(simulator, story, events=events))


def test_events_go_to_the_webhook_as_eventbridge_sends_them(simulator, webhook):
    run = play(simulator, "manual", webhook, token="t-1", events=("user.start", "acd.end"), **QUICK)

    start, end = webhook.bodies
    offer = run.parts[0].offer
    body = start["detail"]["eventBody"]
    assert start["detail-type"] == "v2.detail.events.conversation.{id}.user.start"
    assert f"conversation.{offer.conversation_id}.acd.end" in end["detail"]["topicName"]
    assert ("MESSAGE", "OPEN", offer.session_id) == (
        body["mediaType"],
        body["messageType"],
        body["sessionId"],
    )
    assert round(offer.started_at * 1000) == body["eventTime"]
    assert ("ANSWERED", offer.user_id) == (
        end["detail"]["eventBody"]["acdOutcome"],
        end["detail"]["eventBody"]["answeredUserId"],
    )


def test_the_end_tells_how_long_it_rang(simulator):
    run = play(simulator, "never", ring_for=4.5)

    end = run.posts[1].body["detail"]["eventBody"]

    assert (
        end["interactingDurationMs"],
        end["alertingDurationMs"],
        end["disconnectType"],
    ) == (0, 4500, "NO_ANSWER_TRANSFER")


@pytest.mark.parametrize(
    ("form", "keys"),
    [
        ("detail", {"topicName", "version", "eventBody", "metadata", "timestamp"}),
        ("notification", {"topicName", "version", "eventBody", "metadata"}),
    ],
)
def test_an_event_may_come_wrapped_otherwise(simulator, form, keys):
    assert keys == play(simulator, "manual", form=form).posts[0].body.keys()


def test_the_bare_form_is_the_event_body_alone(simulator):
    body = play(simulator, "manual", form="bare").posts[0].body

    assert isinstance(body["eventTime"], int)
    assert "conversationExternalContactIds" in body


def test_the_flat_form_holds_texts_only(simulator):
    body = play(simulator, "never", form="flat", leave_out=["queueId"]).posts[1].body

    assert {str} == {type(each) for each in body.values()}
    assert body["interactingDurationMs"] == "0"
    assert body["topic"] == "v2.detail.events.conversation.{id}.user.end"
    assert "queueId" not in body


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ("bearer", "authorization", "Bearer t-1"),
        ("x-api-key", "x-api-key", "t-1"),
        ("basic", "authorization", "Basic " + base64.b64encode(b"genesys:t-1").decode()),
    ],
)
def test_the_token_comes_in_three_forms(simulator, webhook, auth, header, value):
    play(simulator, "automatic", webhook, token="t-1", auth=auth)

    assert value == webhook.requests[0].headers[header]


def test_a_full_webhook_is_tried_again_when_it_says(simulator, webhook):
    webhook.answers = [(503, {"Retry-After": "0.02"}), (429, {"Retry-After": "0.02"})]

    (post,) = play(simulator, "automatic", webhook).posts

    assert [each.status for each in post.attempts] == [503, 429, 202]
    assert post.accepted_at >= post.attempts[-1].at
    assert post.answer == {"id": "1"}


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_final(simulator, webhook, status):
    webhook.answers = [(status, {})]

    (post,) = play(simulator, "automatic", webhook).posts

    assert [status] == [each.status for each in post.attempts]
    assert post.accepted_at is None


def test_a_webhook_that_is_not_there_is_given_up(simulator):
    run = simulator.play(
        "automatic", organisation=ORG, webhook="http://127.0.0.1:9/", give_up_after=0.1
    )
    wait_until(lambda: run.finished)

    assert run.posts[0].attempts[0].status is None
    assert "Refused" in run.posts[0].attempts[0].problem


def test_copies_are_posted_side_by_side(simulator, webhook):
    play(simulator, "duplicates", webhook, events=["user.start"], copies=3)

    assert len(webhook.requests) == 3
    assert len({each["detail"]["eventBody"]["sessionId"] for each in webhook.bodies}) == 1


def test_the_end_can_arrive_before_the_start(simulator, webhook):
    play(simulator, "out_of_order", webhook, ring_for=0.05, answer_after=0.02)

    assert [each["detail-type"].partition("{id}.")[2] for each in webhook.bodies] == [
        "user.end",
        "user.start",
        "acd.end",
        "user.start",
    ]


def test_the_status_of_the_agent_follows_the_story(client, simulator):
    run = play(simulator, "automatic", talk_for=30)
    offer = run.parts[0].offer

    (session,) = client.status(offer.user_id).body["sessions"]

    assert ("interact", offer.session_id) == (session["segmentType"], session["sessionId"])
    assert offer.started_at == offer.answered_at


def test_a_supervisor_listens_in_but_nobody_answers(client, simulator):
    run = play(simulator, "supervisor", kind="barging")

    sessions = client.status(run.parts[0].offer.user_id).body["sessions"]

    assert {"alert", "barging"} == {each["segmentType"] for each in sessions}
    assert len({each["conversationId"] for each in sessions}) == 1


def test_one_agent_without_a_name(client, simulator):
    run = play(simulator, "names_permission_missing", answer_after=0)
    user_id = run.parts[0].offer.user_id

    assert "userName" not in client.status(user_id).body
    assert client.api("GET", f"/users/{user_id}").body["name"] == "Itzel Xóchitl Domínguez"


def test_lynn_fails_for_this_conversation_alone(client, simulator):
    run = play(simulator, "lynn_fails_first", lynn="uno", failures=1)
    conversation = run.parts[0].offer.conversation_id
    body = {
        "conversationId": conversation,
        "userId": "u",
        "userName": "María",
        "type": "eventAgentConnect",
        "provider": "PureCloud Messaging",
        "externalId": "e",
    }

    assert client.tell_lynn().status == 200
    assert [client.tell_lynn(body).status for _ in range(2)] == [503, 200]


def test_agents_take_turns_and_can_be_chosen(simulator):
    first, second = (play(simulator, "manual").parts[0].offer.user_id for _ in range(2))
    chosen = play(simulator, "manual", agents=[first], queue="q-9").parts[0].offer

    assert first != second
    assert (first, "q-9") == (chosen.user_id, chosen.queue_id)


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"story": "nothing"}, "No story is called 'nothing'"),
        ({"story": "manual", "sing": 1}, "has no sing"),
        ({"story": "manual", "events": ["user.sings"]}, "user.sings"),
        ({"story": "manual", "form": "round"}, "round"),
    ],
)
def test_what_cannot_be_played_is_refused_in_words(simulator, wishes, words):
    with pytest.raises(ValueError, match=words):
        simulator.play(organisation=ORG, **wishes)


def test_a_run_can_be_read_as_json(simulator, webhook):
    run = play(simulator, "automatic", webhook)

    read = json.loads(json.dumps(run.as_json()))

    assert read["finished"] is True
    assert read["offers"][0]["expected"] == [{"state": "delivered", "reason": "delivered"}]
    assert read["posts"][0]["status"] == 202
    assert run.posts == simulator.posts()
