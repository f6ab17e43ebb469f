"""The audit trail as text."""

import csv
import io
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from connector.audit import export
from connector.audit.export import lines, record, without_credentials
from connector.domain import Evidence, Kind, Outcome, Reason, State
from connector.models import AgentConnection, Attempt, Tenant

pytestmark = pytest.mark.django_db

START = datetime(2026, 10, 12, 14, 3, 21, 482_000, tzinfo=UTC)


@pytest.fixture
def tenant():
    return Tenant.objects.create(
        slug="banco-sur", name="Banco del Sur", lynn_base_url="https://lynn.example.com"
    )


def delivered(tenant, received_at=START, **facts):
    values = {
        "tenant": tenant,
        "offer_key": str(uuid.uuid4()),
        "conversation_id": "c-1",
        "user_id": "u-1",
        "user_name": "María",
        "external_id": "57300",
        "answer_mode": "manual",
        "received_at": received_at,
        "offered_at": received_at,
        "give_up_at": received_at + timedelta(seconds=120),
        "answered_at": received_at + timedelta(seconds=7.6),
        "delivered_at": received_at + timedelta(seconds=7.684),
        "state": State.DELIVERED,
        "reason": Reason.DELIVERED,
        "evidence": Evidence.STATUS,
    }
    return AgentConnection.objects.create(**{**values, **facts})


def attempt(connection, **facts):
    values = {
        "kind": Kind.STATUS,
        "call_id": uuid.uuid4(),
        "started_at": START,
        "last_at": START + timedelta(seconds=4),
        "duration_ms": 96,
        "method": "GET",
        "url": "https://api.mypurecloud.com/api/v2/analytics/agents/u-1/status",
        "status_code": 200,
        "outcome": Outcome.OK,
        "detail": "alert",
    }
    return Attempt.objects.create(connection=connection, **{**values, **facts})


def exported(form="jsonl"):
    return list(lines(AgentConnection.objects.all(), form))


def rows():
    return list(csv.DictReader(io.StringIO("".join(exported("csv")))))


def test_a_record_holds_what_the_contract_names_in_its_order(tenant):
    connection = delivered(tenant)
    call = attempt(connection, count=3)

    told = record(connection, [call])

    assert list(told) == [
        *("id", "tenant", "conversation_id", "session_id", "participant_id", "user_id"),
        *("user_name", "queue_id", "provider", "external_id", "media_type", "event_time"),
        *("received_at", "answer_mode", "state", "reason", "explanation", "answered_at"),
        *("delivered_at", "duplicates", "attempts"),
    ]
    assert told["attempts"] == [
        {
            "kind": "status",
            "trigger": "automatic",
            "started_at": "2026-10-12T14:03:21.482Z",
            "duration_ms": 96,
            "method": "GET",
            "url": call.url,
            "status_code": 200,
            "outcome": "ok",
            "detail": "alert",
            "call_id": str(call.call_id),
            "count": 3,
            "last_at": "2026-10-12T14:03:25.482Z",
        }
    ]


def test_a_line_is_the_record_as_json(tenant):
    connection = delivered(tenant)

    (line,) = exported()

    told = json.loads(line)
    assert line.endswith("}\n")
    assert told == json.loads(json.dumps(record(connection, [])))
    assert told["id"] == str(connection.id)
    assert told["tenant"] == "banco-sur"
    assert told["explanation"] == "María answered after 7.6 s; Lynn was told 84 ms later."
    assert told["received_at"] == "2026-10-12T14:03:21.482Z"
    assert told["event_time"] is None


def test_each_connection_comes_once_in_the_order_of_receipt(tenant, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 3)
    moments = [START + timedelta(seconds=n % 4) for n in range(10)]  # some at the same moment
    ids = [str(delivered(tenant, moment).id) for moment in moments]

    told = [json.loads(line) for line in exported()]

    assert sorted(ids) == sorted(one["id"] for one in told)
    assert [one["received_at"] for one in told] == sorted(one["received_at"] for one in told)


def test_each_connection_comes_with_its_own_attempts(tenant):
    for number in range(3):
        connection = delivered(tenant, START + timedelta(seconds=number))
        for _ in range(number):
            attempt(connection)

    assert [len(json.loads(line)["attempts"]) for line in exported()] == [0, 1, 2]


def test_a_batch_costs_two_queries(tenant, django_assert_num_queries):
    for _ in range(20):
        attempt(delivered(tenant))

    with django_assert_num_queries(2):
        assert len(exported()) == 20


def test_csv_has_a_row_a_connection_and_the_last_attempt(tenant):
    connection = delivered(tenant)
    attempt(connection)
    attempt(
        connection,
        kind=Kind.DELIVERY,
        started_at=START + timedelta(seconds=9),
        status_code=503,
        outcome=Outcome.UNAVAILABLE,
    )

    (row,) = rows()

    assert (str(connection.id), "banco-sur", "María") == (
        row["id"],
        row["tenant"],
        row["user_name"],
    )
    assert (
        row["attempts"],
        row["last_status_code"],
        row["last_outcome"],
    ) == ("2", "503", "unavailable")


def test_csv_of_nothing_has_its_header():
    (header,) = exported("csv")

    assert header.startswith("id,tenant,conversation_id,")
    assert header.endswith(",duplicates,attempts,last_status_code,last_outcome\n")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"])
def test_no_cell_starts_like_a_formula(tenant, start):
    delivered(tenant, external_id=f"{start}1+1")

    assert f"'{start}1+1" in "".join(exported("csv"))


def test_no_cell_goes_on_like_a_formula_where_a_semicolon_ends_cells(tenant):
    """As it does in Excel for much of Latin America."""
    delivered(tenant, external_id="a;=1+1", provider="b; c", queue_id="d;e")

    told = "".join(exported("csv"))
    assert "a;'=1+1" in told
    assert ",b; c," in told
    assert ",d;e," in told


def test_a_connection_without_attempts_has_empty_cells(tenant):
    delivered(tenant)

    (row,) = rows()

    assert (row["attempts"], row["last_status_code"], row["last_outcome"]) == ("0", "", "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pass@lynn.example.com/a", "https://lynn.example.com/a"),
        ("https://lynn.example.com/a@b", "https://lynn.example.com/a@b"),
        (
            "https://lynn.example.com/?access_token=abc&page=2",
            "https://lynn.example.com/?access_token=***&page=2",
        ),
    ],
)
def test_addresses_show_no_credentials(url, shown):
    assert shown == without_credentials(url)
