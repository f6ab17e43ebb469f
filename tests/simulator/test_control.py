"""The control API: all of it over HTTP."""

import pytest

from .conftest import ORG


def test_an_organisation_is_made_when_it_is_named(client):
    made = client.control("GET", "organisations/nuevo").body

    assert made["settings"]["client_secret"] == "secret-of-nuevo"
    assert len(made["agents"]) == 10
    assert "nuevo" in client.control("GET", "").body["organisations"]


def test_settings_can_be_changed(client):
    said = client.control("PUT", f"organisations/{ORG}", {"limit": None, "names": False})

    assert (said.body["settings"]["limit"], said.body["settings"]["names"]) == (None, False)


def test_agents_and_queues_can_be_added(client):
    path = f"organisations/{ORG}"
    agents = client.control("POST", f"{path}/agents", {"names": ["Ana Ñu"], "count": 2}).body
    queue = client.control("POST", f"{path}/queues", {"name": "VIP", "auto_answer": True}).body

    assert [each["name"] for each in agents] == ["Ana Ñu", "Agente Núm. 0001", "Agente Núm. 0002"]
    assert queue == client.control("GET", path).body["queues"][-1]


def test_an_offer_can_be_made_without_a_story(client, simulator):
    agent = simulator.agents(ORG)[0].id
    wish = {"user_id": agent, "queue_id": "q", "answer_after": 0}
    made = client.control("POST", f"organisations/{ORG}/offers", wish).body
    wish = {"user_id": agent, "conversation_id": made["conversation_id"], "kind": "coaching"}
    client.control("POST", f"organisations/{ORG}/look-ins", wish)

    sessions = client.status(agent).body["sessions"]

    assert [each["segmentType"] for each in sessions] == ["interact", "coaching"]


def test_misbehaviour_can_be_ordered_and_cleared(client):
    path = f"organisations/{ORG}/behaviours"
    client.control("POST", f"{path}/query", {"act": "status", "status": 504})
    assert client.query().status == 504

    client.control("DELETE", path)
    assert client.query().status == 200

    client.control("POST", "lynns/uno/behaviours", {"act": "status", "status": 410})
    assert client.tell_lynn().status == 410

    client.control("DELETE", "lynns/uno/behaviours")
    assert client.tell_lynn().status == 200


def test_tokens_can_be_revoked(client):
    client.control("DELETE", f"organisations/{ORG}/tokens")

    assert client.query().status == 401


def test_calls_can_be_read(client):
    client.query()
    client.tell_lynn(Idempotency_Key="k-1")
    client.tell_lynn(Idempotency_Key="k-2")

    assert client.control("GET", "calls").body[ORG]["query"] == 1
    assert [each["kind"] for each in client.control("GET", f"organisations/{ORG}/calls").body] == [
        "token",
        "query",
    ]
    (call,) = client.control("GET", "lynns/uno/calls?since=1").body
    assert (call["index"], call["idempotency_key"], call["status"]) == (1, "k-2", 200)


def test_a_story_is_begun_and_read(client, webhook):
    wish = {"story": "never", "organisation": ORG, "webhook": webhook.url, "ring_for": 0.05}
    begun = client.control("POST", "stories", wish).body

    assert begun["offers"][0]["expected"][0]["reason"] == "rang_out"
    assert begun["id"] == client.control("GET", f"stories/{begun['id']}").body["id"]
    assert [each["index"] for each in client.control("GET", "posts").body] == [0, 1]
    assert [each["index"] for each in client.control("GET", "posts?since=1").body] == [1]


def test_the_stories_are_listed_with_their_parameters(client):
    listed = {each["story"]: each for each in client.control("GET", "stories").body}

    assert listed["manual"]["parameters"] == {"answer_after": 5.0, "talk_for": 60.0}
    assert listed["manual"]["about"]


def test_everything_can_be_reset(client):
    client.tell_lynn()
    client.control("POST", "stories", {"story": "manual", "organisation": ORG})
    client.control("POST", "reset")

    nothing = {"organisations": [], "lynns": [], "stories": []}
    assert nothing == client.control("GET", "").body


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("POST", "calls", None, 404),
        ("GET", "stories/story-9", None, 404),
        ("PATCH", "stories", None, 404),
        ("PATCH", f"organisations/{ORG}", None, 404),
        ("PATCH", "lynns/uno", None, 404),
        ("GET", "organisations/a%20b", None, 400),
        ("PUT", f"organisations/{ORG}", {"sing": 1}, 400),
        ("POST", "stories", {"story": "nothing", "organisation": ORG}, 400),
        ("POST", "stories", {}, 400),
        ("POST", f"organisations/{ORG}/behaviours/query", {"act": "sing"}, 400),
        ("POST", "reset", ["?"], 200),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(client, method, path, body, status):
    assert status == client.control(method, path, body).status


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_no_web_page_can_use_it(client, headers):
    assert client.ask("GET", "/control/", **headers).status == 403
