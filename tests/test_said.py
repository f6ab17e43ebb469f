"""What went wrong with a call: told in the reader's language, and otherwise left alone."""

import pytest
from django.utils import translation

from connector.said import PHRASES, in_readers_words

VALUES = {
    "address": "10.0.0.7",
    "counted": 20,
    "failures": 15,
    "host": "lynn.example.com",
    "in_a_row": 5,
    "last": "it is off",
    "moment": "2026-10-12 14:03:22 UTC",
    "status": "403",
    "time": "3",
    "why": "it is off (for good)",
}


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_of_the_portal_is_told_in_spanish_with_all_it_names(phrase):
    said = phrase % VALUES

    with translation.override("es"):
        spanish = in_readers_words(said)

    assert spanish != said
    named = [str(value) for name, value in VALUES.items() if f"%({name})" in phrase]
    assert named == [value for value in named if value in spanish]


def test_what_went_wrong_last_is_told_in_the_readers_language_too():
    with translation.override("es"):
        said = in_readers_words("5 deliveries in a row failed; the last: x.org answered 503")

    assert "x.org respondió 503" in said


@pytest.mark.parametrize("said", [*(phrase % VALUES for phrase in PHRASES), "alert", ""])
def test_in_english_it_stays_as_it_was_written(said):
    with translation.override("en"):
        assert said == in_readers_words(said)


@pytest.mark.parametrize("said", ["Lynn no está", "x answered 403: {'error': 'y'}", "50 % (off)"])
def test_words_of_others_stay_as_they_were(said):
    with translation.override("es"):
        assert said == in_readers_words(said)
