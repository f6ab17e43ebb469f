"""From where a guess came, and whose name it was: what wrong passwords are counted against."""

import pytest
from django.test import RequestFactory

from connector import guesses

PROXY = "10.0.0.5"
CLIENT = "203.0.113.7"
OTHER = "198.51.100.9"


def come_from(peer, forwarded=""):
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return guesses.address_of(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param(CLIENT, "", CLIENT, id="no proxy"),
        pytest.param(CLIENT, OTHER, CLIENT, id="whoever is no proxy is not believed"),
        pytest.param(CLIENT, PROXY, CLIENT, id="not even about a proxy"),
        pytest.param(PROXY, CLIENT, CLIENT, id="a proxy is believed"),
        pytest.param(PROXY, f"{OTHER}, {CLIENT}", CLIENT, id="but not what it was told"),
        pytest.param(PROXY, f"{OTHER}, {CLIENT}, 10.0.0.6", CLIENT, id="two proxies"),
        pytest.param(PROXY, "", PROXY, id="a proxy that does not say"),
        pytest.param(PROXY, "nonsense", PROXY, id="a proxy that says what is no address"),
        pytest.param(PROXY, f"{CLIENT}, nonsense", PROXY, id="nothing behind it is believed"),
        pytest.param(PROXY, "10.0.0.6", "10.0.0.6", id="the proxy's own machine"),
        pytest.param(f"::ffff:{CLIENT}", "", CLIENT, id="IPv4 in an IPv6 socket"),
        pytest.param("2001:db8:1:2:3::4", "", "2001:db8:1:2::", id="IPv6 counts by its first half"),
        pytest.param("", "", None, id="not known"),
    ],
)
def test_a_guess_is_counted_where_it_came_from(settings, peer, forwarded, expected):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "2001:db8:ffff::1"]

    assert expected == come_from(peer, forwarded)


def test_where_everybody_is_a_proxy_the_last_word_counts(settings):
    settings.TRUSTED_PROXIES = ["*"]

    assert CLIENT == come_from(PROXY, f"{OTHER}, {CLIENT}")


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        pytest.param({"username": "ana"}, "ana", id="a name"),
        pytest.param({"username": "a" * 999}, "a" * 150, id="longer than a column"),
        pytest.param({"username": "a\0b"}, "ab", id="what PostgreSQL cannot store"),
        pytest.param({"username": None}, "", id="no name"),
        pytest.param(None, "", id="nothing"),
    ],
)
def test_a_guess_is_counted_for_a_name(rf, credentials, expected):
    assert expected == guesses.name_of(rf.get("/"), credentials)
