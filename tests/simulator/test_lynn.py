"""Lynn over HTTP: what it understands, and what it remembers."""

import pytest

from .conftest import WORDS


def test_lynn_understands_the_six_keys_and_remembers_the_call(client, simulator):
    said = client.tell_lynn(Idempotency_Key="k-1")

    assert (said.status, said.body) == (200, {"success": True})
    (call,) = simulator.lynn_calls("uno")
    assert (call.body, call.idempotency_key, call.status, call.acted) == (WORDS, "k-1", 200, True)
    assert call.headers["content-type"] == "application/json"


def test_the_address_may_lie_deeper(client):
    assert client.tell_lynn(prefix="/eu/v2").status == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**WORDS, "more": "x"}, "unknown: ['more']"),
        ({key: WORDS[key] for key in WORDS if key != "provider"}, "Missing: ['provider']"),
        ({**WORDS, "userName": None}, "Not a text: ['userName']"),
        ({**WORDS, "type": "other"}, "eventAgentConnect"),
        ([], "not a JSON object"),
    ],
)
def test_another_body_is_refused_in_words(client, simulator, body, words):
    said = client.tell_lynn(body)

    assert said.status == 400
    assert words in said.body["detail"]
    assert not simulator.lynn_calls("uno")[0].acted


def test_broken_json_is_refused_and_kept_as_text(client, simulator):
    said = client.tell_lynn(b'{"userName": "Sofi"', Content_Type="application/json")

    assert said.status == 400
    assert simulator.lynn_calls("uno")[0].body == '{"userName": "Sofi"'


def test_the_content_type_and_the_method_matter(client):
    assert client.tell_lynn(b"{}", Content_Type="text/plain").status == 415
    assert client.ask("GET", "/lynn/uno/PureCloud/OpenMessaging_OnEvent").status == 405
    assert client.ask("POST", "/lynn/uno/PureCloud/Other", WORDS).status == 404


def test_calls_can_be_read_from_an_index_on(client, simulator):
    for key in "abc":
        client.tell_lynn(Idempotency_Key=key)

    assert [each.idempotency_key for each in simulator.lynn_calls("uno", since=1)] == ["b", "c"]
    assert simulator.lynn_calls("dos") == []


def test_a_question_is_answered_and_does_nothing(client, simulator):
    said = client.ask("OPTIONS", "/lynn/uno/PureCloud/OpenMessaging_OnEvent")

    (call,) = simulator.lynn_calls("uno")
    assert (405, "POST") == (said.status, said.headers["allow"])
    assert ("OPTIONS", False) == (call.method, call.acted)
