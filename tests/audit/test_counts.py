"""Hourly counts are written with the seals, and are what the dashboard reads."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from connector import intervene
from connector.audit import counts
from connector.audit.counts import Ending, Told
from connector.domain import Reason, State
from connector.models import (
    TOLD_WITHIN,
    AgentConnection,
    Attempt,
    AuditSeal,
    HourlyCount,
    OutcomeTotal,
    Tenant,
)
from tests.audit.trail import NOW, RECEIVED, delivered, ended, seal_all

pytestmark = pytest.mark.django_db

SINCE, UNTIL = NOW - timedelta(hours=24), NOW
HOUR = timedelta(hours=1)


def gave_up(tenant: Tenant, **facts: object) -> AgentConnection:
    return ended(tenant, State.NOT_ANSWERED, Reason.GAVE_UP, **facts)


def told_after(tenant: Tenant, ms: int) -> None:
    answered_at = RECEIVED + timedelta(seconds=1)
    at = answered_at + timedelta(milliseconds=ms)
    delivered(tenant, answered_at=answered_at, delivered_at=at, final_at=at)


def end_again(row: AgentConnection, reason: Reason) -> None:
    AgentConnection.objects.filter(pk=row.pk).update(
        reason=reason, state=State.NOT_ANSWERED, due_at=None, final_at=NOW
    )


def test_each_sealed_connection_is_counted_once_in_its_hour(tenant: Tenant) -> None:
    delivered(tenant)
    gave_up(tenant)
    gave_up(tenant, received_at=RECEIVED - HOUR)
    seal_all()
    seal_all()

    assert {("delivered", "delivered"): 1, ("not_answered", "gave_up"): 2} == counts.totals(
        None, SINCE, UNTIL
    )
    assert {
        datetime(2026, 10, 12, 13, tzinfo=UTC): {"not_answered": 1},
        datetime(2026, 10, 12, 14, tzinfo=UTC): {"delivered": 1, "not_answered": 1},
    } == counts.per_hour(None, SINCE, UNTIL)


def test_whole_hours_are_counted(tenant: Tenant) -> None:
    for hours in range(4):
        gave_up(tenant, received_at=RECEIVED - hours * HOUR)
    seal_all()

    since = RECEIVED - 2 * HOUR + timedelta(minutes=50)
    until = datetime(2026, 10, 12, 14, tzinfo=UTC)

    assert 2 == sum(counts.totals(None, since, until).values())


def test_only_the_tenants_that_are_asked_for(tenant: Tenant) -> None:
    other = Tenant.objects.create(slug="otro", name="Otro")
    delivered(tenant)
    gave_up(other)
    seal_all()

    assert {("not_answered", "gave_up"): 1} == counts.totals([other.pk], SINCE, UNTIL)
    assert 0 == counts.told([other.pk], SINCE, UNTIL).count
    assert {} == counts.per_hour([], SINCE, UNTIL)


def test_one_that_was_reopened_counts_under_its_newest_end_alone(tenant: Tenant) -> None:
    row = gave_up(tenant)
    seal_all()
    intervene.check_again(row.pk, NOW)
    end_again(row, Reason.RANG_OUT)
    seal_all()

    assert {("not_answered", "rang_out"): 1} == counts.totals(None, SINCE, UNTIL)
    assert {datetime(2026, 10, 12, 14, tzinfo=UTC): {"not_answered": 1}} == counts.per_hour(
        None, SINCE, UNTIL
    )


def test_a_state_that_nobody_is_in_any_more_is_left_out(tenant: Tenant) -> None:
    row = gave_up(tenant)
    seal_all()
    intervene.check_again(row.pk, NOW)
    AgentConnection.objects.filter(pk=row.pk).update(
        state=State.FAILED, reason=Reason.GENESYS_UNAVAILABLE, due_at=None, final_at=NOW
    )
    seal_all()

    (hour,) = counts.per_hour(None, SINCE, UNTIL).values()
    (one,) = counts.per_tenant(None, SINCE, UNTIL)

    assert {"failed": 1} == hour == one.by_state


def test_the_totals_never_go_down(tenant: Tenant) -> None:
    row = gave_up(tenant)
    seal_all()
    intervene.check_again(row.pk, NOW)
    end_again(row, Reason.RANG_OUT)
    seal_all()

    totals = counts.ever().values_list("reason", "count")

    assert {("gave_up", 1), ("rang_out", 1)} == set(totals)


def test_counts_outlive_what_they_count(tenant: Tenant) -> None:
    delivered(tenant)
    seal_all()
    Attempt.objects.all().delete()
    AgentConnection.objects.all().delete()

    assert 1 == sum(counts.totals(None, SINCE, UNTIL).values())


def test_a_row_written_before_is_added_to(tenant: Tenant) -> None:
    for _ in range(2):
        counts.note(tenant.pk, [Ending(RECEIVED, "delivered", "delivered", 84)])

    assert [(2, 168, 2, 0)] == list(
        HourlyCount.objects.values_list("count", "told_ms", "told_100", "told_50")
    )
    assert [2] == list(OutcomeTotal.objects.values_list("told_100", flat=True))


def test_nothing_is_noted_where_nothing_ended(tenant: Tenant) -> None:
    counts.note(tenant.pk, [])

    assert not HourlyCount.objects.exists()


def test_counts_and_seals_agree(tenant: Tenant) -> None:
    for number in range(7):
        told_after(tenant, number * 40)
        gave_up(tenant, received_at=RECEIVED - number * HOUR)
    seal_all()

    found = counts.totals(None, SINCE, UNTIL)

    assert Counter(AuditSeal.objects.values_list("state", "reason")) == found


def test_every_bound_has_a_column() -> None:
    columns = {field.name for field in HourlyCount._meta.get_fields()}

    assert set(counts.ADDED) <= columns
    assert list(TOLD_WITHIN) == sorted(TOLD_WITHIN)


@pytest.mark.parametrize(
    ("ms", "column"),
    [
        (0, "told_50"),
        (50, "told_50"),
        (51, "told_100"),
        (60_000, "told_60000"),
        (60_001, "told_later"),
    ],
)
def test_a_time_falls_into_the_first_bound_that_holds_it(
    tenant: Tenant, ms: int, column: str
) -> None:
    told_after(tenant, ms)
    seal_all()

    row = HourlyCount.objects.get()

    assert {column: 1} == {name: value for name in counts.TOLD if (value := getattr(row, name))}


def test_percentiles_are_estimated_from_all_hours_and_tenants_together(tenant: Tenant) -> None:
    other = Tenant.objects.create(slug="otro", name="Otro")
    for _ in range(90):
        told_after(tenant, 60)
    for _ in range(10):
        told_after(other, 900)
    seal_all()

    times = counts.told(None, SINCE, UNTIL)

    assert 100 == times.count
    assert 60 * 90 + 900 * 10 == times.total_ms
    assert 50 < (times.percentile(0.5) or 0) < 100
    assert 750 < (times.percentile(0.95) or 0) <= 1000


def test_of_nothing_there_is_no_percentile() -> None:
    assert Told().percentile(0.5) is None


def test_beyond_the_last_bound_no_more_is_known() -> None:
    late = Told((0,) * len(TOLD_WITHIN) + (5,), 5 * 90_000)

    assert 60_000 == late.percentile(0.99)


def test_all_in_one_bound_are_spread_evenly() -> None:
    times = Told((4, *(0,) * len(TOLD_WITHIN)))

    assert (12.5, 25, 50) == (times.percentile(0.25), times.percentile(0.5), times.percentile(1))


def test_the_tenant_with_the_largest_share_of_trouble_comes_first(tenant: Tenant) -> None:
    bad = Tenant.objects.create(slug="malo", name="Malo")
    idle = Tenant.objects.create(slug="nada", name="Nada")
    for _ in range(9):
        delivered(tenant)
    ended(tenant, State.FAILED, Reason.LYNN_REFUSED)
    delivered(bad)
    ended(bad, State.FAILED, Reason.LYNN_REFUSED)
    ended(bad, State.IGNORED, Reason.NO_QUEUE)
    ended(idle, State.IGNORED, Reason.NO_QUEUE)
    seal_all()

    found = counts.per_tenant(None, SINCE, UNTIL)

    assert [(bad.pk, 0.5, 3), (tenant.pk, 0.1, 10), (idle.pk, 0.0, 1)] == [
        (one.tenant_id, one.trouble_share, one.count) for one in found
    ]
    assert [1, 9, 0] == [one.told.count for one in found]
