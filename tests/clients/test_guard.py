"""Where we may connect, and how long it may take."""

import ipaddress
import socket
import threading
import time

import pytest

from connector.clients import base, guard
from connector.clients.base import Call, send
from connector.errors import AddressNotAllowed, ServiceUnavailable

from .servers import HOST, answer, full_backlog, hangs, says, serving

PUBLIC = {
    "IPv4": "93.184.215.14",
    "IPv6": "2606:2800:21f:cb07::1",
    "IPv4 in IPv6": "::ffff:93.184.215.14",
}
NOT_PUBLIC = {
    "loopback": "127.0.0.1",
    "another loopback": "127.255.0.3",
    "private 10": "10.1.2.3",
    "private 172.16": "172.31.255.254",
    "private 192.168": "192.168.0.1",
    "link-local, with the machine's secrets": "169.254.169.254",
    "shared by a carrier's customers": "100.64.0.1",
    "end of the carrier's": "100.127.255.255",
    "protocol assignments": "192.0.0.8",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "benchmarks": "198.18.0.1",
    "6to4 relay": "192.88.99.1",
    "this network": "0.0.0.0",
    "this network, elsewhere": "0.1.2.3",
    "multicast": "224.0.0.1",
    "multicast, global": "233.252.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "v6 unspecified": "::",
    "v6 loopback": "::1",
    "v6 link-local": "fe80::1",
    "v6 unique local": "fd00::1",
    "v6 site-local": "fec0::1",
    "v6 multicast": "ff0e::1",
    "v6 documentation": "2001:db8::1",
    "v6 documentation, newer": "3fff::1",
    "v6 discard": "100::1",
    "v6 segment routing": "5f00::1",
    "NAT64 of a private address": "64:ff9b::10.0.0.1",
    "NAT64 of a public address": "64:ff9b::93.184.215.14",
    "NAT64, local": "64:ff9b:1::1",
    "6to4 of a private address": "2002:a00:1::1",
    "6to4 of a public address": "2002:5db8:d70e::1",
    "Teredo": "2001:0:53aa:64c::1",
    "ORCHID": "2001:20::1",
    "IPv4-compatible loopback": "::127.0.0.1",
    "loopback in IPv6": "::ffff:127.0.0.1",
    "private in IPv6": "::ffff:10.1.2.3",
}


@pytest.mark.parametrize("text", PUBLIC.values(), ids=PUBLIC)
def test_the_internet_is_public(text):
    assert guard.is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC.values(), ids=NOT_PUBLIC)
def test_everything_else_is_not_public(text):
    assert not guard.is_public(ipaddress.ip_address(text))


# What PORTAL_ALLOWED_UPSTREAMS opens


def is_let_through(text, *, encrypted):
    try:
        guard.check(ipaddress.ip_address(text), "lynn.example", encrypted=encrypted)
    except AddressNotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "let_through"),
    [
        ("10.1.0.0", True),
        ("10.1.255.255", True),
        ("::ffff:10.1.0.1", True),
        ("10.0.255.255", False),
        ("10.2.0.0", False),
        ("fd12::1", True),
        ("fd13::1", False),
        ("127.0.0.1", False),
    ],
)
@pytest.mark.parametrize("encrypted", [True, False], ids=["https", "http"])
def test_the_setting_opens_exactly_its_networks(opened, text, let_through, encrypted):
    opened("10.1.0.0/16", "fd12::/16")

    assert let_through == is_let_through(text, encrypted=encrypted)


@pytest.mark.parametrize("text", PUBLIC.values(), ids=PUBLIC)
def test_the_internet_is_reached_by_https_only(opened, text):
    assert is_let_through(text, encrypted=True)
    assert not is_let_through(text, encrypted=False)


@pytest.mark.parametrize(
    ("text", "encrypted", "words"),
    [
        ("10.0.0.1", True, "lynn.example is at 10.0.0.1, which is not a public address"),
        ("93.184.215.14", False, "lynn.example would be reached by plain http"),
    ],
    ids=["private", "plain"],
)
def test_a_refusal_tells_a_person_what_to_do(opened, text, encrypted, words):
    with pytest.raises(AddressNotAllowed, match=words) as refusal:
        guard.check(ipaddress.ip_address(text), "lynn.example", encrypted=encrypted)

    assert "PORTAL_ALLOWED_UPSTREAMS" in str(refusal.value)


# Names


@pytest.mark.parametrize(
    "addresses",
    [
        ["93.184.215.14", "10.0.0.1"],
        ["10.0.0.1", "93.184.215.14"],
        ["93.184.215.14", "2606:2800:21f:cb07::1", "::1"],
        ["93.184.215.14", "fe80::1%lo"],
    ],
    ids=["last", "first", "IPv6", "with a zone"],
)
def test_a_name_with_one_bad_address_is_refused(opened, name_server, addresses):
    name_server.table["lynn.example"] = addresses

    with pytest.raises(AddressNotAllowed):
        guard.connect("lynn.example", 443, encrypted=True)


def test_a_name_that_changes_its_address_is_reached_where_it_was_checked(opened, name_server):
    opened("127.0.0.1/32")
    answers = iter([[HOST], ["127.0.0.2"]])
    name_server.table["lynn.example"] = lambda: next(answers)

    with serving(says()) as server:
        exchange = get(f"http://lynn.example:{server.port}/")

        assert exchange.status == 200
        assert server.connections[0].getsockname()[0] == HOST
        assert name_server.asked == ["lynn.example"]


def test_a_name_is_checked_anew_for_each_connection(opened, name_server):
    opened("127.0.0.1/32")
    answers = iter([[HOST], ["127.0.0.2"]])
    name_server.table["lynn.example"] = lambda: next(answers)

    with serving(says(answer("200 OK", b"{}", "Connection: close"))) as server:
        first, second = (get(f"http://lynn.example:{server.port}/") for _ in range(2))

        assert first.status == 200
        assert isinstance(second.failure, AddressNotAllowed)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "2130706433",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "①②⑦.0.0.1",
        "lynn.example@127.0.0.1",
        "lynn.example:443@127.0.0.1",
        "127.0.0.1\\@lynn.example",
        "127.0.0.1#@lynn.example",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_gets_around_the_guard(opened, scheme, host):
    with serving(says()) as server:
        separator = "" if "@lynn" in host else f":{server.port}"
        exchange = get(f"{scheme}://{host}{separator}/")

        assert exchange.status is None
        assert exchange.failure
        assert server.connections == []


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "localhost", "[::ffff:7f00:1]"])
def test_another_spelling_of_an_address_is_refused_as_the_address(opened, host):
    assert isinstance(get(f"https://{host}/").failure, AddressNotAllowed)


def test_an_address_that_does_not_answer_gives_way_to_the_next(loopback, name_server):
    with serving(says()) as server:
        name_server.table["lynn.example"] = ["127.0.0.9", HOST]

        assert get(f"http://lynn.example:{server.port}/").status == 200


def test_a_machine_without_ipv6_uses_the_other_address(loopback, monkeypatch):
    with serving(says()) as server:
        unknown, known = (199, 1, 6, "", ("::1", 1)), (2, 1, 6, "", (HOST, server.port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [unknown, known])

        assert get(f"http://lynn.example:{server.port}/").status == 200


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "nowhere.example"])
def test_what_is_no_name_cannot_be_resolved(opened, host):
    with pytest.raises(socket.gaierror):
        guard.resolve(host, 443)


# Time


@pytest.fixture
def hanging(name_server):
    """hangs.example is never found, until the test is over."""
    end = threading.Event()
    name_server.table["hangs.example"] = lambda: end.wait(5) and []
    yield name_server
    end.set()
    for thread in threading.enumerate():
        if thread.name == "resolve":
            thread.join(2)


def test_a_name_server_that_hangs_is_cut_at_the_limit(loopback, short_limits, hanging):
    exchange = get("http://hangs.example/")

    assert "the name hangs.example could not be resolved" in str(exchange.failure)
    assert exchange.duration_ms < 1000


def test_a_name_server_that_hangs_does_not_outlast_the_call(hanging):
    with guard.deadline(0.05), pytest.raises(socket.gaierror):
        guard.resolve("hangs.example", 443)


def test_a_name_that_hangs_does_not_hold_up_the_others(short_limits, hanging, monkeypatch):
    monkeypatch.setattr(guard, "CONNECT_SECONDS", 0.01)
    hanging.table["lynn.example"] = [HOST]
    for _ in range(10):
        with pytest.raises(socket.gaierror):
            guard.resolve("hangs.example", 443)
    monkeypatch.setattr(guard, "CONNECT_SECONDS", 1)

    assert guard.resolve("lynn.example", 443) == [(socket.AF_INET, (HOST, 443))]
    assert hanging.asked == ["hangs.example", "lynn.example"]
    assert all(each.daemon for each in threading.enumerate() if each.name == "resolve")


def test_no_connection_is_waited_for_longer_than_the_limit(loopback, short_limits):
    with full_backlog() as port:
        exchange = get(f"http://{HOST}:{port}/")

    assert f"{HOST}:{port} could not be reached within 0.15 s" == str(exchange.failure)
    assert exchange.duration_ms < 1000


def test_many_dead_addresses_are_cut_at_the_limit_too(loopback, short_limits, name_server):
    with full_backlog() as port:
        name_server.table["lynn.example"] = [HOST] * 20
        exchange = get(f"http://lynn.example:{port}/")

    assert isinstance(exchange.failure, ServiceUnavailable)
    assert exchange.duration_ms < 1000


def test_a_tls_handshake_that_hangs_is_cut_at_the_limit(loopback, short_limits):
    with serving(hangs) as server:
        exchange = get(f"https://{HOST}:{server.port}/")

        assert f"{HOST}:{server.port} did not answer in time" == str(exchange.failure)
        assert exchange.duration_ms < 1000


def test_the_handshake_counts_against_the_deadline_too(loopback):
    context = base._tls()
    with serving(hangs) as server, guard.deadline(0.1):
        sock = guard.connect(HOST, server.port, encrypted=True)
        time.sleep(0.11)

        with sock, pytest.raises(TimeoutError, match="longer than it may"):
            context.wrap_socket(sock, server_hostname="lynn.example")


def test_a_deadline_that_is_over_lets_nothing_begin(loopback):
    with serving(says()) as server, guard.deadline(0), pytest.raises(TimeoutError):
        guard.connect(HOST, server.port, encrypted=True)


def test_the_next_call_has_a_deadline_of_its_own(loopback):
    with serving(says()) as server:
        with guard.deadline(0):
            pass

        assert get(server.url).status == 200


def test_the_times_of_a_new_connection_are_noted(loopback):
    with serving(says()) as server, guard.deadline() as timing:
        guard.connect(HOST, server.port, encrypted=True).close()

    assert list(timing) == ["dns", "connect"]
    assert all(0 <= value < 1000 for value in timing.values())


def get(url):
    return send(Call(method="GET", url=url, headers={}))
