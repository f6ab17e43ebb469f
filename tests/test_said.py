"""What went wrong with a call: told in the reader's language, and otherwise left alone."""

import pytest
from django.utils import translation

from connector.said import PHRASES, in_readers_words

VALUES = {"host": "lynn.example.com", "status": "403", "time": "3", "why": "it is off (for good)"}


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_of_the_portal_is_told_in_spanish_with_all_it_names(phrase):
    said = phrase % VALUES

    with translation.override("es"):
        spanish = in_readers_words(said)

    assert spanish != said
    assert [value for name, value in VALUES.items() if f"%({name})s" in phrase] == [
        value for name, value in VALUES.items() if f"%({name})s" in phrase and value in spanish
    ]


@pytest.mark.parametrize("said", [*(phrase % VALUES for phrase in PHRASES), "alert", ""])
def test_in_english_it_stays_as_it_was_written(said):
    with translation.override("en"):
        assert said == in_readers_words(said)


@pytest.mark.parametrize("said", ["Lynn no está", "x answered 403: {'error': 'y'}", "50 % (off)"])
def test_words_of_others_stay_as_they_were(said):
    with translation.override("es"):
        assert said == in_readers_words(said)
