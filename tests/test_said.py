"""What went wrong with a call or an event is told in the reader's language, or left alone."""

import ast
import json
from pathlib import Path

import pytest
from django.utils import translation

from connector import directory, errors, events, record
from connector.errors import InvalidEvent
from connector.models import Tenant
from connector.said import PHRASES, in_readers_words, refusal_in_readers_words

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


ENGLISH = (" the ", "The ", " is ", " must ", "Send ", " than ")
WRONG = {"conversationId": 7, "userId": "u" * 101, "queueId": "\x00", "eventTime": "soon"}
REFUSED = [
    b"{",
    b"\xff",
    b"[]",
    b'{"x":' * 30 + b"1" + b"}" * 30,
    b'{"eventBody": 1}',
    json.dumps({"topic": "user.start", **WRONG}).encode(),
    json.dumps({"topic": "user.end", "interactingDurationMs": "long"}).encode(),
]


@pytest.mark.parametrize("body", REFUSED)
def test_why_an_event_was_refused_is_told_in_spanish(body):
    with pytest.raises(InvalidEvent) as refused:
        events.parse(body)
    said = refused.value.detail

    with translation.override("es"):
        spanish = refusal_in_readers_words(said)

    assert spanish != said
    assert [] == [words for words in ENGLISH if words in spanish]
    assert all(name in spanish for name in refused.value.fields)


@pytest.mark.parametrize(
    "refuse",
    [
        {"content_type": "text/plain"},
        {"headers": {"Content-Encoding": "gzip"}},
        {"body": b"x" * (events.MAX_BYTES + 1)},
        {"enabled": False},
    ],
    ids=["no JSON", "compressed", "too large", "switched off"],
)
def test_so_is_what_the_door_says(tenant, post, refuse):
    Tenant.objects.update(enabled=refuse.pop("enabled", True))
    directory.forget()
    said = post(refuse.pop("body", b"{}"), **refuse).json()["detail"]

    with translation.override("es"):
        spanish = refusal_in_readers_words(tenant.events.get().detail)

    assert spanish != said
    assert [] == [words for words in ENGLISH if words in spanish]


# What stands for the parts of a phrase that are filled in where it is said.
FILLED_IN = {
    "_complaint(exchange)": "no reason given",
    "_host(call.url)": "lynn.example.com",
    "address": "10.0.0.7",
    "exchange.answered": "lynn.example.com answered 403",
    "host": "lynn.example.com",
    "self.answered": "lynn.example.com answered 403",
}
ELSEWHERE = (
    record.MOVED_ON,
    "shadow mode: this would have been sent",
    "Genesys answered without a name",
    "Genesys answers for one agent, but not for several at once",
)


def phrases_of_errors():
    """Every text that one of our own errors about a service is raised with."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    services = {kind.__name__ for kind in kinds if issubclass(kind, errors.ServiceError)}
    for path in sorted(Path("connector").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(ast.Name(name), [ast.JoinedStr(parts), *_]) if name in services:
                    yield "".join(map(_part, parts))
                case ast.Call(ast.Name(name), [ast.Constant(text), *_]) if name in services:
                    yield text


def _part(node):
    if isinstance(node, ast.Constant):
        return str(node.value)
    return FILLED_IN[ast.unparse(node.value)]


@pytest.mark.parametrize("said", sorted({*phrases_of_errors(), *ELSEWHERE} - {""}))
def test_nothing_that_goes_wrong_is_left_in_english(said):
    with translation.override("es"):
        assert said != in_readers_words(said)
