"""What to do next, given what we know: tables of facts and verdicts."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from connector import decide
from connector.clients import genesys
from connector.clients.base import send
from connector.decide import AgentStatus, Policy, Session, Sighting, Verdict, View
from connector.domain import MOVES, OPEN, REASONS, Evidence, Reason, State, Trigger, WithoutName
from connector.errors import (
    AddressNotAllowed,
    CredentialsRefused,
    NotPossible,
    PermissionMissing,
    ServiceRefused,
    ServiceUnavailable,
)

PAYLOADS = Path(__file__).parent / "payloads"
OFFERED = datetime(2026, 10, 12, 14, 3, 21, 482000, tzinfo=UTC)
MARIA = "2b7d94e1-6f08-4c35-8a1d-c35e7f90b246"
CONVERSATION = "8d2f6b1e-4c3a-4f59-9b7e-0a61c5d2e814"
SESSION = "5e9a3c70-18bd-4d02-a6f1-94c7d80e2b63"
SEGMENTS = {
    "answered": ["interact", "hold", "parked"],
    "over": ["wrapup"],
    "not yet": [
        *["alert", "contacting", "dialing", "delay", "scheduled", "system", "unknown"],
        *["converting", "uploading", "transmitting", "ivr", "voicemail", "callback"],
        *["monitoring", "coaching", "barging", "screenmonitoring", "sharing"],
        *["levitating", ""],
    ],
}


def after(seconds):
    return OFFERED + timedelta(seconds=seconds)


GIVE_UP_AT = after(120)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Rung at OFFERED, given up after 120 s."""

    state: str = State.CHECKING
    conversation_id: str = CONVERSATION
    session_id: str = SESSION
    media_type: str = "message"
    user_id: str = MARIA
    user_name: str = ""
    offered_at: datetime = OFFERED
    answered_at: datetime | None = None
    evidence: str = ""
    ended_at: datetime | None = None
    interacted: bool | None = None
    superseded_at: datetime | None = None
    give_up_at: datetime = GIVE_UP_AT
    deliver_by: datetime | None = None
    trouble: str = ""
    tries: int = 0
    by_person: bool = False


RINGING = Offer()
TELLING = Offer(
    state=State.DELIVERING,
    user_name="María",
    answered_at=after(7),
    evidence=Evidence.STATUS,
    deliver_by=after(607),
)
POLICY = Policy(check_every=2, give_up_after=120, deliver_within=600, without_name=WithoutName.WAIT)


def session(segment, **columns):
    facts = {
        "conversation_id": CONVERSATION,
        "session_id": SESSION,
        "session_start": OFFERED,
        "segment_start": after(7),
    }
    return Session(segment=segment, **{**facts, **columns})


def status(*sessions, user_id=MARIA, user_name="María"):
    return AgentStatus(user_id=user_id, user_name=user_name, sessions=sessions)


def outcome(verdict):
    return (verdict.state, verdict.reason)


# Which session is the offer's


def sight(offer, *statuses):
    return View(statuses).sight(offer)


@pytest.mark.parametrize(
    ("offer", "sessions", "segment"),
    [
        (RINGING, [session("alert")], "alert"),
        (RINGING, [session("interact", session_id="other")], ""),
        (RINGING, [session("wrapup", session_id="old"), session("alert")], "alert"),
        (RINGING, [session("alert"), session("wrapup", session_id="old")], "alert"),
        (RINGING, [session("interact", conversation_id="moved")], "interact"),
        (RINGING, [session("monitoring", session_id="other")], ""),
        (RINGING, [session("alert", session_start=None, segment_start=None)], "alert"),
        (
            RINGING,
            [session("alert", segment_start=after(0)), session("interact", segment_start=after(9))],
            "interact",
        ),
        (RINGING, [session("alert", segment_start=None), session("hold")], "hold"),
        (RINGING, [], ""),
    ],
    ids=[
        "ours",
        "same conversation, another offer",
        "old leg in wrapup beside the new one ringing",
        "the same the other way round",
        "the conversation does not matter",
        "listening in",
        "without times",
        "twice: the newest",
        "twice: the one with a time",
        "no sessions",
    ],
)
def test_an_offer_with_a_session_id_looks_for_this_session(offer, sessions, segment):
    assert sight(offer, status(*sessions)).segment == segment


def leg(segment, start, **columns):
    return session(segment, session_id=f"{segment}-{start}", session_start=start, **columns)


@pytest.mark.parametrize(
    ("sessions", "segment"),
    [
        ([leg("alert", OFFERED)], "alert"),
        ([leg("alert", after(-5))], "alert"),
        ([leg("interact", after(-5.001))], ""),
        ([leg("interact", after(-7000)), leg("alert", after(1))], "alert"),
        ([leg("alert", after(1)), leg("wrapup", after(0))], "alert"),
        ([leg("alert", after(1)), leg("monitoring", after(2))], "alert"),
        ([leg("barging", after(1))], ""),
        ([leg("interact", None)], ""),
        ([leg("interact", OFFERED, conversation_id="another")], ""),
        ([leg("alert", after(1)), leg("interact", after(2), media_type="voice")], "alert"),
        ([leg("interact", after(1), media_type="cobrowse")], ""),
        ([leg("interact", after(1), media_type="message")], "interact"),
        ([leg("interact", after(1), media_type="unknown")], "interact"),
        ([], ""),
    ],
    ids=[
        "ours",
        "just before its event",
        "too long before its event",
        "an old leg still talking",
        "the newest leg",
        "listening in beside it",
        "only listening in",
        "without a time",
        "another conversation",
        "a call beside the message",
        "another medium alone",
        "the same medium",
        "a medium that is not known",
        "no sessions",
    ],
)
def test_an_offer_without_a_session_id_takes_the_newest_leg(sessions, segment):
    assert sight(replace(RINGING, session_id=""), status(*sessions)).segment == segment


@pytest.mark.parametrize("medium", ["", "voice"])
def test_an_offer_whose_medium_is_not_known_takes_any(medium):
    offer = replace(RINGING, session_id="", media_type="")

    assert sight(offer, status(leg("interact", after(1), media_type=medium))).answered


def test_an_agent_who_is_not_shown_is_not_there():
    seen = sight(RINGING, status(session("interact"), user_id="another"))

    assert seen == Sighting("", None, None)
    assert (seen.user_name, seen.answered, seen.over) == ("", False, False)


def test_an_agent_without_this_session_still_has_a_name():
    seen = sight(RINGING, status())

    assert (seen.segment, seen.user_name) == ("", "María")


@pytest.mark.parametrize(
    ("offer", "segment"),
    [
        (RINGING, "interact"),
        (replace(RINGING, session_id=""), ""),
        (replace(RINGING, session_id="x"), ""),
    ],
    ids=["its session", "no session id", "another session"],
)
def test_without_names_an_offer_is_found_by_its_session_only(offer, segment):
    nameless = status(session("interact"), user_id="", user_name="")
    unidentified = status(session("hold", session_id=""), user_id="", user_name="")

    seen = sight(offer, nameless, unidentified)
    assert (seen.segment, seen.user_name) == (segment, "")


def test_each_offer_of_a_batch_finds_its_own():
    view = View([status(session("interact")), status(leg("alert", OFFERED), user_id="diego")])
    diego = Offer(user_id="diego", session_id="")

    assert [view.sight(each).segment for each in (RINGING, diego)] == ["interact", "alert"]


# Every kind of segment


@pytest.mark.parametrize("segment", SEGMENTS["answered"])
def test_an_agent_who_talks_holds_or_parked_has_answered(segment):
    seen = sight(RINGING, status(session(segment)))
    verdict = decide.on_sight(RINGING, seen, POLICY, after(9))

    assert (verdict.state, verdict.due_at) == (State.DELIVERING, after(9))
    assert verdict.learnt == {
        "answered_at": after(7),
        "deliver_by": after(607),
        "evidence": Evidence.STATUS,
        "evidence_detail": segment,
        "user_name": "María",
        "trouble": "",
        "trouble_detail": "",
    }


@pytest.mark.parametrize("segment", SEGMENTS["over"])
def test_an_agent_in_wrapup_has_answered_and_is_over(segment):
    seen = sight(RINGING, status(session(segment)))
    verdict = decide.on_sight(RINGING, seen, POLICY, after(9))

    assert outcome(verdict) == (State.EXPIRED, Reason.ANSWERED_AND_OVER)
    assert verdict.learnt == {
        "answered_at": after(7),
        "evidence": Evidence.STATUS,
        "evidence_detail": segment,
        "user_name": "María",
    }


@pytest.mark.parametrize("segment", SEGMENTS["not yet"])
def test_any_other_segment_means_not_yet(segment):
    seen = sight(RINGING, status(session(segment)))
    verdict = decide.on_sight(RINGING, seen, POLICY, after(9))

    assert outcome(verdict) == (State.CHECKING, None)
    assert after(9) < verdict.due_at <= after(11.001)
    assert verdict.learnt == {"trouble": "", "trouble_detail": "", "user_name": "María"}


def test_the_table_of_segments_is_whole():
    known = {each for row in SEGMENTS.values() for each in row} - {"levitating", ""}

    assert known == decide.KNOWN_SEGMENTS


# Every sample of Genesys


def seen_in(sample, offer=RINGING):
    """What the answer shows of the offer, read as the portal does."""
    text = (PAYLOADS / f"{sample}.json").read_text("utf-8")
    ids = ["several", "agents"] if "entities" in json.loads(text) else [offer.user_id]
    call = genesys.status_call("https://api.mypurecloud.com", "t", ids)
    with responses.RequestsMock() as net:
        net.add(call.method, call.url, body=text)
        return sight(offer, *genesys.read_statuses(send(call), ids))


NO_SESSION_ID = replace(RINGING, session_id="")
DIEGO = Offer(
    user_id="94a5c0e7-d31b-4f68-8e20-b7d6f19c3a85",
    session_id="d19f7a36-5e80-4bc2-97a4-c06e2d8f5b17",
    conversation_id="6c40e8d1-b97f-4a25-83ce-f05d1b72a964",
    offered_at=after(-16.462),
)
SOFIA = Offer(user_id="f81d6b3e-0c57-4a92-b4e9-2d70a5c8e163", session_id="x")
TOLD, OVER, WAIT = State.DELIVERING, State.EXPIRED, State.CHECKING


@pytest.mark.parametrize("offer", [RINGING, NO_SESSION_ID], ids=["session id", "no session id"])
@pytest.mark.parametrize(
    ("sample", "state", "segment", "name"),
    [
        ("agent_status_alert", WAIT, "alert", "María Fernanda Quiroga"),
        ("agent_status_interact", TOLD, "interact", "María Fernanda Quiroga"),
        ("agent_status_hold", TOLD, "hold", "María Fernanda Quiroga"),
        ("agent_status_parked", TOLD, "parked", "María Fernanda Quiroga"),
        ("agent_status_wrapup", OVER, "wrapup", "María Fernanda Quiroga"),
        ("agent_status_empty", WAIT, "", "María Fernanda Quiroga"),
        ("agent_status_no_name_permission", TOLD, "interact", ""),
        ("agent_status_same_conversation_two_legs", WAIT, "alert", "María Fernanda Quiroga"),
        ("agent_status_query_bulk_response", TOLD, "interact", "María Fernanda Quiroga"),
    ],
)
def test_every_answer_of_genesys_leads_to_the_right_verdict(offer, sample, state, segment, name):
    seen = seen_in(sample, offer)
    verdict = decide.on_sight(offer, seen, POLICY, after(9))

    assert (seen.segment, seen.user_name) == (segment, name)
    assert verdict.state == state
    assert verdict.learnt.get("user_name", "") == name


@pytest.mark.parametrize(("offer", "segment"), [(DIEGO, "alert"), (SOFIA, "")], ids=["1st", "3rd"])
def test_a_bulk_answer_serves_each_agent(offer, segment):
    assert seen_in("agent_status_query_bulk_response", offer).segment == segment


# When the agent answered


@pytest.mark.parametrize(
    ("since", "answered_at"),
    [(after(7), after(7)), (None, after(9)), (after(99), after(9)), (after(-60), OFFERED)],
    ids=["as Genesys says", "now", "not in the future", "not before the offer"],
)
@pytest.mark.parametrize("segment", ["interact", "wrapup"])
def test_the_answer_lies_between_the_offer_and_now(segment, since, answered_at):
    verdict = decide.on_sight(RINGING, Sighting(segment, since), POLICY, after(9))

    assert verdict.learnt["answered_at"] == answered_at


def test_lynn_is_told_within_the_time_that_counts_from_the_answer():
    verdict = decide.answered(after(7), Evidence.ACD_END, POLICY, after(9))

    assert (verdict.state, verdict.due_at) == (State.DELIVERING, after(9))
    assert verdict.learnt["deliver_by"] == after(607)
    assert verdict.learnt["evidence"] == Evidence.ACD_END


# Giving up


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (119.999, (State.CHECKING, None)),
        (120, (State.NOT_ANSWERED, Reason.GAVE_UP)),
        (129, (State.NOT_ANSWERED, Reason.GAVE_UP)),
    ],
    ids=["just before", "at the limit", "a little late"],
)
@pytest.mark.parametrize("segment", ["alert", "", "monitoring"])
def test_an_agent_who_has_not_answered_in_time_is_given_up(seconds, expected, segment):
    verdict = decide.on_sight(RINGING, Sighting(segment), POLICY, after(seconds))

    assert outcome(verdict) == expected


def test_an_offer_that_is_gone_when_we_look_too_late_was_not_watched():
    verdict = decide.on_sight(RINGING, Sighting(), POLICY, after(500))

    assert outcome(verdict) == (State.FAILED, Reason.NOT_WATCHED)


def test_an_offer_that_is_gone_when_a_person_asks_again_was_not_watched():
    again = replace(RINGING, by_person=True)

    verdict = decide.on_sight(again, Sighting(), POLICY, after(120))

    assert outcome(verdict) == (State.FAILED, Reason.NOT_WATCHED)


def test_one_that_still_rings_when_we_look_too_late_is_not_answered():
    verdict = decide.on_sight(RINGING, Sighting("alert"), POLICY, after(500))

    assert outcome(verdict) == (State.NOT_ANSWERED, Reason.GAVE_UP)


@pytest.mark.parametrize("seconds", [119.999, 120, 500])
def test_an_answer_seen_at_the_last_look_counts(seconds):
    verdict = decide.on_sight(RINGING, Sighting("interact", after(9)), POLICY, after(seconds))

    assert verdict.state == State.DELIVERING


@pytest.mark.parametrize("seconds", [117, 118.5, 119.999])
def test_the_last_look_is_at_the_limit(seconds):
    verdict = decide.on_sight(RINGING, Sighting("alert"), POLICY, after(seconds))

    assert verdict.due_at <= RINGING.give_up_at


def test_without_a_name_no_name_is_learnt():
    verdict = decide.on_sight(RINGING, Sighting("interact"), POLICY, after(9))

    assert "user_name" not in verdict.learnt


# Looks that fail

UNAVAILABLE = ServiceUnavailable("Genesys answered 503")
BUSY = ServiceUnavailable("Genesys answered 429", retry_after=42)
CREDENTIALS = CredentialsRefused("Genesys answered 401")
PERMISSION = PermissionMissing("Genesys answered 403")
REFUSED = ServiceRefused("Genesys answered 404")
NOT_ALLOWED = AddressNotAllowed("lynn.example is at 10.0.0.1")
FOREVER = ServiceUnavailable("Genesys answered 429", retry_after=86400)
EVERY_ERROR = [UNAVAILABLE, BUSY, CREDENTIALS, PERMISSION, REFUSED]


def blind(error, seconds, trouble=Reason.GENESYS_UNAVAILABLE):
    return decide.on_blindness(RINGING, error, trouble, POLICY, after(seconds))


@pytest.mark.parametrize(
    ("error", "seconds", "earliest", "latest"),
    [
        (UNAVAILABLE, 9, 9.001, 11.001),
        (BUSY, 9, 51, 51),
        (ServiceUnavailable("x", retry_after=0.2), 9, 9.2, 9.2),
        (ServiceUnavailable("x", retry_after=1), 9, 10, 10),
        (ServiceUnavailable("x", retry_after=0), 9, 9.001, 11.001),
        (CREDENTIALS, 9, 19, 19),
        (PERMISSION, 9, 19, 19),
        (REFUSED, 9, 19, 19),
        (ServiceRefused("x", retry_after=30), 9, 39, 39),
        (UNAVAILABLE, 119.5, 119.501, 120),
        (BUSY, 100, 120, 120),
        (FOREVER, 9, 120, 120),
        (PERMISSION, 115, 120, 120),
    ],
    ids=[
        "503",
        "429",
        "a moment for others",
        "a short wait",
        "no wait",
        "401",
        "403",
        "404",
        "refused for a while",
        "near the limit",
        "429 near the limit",
        "429 for a day",
        "403 near the limit",
    ],
)
def test_after_a_look_that_failed_comes_another(error, seconds, earliest, latest):
    verdict = blind(error, seconds)

    assert outcome(verdict) == (State.CHECKING, None)
    assert after(earliest) <= verdict.due_at <= after(latest)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "trouble",
    [
        Reason.GENESYS_UNAVAILABLE,
        Reason.GENESYS_CREDENTIALS_REFUSED,
        Reason.GENESYS_PERMISSION_MISSING,
    ],
)
@pytest.mark.parametrize("seconds", [120, 500])
def test_not_seeing_is_never_called_not_answered(error, trouble, seconds):
    verdict = blind(error, seconds, trouble)

    assert outcome(verdict) == (State.FAILED, trouble)
    assert verdict.learnt == {"trouble": trouble, "trouble_detail": str(error)}


def test_an_address_that_is_not_allowed_fails_at_once():
    verdict = blind(NOT_ALLOWED, 1, Reason.ADDRESS_NOT_ALLOWED)

    assert outcome(verdict) == (State.FAILED, Reason.ADDRESS_NOT_ALLOWED)


def test_what_went_wrong_is_kept_until_a_look_succeeds():
    failed = blind(UNAVAILABLE, 9)
    seen = decide.on_sight(RINGING, Sighting("alert"), POLICY, after(11))

    assert failed.learnt["trouble_detail"] == "Genesys answered 503"
    assert (seen.learnt["trouble"], seen.learnt["trouble_detail"]) == ("", "")


# No name

NAMELESS = replace(TELLING, user_name="")
SENDING = replace(POLICY, without_name=WithoutName.SEND)


@pytest.mark.parametrize(
    ("error", "seconds", "pause"),
    [
        (None, 7, 1),
        (None, 8, 1),
        (None, 17, 5),
        (None, 107, 50),
        (None, 407, 60),
        (None, 605, 2),
        (UNAVAILABLE, 17, 5),
        (BUSY, 17, 42),
        (FOREVER, 17, 590),
    ],
    ids=["at once", "1 s", "10 s", "100 s", "400 s", "the end", "503", "429", "429 for a day"],
)
def test_a_tenant_that_waits_for_names_looks_again_ever_less_often(error, seconds, pause):
    verdict = decide.without_name(NAMELESS, error, Reason.NAME_UNAVAILABLE, POLICY, after(seconds))

    assert outcome(verdict) == (State.DELIVERING, None)
    assert verdict.due_at == after(seconds + pause)
    assert verdict.learnt["trouble"] == Reason.NAME_UNAVAILABLE


@pytest.mark.parametrize(
    ("error", "detail"),
    [(None, "Genesys answered without a name"), (PERMISSION, "Genesys answered 403")],
)
def test_why_there_is_no_name_is_kept(error, detail):
    verdict = decide.without_name(NAMELESS, error, Reason.NAME_UNAVAILABLE, POLICY, after(9))

    assert verdict.learnt["trouble_detail"] == detail


@pytest.mark.parametrize("error", [None, *EVERY_ERROR], ids=lambda error: type(error).__name__)
def test_a_tenant_that_does_not_wait_tells_lynn_without_a_name(error):
    trouble = Reason.NAME_UNAVAILABLE

    assert decide.without_name(NAMELESS, error, trouble, SENDING, after(9)) is None


@pytest.mark.parametrize("policy", [POLICY, SENDING], ids=["wait", "send"])
def test_an_address_that_is_not_allowed_fails_the_look_for_a_name(policy):
    verdict = decide.without_name(
        NAMELESS, NOT_ALLOWED, Reason.ADDRESS_NOT_ALLOWED, policy, after(9)
    )

    assert outcome(verdict) == (State.FAILED, Reason.ADDRESS_NOT_ALLOWED)


# After a delivery


def test_a_lynn_that_was_told_is_done():
    verdict = decide.after_delivery(TELLING, None, after(9), 0.5)

    assert outcome(verdict) == (State.DELIVERED, Reason.DELIVERED)
    assert verdict.learnt == {"delivered_at": after(9), "trouble": "", "trouble_detail": ""}


@pytest.mark.parametrize(
    ("tries", "delay"),
    [*enumerate([1, 2, 4, 8, 15, 30, 60, 60, 60], start=1), (1000, 60), (0, 1)],
)
@pytest.mark.parametrize(("jitter", "factor"), [(0, 0.75), (0.5, 1), (1, 1.25)])
def test_lynn_is_told_again_ever_less_often(tries, delay, jitter, factor):
    offer = replace(TELLING, tries=tries)
    verdict = decide.after_delivery(offer, UNAVAILABLE, after(9), jitter)

    assert outcome(verdict) == (State.DELIVERING, None)
    assert verdict.due_at == after(9) + timedelta(seconds=delay * factor)
    assert verdict.learnt == {"trouble": "", "trouble_detail": "Genesys answered 503"}


@pytest.mark.parametrize(
    ("retry_after", "tries", "due_at"),
    [
        (30, 1, after(42)),
        (0, 1, after(10)),
        (3, 4, after(17)),
        (86400, 1, TELLING.deliver_by),
    ],
    ids=["longer than ours", "none", "shorter than ours", "longer than there is time"],
)
def test_lynn_may_ask_for_more_time(retry_after, tries, due_at):
    error = ServiceUnavailable("Lynn answered 503", retry_after=retry_after)

    verdict = decide.after_delivery(replace(TELLING, tries=tries), error, after(9), 0.5)
    assert verdict.due_at == due_at


def test_those_that_lynn_sent_away_together_do_not_come_back_together():
    error = ServiceUnavailable("Lynn answered 503", retry_after=30)

    due = [decide.after_delivery(TELLING, error, after(9), jitter).due_at for jitter in (0, 1)]
    assert due == [after(39), after(45)]


def test_behind_an_open_breaker_an_offer_waits_and_says_why():
    verdict = decide.wait_for_lynn(TELLING, after(30), "no answer since noon")

    assert outcome(verdict) == (State.DELIVERING, None)
    assert verdict.due_at == after(30)
    assert verdict.learnt == {
        "trouble": "lynn_unreachable",
        "trouble_detail": "no answer since noon",
    }


def test_behind_an_open_breaker_an_offer_comes_due_at_its_deadline():
    verdict = decide.wait_for_lynn(TELLING, after(86400), "")

    assert verdict.due_at == TELLING.deliver_by


@pytest.mark.parametrize("name", ["María", ""], ids=["with a name", "without"])
def test_what_waited_for_lynn_until_its_deadline_is_too_late(name):
    offer = replace(TELLING, trouble="lynn_unreachable", user_name=name)

    assert outcome(decide.from_facts(offer, offer.deliver_by)) == (State.EXPIRED, Reason.TOO_LATE)


@pytest.mark.parametrize("seconds", [606, 606.999])
def test_the_last_try_comes_due_at_the_deadline(seconds):
    offer = replace(TELLING, tries=9)

    due_at = decide.after_delivery(offer, UNAVAILABLE, after(seconds), 1).due_at
    assert due_at == offer.deliver_by


def test_without_a_deadline_nothing_is_cut_short():
    offer = replace(TELLING, tries=9, deliver_by=None)

    assert decide.after_delivery(offer, UNAVAILABLE, after(9), 0.5).due_at == after(69)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (REFUSED, Reason.LYNN_REFUSED),
        (CREDENTIALS, Reason.LYNN_REFUSED),
        (NOT_ALLOWED, Reason.ADDRESS_NOT_ALLOWED),
    ],
    ids=["refused", "401", "address"],
)
def test_a_refusal_is_final_and_keeps_its_words(error, reason):
    verdict = decide.after_delivery(TELLING, error, after(9), 0.5)

    assert outcome(verdict) == (State.FAILED, reason)
    assert verdict.learnt == {"trouble": "", "trouble_detail": str(error)}


# What the facts say without asking anybody


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, None),
        ({"answered_at": after(7)}, (State.DELIVERING, None)),
        (
            {"answered_at": after(7), "superseded_at": after(9)},
            (State.DELIVERING, None),
        ),
        (
            {"ended_at": after(9), "interacted": True},
            (State.EXPIRED, Reason.ANSWERED_AND_OVER),
        ),
        ({"ended_at": after(9), "interacted": False}, (State.NOT_ANSWERED, Reason.RANG_OUT)),
        (
            {"ended_at": after(9), "interacted": False, "superseded_at": after(8)},
            (State.NOT_ANSWERED, Reason.RANG_OUT),
        ),
        ({"superseded_at": after(9)}, (State.NOT_ANSWERED, Reason.SUPERSEDED)),
        ({"give_up_at": after(1)}, None),
        ({"trouble": Reason.GENESYS_UNAVAILABLE, "give_up_at": after(1)}, None),
    ],
    ids=[
        "nothing",
        "proof",
        "proof, and another answered later",
        "over",
        "rang out",
        "rang out, and another answered",
        "another answered",
        "the last look is still to come",
        "the last look failed",
    ],
)
def test_what_is_known_while_checking(facts, expected):
    verdict = decide.from_facts(replace(RINGING, **facts), after(10))

    assert (verdict and outcome(verdict)) == expected


def test_a_proof_sends_the_offer_on_at_once():
    verdict = decide.from_facts(replace(RINGING, answered_at=after(7)), after(10))

    assert verdict == Verdict(State.DELIVERING, due_at=after(10))


def test_an_end_after_talking_is_evidence_itself():
    verdict = decide.from_facts(replace(RINGING, ended_at=after(9), interacted=True), after(10))

    assert verdict.learnt == {"evidence": Evidence.USER_END, "answered_at": after(9)}


@pytest.mark.parametrize(
    ("facts", "seconds", "expected"),
    [
        ({}, 10, None),
        ({}, 606.999, None),
        ({}, 607, (State.EXPIRED, Reason.TOO_LATE)),
        ({"deliver_by": None}, 9999, None),
        (
            {"ended_at": after(9), "interacted": True},
            10,
            (State.EXPIRED, Reason.ANSWERED_AND_OVER),
        ),
        (
            {"ended_at": after(9), "interacted": False},
            10,
            (State.EXPIRED, Reason.ANSWERED_AND_OVER),
        ),
        (
            {"ended_at": after(9), "interacted": True, "evidence": Evidence.AUTO},
            10,
            (State.EXPIRED, Reason.ANSWERED_AND_OVER),
        ),
        (
            {"ended_at": after(9), "interacted": False, "evidence": Evidence.AUTO},
            10,
            (State.NOT_ANSWERED, Reason.RANG_OUT),
        ),
        ({"ended_at": after(9), "interacted": True, "by_person": True}, 10, None),
        (
            {"ended_at": after(9), "interacted": True, "by_person": True},
            607,
            (State.EXPIRED, Reason.TOO_LATE),
        ),
        ({"superseded_at": after(9)}, 10, None),
    ],
    ids=[
        "nothing",
        "just in time",
        "too late",
        "no deadline",
        "over",
        "proven, whatever the end says",
        "automatic and over",
        "automatic, but rang out",
        "a person wants it told",
        "a person wanted it told, too late",
        "another answered too",
    ],
)
def test_what_is_known_while_delivering(facts, seconds, expected):
    verdict = decide.from_facts(replace(TELLING, **facts), after(seconds))

    assert (verdict and outcome(verdict)) == expected


@pytest.mark.parametrize(
    ("trouble", "name", "expected"),
    [
        ("", "", (State.EXPIRED, Reason.TOO_LATE)),
        (Reason.NAME_UNAVAILABLE, "", (State.FAILED, Reason.NAME_UNAVAILABLE)),
        (Reason.GENESYS_UNAVAILABLE, "", (State.FAILED, Reason.NAME_UNAVAILABLE)),
        (Reason.GENESYS_PERMISSION_MISSING, "", (State.FAILED, Reason.NAME_UNAVAILABLE)),
        (
            Reason.GENESYS_CREDENTIALS_REFUSED,
            "",
            (State.FAILED, Reason.GENESYS_CREDENTIALS_REFUSED),
        ),
        (Reason.NAME_UNAVAILABLE, "María", (State.EXPIRED, Reason.TOO_LATE)),
    ],
    ids=["no trouble", "no name", "Genesys away", "403", "401", "the name came after all"],
)
def test_who_had_no_name_in_time_is_not_called_late(trouble, name, expected):
    offer = replace(TELLING, user_name=name, trouble=trouble)

    assert outcome(decide.from_facts(offer, after(607))) == expected


# What a person wants

PROVEN = {"answered_at": after(7), "evidence": Evidence.STATUS}
CLOSED = [State.DELIVERED, State.SHADOWED, State.IGNORED]
REOPENED = [State.NOT_ANSWERED, State.EXPIRED, State.FAILED, State.CANCELLED]
BY_PERSON = {"trigger": Trigger.PERSON, "trouble": "", "trouble_detail": "", "tries": 0}


@pytest.mark.parametrize("state", REOPENED)
def test_a_person_can_have_lynn_told_again(state):
    verdict = decide.deliver_again(Offer(state=state, **PROVEN), POLICY, after(9000))

    assert (verdict.state, verdict.due_at) == (State.DELIVERING, after(9000))
    assert verdict.learnt == {**BY_PERSON, "deliver_by": after(9600)}


def test_a_person_can_have_lynn_told_now():
    assert decide.deliver_again(TELLING, POLICY, after(9)) == Verdict(
        State.DELIVERING, due_at=after(9)
    )


@pytest.mark.parametrize("state", CLOSED)
def test_what_was_delivered_is_not_told_again(state):
    with pytest.raises(NotPossible, match="delivered or ignored stays as it is"):
        decide.deliver_again(Offer(state=state, **PROVEN), POLICY, after(9))


@pytest.mark.parametrize("state", [State.CHECKING, *REOPENED])
@pytest.mark.parametrize(
    "facts",
    [{}, {"answered_at": after(7)}, {"evidence": Evidence.STATUS}],
    ids=["nothing", "a time alone", "evidence alone"],
)
def test_without_evidence_not_even_a_person_has_lynn_told(state, facts):
    with pytest.raises(NotPossible, match="Nothing shows that this agent answered"):
        decide.deliver_again(Offer(state=state, **facts), POLICY, after(9))


@pytest.mark.parametrize("state", REOPENED)
def test_a_person_can_have_genesys_asked_again(state):
    verdict = decide.check_again(Offer(state=state), POLICY, after(9000))

    assert (verdict.state, verdict.due_at) == (State.CHECKING, after(9000))
    assert verdict.learnt == {**BY_PERSON, "give_up_at": after(9120)}


def test_a_person_can_have_genesys_asked_now():
    assert decide.check_again(RINGING, POLICY, after(9)) == Verdict(State.CHECKING, due_at=after(9))


@pytest.mark.parametrize("state", [State.DELIVERING, *CLOSED])
def test_what_is_being_delivered_or_done_is_not_checked_again(state):
    with pytest.raises(NotPossible, match="being delivered or is done stays as it is"):
        decide.check_again(Offer(state=state), POLICY, after(9))


@pytest.mark.parametrize("state", REOPENED)
def test_an_answer_that_is_known_is_not_looked_for(state):
    with pytest.raises(NotPossible, match="known to have answered"):
        decide.check_again(Offer(state=state, **PROVEN), POLICY, after(9))


@pytest.mark.parametrize("state", OPEN)
def test_a_person_can_cancel_what_is_open(state):
    assert decide.cancel(Offer(state=state)) == Verdict(State.CANCELLED, Reason.CANCELLED_BY_PERSON)


@pytest.mark.parametrize("state", [*CLOSED, *REOPENED])
def test_what_is_final_cannot_be_cancelled(state):
    with pytest.raises(NotPossible, match="Only an open connection"):
        decide.cancel(Offer(state=state))


# The grid of checks

moments = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001
    datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
steps = st.sampled_from([0.5, 1, 1.5, 2, 2.5, 3, 5, 7.3, 10, 60])
phases = st.floats(0, 60, allow_nan=False)
grids = st.builds(
    lambda every, phase: replace(POLICY, check_every=every, phase=phase), steps, phases
)
MICROSECOND = timedelta(microseconds=1)


@given(moments, grids)
def test_a_grid_point_is_never_before_the_moment(moment, policy):
    assert decide.aligned(moment, policy) >= moment


@given(moments, grids)
def test_a_grid_point_is_at_most_one_step_away(moment, policy):
    step = timedelta(seconds=policy.check_every)

    assert decide.aligned(moment, policy) - moment <= step + 2 * MICROSECOND


@given(moments, grids)
def test_a_grid_point_is_on_the_grid(moment, policy):
    steps = (decide.aligned(moment, policy).timestamp() - policy.phase) / policy.check_every

    assert abs(steps - round(steps)) * policy.check_every < 3e-6


@given(moments, st.floats(0, 1), grids)
def test_offers_of_one_tenant_come_due_together(moment, share, policy):
    point = decide.aligned(moment, policy)
    later = moment + share * (point - moment - 5 * MICROSECOND)

    assert abs(decide.aligned(max(later, moment), policy) - point) <= 2 * MICROSECOND


@given(moments, grids, st.floats(-300, 300))
def test_the_next_check_is_later_than_now(now, policy, left):
    offer = replace(RINGING, give_up_at=now + timedelta(seconds=left))

    step = timedelta(seconds=policy.check_every, milliseconds=1)
    assert now < decide.next_check(offer, policy, now) <= now + step + 2 * MICROSECOND


@given(moments, grids, st.floats(0.002, 300))
def test_the_last_check_is_at_the_limit(now, policy, left):
    offer = replace(RINGING, give_up_at=now + timedelta(seconds=left))

    assert decide.next_check(offer, policy, now) <= offer.give_up_at


@pytest.mark.parametrize(
    ("seconds", "due"),
    [(0.001, 2), (1.9, 2), (1.9985, 2), (2, 4), (2.5, 4), (3.9999, 6)],
)
def test_the_next_check_is_the_next_point_of_the_grid(seconds, due):
    start = datetime(2026, 10, 12, 14, 0, tzinfo=UTC)
    now = start + timedelta(seconds=seconds)

    assert decide.next_check(RINGING, POLICY, now) == start + timedelta(seconds=due)


def test_the_phase_moves_the_grid():
    start = datetime(2026, 10, 12, 14, 0, tzinfo=UTC)
    moved = replace(POLICY, phase=0.75)

    assert decide.aligned(start, moved) == start + timedelta(seconds=0.75)


# Every verdict


@given(
    st.sampled_from(OPEN),
    st.sampled_from(["", "alert", "interact", "wrapup", "barging", "hold", "odd"]),
    st.floats(0, 900),
    st.sampled_from([None, *EVERY_ERROR, NOT_ALLOWED]),
)
def test_every_verdict_is_a_move_with_a_date_or_a_reason(state, segment, seconds, error):
    offer, now = (RINGING, TELLING)[state == State.DELIVERING], after(seconds)
    verdicts = [decide.from_facts(offer, now), decide.cancel(offer)]
    if state == State.CHECKING:
        verdicts.append(decide.on_sight(offer, Sighting(segment), POLICY, now))
        verdicts += [blind(error, seconds)] if error else []
    else:
        verdicts.append(decide.after_delivery(offer, error, now, 0.5))

    for verdict in filter(None, verdicts):
        assert verdict.state in MOVES[state]
        assert verdict.state.is_open == (verdict.due_at is not None)
        assert verdict.reason is None or verdict.reason in REASONS[verdict.state]
        assert verdict.state.is_open == (verdict.reason is None)
