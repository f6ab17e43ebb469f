"""When the breaker before Lynn opens, who may try again, and when it closes."""

from datetime import UTC, datetime, timedelta

import pytest

from connector.circuit import (
    Circuit,
    Ended,
    Leave,
    Proof,
    Slice,
    after,
    is_counting,
    may_go,
    probing,
    proof,
    since_when,
    why_open,
)
from connector.errors import AddressNotAllowed, ServiceRefused, ServiceUnavailable

NOW = datetime(2026, 10, 12, 14, 3, 0, tzinfo=UTC)
OPEN = Circuit(in_a_row=5, opened_at=NOW, next_probe_at=NOW + timedelta(seconds=15))


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def away(seconds: float) -> Ended:
    return Ended(at(seconds), failures=1)


def alive(seconds: float) -> Ended:
    return Ended(at(seconds), answers=1, is_alive=True)


def one_by_one(story: str, every: float = 1.0, start: Circuit | None = None) -> Circuit:
    """The circuit after deliveries that ended one by one: x failed, o was answered."""
    circuit = start or Circuit()
    for number, letter in enumerate(story):
        end = away if letter == "x" else alive
        circuit = after(circuit, end(number * every), at(number * every))
    return circuit


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (200, None, Proof.ALIVE),
        (503, ServiceUnavailable("503"), Proof.AWAY),
        (408, ServiceUnavailable("408"), Proof.AWAY),
        (425, ServiceUnavailable("425"), Proof.AWAY),
        (None, ServiceUnavailable("reset"), Proof.AWAY),
        (429, ServiceUnavailable("429"), Proof.NEITHER),
        (404, ServiceRefused("404"), Proof.ALIVE),
        (301, ServiceRefused("301"), Proof.ALIVE),
        (None, ServiceRefused("a header cannot be sent"), Proof.NEITHER),
        (None, AddressNotAllowed("not public"), Proof.NEITHER),
    ],
)
def test_what_the_end_of_a_delivery_says_of_lynn(status, error, expected):
    assert expected is proof(status, error)


@pytest.mark.parametrize(
    ("story", "is_open"),
    [
        ("", False),
        ("xxxx", False),
        ("xxxxx", True),
        ("xxxxoxxxx", False),
        ("oooooooooooooooxxxxx", True),
        ("xxxoxxxox", False),
        ("xxxoxxxoxo", False),
        ("xxxoxxxoxx", True),
        ("xoxoxoxoxoxoxoxoxo", False),
    ],
    ids=[
        "nothing yet",
        "four in a row",
        "five in a row",
        "an answer between",
        "after a long good time",
        "seven of nine",
        "seven of ten, but the last was answered",
        "eight of ten",
        "one in two",
    ],
)
def test_too_many_failures_open_it(story, is_open):
    assert is_open == one_by_one(story).is_open


def test_exactly_seven_of_ten_are_too_many():
    assert one_by_one("oxxxoxxxx").is_open is False
    assert one_by_one("xxoxxoxoxx").is_open


def test_failures_of_more_than_five_minutes_ago_do_not_count():
    old = one_by_one("xxxoxxx")

    assert (6, 7) == (old.failures, old.counted)
    later = after(old, alive(400), at(400))
    assert Circuit() == later


def test_failures_in_a_row_count_however_long_they_take():
    assert one_by_one("xxxxx", every=200).is_open


def test_answers_are_counted_only_beside_failures():
    assert Circuit() == one_by_one("oooo")
    assert (1, 3) == (one_by_one("ooxoo").failures, one_by_one("ooxoo").counted)
    assert not is_counting(one_by_one("oooo"), at(4))
    assert is_counting(one_by_one("ox"), at(299))
    assert not is_counting(one_by_one("ox"), at(331))


@pytest.mark.parametrize(
    ("ended", "is_open"),
    [
        (Ended(NOW, failures=32), True),
        (Ended(NOW, failures=9, answers=23, is_alive=True), False),
        (Ended(NOW, failures=9, is_alive=True), False),
        (Ended(NOW, failures=23, answers=9, is_alive=True), True),
    ],
    ids=["all hang", "a few of many", "the last of many", "most"],
)
def test_posts_side_by_side_have_no_order(ended, is_open):
    assert is_open == after(Circuit(), ended, NOW).is_open


def test_what_was_counted_stays_in_few_slices():
    circuit = one_by_one("xo" * 300)

    assert len(circuit.recent) <= 12
    assert (Slice(int(at(570).timestamp()), 15, 15)) == circuit.recent[-1]


def test_an_answer_closes_it_and_all_begins_anew():
    assert Circuit(closed_at=at(20)) == after(OPEN, alive(15), at(20))


def test_failures_that_began_before_it_closed_are_not_news():
    closed = Circuit(closed_at=at(20))
    straggling = Ended(at(19), failures=32)

    assert closed == after(closed, straggling, at(24))
    assert after(closed, Ended(at(20), failures=32), at(24)).is_open


@pytest.mark.parametrize("ended", [away(15), Ended(NOW)], ids=["a failure", "nothing to count"])
def test_without_an_answer_it_stays_open(ended):
    assert OPEN == after(OPEN, ended, at(20))


@pytest.mark.parametrize(
    ("circuit", "seconds", "expected"),
    [
        (Circuit(), 0, Leave.GO),
        (OPEN, 0, Leave.WAIT),
        (OPEN, 14.9, Leave.WAIT),
        (OPEN, 15, Leave.PROBE),
        (OPEN, 3600, Leave.PROBE),
        (OPEN, -600, Leave.PROBE),
        (probing(OPEN, at(15)), 15, Leave.WAIT),
        (probing(OPEN, at(15)), 29.9, Leave.WAIT),
        (probing(OPEN, at(15)), 30, Leave.PROBE),
    ],
    ids=[
        "closed",
        "just opened",
        "too early",
        "in time",
        "nobody came for an hour",
        "set by a clock that is ahead",
        "another is at it",
        "still",
        "the prober died",
    ],
)
def test_who_may_go(circuit, seconds, expected):
    assert expected is may_go(circuit, at(seconds))


@pytest.mark.parametrize(
    ("circuit", "words"),
    [
        (one_by_one("xxxxx"), "5 deliveries in a row failed; the last: HTTP 503"),
        (
            one_by_one("xxxoxxxoxx"),
            "8 of 10 deliveries within 5 minutes failed; the last: HTTP 503",
        ),
    ],
    ids=["in a row", "most"],
)
def test_it_says_why_it_opened(circuit, words):
    assert words == why_open(circuit, "HTTP 503")


def test_it_says_since_when():
    words = "no answer since 2026-10-12 14:03:00 UTC; the last: HTTP 503"

    assert words == since_when(OPEN, "HTTP 503")
    assert "no answer since a moment ago; the last: x" == since_when(Circuit(), "x")
