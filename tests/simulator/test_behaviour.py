"""Misbehaviour as a client meets it."""

import gzip
import io
import json
import socket
import time
from http.client import HTTPException

import pytest

from connector.simulator.behaviour import HUGE

from .conftest import ORG

NOTHING_COMES = TimeoutError


@pytest.fixture
def impatient(client):
    client.timeout = 0.2
    return client


def test_a_status_for_the_next_calls_only(client, simulator):
    simulator.lynn_misbehaves("uno", "status", status=503, times=2)

    assert [client.tell_lynn().status for _ in range(3)] == [503, 503, 200]
    assert [each.acted for each in simulator.lynn_calls("uno")] == [False, False, True]


def test_until_it_is_cleared(client, simulator):
    simulator.misbehave(ORG, "query", "status", status=500)
    assert [client.query().status for _ in range(3)] == [500] * 3

    simulator.behave(ORG)
    assert client.query().status == 200


def test_with_a_probability_that_is_the_same_each_time(client, simulator):
    def play():
        simulator.lynn_behaves("uno")
        simulator.lynn_misbehaves("uno", "status", status=500, probability=0.5, seed=7)
        return [client.tell_lynn().status for _ in range(12)]

    first = play()

    assert {200, 500} == set(first)
    assert first == play()


def test_for_one_conversation_only(client, simulator):
    simulator.lynn_misbehaves("uno", "status", containing="another conversation")

    assert client.tell_lynn().status == 200


def test_too_many_requests_with_the_body_of_genesys(client, simulator):
    simulator.misbehave(ORG, "all", "status", status=429, retry_after=7, times=1)

    said = client.query()

    assert (said.status, said.headers["retry-after"]) == (429, "7")
    assert "Retry the request in [7] seconds" in said.body["message"]


def test_the_login_fails_in_its_own_words(client, simulator):
    simulator.misbehave(ORG, "token", "status", status=400)

    assert client.log_in().body["error"] == "invalid_client"


def test_a_redirect_points_where_it_is_seen_who_follows(client, simulator):
    simulator.lynn_misbehaves("uno", "status", status=302)

    said = client.tell_lynn()

    client.ask("POST", said.headers["location"], {})
    assert said.status == 302
    assert len(simulator.lynn_calls("elsewhere")) == 1


def test_html_instead_of_json(client, simulator):
    simulator.lynn_misbehaves("uno", "html", status=502)

    said = client.tell_lynn()

    assert said.status == 502
    assert said.text.startswith(b"<!DOCTYPE html>")


def test_bytes_that_are_not_utf8(client, simulator):
    simulator.misbehave(ORG, "query", "invalid_utf8")

    with pytest.raises(UnicodeDecodeError):
        client.query().text.decode()


def test_a_hang_before_the_work(impatient, simulator):
    simulator.lynn_misbehaves("uno", "hang")

    with pytest.raises(NOTHING_COMES):
        impatient.tell_lynn()
    (call,) = simulator.lynn_calls("uno")
    assert (call.status, call.acted) == (None, False)


def test_a_hang_after_the_work(impatient, simulator):
    simulator.lynn_misbehaves("uno", "hang_after")

    with pytest.raises(NOTHING_COMES):
        impatient.tell_lynn()
    (call,) = simulator.lynn_calls("uno")
    assert (call.status, call.acted) == (None, True)


@pytest.mark.parametrize("act", ["drip_headers", "drip_body"])
def test_a_drip_takes_its_time(client, simulator, act):
    simulator.lynn_misbehaves("uno", act, seconds=0.005)
    started = time.monotonic()

    assert client.tell_lynn().body == {"success": True}
    assert time.monotonic() - started > 0.005 * len(b'"success": true}')


@pytest.mark.parametrize("act", ["reset", "reset_body"])
def test_a_reset(client, simulator, act):
    simulator.misbehave(ORG, "query", act)

    with pytest.raises((ConnectionError, HTTPException)):
        client.query()


def test_a_huge_body(client, simulator):
    simulator.lynn_misbehaves("uno", "huge")

    assert len(client.tell_lynn().text) == HUGE


def test_a_gzip_bomb(client, simulator):
    simulator.lynn_misbehaves("uno", "gzip_bomb")

    said = client.tell_lynn()

    assert said.headers["content-encoding"] == "gzip"
    assert len(said.text) < 2_000_000
    with gzip.GzipFile(fileobj=io.BytesIO(said.text)) as bomb:
        assert bomb.read(20_000_000) == b" " * 20_000_000


def test_delays_add_up_and_the_answer_is_right(client, simulator):
    simulator.lynn_misbehaves("uno", "delay", seconds=0.05)
    simulator.lynn_misbehaves("uno", "delay", seconds=0.05)
    started = time.monotonic()

    assert client.tell_lynn().status == 200
    assert time.monotonic() - started >= 0.1


def test_what_is_not_known_is_refused(simulator):
    with pytest.raises(ValueError, match="tiems"):
        simulator.lynn_misbehaves("uno", "status", tiems=1)
    with pytest.raises(ValueError, match="sing"):
        simulator.lynn_misbehaves("uno", "sing")
    with pytest.raises(ValueError, match="kitchen"):
        simulator.misbehave(ORG, "kitchen", "hang")


def test_a_connection_stays_open_and_carries_requests_one_after_another(simulator):
    request = b"GET /control/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    port = int(simulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(request + request)
        got = b""
        while got.count(b"}") < 2:
            got += connection.recv(4096)

    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert json.loads(got.rpartition(b"\r\n")[2]).keys() == {"organisations", "lynns", "stories"}


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
        (b"GET /elsewhere HTTP/1.1\r\nConnection: close\r\n\r\n", 404),
    ],
)
def test_what_is_not_a_request_is_refused_and_the_connection_closed(
    simulator, request_text, status
):
    port = int(simulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(request_text)
        first = connection.recv(4096)

        assert f"HTTP/1.1 {status} ".encode() in first
        assert connection.recv(4096) == b""
