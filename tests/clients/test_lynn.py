"""The call that tells Lynn, and what its answers mean."""

import json
import uuid

import pytest
import responses

from connector.clients.base import send
from connector.clients.lynn import delivery_call, read_delivery
from connector.errors import ServiceRefused, ServiceUnavailable
from connector.simulator.thread import running

KEY = uuid.UUID("0190c5a2-7c1e-7abc-8def-0123456789ab")
FACTS = {
    "conversation_id": "8d2f6b1e-4c3a-4f59-9b7e-0a61c5d2e814",
    "user_id": "2b7d94e1-6f08-4c35-8a1d-c35e7f90b246",
    "user_name": "María Fernanda Quiroga",
    "provider": "PureCloud Messaging",
    "external_id": "lynn-77c0a1f4e2b94d06",
}


def call_with(base_url="https://lynn.example.com/eu", headers=None, **facts):
    return delivery_call(base_url, idempotency_key=KEY, headers=headers or {}, **{**FACTS, **facts})


def test_exactly_six_keys_are_told():
    assert json.loads(call_with().body) == {
        "conversationId": "8d2f6b1e-4c3a-4f59-9b7e-0a61c5d2e814",
        "userId": "2b7d94e1-6f08-4c35-8a1d-c35e7f90b246",
        "userName": "María Fernanda Quiroga",
        "type": "eventAgentConnect",
        "provider": "PureCloud Messaging",
        "externalId": "lynn-77c0a1f4e2b94d06",
    }


def test_what_is_told_is_utf8():
    assert "María".encode() in call_with().body


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('say "hi"', 'say "hi"'),
        ("back\\slash\\", "back\\slash\\"),
        ("two\r\nlines\ttab", "two\r\nlines\ttab"),
        ("</script>", "</script>"),
        ("😀 Ñandú 漢字", "😀 Ñandú 漢字"),
        ("\u2028\x00\x7f", "\u2028\x00\x7f"),
        ("half \ud83d of it", "half ? of it"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("fact", FACTS)
def test_any_text_is_told_as_it_is(fact, value, told):
    content = json.loads(call_with(**{fact: value}).body.decode("utf-8"))

    assert len(content) == 6
    assert list(content.values()).count(told) == 1


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://lynn.example.com", "https://lynn.example.com"),
        ("https://lynn.example.com/", "https://lynn.example.com"),
        ("https://lynn.example.com//", "https://lynn.example.com"),
        ("https://lynn.example.com/eu", "https://lynn.example.com/eu"),
        ("https://lynn.example.com/eu/west/", "https://lynn.example.com/eu/west"),
        ("http://10.0.0.5:8080/lynn", "http://10.0.0.5:8080/lynn"),
    ],
)
def test_the_path_follows_the_base_url(base_url, url):
    call = call_with(base_url)

    assert (call.method, call.url) == ("POST", f"{url}/PureCloud/OpenMessaging_OnEvent")


def test_every_try_carries_the_same_key():
    first, second = call_with(), call_with()

    assert first.headers["Idempotency-Key"] == str(KEY) == second.headers["Idempotency-Key"]
    assert first.id != second.id


def test_the_headers_of_the_tenant_go_with_it():
    call = call_with(headers={"X-Lynn-Key": "s3cr3t"})

    assert call.headers == {
        "X-Lynn-Key": "s3cr3t",
        "Content-Type": "application/json",
        "Idempotency-Key": str(KEY),
    }
    assert "s3cr3t" not in str(call.shown_headers)


@pytest.mark.parametrize(
    "change", [str.lower, str.upper, str.title], ids=lambda each: each.__name__
)
def test_the_headers_of_the_tenant_do_not_replace_ours(change):
    extra = {change("Idempotency-Key"): "another", change("Content-Type"): "text/plain"}

    assert call_with(headers=extra).headers == call_with().headers


# What an answer means


def answered(status, body="", **headers):
    call = call_with()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with responses.RequestsMock() as net:
        net.post(call.url, body=body, status=status, headers=named)
        return send(call)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226])
@pytest.mark.parametrize("body", ["", "<html>", '{"ok": false}'], ids=["empty", "HTML", "JSON"])
def test_any_2xx_is_a_delivery(status, body):
    read_delivery(answered(status, body))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 522])
def test_these_are_told_again(status):
    with pytest.raises(ServiceUnavailable, match=f"^lynn.example.com answered {status}$"):
        read_delivery(answered(status))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 418, 422])
def test_these_are_final(status):
    with pytest.raises(ServiceRefused, match=f"^lynn.example.com answered {status}$"):
        read_delivery(answered(status))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_final_and_said_to_be_one(status):
    with pytest.raises(ServiceRefused, match=f"answered {status}, a redirect, which is never"):
        read_delivery(answered(status, Location="https://elsewhere.example"))


@pytest.mark.parametrize("status", [429, 503])
def test_lynn_says_how_long_to_wait(status):
    with pytest.raises(ServiceUnavailable) as failure:
        read_delivery(answered(status, Retry_After="30"))

    assert failure.value.retry_after == 30


# Over real HTTP


def test_the_simulator_is_told_like_lynn(loopback):
    with running() as simulator:
        exchange = send(call_with(f"{simulator.url}/lynn/banco/"))
        told = simulator.lynn_calls("banco")

    read_delivery(exchange)
    assert [each.idempotency_key for each in told] == [str(KEY)]


@pytest.mark.parametrize(
    ("act", "how", "error"),
    [
        ("status", {"status": 503, "retry_after": 3}, ServiceUnavailable),
        ("status", {"status": 302}, ServiceRefused),
        ("reset", {}, ServiceUnavailable),
        ("hang", {}, ServiceUnavailable),
        ("drip_headers", {"seconds": 0.02}, ServiceUnavailable),
    ],
    ids=["503", "redirect", "reset", "hang", "drip"],
)
def test_a_lynn_that_misbehaves_is_not_told(loopback, short_limits, act, how, error):
    with running() as simulator:
        simulator.lynn_misbehaves("banco", act, **how)
        exchange = send(call_with(f"{simulator.url}/lynn/banco"))

        assert exchange.duration_ms < 1000
        assert simulator.lynn_calls("elsewhere") == []
        with pytest.raises(error):
            read_delivery(exchange)


@pytest.mark.parametrize("act", ["drip_body", "reset_body"])
def test_a_lynn_that_answered_was_told_however_its_body_ends(loopback, short_limits, act):
    with running() as simulator:
        simulator.lynn_misbehaves("banco", act)
        exchange = send(call_with(f"{simulator.url}/lynn/banco"))

    read_delivery(exchange)
    assert exchange.status == 200
