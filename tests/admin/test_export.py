"""The export page: what the filter shows, streamed, masked, and on record."""

import codecs
import csv
import io
import json

import pytest

from connector.audit import export
from connector.models import AgentConnection, ExportLog
from tests.admin.conftest import EXTERNAL_ID, make_connection

PAGE = "/admin/export/"


def download(client, **fields):
    answer = client.post(PAGE, fields)
    return b"".join(answer.streaming_content).decode()


def test_the_page_says_how_many_there_are(browser, tenant, foreign, connection):
    make_connection(tenant, 2, state="ignored", reason="no_queue")
    make_connection(foreign, 3)
    client = browser("Auditors")

    assert "2 connections" in client.get(PAGE).text
    assert "1 connection" in client.get(PAGE, {"state": "failed"}).text


def test_it_counts_only_so_far(browser, tenant, connection, monkeypatch):
    monkeypatch.setattr("connector.admin.base.MOST_COUNTED", 1)
    make_connection(tenant, 2)

    assert "More than 1 connections" in browser("Auditors").get(PAGE).text


@pytest.mark.parametrize("form", ["excel", "csv", "jsonl"])
def test_the_file_holds_what_the_filter_shows(browser, tenant, foreign, connection, form):
    make_connection(tenant, 2, state="ignored", reason="no_queue")
    make_connection(foreign, 3)

    text = download(browser("Auditors"), form=form, state="failed")

    rows = (
        list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        if form != "jsonl"
        else [json.loads(line) for line in text.splitlines()]
    )
    assert [str(connection.pk)] == [row["id"] for row in rows]


@pytest.mark.parametrize("form", ["excel", "csv", "jsonl"])
@pytest.mark.parametrize("permissions", [(), ("view_external_id",)])
def test_the_external_id_is_masked_for_whoever_may_not_see_it(
    browser, connection, form, permissions
):
    connection.attempts.update(detail=f"unknown customer {EXTERNAL_ID}")
    connection.trouble_detail = f"unknown customer {EXTERNAL_ID}"
    connection.save()

    text = download(browser("Auditors", *permissions), form=form)

    assert (EXTERNAL_ID in text) == bool(permissions)
    assert "+5••••33" in text or permissions


def test_excel_is_told_that_it_is_utf_8(browser, connection):
    client = browser("Auditors")

    answer = client.post(PAGE, {"form": "excel"})
    written = b"".join(answer.streaming_content)

    assert codecs.BOM_UTF8 + download(client, form="csv").encode() == written
    assert "María" in written.decode("utf-8-sig")
    assert answer["Content-Disposition"].endswith('.csv"')
    assert {("excel", 1), ("csv", 1)} == set(ExportLog.objects.values_list("form", "rows"))


@pytest.mark.parametrize("form", ["excel", "csv"])
def test_no_cell_is_a_formula(browser, connection, form):
    AgentConnection.objects.update(user_name="=1+1")

    assert "'=1+1" in download(browser("Auditors"), form=form)


def test_who_took_what_is_on_record(browser, tenant, connection):
    client = browser("Auditors")

    download(client, form="csv", tenant="banco-sur", state="failed")

    (log,) = ExportLog.objects.all()
    assert ("Auditors@example.com", "csv", 1, tenant, False) == (
        log.by_name,
        log.form,
        log.rows,
        log.tenant,
        log.with_external_id,
    )
    assert log.wanted == {"tenant": "banco-sur", "state": "failed"}
    assert "state=failed" in client.get(PAGE).text


def test_one_that_the_reader_breaks_off_says_how_far_it_came(browser, tenant, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 2)
    for number in range(5):
        make_connection(tenant, number)

    answer = browser("Auditors").post(PAGE, {"form": "jsonl"})
    lines = iter(answer.streaming_content)
    next(lines)
    for close in answer._resource_closers:  # close() would end the test's own connection too
        close()

    assert ExportLog.objects.get().rows == 1


def test_it_is_streamed_in_batches(browser, tenant, monkeypatch, django_assert_num_queries):
    """However many there are, no more than a batch is held at a time."""
    monkeypatch.setattr(export, "BATCH", 3)
    for number in range(7):
        make_connection(tenant, number)
    answer = browser("Auditors").post(PAGE, {"form": "jsonl"})

    with django_assert_num_queries(7):  # 3 batches with their attempts, and the note of the end
        assert len(list(answer.streaming_content)) == 7


def test_the_first_line_is_sent_before_the_second_batch_is_read(
    browser, tenant, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(export, "BATCH", 3)
    for number in range(7):
        make_connection(tenant, number)
    lines = iter(browser("Auditors").post(PAGE, {"form": "jsonl"}).streaming_content)

    with django_assert_num_queries(2):
        assert [b'{"id"'] * 3 == [next(lines)[:5] for _ in range(3)]
    with django_assert_num_queries(2):
        next(lines)
    assert 3 == len(list(lines))


def test_the_sentences_are_in_the_readers_language(browser, connection):
    client = browser("Auditors")

    answer = client.post(PAGE, {"form": "jsonl"}, headers={"Accept-Language": "es"})
    told = json.loads(b"".join(answer.streaming_content))

    assert answer["Content-Language"] == "es"
    assert told["explanation"]


def test_looking_at_the_page_takes_nothing_out(browser, connection):
    browser("Auditors").get(PAGE, {"form": "csv"})

    assert not ExportLog.objects.exists()


@pytest.mark.parametrize("role", ["Tenant admins", "Operators"])
def test_exporting_needs_its_permission(browser, connection, role):
    client = browser(role)

    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"form": "csv"}).status_code == 403


@pytest.mark.parametrize(
    "fields",
    [{"form": "csv", "state": "nonsense"}, {"form": "csv", "tenant": "clinica"}, {"form": "x"}],
)
def test_what_makes_no_sense_is_not_exported(browser, foreign, connection, fields):
    make_connection(foreign, 2)

    answer = browser("Auditors").post(PAGE, fields)

    assert answer.status_code == 200
    assert not answer.streaming
    assert not ExportLog.objects.exists()


def test_ones_own_exports_are_shown_and_those_of_all_to_who_sees_all(browser, root, connection):
    download(browser("Auditors"), form="csv")

    assert "Auditors@example.com" in root.get(PAGE).text


def test_the_exports_of_others_are_not_shown(browser, root, connection):
    download(root, form="csv")

    assert "root@example.com" not in browser("Auditors").get(PAGE).text
