"""One true sentence for every state and reason."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from connector.domain import OPEN, REASONS, AnswerMode, Evidence, Outcome, Reason, State, Trigger
from connector.explain import explain, span
from connector.models import AgentConnection, Attempt

OFFERED = datetime(2026, 10, 12, 14, 3, 21, tzinfo=UTC)
ANSWERED = OFFERED + timedelta(seconds=7.6)
ENDS = [(state, reason) for state, reasons in REASONS.items() for reason in reasons]


def connection(state, reason="", **facts):
    values = {
        "user_id": "u-1",
        "user_name": "María Fernanda Quiroga",
        "queue_id": "q-1",
        "queue_name": "Soporte",
        "media_type": "voice",
        "answer_mode": AnswerMode.MANUAL,
        "evidence": Evidence.STATUS,
        "evidence_detail": "interact",
        "event_time": OFFERED,
        "received_at": OFFERED + timedelta(hours=3),
        "offered_at": OFFERED,
        "give_up_at": OFFERED + timedelta(seconds=120),
        "answered_at": ANSWERED,
        "deliver_by": ANSWERED + timedelta(seconds=600),
        "delivered_at": ANSWERED + timedelta(milliseconds=84),
        "superseded_at": OFFERED + timedelta(seconds=12),
        "ended_at": OFFERED + timedelta(seconds=20),
        "final_at": OFFERED + timedelta(seconds=30),
        "checks": 7,
        "tries": 3,
    }
    return AgentConnection(state=state, reason=reason, **{**values, **facts})


def unanswered(state, reason="", **facts):
    return connection(state, reason, **{"answered_at": None, "evidence": "", **facts})


@pytest.mark.parametrize(("state", "reason"), [*ENDS, *((state, "") for state in OPEN)])
def test_every_case_has_a_sentence_without_gaps(state, reason):
    sentence = explain(connection(state, reason))

    assert sentence.endswith(".")
    assert "%" not in sentence
    assert "None" not in sentence


def test_no_two_cases_share_a_sentence():
    cases = [*ENDS, *((state, "") for state in OPEN)]
    sentences = {explain(connection(state, reason)) for state, reason in cases}

    assert len(cases) == len(sentences)


SENTENCES = {
    "answered after some seconds": (
        connection(State.DELIVERED, Reason.DELIVERED),
        "María Fernanda Quiroga answered after 7.6 s; Lynn was told 84 ms later.",
    ),
    "without a name": (
        connection(State.DELIVERED, Reason.DELIVERED, user_name=""),
        "Agent u-1 answered after 7.6 s; Lynn was told 84 ms later.",
    ),
    "first seen on hold": (
        connection(State.DELIVERED, Reason.DELIVERED, evidence_detail="hold"),
        "María Fernanda Quiroga answered within 7.6 s; Lynn was told 84 ms later.",
    ),
    "only an acd.end came": (
        connection(
            State.DELIVERED,
            Reason.DELIVERED,
            evidence=Evidence.ACD_END,
            evidence_detail="",
            answered_at=OFFERED,
            delivered_at=OFFERED + timedelta(seconds=1),
        ),
        "María Fernanda Quiroga answered; Lynn was told 1 s later.",
    ),
    "an automatic queue": (
        connection(
            State.DELIVERED,
            Reason.DELIVERED,
            evidence=Evidence.AUTO,
            answered_at=OFFERED,
            delivered_at=OFFERED + timedelta(milliseconds=84),
        ),
        "The queue answers automatically; Lynn was told 84 ms after the event.",
    ),
    "delivered by hand": (
        connection(
            State.DELIVERED,
            Reason.DELIVERED,
            trigger=Trigger.PERSON,
            delivered_at=OFFERED + timedelta(minutes=30),
        ),
        (
            "María Fernanda Quiroga answered after 7.6 s; after a person stepped in, Lynn was told "
            "30 min after the event."
        ),
    ),
    "shadow": (
        connection(State.SHADOWED, Reason.WOULD_DELIVER),
        (
            "María Fernanda Quiroga answered after 7.6 s; without shadow mode Lynn would have been "
            "told 84 ms later."
        ),
    ),
    "shadow, automatic, by its end": (
        connection(State.SHADOWED, Reason.WOULD_DELIVER, evidence=Evidence.AUTO, delivered_at=None),
        (
            "The queue answers automatically; without shadow mode Lynn would have been told 30 s "
            "after the event."
        ),
    ),
    "gave up": (
        unanswered(State.NOT_ANSWERED, Reason.GAVE_UP, checks=1, queue_name="", queue_id=""),
        (
            "María Fernanda Quiroga had still not answered 2 min after the event (1 check); Lynn "
            "was not told."
        ),
    ),
    "rang out": (
        unanswered(State.NOT_ANSWERED, Reason.RANG_OUT),
        (
            "Genesys ended the offer to María Fernanda Quiroga (queue Soporte) after 20 s "
            "without an answer; Lynn was not told."
        ),
    ),
    "superseded": (
        unanswered(State.NOT_ANSWERED, Reason.SUPERSEDED),
        (
            "Another agent answered the conversation, 12 s after it was offered to María "
            "Fernanda Quiroga (queue Soporte); Lynn was not told of this offer."
        ),
    ),
    "too late, Lynn down": (
        connection(State.EXPIRED, Reason.TOO_LATE, trouble_detail="Lynn answered 503."),
        (
            "María Fernanda Quiroga answered after 7.6 s, but Lynn did not accept it within 10 min "
            "of the answer: 3 tries (“Lynn answered 503”). A person can still deliver it."
        ),
    ),
    "too late, nothing tried": (
        connection(State.EXPIRED, Reason.TOO_LATE, tries=0),
        (
            "María Fernanda Quiroga answered after 7.6 s, but the portal did not get to tell Lynn "
            "within 10 min of the answer. A person can still deliver it."
        ),
    ),
    "over, by the event": (
        connection(
            State.EXPIRED,
            Reason.ANSWERED_AND_OVER,
            evidence=Evidence.USER_END,
            answered_at=OFFERED + timedelta(seconds=20),
        ),
        (
            "María Fernanda Quiroga (queue Soporte) answered, but was done 20 s after the event, "
            "before the portal saw it; Lynn was not told."
        ),
    ),
    "over, by the status": (
        connection(State.EXPIRED, Reason.ANSWERED_AND_OVER, evidence_detail="wrapup"),
        (
            "María Fernanda Quiroga (queue Soporte) answered, but was already in wrap-up when "
            "Genesys was asked; Lynn was not told."
        ),
    ),
    "over while Lynn was down": (
        connection(State.EXPIRED, Reason.ANSWERED_AND_OVER),
        (
            "María Fernanda Quiroga answered after 7.6 s, but it was over 20 s after the event, "
            "before Lynn was told."
        ),
    ),
    "stale": (
        unanswered(State.EXPIRED, Reason.STALE_EVENT),
        (
            "The event arrived 3 h after it happened, too late to be of use; Lynn was not told of "
            "María Fernanda Quiroga (queue Soporte)."
        ),
    ),
    "a queue that is not listed": (
        unanswered(State.IGNORED, Reason.QUEUE_NOT_LISTED, queue_name=""),
        (
            "Queue q-1 is not listed at the tenant; add the queue to the tenant if Lynn is to be "
            "told of its agents."
        ),
    ),
    "credentials": (
        unanswered(
            State.FAILED,
            Reason.GENESYS_CREDENTIALS_REFUSED,
            trouble_detail="Genesys answered 400: invalid_client",
        ),
        (
            "Whether María Fernanda Quiroga (queue Soporte) answered is unknown, because Genesys "
            "refused the tenant's credentials (“Genesys answered 400: invalid_client”); check "
            "client id, secret, and region or login address."
        ),
    ),
    "credentials, for the name": (
        connection(State.FAILED, Reason.GENESYS_CREDENTIALS_REFUSED, user_name=""),
        (
            "Agent u-1 answered after 7.6 s, but the agent's name could not be looked up, because "
            "Genesys refused the tenant's credentials; check client id, secret, and region or "
            "login address."
        ),
    ),
    "Lynn refused": (
        connection(State.FAILED, Reason.LYNN_REFUSED, trouble_detail="Lynn answered 404"),
        (
            "María Fernanda Quiroga answered after 7.6 s, but Lynn refused to be told (“Lynn "
            "answered 404”); correct Lynn's address or the extra headers of the "
            "tenant, then deliver again."
        ),
    ),
    "Genesys' address": (
        unanswered(State.FAILED, Reason.ADDRESS_NOT_ALLOWED),
        (
            "Whether María Fernanda Quiroga (queue Soporte) answered is unknown, because the "
            "portal may not connect to Genesys' address; correct it, or open the network with "
            "PORTAL_ALLOWED_UPSTREAMS."
        ),
    ),
    "just offered": (
        unanswered(State.CHECKING, checks=0),
        (
            "María Fernanda Quiroga (queue Soporte) was offered the conversation; Genesys will be "
            "asked until 2 min after the event."
        ),
    ),
    "Genesys is in trouble": (
        unanswered(
            State.CHECKING, trouble=Reason.GENESYS_UNAVAILABLE, trouble_detail="Genesys: 503"
        ),
        (
            "The last look at Genesys failed (“Genesys: 503”); the portal goes on asking until 2 "
            "min after the event whether María Fernanda Quiroga (queue Soporte) answered."
        ),
    ),
    "being told": (
        connection(State.DELIVERING, tries=1),
        "María Fernanda Quiroga answered after 7.6 s; Lynn is being told.",
    ),
    "told in vain so far": (
        connection(State.DELIVERING, tries=1, trouble_detail="Lynn answered 503"),
        (
            "María Fernanda Quiroga answered after 7.6 s; Lynn has not accepted it yet (1 try) "
            "(“Lynn answered 503”), and the portal tries until 10 min after the answer."
        ),
    ),
    "waiting for a Lynn that does not answer": (
        connection(
            State.DELIVERING,
            tries=0,
            user_name="",
            trouble="lynn_unreachable",
            trouble_detail="no answer since 2026-10-12 14:03:20 UTC; the last: Lynn answered 503",
        ),
        (
            "Agent u-1 answered after 7.6 s; Lynn cannot be reached at present (“no answer since "
            "2026-10-12 14:03:20 UTC; the last: Lynn answered 503”). It is tried every 15 s, and "
            "this delivery follows as soon as Lynn answers, until 10 min after the answer."
        ),
    ),
    "too late, since Lynn did not answer": (
        connection(
            State.EXPIRED,
            Reason.TOO_LATE,
            tries=1,
            trouble="lynn_unreachable",
            trouble_detail="no answer since 2026-10-12 14:03:20 UTC; the last: Lynn answered 503",
        ),
        (
            "María Fernanda Quiroga answered after 7.6 s, but Lynn could not be reached within "
            "10 min of the answer (“no answer since 2026-10-12 14:03:20 UTC; the last: Lynn "
            "answered 503”). A person can still deliver it."
        ),
    ),
    "cancelled while Lynn did not answer, so that it may have heard of it": (
        connection(
            State.CANCELLED,
            Reason.CANCELLED_BY_PERSON,
            tries=2,
            final_at=OFFERED + timedelta(seconds=20),
        ),
        (
            "A person cancelled this offer to María Fernanda Quiroga (queue Soporte) 20 s after "
            "the event; until then Lynn had not accepted it (2 tries)."
        ),
    ),
    "waiting for the name": (
        connection(State.DELIVERING, user_name="", trouble=Reason.NAME_UNAVAILABLE),
        (
            "Agent u-1 answered after 7.6 s; Lynn will be told as soon as Genesys gives the "
            "agent's name, or never if that takes longer than 10 min."
        ),
    ),
    "a name that Genesys would not tell": (
        connection(
            State.FAILED,
            Reason.NAME_UNAVAILABLE,
            user_name="",
            trouble=Reason.NAME_UNAVAILABLE,
            trouble_detail="Genesys answered without a name",
        ),
        (
            "Agent u-1 answered after 7.6 s, but Genesys did not give the agent's name within "
            "10 min (“Genesys answered without a name”); give the OAuth client's role the "
            "permission for agent state names, or let the tenant tell Lynn without a name."
        ),
    ),
    "a name for which Genesys could not be asked": (
        connection(
            State.FAILED,
            Reason.NAME_UNAVAILABLE,
            user_name="",
            trouble=Reason.GENESYS_UNAVAILABLE,
            trouble_detail="api.example.com answered 503",
        ),
        (
            "Agent u-1 answered after 7.6 s, but Genesys could not be asked for the agent's name "
            "within 10 min (“api.example.com answered 503”); deliver again once Genesys works."
        ),
    ),
    "a name for which the portal could not ask": (
        connection(
            State.FAILED,
            Reason.NAME_UNAVAILABLE,
            user_name="",
            trouble=Reason.INTERNAL_ERROR,
            trouble_detail="A stored secret cannot be read.",
        ),
        (
            "Agent u-1 answered after 7.6 s, but the portal itself could not ask for the agent's "
            "name (“A stored secret cannot be read”); correct that, then deliver again."
        ),
    ),
}


@pytest.mark.parametrize(("one", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_the_sentence_is_true_for_this_case(one, sentence):
    assert sentence == explain(one)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 ms"),  # clocks differ
        (0.0844, "84 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (7.64, "7.6 s"),
        (119.9, "119.9 s"),
        (120, "2 min"),
        (150, "2.5 min"),
        (7200, "2 h"),
        (172_800, "2 days"),
    ],
)
def test_a_span_is_told_in_the_unit_that_reads_best(seconds, words):
    assert words == span(OFFERED, OFFERED + timedelta(seconds=seconds))


def test_a_span_without_an_end_is_unknown():
    assert span(OFFERED, None) == "an unknown time"


def test_numbers_follow_the_language():
    with translation.override("es"):
        assert span(OFFERED, ANSWERED).startswith("7,6")


def test_the_attempts_help_where_the_connection_is_silent():
    attempts = [
        Attempt(outcome=Outcome.REFUSED, detail="Lynn answered 403"),
        Attempt(outcome=Outcome.OK, detail="fine"),
    ]

    sentence = explain(connection(State.FAILED, Reason.LYNN_REFUSED), attempts=attempts)

    assert "(“Lynn answered 403”)" in sentence


def test_long_words_of_others_are_cut():
    one = connection(State.FAILED, Reason.LYNN_REFUSED, trouble_detail="so\n" + "x" * 1000)

    assert "(“so xxx" in explain(one)
    assert len(explain(one)) < 600


def test_a_percent_sign_in_a_name_is_just_a_sign():
    assert explain(connection(State.DELIVERED, Reason.DELIVERED, user_name="100 %(x)s")).startswith(
        "100 %(x)s answered"
    )
