"""What we ask of Genesys, and what we read from its answers."""

import json
import logging
from datetime import UTC, datetime

import pytest
import responses

from connector.clients import genesys
from connector.clients.base import send
from connector.decide import KNOWN_SEGMENTS, Session
from connector.errors import (
    CredentialsRefused,
    PermissionMissing,
    ServiceRefused,
    ServiceUnavailable,
)
from connector.simulator.thread import running

API = "https://api.mypurecloud.com"
LOGIN = "https://login.mypurecloud.com"
MARIA = "2b7d94e1-6f08-4c35-8a1d-c35e7f90b246"
DIEGO = "94a5c0e7-d31b-4f68-8e20-b7d6f19c3a85"
SOFIA = "f81d6b3e-0c57-4a92-b4e9-2d70a5c8e163"
OURS = "5e9a3c70-18bd-4d02-a6f1-94c7d80e2b63"
CONVERSATION = "8d2f6b1e-4c3a-4f59-9b7e-0a61c5d2e814"


def answered(call, body, status=200, **headers):
    """What comes of the call when Genesys answers like this."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with responses.RequestsMock() as net:
        net.add(call.method, call.url, body=body, status=status, headers=named)
        return send(call)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# The token


@pytest.fixture
def token_call():
    return genesys.token_call(LOGIN, "client-id", "sëcret:with colon")


def test_a_token_is_asked_for_with_client_credentials(token_call):
    assert (token_call.method, token_call.url) == ("POST", f"{LOGIN}/oauth/token")
    assert token_call.body == b"grant_type=client_credentials"
    assert token_call.headers == {
        "Authorization": "Basic Y2xpZW50LWlkOnPDq2NyZXQ6d2l0aCBjb2xvbg==",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }


def test_the_secret_is_not_shown(token_call):
    assert "Authorization" not in token_call.shown_headers
    assert token_call.shown_body == "grant_type=client_credentials"


def test_a_token_comes_with_its_lifetime(token_call, payload):
    exchange = answered(token_call, payload("token_ok"))

    expected = "Zq3xV0mT9sYb7Kc1LhR5uWn2Gf8pJd4EoAi6CtQyXkBvMlNrSgHzPeUwDjFaO-EXAMPLE"
    assert genesys.read_token(exchange) == (expected, 86399)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_an_invalid_client_is_said_to_be_one(token_call, payload, status):
    exchange = answered(token_call, payload("token_invalid_client"), status)

    with pytest.raises(CredentialsRefused, match=f"answered {status}: client id and secret"):
        genesys.read_token(exchange)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_login_that_is_down_is_asked_again(token_call, payload, status):
    exchange = answered(token_call, payload("error_503"), status, Retry_After="7")

    with pytest.raises(ServiceUnavailable) as failure:
        genesys.read_token(exchange)
    assert failure.value.retry_after == 7


@pytest.mark.parametrize("status", [301, 404])
def test_another_answer_of_the_login_is_a_refusal(token_call, status):
    with pytest.raises(ServiceRefused, match=f"login.mypurecloud.com answered {status}"):
        genesys.read_token(answered(token_call, "", status))


@pytest.mark.parametrize(
    "body",
    [
        "<html>Welcome</html>",
        "",
        "[]",
        '"token"',
        "{}",
        '{"access_token": ""}',
        '{"access_token": null}',
        '{"access_token": 5}',
    ],
)
def test_an_answer_without_a_token_is_asked_for_again(token_call, body):
    with pytest.raises(ServiceUnavailable, match="answered 200 with"):
        genesys.read_token(answered(token_call, body))


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        ("300", 300),
        ("86399.9", 86399),
        ("172800", 172800),
        ("172801", 172800),
        ("1e400", 172800),
        ("9" * 400, 172800),
        ("0", 300),
        ("-5", 300),
        ("0.2", 300),
        ("NaN", 300),
        ("-Infinity", 300),
        ("null", 300),
        ('"86399"', 300),
        ("[]", 300),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_lifetime_that_makes_no_sense_is_taken_to_be_short(token_call, expires_in, seconds):
    exchange = answered(token_call, f'{{"access_token": "t", "expires_in": {expires_in}}}')

    assert genesys.read_token(exchange) == ("t", seconds)


def test_a_token_that_says_no_lifetime_is_taken_to_be_short(token_call):
    assert genesys.read_token(answered(token_call, '{"access_token": "t"}')) == ("t", 300)


# Asking for the status


def test_one_agent_is_asked_for_by_address():
    call = genesys.status_call(API, "t0k3n", [MARIA])

    assert (call.method, call.body) == ("GET", b"")
    assert call.url == f"{API}/api/v2/analytics/agents/{MARIA}/status"
    assert call.headers == {"Authorization": "Bearer t0k3n", "Accept": "application/json"}


def test_several_agents_are_asked_for_in_one_query(payload):
    call = genesys.status_call(API, "t0k3n", [MARIA, DIEGO, SOFIA])

    wanted = payload("agent_status_query_bulk_request", parsed=True)
    assert (call.method, call.url) == ("POST", f"{API}/api/v2/analytics/agents/status/query")
    assert json.loads(call.body) == {"userFilter": wanted["userFilter"]}
    assert call.headers["Content-Type"] == "application/json"


def test_fifty_agents_fit_into_one_query():
    ids = [f"agent-{number}" for number in range(genesys.MAX_AGENTS)]

    predicates = json.loads(genesys.status_call(API, "t", ids).body)["userFilter"]["predicates"]
    assert [each["value"] for each in predicates] == ids
    assert len(ids) == 50


@pytest.mark.parametrize(
    ("user_id", "quoted"),
    [
        ("a/../../b", "a%2F..%2F..%2Fb"),
        ("a?b=c#d", "a%3Fb%3Dc%23d"),
        ("a b%2F", "a%20b%252F"),
        ("josé", "jos%C3%A9"),
    ],
)
def test_an_id_stays_one_part_of_the_address(user_id, quoted):
    with responses.RequestsMock() as net:
        net.get(f"{API}/api/v2/analytics/agents/{quoted}/status", body="{}")
        net.get(f"{API}/api/v2/users/{quoted}", body="{}")
        for call in (
            genesys.status_call(API, "t", [user_id]),
            genesys.name_call(API, "t", user_id),
        ):
            assert send(call).status == 200
            assert quoted in call.url


# Reading the status


@pytest.fixture
def status_of(payload):
    """What a sample says of María."""

    def read(sample):
        exchange = answered(genesys.status_call(API, "t", [MARIA]), payload(sample))
        return genesys.read_statuses(exchange, [MARIA])[0]

    return read


@pytest.mark.parametrize(
    ("sample", "segments", "since"),
    [
        ("agent_status_alert", ["hold", "interact", "alert"], "2026-10-12T14:03:21.482"),
        ("agent_status_interact", ["hold", "interact", "interact"], "2026-10-12T14:03:29.107"),
        ("agent_status_hold", ["interact", "hold"], "2026-10-12T14:05:12.730"),
        ("agent_status_parked", ["interact", "parked"], "2026-10-12T14:09:47.021"),
        ("agent_status_wrapup", ["interact", "wrapup"], "2026-10-12T14:21:40.562"),
        (
            "agent_status_same_conversation_two_legs",
            ["wrapup", "alert"],
            "2026-10-12T14:03:21.482",
        ),
    ],
)
def test_all_sessions_of_an_agent_are_read(status_of, sample, segments, since):
    status = status_of(sample)

    ours = next(each for each in status.sessions if each.session_id == OURS)
    assert (status.user_id, status.user_name) == (MARIA, "María Fernanda Quiroga")
    assert sorted(each.segment for each in status.sessions) == sorted(segments)
    assert ours == Session(
        conversation_id=CONVERSATION,
        session_id=OURS,
        segment=ours.segment,
        media_type="message",
        session_start=at("2026-10-12T14:03:21.482"),
        segment_start=at(since),
    )


def test_an_agent_without_sessions_has_none(status_of):
    status = status_of("agent_status_empty")

    assert (status.user_id, status.sessions) == (MARIA, ())


def test_an_agent_whose_name_is_withheld_is_known_by_the_address(status_of):
    status = status_of("agent_status_no_name_permission")

    assert (status.user_id, status.user_name) == (MARIA, "")
    assert [each.segment for each in status.sessions] == ["interact"]


def test_a_query_tells_of_each_agent(payload):
    ids = [MARIA, DIEGO, SOFIA]
    call = genesys.status_call(API, "t", ids)
    exchange = answered(call, payload("agent_status_query_bulk_response"))

    statuses = genesys.read_statuses(exchange, ids)
    assert [(each.user_id, each.user_name, len(each.sessions)) for each in statuses] == [
        (DIEGO, "Diego Armando Paredes", 1),
        (MARIA, "María Fernanda Quiroga", 3),
        (SOFIA, "Sofía Ibáñez", 0),
    ]
    assert statuses[0].source["routingStatus"] == "INTERACTING"


def test_a_query_without_names_tells_sessions_only(payload):
    answer = payload("agent_status_query_bulk_response", parsed=True)
    for entity in answer["entities"]:
        del entity["userId"], entity["userName"]
    exchange = answered(genesys.status_call(API, "t", [MARIA, DIEGO]), json.dumps(answer))

    statuses = genesys.read_statuses(exchange, [MARIA, DIEGO])
    assert {(each.user_id, each.user_name) for each in statuses} == {("", "")}
    assert [len(each.sessions) for each in statuses] == [1, 3, 0]


@pytest.mark.parametrize(
    "answer",
    [{}, {"entities": None}, {"entities": []}, {"entities": [None, 5, "x"]}],
    ids=["no list", "null", "empty", "no objects"],
)
def test_a_query_may_show_no_agent(answer):
    exchange = answered(genesys.status_call(API, "t", [MARIA, DIEGO]), json.dumps(answer))

    assert genesys.read_statuses(exchange, [MARIA, DIEGO]) == []


@pytest.mark.parametrize(
    ("ids", "body"),
    [
        ([MARIA], "[]"),
        ([MARIA], "null"),
        ([MARIA], '"x"'),
        ([MARIA], "<html>"),
        ([MARIA], ""),
        ([MARIA, DIEGO], "[]"),
        ([MARIA, DIEGO], '{"entities": 5}'),
        ([MARIA, DIEGO], '{"entities": {}}'),
    ],
)
def test_what_is_no_status_is_asked_for_again(ids, body):
    exchange = answered(genesys.status_call(API, "t", ids), body)

    with pytest.raises(ServiceUnavailable, match="answered 200 with something that is no"):
        genesys.read_statuses(exchange, ids)


ODD = {
    "no sessions": {},
    "null": {"sessions": None},
    "no list": {"sessions": {"a": 1}},
    "no objects": {"sessions": [None, 1, "x", []]},
    "count without sessions": {"sessionCount": 3},
}


@pytest.mark.parametrize("entity", ODD.values(), ids=ODD)
def test_an_agent_may_come_without_sessions(entity):
    exchange = answered(genesys.status_call(API, "t", [MARIA]), json.dumps(entity))

    assert genesys.read_statuses(exchange, [MARIA])[0].sessions == ()


def read_session(**columns):
    body = json.dumps({"userName": "María", "sessions": [columns]})
    exchange = answered(genesys.status_call(API, "t", [MARIA]), body)
    return genesys.read_statuses(exchange, [MARIA])[0].sessions[0]


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-10-12T14:03:21.482Z", at("2026-10-12T14:03:21.482")),
        ("2026-10-12T09:03:21.482-05:00", at("2026-10-12T14:03:21.482")),
        ("2026-10-12T14:03:21", at("2026-10-12T14:03:21")),
        ("soon", None),
        ("", None),
        (1791813801482, None),
        (None, None),
    ],
)
def test_a_time_that_cannot_be_read_is_none(value, moment):
    session = read_session(sessionStart=value, segmentStart=value)

    assert (session.session_start, session.segment_start) == (moment, moment)


def test_the_medium_of_a_session_is_read_in_any_case():
    assert read_session(mediaType="Message").media_type == "message"
    assert read_session().media_type == ""


@pytest.mark.parametrize("value", [None, 5, [], {}, "", "  "], ids=repr)
def test_a_text_that_is_none_is_empty(value):
    session = read_session(sessionId=value, conversationId=value, segmentType=value)

    assert (session.session_id, session.conversation_id, session.segment) == ("", "", "")


def test_the_case_of_a_segment_does_not_matter():
    assert read_session(segmentType="INTERACT").segment == "interact"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("María 😀", "María 😀"),
        (" María\x00 ", "María"),
        ("Mar\ud83da", "Mara"),
        ("x" * 5000, "x" * 255),
    ],
    ids=["emoji", "NUL", "half an emoji", "long"],
)
def test_a_name_can_be_stored(said, kept):
    body = json.dumps({"userName": said, "name": said})
    status = answered(genesys.status_call(API, "t", [MARIA]), body)
    look_up = answered(genesys.name_call(API, "t", MARIA), body)

    assert genesys.read_statuses(status, [MARIA])[0].user_name == kept
    assert genesys.read_name(look_up) == kept


def test_an_unknown_segment_is_logged_once(caplog, monkeypatch):
    monkeypatch.setattr(genesys, "_unknown_segments", set())
    for _ in range(3):
        read_session(segmentType="Levitating")

    assert [each.levelno for each in caplog.records] == [logging.WARNING]
    assert "'levitating'; it counts as not yet" in caplog.text


def test_unknown_segments_fill_neither_the_log_nor_the_process(caplog, monkeypatch):
    monkeypatch.setattr(genesys, "_unknown_segments", set())
    for number in range(300):
        read_session(segmentType=f"{number}\nno line of our log {'x' * 500}")

    assert len(caplog.records) <= 100
    assert all(len(each.getMessage()) < 120 for each in caplog.records)
    assert not any("\n" in each.getMessage() for each in caplog.records)


@pytest.mark.parametrize("segment", sorted(KNOWN_SEGMENTS))
def test_a_known_segment_is_not_logged(caplog, segment):
    assert read_session(segmentType=segment.upper()).segment == segment
    assert caplog.records == []


# Errors


@pytest.mark.parametrize("ids", [[MARIA], [MARIA, DIEGO]], ids=["one", "several"])
@pytest.mark.parametrize(
    ("sample", "status", "error", "words"),
    [
        ("error_401", 401, CredentialsRefused, "answered 401: the token was not accepted"),
        ("error_401_no_token", 401, CredentialsRefused, "the token was not accepted"),
        ("error_403", 403, PermissionMissing, r"assigned: \[analytics:agentState:view\]"),
        ("error_404", 404, ServiceRefused, "answered 404: Genesys knows no such agent"),
        ("error_429", 429, ServiceUnavailable, "api.mypurecloud.com answered 429"),
        ("error_503", 503, ServiceUnavailable, "api.mypurecloud.com answered 503"),
        ("error_504", 504, ServiceUnavailable, "api.mypurecloud.com answered 504"),
    ],
)
def test_an_error_of_genesys_is_one_of_ours(payload, ids, sample, status, error, words):
    exchange = answered(genesys.status_call(API, "t", ids), payload(sample), status)

    with pytest.raises(error, match=words) as failure:
        genesys.read_statuses(exchange, ids)
    assert type(failure.value) is error


def test_a_429_says_how_long_to_wait(payload):
    call = genesys.status_call(API, "t", [MARIA])
    exchange = answered(call, payload("error_429"), 429, Retry_After="42")

    with pytest.raises(ServiceUnavailable) as failure:
        genesys.read_statuses(exchange, [MARIA])
    assert failure.value.retry_after == 42


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>", "answered 403: a permission is missing"),
        ("[]", "answered 403: no reason given"),
        ("{}", "answered 403: no reason given"),
        ('{"message": 5}', "answered 403: no reason given"),
    ],
)
def test_a_403_without_words_is_a_missing_permission_too(body, words):
    exchange = answered(genesys.status_call(API, "t", [MARIA]), body, 403)

    with pytest.raises(PermissionMissing, match=words):
        genesys.read_statuses(exchange, [MARIA])


@pytest.mark.parametrize("read", [genesys.read_token, genesys.read_name])
def test_a_call_without_an_answer_is_its_own_failure(opened, read):
    exchange = send(genesys.name_call("https://127.0.0.1:1", "t", MARIA))

    with pytest.raises(type(exchange.failure)):
        read(exchange)


def test_the_limits_of_genesys_are_kept(payload):
    call = genesys.status_call(API, "t", [MARIA])
    exchange = answered(
        call, b"{}", ININ_RateLimit_Count="7", inin_ratelimit_allowed="300", X_Other="1"
    )

    assert exchange.headers["inin-ratelimit-count"] == "7"
    assert exchange.headers["inin-ratelimit-allowed"] == "300"


# The name


def test_a_name_is_looked_up_by_its_agent(payload):
    call = genesys.name_call(API, "t0k3n", MARIA)

    assert (call.method, call.url) == ("GET", f"{API}/api/v2/users/{MARIA}")
    assert genesys.read_name(answered(call, payload("user_get"))) == "María Fernanda Quiroga"


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{}", 200), (b'{"name": null}', 200), (b'{"name": " "}', 200), (b"[]", 200), (b"{}", 404)],
)
def test_a_name_that_genesys_does_not_know_is_empty(body, status):
    assert genesys.read_name(answered(genesys.name_call(API, "t", MARIA), body, status)) == ""


@pytest.mark.parametrize(
    ("sample", "status", "error"),
    [
        ("error_401", 401, CredentialsRefused),
        ("error_403", 403, PermissionMissing),
        ("error_429", 429, ServiceUnavailable),
        ("error_503", 503, ServiceUnavailable),
    ],
)
def test_a_look_up_fails_as_a_status_does(payload, sample, status, error):
    exchange = answered(genesys.name_call(API, "t", MARIA), payload(sample), status)

    with pytest.raises(error):
        genesys.read_name(exchange)


# Over real HTTP


def test_the_simulator_is_asked_like_genesys(loopback):
    with running() as simulator:
        url = f"{simulator.url}/genesys/banco"
        settings = simulator.organisation("banco").settings
        maria, diego = simulator.agents("banco")[:2]
        simulator.add_offer("banco", maria.id, None, answer_after=0)

        login = genesys.token_call(url, settings.client_id, settings.client_secret)
        token, lifetime = genesys.read_token(send(login))
        ids = [maria.id, diego.id]
        statuses = genesys.read_statuses(send(genesys.status_call(url, token, ids)), ids)
        name = genesys.read_name(send(genesys.name_call(url, token, diego.id)))

    found = {each.user_name: [one.segment for one in each.sessions] for each in statuses}
    assert lifetime > 0
    assert found == {maria.name: ["interact"], diego.name: []}
    assert name == diego.name


# What "Test connection" and the list of queues ask


def test_genesys_is_known_by_how_it_refuses_whom_it_does_not_know(payload):
    call = genesys.anonymous_call(API)

    assert "Authorization" not in call.headers
    assert genesys.is_genesys(answered(call, payload("error_401_no_token"), 401))


@pytest.mark.parametrize(
    ("body", "status"),
    [("{}", 401), ("[]", 401), ("<html>", 401), ('{"code": "x"}', 200), ('{"code": "x"}', 503)],
)
def test_whatever_answers_otherwise_is_not_genesys(body, status):
    assert not genesys.is_genesys(answered(genesys.anonymous_call(API), body, status))


@pytest.fixture
def queues_call():
    return genesys.queues_call(API, "the-token", page=2)


def test_queues_are_asked_for_by_the_page(queues_call):
    assert queues_call.url == (
        f"{API}/api/v2/routing/queues?pageSize=100&pageNumber=2&sortOrder=asc"
    )
    assert queues_call.headers["Authorization"] == "Bearer the-token"


def test_a_queue_answers_by_itself_as_its_subtype_says_first(queues_call, payload):
    queues, pages = genesys.read_queues(answered(queues_call, payload("routing_queues_page")))

    assert [
        ("Lynn - Soporte nivel 1", False),
        ("Lynn - Ventas", True),
        ("Back office correo", True),
    ] == [(queue.name, queue.auto_answer) for queue in queues]
    assert pages == 1


def test_a_subtype_may_also_switch_it_off(queues_call):
    message = {"enableAutoAnswer": True, "subTypeSettings": {"open": {"enableAutoAnswer": False}}}
    entity = {"id": "A40C", "mediaSettings": {"message": message}, "autoAnswerOnly": True}

    [queue], _pages = genesys.read_queues(
        answered(queues_call, json.dumps({"entities": [entity, {"name": "no id"}, "x"]}))
    )

    assert ("a40c", "", False) == (queue.id, queue.name, queue.auto_answer)


@pytest.mark.parametrize(
    "settings", [None, "x", {}, {"message": []}, {"message": {"subTypeSettings": {"open": 1}}}]
)
def test_settings_that_say_nothing_mean_that_the_agent_has_to_accept(queues_call, settings):
    body = json.dumps({"entities": [{"id": "q", "mediaSettings": settings}], "pageCount": "x"})

    [queue], pages = genesys.read_queues(answered(queues_call, body))

    assert (False, 1) == (queue.auto_answer, pages)


@pytest.mark.parametrize("body", ["[]", "{}", '{"entities": 1}', "<html>"])
def test_what_is_no_list_of_queues_is_worth_asking_again(queues_call, body):
    with pytest.raises(ServiceUnavailable):
        genesys.read_queues(answered(queues_call, body))


def test_queues_that_may_not_be_seen_are_a_missing_permission(queues_call, payload):
    with pytest.raises(PermissionMissing):
        genesys.read_queues(answered(queues_call, payload("error_403"), 403))
