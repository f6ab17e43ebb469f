"""One HTTP call: whatever the other side does, an Exchange says in words what came of it."""

import gc
import gzip
import json
import os
import socket
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from connector.clients import base, guard
from connector.clients.base import KEPT_BYTES, Call, Exchange, json_body, send
from connector.errors import AddressNotAllowed, ServiceRefused, ServiceUnavailable
from connector.threads import send_all
from tests.system.portal import wait_until

from .servers import HOST, answer, closes, drips, hangs, resets, says, serving

SECRET = "s3cr3t-zq81"


@pytest.fixture(autouse=True)
def _loopback(loopback):
    """All servers of this file are on loopback."""


def get(url, **headers):
    return send(Call(method="GET", url=url, headers=headers))


def asked(*acts):
    """What comes of a call to a server that acts like this, and the server's host and port."""
    with serving(*acts) as server:
        return get(f"{server.url}/path"), f"{HOST}:{server.port}"


# What goes well


def test_what_is_answered_is_kept():
    exchange, _ = asked(says(answer("200 OK", b'{"a": 1}', "Content-Type: application/json")))

    assert (exchange.status, exchange.json(), exchange.failure) == (200, {"a": 1}, None)
    assert (exchange.length, exchange.is_cut) == (8, False)
    assert exchange.headers == {"content-length": "8", "content-type": "application/json"}
    assert exchange.sha256 == "f9d86028c6e0d64e225186f96acb69338b2c59764df79162107f5c4bb34d1310"


def test_what_is_asked_goes_out_as_planned():
    with serving(says()) as server:
        send(Call(method="POST", url=f"{server.url}/a%2Fb?c=d", headers={"X-A": "1"}, body=b"{}"))

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *headers = head.decode().split("\r\n")
    assert (first, body) == ("POST /a%2Fb?c=d HTTP/1.1", b"{}")
    assert {
        f"Host: {HOST}:{server.port}",
        "User-Agent: agent-connected-portal",
        "Accept-Encoding: identity",
        "X-A: 1",
        "Content-Length: 2",
    } == set(headers)


def test_the_times_of_each_step_are_noted():
    exchange, _ = asked(says())

    assert list(exchange.timing) == ["dns", "connect", "first_byte", "total"]
    assert exchange.timing["connect"] <= exchange.timing["first_byte"] <= exchange.timing["total"]
    assert abs(exchange.timing["total"] - exchange.duration_ms) < 1


def test_a_connection_is_kept_for_the_next_call():
    with serving(says()) as server:
        first, second = get(server.url), get(server.url)

        assert (first.status, second.status) == (200, 200)
        assert ("connect" in first.timing, "connect" in second.timing) == (True, False)
        assert (len(server.connections), len(server.requests)) == (1, 2)


def test_a_connection_that_was_closed_meanwhile_is_replaced():
    ended = threading.Event()

    def ends(connection):
        says(then_closes=True)(connection)
        ended.set()

    with serving(ends) as server:
        first = get(server.url)
        assert ended.wait(2)
        second = get(server.url)

        assert (first.status, second.status) == (200, 200)
        assert len(server.connections) == 2


def test_a_call_that_is_printed_shows_no_secret():
    call = Call(method="GET", url="https://x.org", headers={"Authorization": f"Bearer {SECRET}"})

    assert SECRET not in repr(call)


def test_connections_are_not_kept_for_good(monkeypatch):
    """A host that was busy once would keep them open, be it gone or silent ever since."""
    monkeypatch.setattr(base, "_adapters", [])
    monkeypatch.setattr(base, "KEPT_ALIVE", 0)
    with serving(says()) as server:
        get(server.url)
        gc.collect()
        get(server.url)

        assert len(server.connections) == 2
        wait_until(lambda: server.connections[0].fileno() == -1, 20, "the first one is closed")


def test_threads_that_make_the_first_calls_share_one_adapter(monkeypatch):
    """Each would load the certificate authorities: 32 times a tenth of a second, and 1.5 MB."""
    monkeypatch.setattr(base, "_adapters", [])
    made = []
    loads = base.GuardedAdapter.__init__

    def slowly(adapter):
        made.append(adapter)
        threading.Event().wait(0.05)
        loads(adapter)

    monkeypatch.setattr(base.GuardedAdapter, "__init__", slowly)
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(lambda _: base._adapter(), range(8)))

    assert (len(made), len(set(map(id, used)))) == (1, 1)


def test_a_fork_does_not_share_connections():
    with serving(says()) as server:
        get(server.url)
        child = _fork(lambda: 0 if "connect" in get(server.url).timing else 1)
        _, ended = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(ended) == 0
        assert "connect" not in get(server.url).timing
        assert len(server.connections) == 2


def test_calls_side_by_side_come_back_as_they_end():
    release = threading.Event()

    def waits(connection):
        release.wait(2)
        connection.sendall(answer())

    with serving(waits) as slow, serving(says()) as quick:
        answers = send_all([Call(method="GET", url=each.url, headers={}) for each in (slow, quick)])
        first = next(answers)
        release.set()
        rest = list(answers)

    assert [list(first), *(list(each) for each in rest)] == [[1], [0]]


def test_an_answer_without_a_body_is_a_success_but_no_json():
    exchange, host = asked(says(b"HTTP/1.1 204 No Content\r\n\r\n"))

    exchange.raise_for_status()
    assert (exchange.status, exchange.body, exchange.is_cut) == (204, b"", False)
    with pytest.raises(ServiceUnavailable, match=f"{host} answered 204 with something"):
        exchange.json()


def test_an_answer_that_ends_with_its_connection_is_whole():
    exchange, _ = asked(says(b"HTTP/1.0 200 OK\r\n\r\n[1]", then_closes=True))

    assert (exchange.json(), exchange.is_cut) == ([1], False)


# What the others do wrong

GARBAGE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "garbage": b"\x00\x01\xff\xfe garbage\r\n\r\n",
    "no status": b"HTTP/1.1 abc\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    "a header too long": b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("said", GARBAGE.values(), ids=GARBAGE)
def test_what_is_not_http_is_called_so(said):
    exchange, host = asked(says(said, then_closes=True))

    assert f"{host} answered with something that is not HTTP" == str(exchange.failure)
    assert exchange.status is None


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (hangs, "{host} did not answer in time"),
        (drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"), "{host} did not answer in time"),
        (resets(), "the connection to {host} failed (Connection reset by peer)"),
        (closes, "the connection to {host} failed (Remote end closed connection without response)"),
    ],
    ids=["hangs", "drips headers", "resets", "closes"],
)
def test_no_answer_is_a_failure_in_words(short_limits, act, words):
    exchange, host = asked(act)

    assert words.format(host=host) == str(exchange.failure)
    assert (exchange.status, exchange.body, exchange.sha256) == (None, b"", "")
    assert exchange.duration_ms < 1000
    with pytest.raises(ServiceUnavailable):
        exchange.raise_for_status()


@pytest.mark.parametrize(
    ("port", "words"),
    [
        (1, f"the connection to {HOST}:1 failed (Connection refused)"),
        (99999, f"nothing was sent to {HOST}:99999: its address or a header"),
    ],
    ids=["nobody listens", "no such port"],
)
def test_what_cannot_be_reached_is_a_failure_in_words(port, words):
    assert str(get(f"http://{HOST}:{port}/").failure).startswith(words)


@pytest.mark.parametrize(
    "host",
    ["nowhere.example", "resolve.nowhere.example", "timed-out.example"],
)
def test_a_name_that_is_not_found_is_called_so(name_server, host):
    failure = get(f"http://{host}/").failure

    assert f"the name {host} could not be resolved (Name or service not known)" == str(failure)


def test_a_refused_connection_is_not_blamed_on_the_name(name_server):
    name_server.table["resolver.timed-out.example"] = [HOST]

    failure = get("http://resolver.timed-out.example:1/timed out").failure

    assert "failed (Connection refused)" in str(failure)


def test_an_address_that_is_not_allowed_is_a_failure_of_its_own(opened):
    opened()
    with serving(says()) as server:
        exchange = get(server.url)

        assert isinstance(exchange.failure, AddressNotAllowed)
        assert (server.connections, exchange.status) == ([], None)


CUT = {
    "drips its body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"{"),
    "drips chunks": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", b"0"),
    "hangs in its body": says(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"),
    "resets in its body": resets(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}"),
    "ends in its body": says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", then_closes=True),
    "bad chunks": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
}


@pytest.mark.parametrize("act", CUT.values(), ids=CUT)
def test_an_answer_that_breaks_off_is_still_an_answer(short_limits, act):
    exchange, host = asked(act)

    assert (exchange.status, exchange.is_cut, exchange.failure) == (200, True, None)
    assert exchange.is_success
    assert exchange.duration_ms < 1000
    with pytest.raises(ServiceUnavailable, match=f"{host} answered 200 with something"):
        exchange.json()


def test_a_huge_answer_is_cut_and_its_connection_closed():
    def floods(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n")
        for _ in range(50):
            connection.sendall(b"x" * 1024 * 1024)

    with serving(floods) as server:
        exchange = get(server.url)

        assert server.dropped.wait(2)
        assert (exchange.status, exchange.is_cut) == (200, True)
        assert exchange.call.limit == len(exchange.body) == 1024 * 1024
        assert "connect" in get(server.url).timing


def test_a_gzip_bomb_is_not_unpacked():
    packed = gzip.compress(b" " * 5_000_000)
    exchange, _ = asked(says(answer("200 OK", packed, "Content-Encoding: gzip")))

    assert packed == exchange.body
    assert (200, False, len(packed)) == (exchange.status, exchange.is_cut, exchange.length)
    with pytest.raises(ServiceUnavailable, match="that cannot be read"):
        exchange.json()


NOT_JSON = {
    "HTML": b"<!DOCTYPE html><html><h1>502 Bad Gateway</h1></html>",
    "nothing": b"",
    "invalid UTF-8": b'{"userName": "Mar\xeda"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "half": b'{"a": ',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "a number too long": b"9" * 10_000,
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_is_a_failure_in_words(body):
    exchange, host = asked(says(answer("200 OK", body)))

    with pytest.raises(ServiceUnavailable) as failure:
        exchange.json()
    assert f"{host} answered 200 with something that is not JSON" == str(failure.value)


def test_a_redirect_is_not_followed():
    with (
        serving(says()) as elsewhere,
        serving(says(answer("302 Found", b"", f"Location: {elsewhere.url}"))) as server,
    ):
        exchange = get(server.url)

        assert (302, elsewhere.url) == (exchange.status, exchange.headers["location"])
        assert (elsewhere.requests, len(server.requests)) == ([], 1)


def test_a_cookie_is_not_sent_back():
    with serving(says(answer("200 OK", b"", "Set-Cookie: a=b"))) as server:
        get(server.url)
        get(server.url)

    assert b"cookie" not in server.requests[1].lower()


def test_what_follows_an_early_hint_is_not_the_answer_to_the_next_call():
    def hints(connection):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        connection.recv(1)
        connection.sendall(answer("200 OK", b'"first"'))

    with serving(hints, says(answer("200 OK", b'"second"'))) as server:
        first, second = get(server.url), get(server.url)

    assert first.status == 103
    assert second.json() == "second"
    with pytest.raises(ServiceUnavailable, match="answered 103"):
        first.raise_for_status()


def test_a_request_that_nobody_reads_is_cut_at_the_limit(monkeypatch):
    monkeypatch.setattr(guard, "TOTAL_SECONDS", 0.2)
    with socket.create_server((HOST, 0)) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}/"
        exchange = send(Call(method="POST", url=url, headers={}, body=b"x" * 30_000_000))

    assert "did not answer in time" in str(exchange.failure)
    assert exchange.duration_ms < 1000


# TLS


def test_a_certificate_of_a_known_authority_is_accepted(trusted):
    with serving(says(), context=trusted.server_context()) as server:
        first, second = get(server.url), get(server.url)

        assert (first.status, second.status) == (200, 200)
        assert "connect" not in second.timing


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ({"self_signed": True}, "self-signed certificate"),
        ({"days": -1}, "certificate has expired"),
        ({"address": "127.0.0.2"}, "IP address mismatch"),
    ],
    ids=["self-signed", "expired", "of another"],
)
def test_a_wrong_certificate_is_refused_in_words(trusted, certificate, words):
    with serving(says(), context=trusted.server_context(**certificate)) as server:
        exchange = get(server.url)

        assert f"{HOST}:{server.port} has no valid certificate ({words}" in str(exchange.failure)
        assert exchange.broke_at == "certificate"
        assert (exchange.status, server.requests) == (None, [])


def test_a_certificate_of_an_unknown_authority_is_refused(authority):
    with serving(says(), context=authority.server_context()) as server:
        exchange = get(server.url)

        assert "unable to get local issuer certificate" in str(exchange.failure)
        assert server.requests == []


def test_a_server_without_tls_is_refused_in_words():
    with serving(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), speaks_first=True) as server:
        exchange = get(server.url.replace("http:", "https:"))

    host = f"{HOST}:{server.port}"
    assert f"no encrypted connection to {host} (WRONG_VERSION_NUMBER)" == str(exchange.failure)
    assert exchange.broke_at == "tls"


def test_a_body_dripped_inside_tls_is_cut_at_the_limit(trusted, monkeypatch):
    monkeypatch.setattr(guard, "TOTAL_SECONDS", 0.25)
    dripping = drips(b"HTTP/1.1 200 OK\r\nX: ", b"a")
    with serving(dripping, context=trusted.server_context()) as server:
        exchange = get(server.url)

    assert "did not answer in time" in str(exchange.failure)
    assert exchange.duration_ms < 1000


# What the environment says


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    with serving(says()) as proxy, serving(says()) as server:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "")

        assert get(server.url).status == 200
        assert (proxy.connections, len(server.requests)) == ([], 1)


def test_netrc_is_not_used(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text(f"machine {HOST} login me password {SECRET}")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(says()) as server:
        get(server.url)

    assert b"authorization" not in server.requests[0].lower()


# What is shown


def test_secret_headers_are_not_shown():
    headers = {
        "Authorization": f"Bearer {SECRET}",
        "X-Api-Key": SECRET,
        "content-type": "application/json",
        "Accept": "application/json",
        "Idempotency-Key": "0190",
        "User-Agent": "me",
    }
    call = Call(method="POST", url="https://lynn.example/", headers=headers, body=b"{}")

    assert call.shown_headers == {
        "X-Api-Key": "••••",
        "content-type": "application/json",
        "Accept": "application/json",
        "Idempotency-Key": "0190",
    }


UNSENDABLE = {
    "line break": f"{SECRET}\r\nX-Other: 1",
    "line end": f"{SECRET}\n",
    "space before": f" {SECRET}",
    "not latin-1": f"{SECRET}•",
    "surrogate": f"{SECRET}\ud800",
}


@pytest.mark.parametrize("value", UNSENDABLE.values(), ids=UNSENDABLE)
@pytest.mark.parametrize("name", ["Authorization", "X-Lynn-Key"])
def test_a_header_that_cannot_be_sent_is_refused_without_telling_it(name, value):
    with serving(says()) as server:
        exchange = get(server.url, **{name: value})

        assert isinstance(exchange.failure, ServiceRefused)
        assert SECRET not in str(exchange.failure)
        assert server.requests == []


def test_user_and_password_of_an_address_are_not_told():
    failure = get(f"http://me:{SECRET}@{HOST}:1/").failure

    assert f"the connection to {HOST}:1 failed (Connection refused)" == str(failure)


def test_only_harmless_headers_of_an_answer_are_kept():
    extra = ["Set-Cookie: session=1", "Retry-After: 5", "ININ-Correlation-Id: c-1", "X-Other: 2"]
    exchange, _ = asked(says(answer("200 OK", b"{}", *extra)))

    kept = {"content-length": "2", "retry-after": "5", "inin-correlation-id": "c-1"}
    assert kept == exchange.headers


def test_what_is_kept_can_be_stored():
    exchange, _ = asked(says(answer("200 OK", b"a\x00b\xff", "Server: a\x00b")))

    assert exchange.shown_body == "a\ufffdb\ufffd"
    assert exchange.headers["server"] == "a\ufffdb"


def test_of_a_long_answer_the_beginning_is_shown():
    exchange, _ = asked(says(answer("200 OK", b"x" * 50_000)))

    assert exchange.shown_body == "x" * KEPT_BYTES
    assert 50_000 == exchange.length == len(exchange.body)


# What an answer means


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_2xx_is_a_success(status):
    answered(status).raise_for_status()


@pytest.mark.parametrize("status", [100, 103, 408, 425, 429, 500, 502, 503, 504, 599])
def test_some_answers_are_worth_asking_again(status):
    with pytest.raises(ServiceUnavailable, match=f"^lynn.example answered {status}$"):
        answered(status).raise_for_status()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 422, 451])
def test_others_are_a_refusal(status):
    with pytest.raises(ServiceRefused, match=f"^lynn.example answered {status}$"):
        answered(status).raise_for_status()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("42", 42),
        (" 42 ", 42),
        ("0", 0),
        ("86401", 86400),
        ("9" * 5000, 86400),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("٤٢", None),
        ("²", None),
        ("Mon, 12 Oct 2026 14:04:03 GMT", 42),
        ("Mon, 12 Oct 2026 14:03:20 -0000", 0),
        ("Tue, 12 Oct 2027 14:03:21 GMT", 86400),
        ("Mon, 99 Oct 2026 14:03:21 GMT", None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_retry_after_is_read_as_seconds(value, seconds):
    with pytest.raises(ServiceUnavailable) as failure:
        answered(429, retry_after=value, date="Mon, 12 Oct 2026 14:03:21 GMT").raise_for_status()

    assert seconds == failure.value.retry_after


def test_a_date_to_retry_after_counts_from_the_call_where_the_service_tells_no_time():
    exchange = answered(429, retry_after="Mon, 12 Oct 2026 14:04:03 GMT")
    exchange.started_at = datetime(2026, 10, 12, 14, 4, tzinfo=UTC)

    assert 3 == exchange.retry_after


@pytest.mark.parametrize(
    ("status", "headers", "asks"),
    [
        (429, {}, True),
        (503, {"retry_after": "42"}, True),
        (400, {"retry_after": "42"}, True),
        (503, {}, False),
        (503, {"retry_after": "0"}, False),
        (200, {"retry_after": "42"}, False),
        (None, {}, False),
    ],
)
def test_only_a_failed_call_asks_to_wait(status, headers, asks):
    assert asks is answered(status, **headers).asks_to_wait


def test_an_answer_without_retry_after_names_no_time():
    assert answered(429).retry_after is None


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ({"a": 'say "hi" \\ \n'}, b'{"a": "say \\"hi\\" \\\\ \\n"}'),
        ({"a": "María 😀"}, '{"a": "María 😀"}'.encode()),
        ({"a": "\ud83d"}, b'{"a": "?"}'),
        ({"a": "\x00"}, b'{"a": "\\u0000"}'),
    ],
    ids=["quotes", "emoji", "half an emoji", "NUL"],
)
def test_json_is_made_by_an_encoder(content, sent):
    assert sent == json_body(content)
    json.loads(sent)


def answered(status, **headers):
    call = Call(method="POST", url="https://lynn.example/path", headers={})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(call=call, started_at=None, status=status, headers=named)


def _fork(child):
    """The process id of a child that ends with what `child` returns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the threads of the servers
        pid = os.fork()
    if pid:
        return pid
    code = 2
    try:
        code = child()
    finally:
        os._exit(code)
