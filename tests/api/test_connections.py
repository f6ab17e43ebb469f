"""The audit API: the records that one may see, page by page, and errors in JSON."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import InterfaceError, OperationalError
from django.db import connection as database
from django.test import Client

from connector.audit.export import ATTEMPT_FACTS, FACTS, record
from connector.domain import Kind
from connector.models import AgentConnection
from tests.admin.conftest import EXTERNAL_ID, START, make_attempt, make_connection, make_tenant

LIST = "/api/v1/connections"
OTHER = {
    "user_name": "Diego",
    "user_id": "u-9",
    "queue_id": "q-9",
    "state": "ignored",
    "reason": "no_queue",
    "received_at": START - timedelta(days=1),
}


def told(answer):
    return [each["id"] for each in answer.json()["results"]]


@pytest.mark.parametrize("permissions", [(), ("view_external_id",)])
def test_one_is_the_record_of_the_audit_trail(browser, connection, permissions):
    answer = browser("Auditors", *permissions).get(f"{LIST}/{connection.pk}")

    expected = record(connection, list(connection.attempts.all()), hide=not permissions)
    assert answer.json() == json.loads(json.dumps(expected))
    assert (answer.json()["external_id"] == EXTERNAL_ID) == bool(permissions)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_said_to_be_so(browser, error):
    client = browser("Auditors")

    def away(execute, sql, params, many, context):
        if "connector_agentconnection" in sql:
            raise error("the server closed the connection unexpectedly")
        return execute(sql, params, many, context)

    with database.execute_wrapper(away):
        answer = client.get(LIST)

    assert (503, "5") == (answer.status_code, answer["Retry-After"])
    assert "unavailable" == answer.json()["error"]


def test_the_list_holds_the_same_records(browser, connection):
    client = browser("Auditors")

    (only,) = client.get(LIST).json()["results"]

    assert only == client.get(f"{LIST}/{connection.pk}").json()


@pytest.mark.parametrize("address", ["", "/{pk}", "/nonsense", "?nonsense=1"])
def test_no_cache_keeps_what_was_answered(browser, connection, address):
    answer = browser("Auditors").get(LIST + address.format(pk=connection.pk))

    assert "no-store" in answer["Cache-Control"]


def test_they_come_newest_first_a_page_at_a_time(browser, tenant):
    moments = [START + timedelta(seconds=number // 2) for number in range(7)]
    rows = [make_connection(tenant, n, received_at=at) for n, at in enumerate(moments)]
    client = browser("Auditors")

    pages, address = [], f"{LIST}?page_size=3"
    while address:
        answer = client.get(address)
        pages.append(told(answer))
        address = answer.json()["next"]

    assert [3, 3, 1] == [len(page) for page in pages]
    seen = [each for page in pages for each in page]
    assert seen == [str(row.pk) for row in sorted(rows, key=lambda r: (r.received_at, r.pk))][::-1]


def test_one_can_go_back_a_page(browser, tenant):
    for number in range(4):
        make_connection(tenant, number, received_at=START + timedelta(seconds=number))
    client = browser("Auditors")
    first = client.get(f"{LIST}?page_size=2")

    second = client.get(first.json()["next"])

    assert told(first) == told(client.get(second.json()["previous"]))


def walk(client, address, side="next"):
    """The answer at this address and at those that it leads to."""
    while address:
        answer = client.get(address)
        yield answer
        address = answer.json()[side]


def at_once(tenant, count):
    """The ids of connections of one moment, in the order in which they are told."""
    ids = [UUID(int=count - number) for number in range(count)]
    return [str(make_connection(tenant, n, pk=pk).pk) for n, pk in enumerate(ids)]


def test_rows_of_one_moment_are_told_once_each_in_both_directions(browser, tenant):
    ids = at_once(tenant, 7)
    client = browser("Auditors")

    forth = list(walk(client, f"{LIST}?page_size=2"))
    back = walk(client, forth[-1].json()["previous"], "previous")

    pages = [ids[:2], ids[2:4], ids[4:6], ids[6:]]
    assert pages == [told(each) for each in forth]
    assert pages[-2::-1] == [told(each) for each in back]


@pytest.mark.parametrize("comes", [0, 99])
def test_rows_of_one_moment_are_not_repeated_when_another_comes_in(browser, tenant, comes):
    ids = at_once(tenant, 7)
    client = browser("Auditors")
    first = client.get(f"{LIST}?page_size=3")

    make_connection(tenant, 99, pk=UUID(int=comes))
    rest = [pk for answer in walk(client, first.json()["next"]) for pk in told(answer)]

    assert ids == (told(first) + rest)[:7]


def test_rows_of_one_moment_are_not_lost_when_others_go(browser, tenant):
    ids = at_once(tenant, 7)
    client = browser("Auditors")
    first = client.get(f"{LIST}?page_size=3")

    AgentConnection.objects.filter(pk__in=ids[1:3]).delete()
    rest = [pk for answer in walk(client, first.json()["next"]) for pk in told(answer)]

    assert ids == told(first) + rest


def test_a_page_that_became_empty_leads_back_to_all_that_is_left(browser, tenant):
    ids = at_once(tenant, 3)
    client = browser("Auditors")
    first = client.get(f"{LIST}?page_size=2")

    AgentConnection.objects.filter(pk=ids[2]).delete()
    second = client.get(first.json()["next"])

    assert ([], None) == (told(second), second.json()["next"])
    assert told(first) == told(client.get(second.json()["previous"]))


@pytest.mark.parametrize(
    "narrowing",
    [
        "state=failed",
        "reason=lynn_refused",
        "conversation=c-1",
        "agent=u-1",
        "agent=María",
        "queue=q-1",
        "queue=Soporte",
        "waiting=true",
        "since=2026-10-12T14:00:00Z",
        "since=2026-10-12T14:03",
        "since=2026-10-12T09:00:00-05:00&until=2026-10-12T14:10:00+00:00",
        "tenant=banco-sur&state=failed",
    ],
)
def test_filters_narrow_it_down(browser, tenant, connection, narrowing):
    tenant.queues.create(genesys_id="q-1", name="Soporte")
    AgentConnection.objects.update(queue_id="q-1")
    make_connection(tenant, 2, **OTHER)
    client = browser("Auditors")
    client.cookies["time_zone"] = "America/Bogota"  # times without a zone are UTC all the same

    assert [str(connection.pk)] == told(client.get(f"{LIST}?{narrowing}"))


@pytest.mark.parametrize(
    ("narrowing", "field"),
    [
        ("state=nonsense", "state"),
        ("reason=nonsense", "reason"),
        ("tenant=clinica", "tenant"),
        ("since=yesterday", "since"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
        ("until=9999-12-31T23:59:59-14:00", "until"),
        ("waiting=banana", "waiting"),
        ("state=failed&state=delivered", "state"),
        ("page_size=many", "page_size"),
        ("page_size=0", "page_size"),
        ("page_size=501", "page_size"),
        ("cursor=nonsense", "cursor"),
        ("cursor=older.1760277801482000", "cursor"),
        ("cursor=later.1760277801482000.0190a2b4c5d67e8f90a1b2c3d4e5f607", "cursor"),
        ("cursor=older.99999999999999999.0190a2b4c5d67e8f90a1b2c3d4e5f607", "cursor"),
        ("cursor=older.1760277801482000.0190", "cursor"),
        ("cursor=older.176027780148200%C2%B2.0190a2b4c5d67e8f90a1b2c3d4e5f607", "cursor"),
        ("cursor=older%00.1760277801482000.0190a2b4c5d67e8f90a1b2c3d4e5f607", "cursor"),
        ("color=red", "color"),
        ("external_id__startswith=%2B57", "external_id__startswith"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(browser, foreign, connection, narrowing, field):
    answer = browser("Auditors").get(f"{LIST}?{narrowing}")

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_filter"
    assert [field] == list(answer.json()["fields"])


@pytest.mark.parametrize("waiting", ["false", "0", ""])
def test_a_box_that_is_not_ticked_narrows_nothing_down(browser, tenant, waiting):
    make_connection(tenant, state="delivered", reason="delivered")

    assert len(told(browser("Auditors").get(f"{LIST}?waiting={waiting}"))) == 1


def test_pages_stay_the_same_while_rows_come_in(browser, tenant):
    times = [START - timedelta(minutes=number) for number in range(4)]
    old = [str(make_connection(tenant, n, received_at=at).pk) for n, at in enumerate(times)]
    client = browser("Auditors")
    first = client.get(f"{LIST}?page_size=2")

    make_connection(tenant, 9, received_at=START + timedelta(minutes=1))
    second = client.get(first.json()["next"])

    assert old == told(first) + told(second)


@pytest.mark.parametrize("role", ["Tenant admins", "Operators", "Auditors"])
def test_each_role_sees_its_own_tenant_alone(browser, foreign, connection, role):
    elsewhere = make_connection(foreign, 2)
    client = browser(role)

    assert [str(connection.pk)] == told(client.get(LIST))
    assert client.get(f"{LIST}/{elsewhere.pk}").status_code == 404


def test_people_of_several_tenants_see_those(browser, tenant, foreign, connection):
    client = browser("Auditors")
    second = make_tenant("segundo")
    second.people.add(tenant.people.get())
    other = make_connection(second, 2)
    make_connection(foreign, 3)

    assert {str(connection.pk), str(other.pk)} == set(told(client.get(LIST)))


def test_whoever_may_see_all_tenants_sees_all(browser, foreign, connection):
    make_connection(foreign, 2)

    assert len(told(browser("Auditors", "view_all_tenants").get(LIST))) == 2


@pytest.mark.parametrize("address", [LIST, f"{LIST}/0190"])
def test_without_the_permission_it_is_refused(browser, tenant, connection, address):
    client = browser("Auditors")
    tenant.people.get().groups.clear()

    answer = client.get(address)

    assert (403, "permission_denied") == (answer.status_code, answer.json()["error"])


def test_whoever_may_not_enter_the_admin_may_not_read_here_either(browser, tenant, connection):
    client = browser("Auditors")
    User.objects.update(is_staff=False)

    assert client.get(LIST).status_code == 403


@pytest.mark.parametrize("address", [LIST, f"{LIST}/0190"])
def test_without_signing_in_it_is_refused(db, address):
    answer = Client().get(address)

    assert (401, "not_authenticated") == (answer.status_code, answer.json()["error"])
    assert answer["WWW-Authenticate"].startswith("Basic")


def test_programs_sign_in_with_user_name_and_password(tenant, connection):
    user = User.objects.create_user("robot", password="a-long-password-1", is_staff=True)
    user.groups.add(Group.objects.get(name="Auditors"))
    tenant.people.add(user)

    right = Client().get(LIST, headers=basic("robot", "a-long-password-1"))
    wrong = Client().get(LIST, headers=basic("robot", "wrong"))

    assert [str(connection.pk)] == told(right)
    assert (401, "authentication_failed") == (wrong.status_code, wrong.json()["error"])


def basic(user, password):
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize("pk", ["0190", "01900000-0000-7000-8000-000000000000", "a b"])
def test_one_that_there_is_not_is_not_found(browser, pk):
    answer = browser("Auditors").get(f"{LIST}/{pk}")

    assert (404, "not_found") == (answer.status_code, answer.json()["error"])


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_changed_here(browser, connection, method):
    client = browser("Auditors")

    for address in (LIST, f"{LIST}/{connection.pk}"):
        answer = getattr(client, method)(address, {}, content_type="application/json")
        assert (405, "method_not_allowed") == (answer.status_code, answer.json()["error"])


def test_whatever_is_accepted_the_answer_is_json(browser, connection):
    answer = browser("Auditors").get(LIST, headers={"Accept": "text/html"})

    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Nothing is wrong with your request."), ("es", "Su solicitud")]
)
def test_a_defect_of_ours_is_told_in_the_readers_words(browser, monkeypatch, language, words):
    def defect(*_args):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("connector.api.views.attempts_of", defect)
    client = browser("Auditors")
    client.raise_request_exception = False

    answer = client.get(LIST, headers={"Accept-Language": language})

    assert (500, "internal_error") == (answer.status_code, answer.json()["error"])
    assert words in answer.json()["detail"]
    assert "event" not in answer.json()["detail"]


@pytest.mark.parametrize("others", [0, 20])
def test_it_costs_the_same_however_many_there_are(
    browser, tenant, connection, others, django_assert_num_queries
):
    for number in range(others):
        make_attempt(make_connection(tenant, number + 10), Kind.STATUS, 2)
    client = browser("Auditors")

    # session, user, permissions (2), tenants, rows, attempts
    with django_assert_num_queries(7):
        client.get(LIST)


def test_no_body_is_in_an_answer(browser, connection):
    connection.attempts.update(request_body="told-mark", response_body="heard-mark")

    assert "mark" not in browser("Operators").get(LIST).text


def test_the_description_names_every_fact():
    schema = yaml.safe_load(Path(settings.BASE_DIR, "openapi.yaml").read_text("utf-8"))

    described = schema["components"]["schemas"]
    assert [*FACTS, "attempts"] == list(described["AuditRecord"]["properties"])
    assert list(ATTEMPT_FACTS) == list(described["AuditAttempt"]["properties"])
