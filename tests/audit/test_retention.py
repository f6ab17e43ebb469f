"""Retention: what goes when, what stays, and what happens when it is stopped half-way."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from connector.audit import retention, seal
from connector.audit.retention import Removed, begin_anew, purge
from connector.audit.retention_plan import plan
from connector.audit.verify import verify
from connector.domain import Trigger
from connector.errors import ChainNotOurs
from connector.models import (
    AgentConnection,
    AgentName,
    Attempt,
    AuditSeal,
    Event,
    HourlyCount,
    RetentionMark,
    SealKind,
    Tenant,
)
from tests.audit.aged import (
    CALLS,
    connection,
    early_end,
    event,
    everything,
    new_tenant,
    still_open,
    store,
    stored,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 12, 14, 3, 22, tzinfo=UTC)
HOUR = datetime(2026, 10, 12, 14, tzinfo=UTC)
DAY = timedelta(days=1)
BATCH = 50
BIG_TABLE = re.compile('connector_(agentconnection|attempt|event)"')
WHOLE_TABLE = re.compile("(SCAN|Seq Scan on) connector_(agentconnection|attempt|event)")
INDEX = re.compile("event_tenant_received|connection_tenant_received|connection_reopened")


@pytest.fixture(autouse=True)
def _nobody_else_writes(monkeypatch):
    """And batches are the same whatever the database."""
    monkeypatch.setattr(retention, "LONGEST_REST", 0.0)
    monkeypatch.setattr(retention, "BATCH", BATCH)
    monkeypatch.setattr(retention, "FEW", BATCH)


@pytest.fixture
def tenant():
    return new_tenant(
        "banco-sur", keep_bodies_days=30, keep_events_days=90, keep_connections_days=400
    )


def run(now=NOW, tenants=None):
    """All that there is to remove."""
    steps = (removed for _, removed in purge(tenants or Tenant.objects.order_by("pk"), now))
    return sum(steps, Removed())


def horizons_told(tenant):
    entries = AuditSeal.objects.filter(tenant=tenant, kind=SealKind.RETENTION).order_by("number")
    return list(entries.values_list("bodies_before", "connections_before"))


def bodies_left(row):
    calls = Attempt.objects.filter(connection=row)
    return {text for pair in calls.values_list("request_body", "response_body") for text in pair}


def test_nothing_is_removed_before_its_time(tenant):
    stored(tenant, NOW - 29 * DAY)
    before = everything()

    assert run() == Removed()

    after = everything()
    assert {RetentionMark.__name__} == {name for name in after if after[name] != before[name]}


def test_bodies_go_first_and_all_else_about_the_call_stays(tenant):
    row = stored(tenant, NOW - 31 * DAY)
    facts = [field.name for field in Attempt._meta.concrete_fields if "body" not in field.name]
    before = list(row.attempts.values(*facts))

    assert run() == Removed(bodies=CALLS + 1)

    assert bodies_left(row) == {""}
    assert list(row.attempts.values(*facts)) == before
    assert list(row.events.values_list("body", "conversation_id")) == [("", row.conversation_id)]


def test_then_go_events(tenant):
    row = stored(tenant, NOW - 91 * DAY)
    Event.objects.bulk_create(
        [event(tenant, NOW - 91 * DAY, outcome="refused"), early_end(tenant, NOW - 91 * DAY)]
    )

    assert run() == Removed(events=3, bodies=CALLS)

    assert not Event.objects.exists()
    assert AgentConnection.objects.get() == row


def test_then_go_connections_with_all_that_is_theirs(tenant):
    stored(tenant, NOW - 401 * DAY)
    late = event(tenant, NOW - DAY, outcome="duplicate", connection=AgentConnection.objects.get())
    late.save()

    assert run() == Removed(connections=1, attempts=CALLS, events=2)

    assert not AgentConnection.objects.exists()
    assert not Attempt.objects.exists()


def test_each_tenant_has_its_own_ages(tenant):
    other = new_tenant(
        "banco-norte", keep_bodies_days=1, keep_events_days=2, keep_connections_days=3
    )
    kept, gone = stored(tenant, NOW - 4 * DAY), stored(other, NOW - 4 * DAY)
    before = [row for row in everything()["Attempt"] if row["connection_id"] == kept.pk]

    run()

    assert [kept] == list(AgentConnection.objects.all())
    assert before == everything()["Attempt"]
    assert gone.pk != kept.pk


def test_horizons_are_whole_hours_so_that_a_run_has_time(tenant):
    early = stored(tenant, HOUR - 30 * DAY - timedelta(seconds=20))
    late = stored(tenant, HOUR - 30 * DAY)

    run()

    assert ({""}, True) == (bodies_left(early), "" not in bodies_left(late))


def test_what_is_open_stays_however_old(tenant):
    row = stored(tenant, NOW - 500 * DAY, **still_open(NOW))
    before = everything()

    assert run() == Removed()

    assert everything()["Attempt"] == before["Attempt"]
    assert [row.pk] == [one["id"] for one in everything()["AgentConnection"]]
    assert everything()["Event"] == before["Event"]


def test_what_is_not_sealed_stays_and_goes_once_it_is(tenant):
    row = stored(tenant, NOW - 500 * DAY, sealed_at=None)

    assert run() == Removed()

    AgentConnection.objects.update(sealed_at=NOW - 450 * DAY)
    assert run(NOW + timedelta(hours=1)).connections == 1
    assert not AgentConnection.objects.filter(pk=row.pk).exists()


def test_events_of_what_is_not_sealed_stay_and_others_do_not_wait_for_them(tenant):
    event(tenant, NOW - 102 * DAY).save()
    waiting = stored(tenant, NOW - 101 * DAY, sealed_at=None)
    event(tenant, NOW - 100 * DAY).save()

    assert run() == Removed(events=2)

    assert Event.objects.get().connection == waiting
    AgentConnection.objects.update(sealed_at=NOW)
    assert run(NOW + timedelta(hours=1)) == Removed(events=1, bodies=CALLS)


def test_bodies_that_had_to_wait_are_found_later_although_others_went_on(tenant):
    rows = [connection(tenant, NOW - 50 * DAY + n * timedelta(seconds=1)) for n in range(2 * BATCH)]
    rows[3].sealed_at = None
    store(rows)

    run()
    assert run(NOW + timedelta(hours=1)) == Removed()

    AgentConnection.objects.filter(sealed_at=None).update(sealed_at=NOW)
    assert run(NOW + timedelta(hours=2)) == Removed(bodies=CALLS + 1)


def test_what_a_person_reopened_late_loses_its_new_bodies_too(tenant):
    row = stored(tenant, NOW - 40 * DAY)
    run()
    row.attempts.update(request_body="again")
    AgentConnection.objects.update(**still_open(NOW), trigger=Trigger.PERSON)

    assert run(NOW + timedelta(hours=1)) == Removed()

    end = {"state": row.state, "reason": row.reason, "due_at": None, "final_at": NOW}
    AgentConnection.objects.update(**end, sealed_at=NOW + timedelta(hours=1))
    assert run(NOW + timedelta(hours=2)) == Removed(bodies=CALLS)


def test_names_counts_and_seals_stay(tenant):
    row = stored(tenant, NOW - 500 * DAY, sealed_at=None)
    seal.seal_slice(tenant.pk, NOW - 450 * DAY)
    AgentName.objects.create(tenant=tenant, user_id="u-1", name="María", learnt_at=row.received_at)
    kept = [AgentName, HourlyCount]
    before = [list(model.objects.values()) for model in kept]
    sealed = list(AuditSeal.objects.values())

    assert run().connections == 1

    assert before == [list(model.objects.values()) for model in kept]
    assert [len(rows) for rows in before] == [1, 1]
    assert sealed == list(AuditSeal.objects.filter(kind=SealKind.CONNECTION).values())


def test_the_audit_chain_is_told_once_a_run_what_goes(tenant):
    store([connection(tenant, NOW - 401 * DAY) for _ in range(BATCH + 1)])
    stored(tenant, NOW - 31 * DAY)

    run()
    run(NOW + timedelta(minutes=5))

    assert horizons_told(tenant) == [(HOUR - 30 * DAY, HOUR - 400 * DAY)]


def test_it_is_told_only_of_what_there_is(tenant):
    stored(tenant, NOW - 31 * DAY)

    run()
    run(NOW + DAY)

    assert horizons_told(tenant) == [(HOUR - 30 * DAY, None)]


def test_events_alone_are_no_matter_of_the_chain(tenant):
    event(tenant, NOW - 400 * DAY).save()

    assert run() == Removed(events=1)

    assert horizons_told(tenant) == []


def test_the_trail_is_whole_after_retention_at_every_age(tenant):
    for days in (500, 410, 399, 100, 31, 10):
        stored(tenant, NOW - days * DAY, sealed_at=None)
        seal.seal_slice(tenant.pk, NOW - days * DAY + timedelta(minutes=2))

    for hours in (0, 1, 48, 24 * 60):
        run(NOW + timedelta(hours=hours))
        report = verify(tenant)
        assert report.fault is None, str(report.fault)

    assert (report.removed, report.without_bodies) == (3, 3)


def test_a_time_limit_stops_it_and_the_next_goes_on(tenant):
    store([connection(tenant, NOW - 401 * DAY) for _ in range(3 * BATCH)])
    steps = []
    while removed := next(iter(_some(purge([tenant], NOW))), None):
        steps.append(removed.connections)

    assert steps == [BATCH, BATCH, BATCH]
    assert not AgentConnection.objects.exists()
    assert len(horizons_told(tenant)) == 1


def _some(steps):
    return (removed for _, removed in steps if removed)


class Killed(Exception):
    """As if the process had died here."""


@pytest.mark.parametrize("after", range(7))
def test_killed_in_any_step_it_goes_on_as_if_nothing_had_been(tenant, monkeypatch, after):
    """Including the first, whose transaction holds the word to the audit chain, too."""
    for days, count in ((401, BATCH), (91, BATCH), (31, BATCH)):
        store([connection(tenant, NOW - days * DAY) for _ in range(count)])
    calls = 0

    def die(mark, *args, **kwargs):
        nonlocal calls
        calls += 1
        if calls > after:
            raise Killed
        return save(mark, *args, **kwargs)

    save = RetentionMark.save
    with monkeypatch.context() as patch:
        patch.setattr(RetentionMark, "save", die)
        try:
            early = run()
        except Killed:
            early = None
    left = run()

    assert early is None
    assert left.connections in (0, BATCH)
    assert (2 * BATCH, 2 * BATCH * CALLS, BATCH) == (
        AgentConnection.objects.count(),
        Attempt.objects.filter(request_body="", response_body="").count(),
        Event.objects.filter(body="").count(),
    )
    assert len(horizons_told(tenant)) == 1
    assert run() == Removed()


def test_nobody_can_have_removed_anything_that_the_chain_was_not_told_of(tenant, monkeypatch):
    stored(tenant, NOW - 401 * DAY)
    before = everything()

    def fail(*args, **kwargs):
        raise Killed

    monkeypatch.setattr(seal, "append_retention", fail)
    with pytest.raises(Killed):
        run()

    assert everything() == before


def test_longer_retention_waits_and_shorter_goes_on(tenant):
    stored(tenant, NOW - 20 * DAY)
    run()
    Tenant.objects.update(keep_bodies_days=400)
    assert run(NOW + 15 * DAY) == Removed()

    Tenant.objects.update(keep_bodies_days=10)

    assert run(NOW + 15 * DAY) == Removed(bodies=CALLS + 1)


def test_a_chain_that_is_not_ours_keeps_its_tenant_alone(tenant, settings):
    stored(tenant, NOW - 401 * DAY)
    run(NOW - DAY)
    seal.append_retention(tenant, now=NOW)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    other = new_tenant("banco-norte")
    gone = stored(other, NOW - 401 * DAY)
    kept = stored(tenant, NOW - 401 * DAY)

    with pytest.raises(ChainNotOurs, match="banco-sur"):
        run()

    left = set(AgentConnection.objects.values_list("pk", flat=True))
    assert kept.pk in left
    assert gone.pk not in left


def test_what_is_done_is_not_looked_at_again(tenant):
    store([connection(tenant, NOW - 100 * DAY) for _ in range(BATCH + 1)])
    run()

    with CaptureQueriesContext(
        database,
    ) as queries:
        run(NOW + timedelta(minutes=10))

    assert len(queries) == 2  # tenants, marks


def test_a_step_is_never_more_than_a_batch_and_no_transaction_stays_open(tenant):
    store([connection(tenant, NOW - 401 * DAY) for _ in range(2 * BATCH + 5)])
    depth = len(database.savepoint_ids)

    steps = []
    for _, removed in purge([tenant], NOW):
        assert depth == len(database.savepoint_ids)
        steps.append(removed.connections)

    assert [BATCH, BATCH, 5] == [count for count in steps if count]


def test_what_was_sealed_after_the_chain_was_told_is_told_of_again(tenant):
    """Else verifying could not know that its bodies were there when it was sealed."""
    stored(tenant, NOW - 40 * DAY, sealed_at=None)
    seal.seal_slice(tenant.pk, NOW - 39 * DAY)
    run()
    stored(tenant, NOW - 41 * DAY, sealed_at=None)
    seal.seal_slice(tenant.pk, NOW + timedelta(minutes=3))
    begin_anew([tenant])

    assert run(NOW + timedelta(minutes=5)) == Removed(bodies=CALLS + 1)

    assert horizons_told(tenant) == 2 * [(HOUR - 30 * DAY, None)]
    assert verify(tenant).fault is None


def test_a_run_that_begins_anew_finds_what_was_put_behind_the_mark(tenant):
    run()
    stored(tenant, NOW - 100 * DAY)
    stored(tenant, NOW - 40 * DAY)
    begin_anew([tenant])

    assert run() == Removed(events=1, bodies=2 * CALLS + 1)


@pytest.mark.parametrize("same_moment", [True, False])
def test_rows_of_one_moment_are_neither_left_out_nor_walked_for_ever(tenant, same_moment):
    gap = timedelta(0) if same_moment else timedelta(milliseconds=1)
    rows = [connection(tenant, NOW - 31 * DAY + gap * n) for n in range(2 * BATCH + 5)]
    store(rows)

    assert run() == Removed(bodies=(CALLS + 1) * len(rows))


def mixed(tenant):
    """Something of every age, of every kind."""
    for days in (500, 401, 399, 95, 91, 89, 35, 31, 29, 1):
        stored(tenant, NOW - days * DAY)
        event(tenant, NOW - days * DAY, outcome="refused").save()
    early_end(tenant, NOW - 200 * DAY).save()
    old = stored(tenant, NOW - 450 * DAY, user_id="late")
    event(tenant, NOW - DAY, connection=old).save()
    event(tenant, NOW - 40 * DAY, connection=old).save()
    stored(tenant, NOW - 430 * DAY, **still_open(NOW))
    stored(tenant, NOW - 60 * DAY, sealed_at=None)


@pytest.mark.parametrize("again", [False, True])
def test_a_dry_run_changes_nothing_and_says_what_the_real_one_removes(tenant, again):
    mixed(tenant)
    now = NOW
    if again:
        run()
        mixed_later = stored(tenant, NOW - 29 * DAY)
        AgentConnection.objects.filter(sealed_at=None).update(sealed_at=NOW - 50 * DAY)
        now = NOW + 3 * DAY
        assert mixed_later
    before = everything()

    found = plan(tenant, now)

    assert everything() == before
    begin_anew([tenant])
    assert found.removed == run(now)
    assert found.removed


def test_a_dry_run_names_the_oldest(tenant):
    for days in (401, 500):
        stored(tenant, NOW - days * DAY)
    event(tenant, NOW - 600 * DAY).save()
    stored(tenant, NOW - 31 * DAY)

    found = plan(tenant, NOW)

    assert (found.oldest_connection, found.oldest_event, found.oldest_body) == (
        NOW - 500 * DAY,
        NOW - 600 * DAY,
        NOW - 31 * DAY,
    )


def test_a_dry_run_of_nothing_finds_nothing(tenant):
    found = plan(tenant, NOW)

    assert (Removed(), None, None, None) == (
        found.removed,
        found.oldest_connection,
        found.oldest_event,
        found.oldest_body,
    )


def test_no_statement_reads_a_whole_table(tenant):
    """Whatever the planner believes of the size of tables that are nearly empty now."""
    mixed(tenant)
    with CaptureQueriesContext(database) as captured:
        run()
    statements = [query["sql"] for query in captured if BIG_TABLE.search(query["sql"])]
    walks = [sql for sql in statements if " LIMIT " in sql and "waits" in sql]

    with database.cursor() as cursor:
        plans = {sql: _explained(cursor, sql) for sql in statements if "INSERT" not in sql}
    assert {sql: found for sql, found in plans.items() if WHOLE_TABLE.search(found)} == {}
    assert len(walks) >= 5
    assert all(INDEX.search(plans[sql]) for sql in walks)


def _explained(cursor, sql):
    if database.vendor == "postgresql":
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {sql.replace('%', '%%')}")
    else:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
    return "\n".join(str(row[-1]) for row in cursor.fetchall())


def test_a_mark_is_named_for_people(tenant):
    mark = RetentionMark(tenant=tenant, kind=RetentionMark.Kind.EVENTS, row=uuid.uuid4())

    assert str(mark) == "Events · banco-sur"
