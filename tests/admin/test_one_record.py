"""One connection, one story: its page, the API, the downloads and `exportaudit` tell the same."""

import csv
import io
import json
from html import unescape

import pytest
from django.core.management import call_command

from connector.audit.export import FACTS
from connector.domain import OPEN, REASONS, Kind, Outcome, State
from tests.admin.conftest import EXTERNAL_ID, START, make_attempt, make_connection

ENDINGS = [(state, reason) for state, reasons in REASONS.items() for reason in reasons]


@pytest.fixture
def told(tenant, request):
    """A connection that ended so, after two checks and a delivery that was refused."""
    state, reason = request.param
    due = {"due_at": START, "final_at": None} if state in OPEN else {}
    connection = make_connection(tenant, state=state, reason=reason, tries=1, checks=2, **due)
    make_attempt(connection, Kind.STATUS, 2, count=2, detail="alert")
    make_attempt(connection, Kind.DELIVERY, 15, outcome=Outcome.REFUSED, detail="Lynn said no")
    make_attempt(connection, Kind.DELIVERY, 15, outcome=Outcome.OK)
    return connection


def exported(root, form):
    return b"".join(root.post("/admin/export/", {"form": form}).streaming_content).decode()


def sentence(root, connection):
    page = root.get(f"/admin/connector/agentconnection/{connection.pk}/change/").text
    return unescape(page.split('role="status">')[-1].split("</p>")[0])


@pytest.mark.parametrize(
    "told",
    [*ENDINGS, (State.CHECKING, ""), (State.DELIVERING, "")],
    indirect=True,
    ids=lambda told: f"{told[0]}-{told[1]}",
)
def test_a_connection_is_told_the_same_everywhere(root, told, capsys):
    record = root.get(f"/api/v1/connections/{told.pk}").json()

    call_command("exportaudit")
    assert record == json.loads(capsys.readouterr().out)
    assert record == json.loads(exported(root, "jsonl"))
    assert record == root.get(f"/admin/connector/agentconnection/{told.pk}/json/").json()
    assert record["explanation"] == sentence(root, told)
    [row] = csv.DictReader(io.StringIO(exported(root, "csv")))
    in_csv = {name: "" if record[name] is None else str(record[name]) for name in FACTS}
    in_csv["external_id"] = f"'{record['external_id']}"  # it begins like a formula
    assert in_csv == {name: row[name] for name in FACTS}


def test_a_masked_record_is_masked_the_same_everywhere(browser, tenant):
    told = make_connection(tenant, trouble_detail=f"{EXTERNAL_ID} is unknown")
    client = browser("Auditors")

    record = client.get(f"/api/v1/connections/{told.pk}").json()

    assert record == json.loads(exported(client, "jsonl"))
    assert record == client.get(f"/admin/connector/agentconnection/{told.pk}/json/").json()
    assert record["explanation"] == sentence(client, told)
    assert EXTERNAL_ID not in json.dumps(record)
