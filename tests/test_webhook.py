"""The door for senders: who may post, what comes back, what is kept."""

import base64
import json
import secrets
from datetime import timedelta
from io import BytesIO

import pytest
from django.core import serializers
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.db.models import F
from django.utils import timezone
from gunicorn.http.body import Body, ChunkedReader
from gunicorn.http.unreader import IterUnreader

from connector import rates
from connector.events import MAX_BYTES
from connector.models import (
    AgentConnection,
    AgentName,
    Event,
    EventOutcome,
    GenesysAccess,
    Queue,
    Tenant,
    WebhookToken,
)
from connector.webhook import READ_AT_MOST

ADDRESS = "/api/v1/tenants/banco-sur/events"
STORED = (AgentConnection, AgentName, Event, GenesysAccess, Queue, Tenant, WebhookToken)
RECEIPT = {"id", "state", "reason", "duplicate"}
UNAUTHORIZED = {
    "error": "unauthorized",
    "detail": "No live token of this tenant was sent. Send it as Authorization: Bearer, as "
    "X-Api-Key, or as the password of HTTP Basic.",
}


@pytest.fixture(autouse=True)
def _clock(now, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: now)


@pytest.fixture
def wait(now, monkeypatch):
    """Lets time pass."""

    def until(**after):
        monkeypatch.setattr(timezone, "now", lambda: now + timedelta(**after))

    return until


@pytest.fixture
def start(payload):
    return payload("flat_workflow_user_start")


@pytest.fixture
def ask(client, start, token):
    """Posts a user.start with these headers alone."""

    def send(slug="banco-sur", **headers):
        address = f"/api/v1/tenants/{slug}/events"
        return client.post(address, json.dumps(start), "application/json", headers=headers)

    return send


def basic(password, user="genesys"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def change(tenant, **columns):
    Tenant.objects.filter(pk=tenant.pk).update(version=F("version") + 1, **columns)


def going_away(error):
    """A database that answers nothing any more."""

    def refuse(execute, sql, params, many, context):
        raise error("the server closed the connection unexpectedly")

    return connection.execute_wrapper(refuse)


# 202 ----------------------------------------------------------------------------------------------


def test_a_user_start_is_accepted_with_the_connection_it_opened(post, start):
    answer = post(start)

    row = AgentConnection.objects.get()
    expected = {"id": str(row.pk), "state": "checking", "reason": "", "duplicate": False}
    assert (202, expected) == (answer.status_code, answer.json())
    assert answer["Content-Type"] == "application/json"


def test_a_duplicate_gets_the_same_connection(post, start):
    first = post(start).json()

    again = post(start)

    assert (202, first | {"duplicate": True}) == (again.status_code, again.json())


def test_an_ignored_user_start_says_why(post, start):
    answer = post(start | {"queueId": "f0f0f0f0-0000-4000-8000-000000000000"})

    row = AgentConnection.objects.get()
    expected = {
        "id": str(row.pk),
        "state": "ignored",
        "reason": "queue_not_listed",
        "duplicate": False,
    }
    assert (202, expected) == (answer.status_code, answer.json())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"topicName": "channel.metadata", "eventBody": {"message": "pong"}}, "heartbeat"),
        ({"topic": "v2.detail.events.conversation.{id}.acd.start"}, "topic_not_used"),
        ({"topic": "acd.end", "conversationId": "c", "acdOutcome": "ABANDON"}, "acd_not_answered"),
        ({"topic": "user.end", "conversationId": "c"}, "no_session"),
        ({"topic": "user.end", "conversationId": "c", "sessionId": "s"}, "before_user_start"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_opens_no_connection_is_accepted_without_an_id(post, content, reason):
    answer = post(content)

    expected = {"id": None, "state": "ignored", "reason": reason, "duplicate": False}
    assert (202, expected) == (answer.status_code, answer.json())


def test_what_was_posted_is_kept_as_posted(post, start, tenant, now):
    post(start)

    event = Event.objects.get()
    assert (tenant, now, start["topic"]) == (event.tenant, event.received_at, event.topic)
    assert start == json.loads(event.body)
    assert AgentConnection.objects.get() == event.connection


def test_of_a_long_body_the_beginning_is_kept(post, start):
    post(start | {"subject": "a" * 60_000})

    assert len(Event.objects.get().body) == 16 * 1024


# 400 ----------------------------------------------------------------------------------------------


def test_a_wrong_event_is_refused_field_by_field(post, start):
    answer = post(start | {"userId": "", "eventTime": "soon"})

    fields = {"userId": "is required", "eventTime": "must be a time in milliseconds since 1970"}
    assert answer.status_code == 400
    assert {"error", "detail", "fields"} == set(answer.json())
    assert ("invalid_event", fields) == (answer.json()["error"], answer.json()["fields"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a":' * 30 + b"1" + b"}" * 30])
def test_what_is_no_event_is_refused_and_kept(post, body):
    answer = post(body)

    event = Event.objects.get()
    assert (
        answer.status_code,
        answer.json()["error"],
        answer.json()["fields"],
    ) == (400, "invalid_event", {})
    assert (event.outcome, event.reason) == (EventOutcome.REFUSED, "invalid_event")
    assert answer.json()["detail"] == event.detail
    assert body.decode("utf-8", "replace") == event.body


def test_a_refused_post_can_be_stored_whatever_bytes_it_has(post):
    post(b'{"userId": "\x00\xed\xa0\x80"}')

    assert "\x00" not in Event.objects.get().body


# 401 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda token: {"Authorization": f"Bearer {token}"},
        lambda token: {"Authorization": f"bearer   {token}"},
        lambda token: {"X-Api-Key": token},
        lambda token: {"Authorization": basic(token)},
        lambda token: {"Authorization": basic(token, user="")},
        lambda token: {"Authorization": basic(token).replace("Basic", "BASIC")},
        lambda token: {"Authorization": "Bearer of-the-gateway", "X-Api-Key": token},
    ],
    ids=["bearer", "any case", "x-api-key", "basic", "no user", "any case of basic", "both"],
)
def test_the_token_comes_in_three_forms(ask, token, form):
    assert ask(**form(token)).status_code == 202


WRONG = "a-token-that-nobody-was-given-1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {WRONG}"},
        {"Authorization": "Bearer \u00ed\u00a0\u0080"},
        {"X-Api-Key": WRONG},
        {"X-Api-Key": ""},
        {"Authorization": basic(WRONG)},
        {"Authorization": "Basic"},
        {"Authorization": "Basic no-base64!"},
        {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
        {"Authorization": f"Digest {WRONG}"},
    ],
    ids=str,
)
def test_without_a_live_token_nobody_gets_in(ask, headers):
    answer = ask(**headers)

    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)
    assert answer["WWW-Authenticate"] == 'Bearer realm="events"'
    assert Event.objects.count() == 0


@pytest.mark.parametrize(
    "slug", ["no-such", "BANCO-SUR", "banco-sur%00", "banco%00-sur", "%00", "b" * 500, "ñ"]
)
def test_an_unknown_tenant_looks_like_a_wrong_token(ask, token, slug):
    answer = ask(slug, Authorization=f"Bearer {token}")

    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


def test_a_token_opens_its_own_tenant_alone(ask, token, now):
    other = Tenant.objects.create(slug="otro", name="Otro", lynn_base_url="https://l.example.com")
    WebhookToken.make(other, now)

    assert ask("otro", Authorization=f"Bearer {token}").status_code == 401


def test_a_token_has_no_place_in_the_address(client, start, token):
    body = json.dumps(start)
    address = f"{ADDRESS}?token={token}&access_token={token}&X-Api-Key={token}"

    assert client.post(address, body, "application/json").status_code == 401


def test_two_tokens_may_be_live_at_once(ask, tenant, token, now):
    _, second = WebhookToken.make(tenant, now)

    assert ask(Authorization=f"Bearer {token}").status_code == 202
    assert ask(Authorization=f"Bearer {second}").status_code == 202


def test_an_ended_token_looks_like_a_wrong_one(ask, tenant, token, now):
    tenant.tokens.get().end(now)

    answer = ask(Authorization=f"Bearer {token}")

    assert (answer.status_code, answer.json()) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(("seconds", "code"), [(1, 202), (0, 401), (-1, 401)])
def test_a_token_ends_at_its_time(ask, tenant, token, now, seconds, code):
    tenant.tokens.update(ends_at=now + timedelta(seconds=seconds))

    assert code == ask(X_Api_Key=token).status_code


def test_a_tenant_that_is_deleted_in_this_moment_looks_unknown(ask, tenant, token):
    def delete_after(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if "connector_webhooktoken" in sql and sql.lstrip().startswith("UPDATE"):
            Tenant.objects.filter(pk=tenant.pk).delete()
        return result

    with connection.execute_wrapper(delete_after):
        assert ask(X_Api_Key=token).status_code == 401


@pytest.mark.parametrize("slug", ["banco-sur", "no-such"])
def test_an_unknown_tenant_costs_the_same_work_as_a_wrong_token(
    ask, slug, monkeypatch, django_assert_num_queries
):
    compared = []

    def compare(stored, shown):
        compared.append((len(stored), len(shown)))
        return real(stored, shown)

    real = secrets.compare_digest
    monkeypatch.setattr(secrets, "compare_digest", compare)

    with django_assert_num_queries(1):
        ask(slug, Authorization=f"Bearer {WRONG}", X_Api_Key=WRONG)

    assert compared == [(64, 64)] * 4


def test_both_tokens_are_compared_even_if_the_first_fits(ask, tenant, token, now, monkeypatch):
    WebhookToken.make(tenant, now)
    compared = []
    monkeypatch.setattr(
        secrets, "compare_digest", lambda stored, shown: compared.append(stored) or stored == shown
    )

    ask(X_Api_Key=token)

    assert len(set(compared)) == 2


def test_the_last_use_of_a_token_is_noted_once_a_minute(ask, tenant, token, now, wait):
    used = []
    for seconds in (0, 59, 60, 61, 90):
        wait(seconds=seconds)
        ask(X_Api_Key=token)
        used.append((tenant.tokens.get().last_used_at - now).total_seconds())

    assert used == [0, 0, 0, 61, 61]


def test_a_wrong_token_notes_no_use(ask, tenant):
    ask(X_Api_Key=WRONG)

    assert tenant.tokens.get().last_used_at is None


def test_nothing_of_a_token_is_stored(ask, client, start, token, caplog):
    for form in ({"X-Api-Key": token}, {"Authorization": basic(token)}):
        ask(**form)
        ask("no-such", **form)
    client.post(f"{ADDRESS}?token={token}", "{", "application/json", headers={"X-Api-Key": token})

    dump = "".join(serializers.serialize("json", model.objects.all()) for model in STORED)
    forms = (token, base64.b64encode(token.encode()).decode().rstrip("="), basic(token)[6:])
    assert not [form for form in forms if form in dump + caplog.text]
    assert token[-4:] == WebhookToken.objects.get().last4


# 403, 405, 413, 415, 429, 503 ---------------------------------------------------------------------


def test_a_tenant_that_is_switched_off_takes_nothing(post, start, tenant):
    post(start)
    change(tenant, enabled=False)

    answer = post(start)

    assert answer.status_code == 403
    assert (answer.json()) == {
        "error": "tenant_disabled",
        "detail": "The tenant banco-sur is switched off.",
    }
    assert refused() == ["tenant_disabled"]


def refused():
    events = Event.objects.filter(outcome=EventOutcome.REFUSED).order_by("id")
    return list(events.values_list("reason", flat=True))


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_only_posts_are_taken(client, token, method):
    answer = getattr(client, method)(ADDRESS, headers={"X-Api-Key": token})

    assert (405, "POST") == (answer.status_code, answer["Allow"])
    assert method == "head" or {"error", "detail"} == set(answer.json())


def test_a_trailing_slash_is_accepted(client, start, token):
    answer = client.post(f"{ADDRESS}/", start, "application/json", headers={"X-Api-Key": token})

    assert answer.status_code == 202
    assert set(answer.json()) == RECEIPT


def filled(size):
    """A user.start of exactly so many bytes."""
    event = b'{"conversationId": "c", "userId": "u", "subject": "%s"}'
    return event % (b"a" * (size - len(event) + 2))


def test_a_body_of_64_kib_is_accepted(post):
    assert post(filled(MAX_BYTES)).status_code == 202


def test_a_larger_body_is_refused_by_its_announced_length(post):
    answer = post(filled(MAX_BYTES + 1))

    detail = f"The body is larger than {MAX_BYTES} bytes."
    assert (413, {"error": "too_large", "detail": detail}) == (answer.status_code, answer.json())
    assert refused() == ["too_large"]


class Chunks(BytesIO):
    """What a server hands on of a body in chunks: no length, and no end before it ends."""

    def read(self, size=-1):
        assert 0 < size <= READ_AT_MOST, "reads without a limit"
        return super().read(size)


def in_chunks(post, body):
    chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    return post(b"", **{"wsgi.input": Chunks(body)}, **chunked)


def test_a_body_in_chunks_is_read(post, start):
    answer = in_chunks(post, json.dumps(start).encode())

    assert answer.status_code == 202
    assert start == json.loads(Event.objects.get().body)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"2\r\n{",
        b"ZZ\r\n{}",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}0\r\n\r\n",
        b"2;\r\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_chunks_that_are_none_are_a_mistake_of_the_sender(post, tenant, sent):
    """As gunicorn reads them, whose errors have more than one ancestor."""
    body = Body(ChunkedReader(None, IterUnreader(iter([sent]))))
    chunked = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = post(b"", **{"wsgi.input": body}, **chunked)

    detail = "The body broke off, or its chunks are not well formed."
    assert 400 == answer.status_code
    assert {"error": "invalid_event", "detail": detail, "fields": {}} == answer.json()


def test_a_refused_body_is_read_so_that_the_connection_can_go_on(client, tenant):
    body = BytesIO(b" " * 1_000_000)
    code = client.generic(
        "POST",
        "/api/v1/tenants/banco-sur/events",
        content_type="application/json",
        **{"wsgi.input": body, "CONTENT_LENGTH": "1000000"},
    ).status_code

    assert (code, b"") == (401, body.read())


def test_a_compressed_body_is_refused(post, start):
    answer = post(start, headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, answer.json()["error"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(("size", "code"), [(MAX_BYTES, 202), (MAX_BYTES + 1, 413)])
def test_a_body_in_chunks_is_read_up_to_the_limit(post, size, code):
    assert code == in_chunks(post, filled(size)).status_code


@pytest.mark.parametrize("length", ["abc", "-1", "1e3", "9" * 5000])
def test_a_length_that_is_none_means_an_empty_body(post, start, length):
    answer = post(start, CONTENT_LENGTH=length)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_event")


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"],
)
def test_what_is_not_called_json_is_refused(post, start, content_type):
    answer = post(start, content_type=content_type)

    detail = "Send the event with Content-Type: application/json."
    expected = {"error": "unsupported_media_type", "detail": detail}
    assert (415, expected) == (answer.status_code, answer.json())
    assert refused() == ["unsupported_media_type"]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_may_be_called_so_in_several_ways(post, start, content_type):
    assert post(start, content_type=content_type).status_code == 202


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", "*/*;q=0"])
def test_whatever_a_sender_accepts_it_is_told_in_json(post, start, accept):
    answer = post(start, headers={"Accept": accept})

    assert (answer.status_code, set(answer.json())) == (202, RECEIPT)


def test_a_format_in_the_address_changes_nothing(client, start, token):
    address = f"{ADDRESS}?format=xml"

    answer = client.post(address, start, "application/json", headers={"X-Api-Key": token})

    assert answer.status_code == 202


def test_over_its_limit_a_tenant_has_to_wait(post, start, tenant, wait):
    change(tenant, inbound_per_second=3)
    codes = [post(start).status_code for _ in range(4)]

    over = post(start)
    wait(seconds=1)

    assert codes == [202, 202, 202, 429]
    assert (over.status_code, over["Retry-After"]) == (429, "1")
    assert {"error", "detail"} == set(over.json())
    assert over.json()["error"] == "too_many_events"
    assert post(start).status_code == 202


def test_what_other_machines_took_counts_towards_the_limit(
    post, start, tenant, now, settings, monkeypatch
):
    settings.WEB_PROCESSES = 1
    monkeypatch.setattr(rates, "_seen", {})
    change(tenant, inbound_per_second=8)
    for _ in range(8):
        Event.objects.create(tenant=tenant, received_at=now, outcome=EventOutcome.IGNORED)

    assert [202, 202, 429] == [post(start).status_code for _ in range(3)]


def test_refused_posts_count_towards_the_limit_and_waiting_ones_do_not(post, start, tenant):
    change(tenant, inbound_per_second=2)
    codes = [post(body).status_code for body in (b"{", b"{", start, start)]

    assert codes == [400, 400, 429, 429]
    assert Event.objects.count() == 2


def test_the_limit_of_one_tenant_is_not_that_of_another(ask, post, start, tenant, now):
    other = Tenant.objects.create(slug="otro", name="Otro", lynn_base_url="https://l.example.com")
    _, token = WebhookToken.make(other, now)
    change(tenant, inbound_per_second=1)
    post(start)

    assert post(start).status_code == 429
    assert ask("otro", X_Api_Key=token).status_code == 202


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, ProgrammingError])
def test_what_cannot_be_stored_is_sent_again_later(post, start, error):
    with going_away(error):
        answer = post(start)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert {"error", "detail"} == set(answer.json())
    assert answer.json()["error"] == "unavailable"


def test_a_database_that_is_not_migrated_takes_no_event_yet(post, start):
    def older(execute, sql, params, many, context):
        return execute(sql.replace('"connector_event"', '"no_such_table"'), params, many, context)

    with connection.execute_wrapper(older):
        answer = post(start)

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer.json()["error"] == "unavailable"


def full(execute, sql, params, many, context):
    """A database that has no room for an event."""
    if sql.startswith('INSERT INTO "connector_event"'):
        raise OperationalError("disk full")
    return execute(sql, params, many, context)


def test_what_can_be_stored_in_part_is_not_stored_at_all(post, start):
    with connection.execute_wrapper(full):
        answer = post(start)

    assert answer.status_code == 503
    assert (AgentConnection.objects.count(), Event.objects.count()) == (0, 0)


def test_a_refusal_that_cannot_be_stored_is_sent_again_later(post):
    with connection.execute_wrapper(full):
        assert post(b"{").status_code == 503


def test_an_error_of_our_own_is_no_answer(post, start, client):
    client.raise_request_exception = False

    def fail(execute, sql, params, many, context):
        raise ZeroDivisionError

    with connection.execute_wrapper(fail):
        assert post(start).status_code == 500


# Before the view ----------------------------------------------------------------------------------


def test_a_host_that_is_not_ours_is_refused_in_json(client, db):
    answer = client.post("/api/v1/tenants/banco-sur/events", headers={"host": "evil.example.com"})

    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_request"


def test_a_person_with_a_wrong_host_gets_a_page(client, db):
    answer = client.get("/admin/", headers={"host": "evil.example.com"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_a_defect_of_ours_is_answered_in_json(client, db, monkeypatch):
    def defect(*args):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("connector.directory.live_tokens", defect)
    client.raise_request_exception = False

    answer = client.post("/api/v1/tenants/banco-sur/events")

    assert (answer.status_code, answer.json()["error"]) == (500, "internal_error")
    assert answer.json()["detail"].endswith("Send the event again.")


def test_the_answer_says_how_long_it_is_and_sets_no_cookie(post, start):
    for answer in (post(start), post(b"{")):
        assert str(len(answer.content)) == answer.headers["Content-Length"]
        assert not answer.cookies


def test_a_host_that_is_not_ours_is_refused(client, tenant):
    answer = client.post(f"/api/v1/tenants/{tenant.slug}/events", headers={"host": "elsewhere.com"})

    assert (400, "bad_request") == (answer.status_code, answer.json()["error"])


def test_an_address_below_the_tenants_that_there_is_not_is_not_found(client, tenant):
    for path in (f"tenants/{tenant.slug}/nothing", "tenants//events", "tenant", ""):
        answer = client.post(f"/api/v1/{path}")

        assert (404, "not_found") == (answer.status_code, answer.json()["error"])


def test_a_person_at_an_address_that_there_is_not_gets_a_page(client, db):
    answer = client.get("/nothing")

    assert (404, "text/html; charset=utf-8") == (answer.status_code, answer["Content-Type"])


def test_a_connection_that_was_lost_meanwhile_is_opened_anew(post, start, monkeypatch):
    """Closing it is left out: within a test's transaction it is the only one."""
    lost, closed = [OperationalError("server closed the connection unexpectedly")], []
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))

    def fails_once(execute, sql, params, many, context):
        if lost:
            raise lost.pop()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fails_once):
        assert post(start).status_code == 202

    assert [True] == closed
