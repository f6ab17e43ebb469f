"""How many connections ended how, per hour and ever: written with their seals, read by the
dashboard and /metrics. Open connections are not in it."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection as database
from django.db.models import F, QuerySet, Sum

from connector.domain import State
from connector.models import TOLD_WITHIN, HourlyCount, OutcomeTotal, Tally

TOLD = (*(f"told_{ms}" for ms in TOLD_WITHIN), "told_later")
ADDED = ("count", "told_ms", *TOLD)

Tenants = Iterable[int] | None  # their ids; None means all


@dataclass(frozen=True)
class Ending:
    """How a connection ended; `told_after_ms` is None unless Lynn was told."""

    received_at: datetime
    state: str
    reason: str
    told_after_ms: int | None = None


def note(tenant_id: int, endings: Iterable[Ending], taken_back: Iterable[Ending] = ()) -> None:
    """Inside the transaction that seals them. Those that are taken back ended otherwise after
    all; they stay in the totals, which never go down."""
    endings = list(endings)
    hours: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * len(ADDED))
    totals: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * len(ADDED))
    for ending in endings:
        _count(hours[tenant_id, hour_of(ending.received_at), ending.state, ending.reason], ending)
        _count(totals[tenant_id, ending.state, ending.reason], ending)
    for ending in taken_back:
        key = (tenant_id, hour_of(ending.received_at), ending.state, ending.reason)
        _count(hours[key], ending, by=-1)
    _add(HourlyCount, ("tenant_id", "hour", "state", "reason"), hours)
    _add(OutcomeTotal, ("tenant_id", "state", "reason"), totals)


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _count(numbers: list[int], ending: Ending, by: int = 1) -> None:
    numbers[0] += by
    if ending.told_after_ms is not None:
        numbers[1] += by * ending.told_after_ms
        numbers[2 + bisect_left(TOLD_WITHIN, ending.told_after_ms)] += by


def _add(
    model: type[Tally], keys: Sequence[str], rows: Mapping[tuple[Any, ...], Sequence[int]]
) -> None:
    """One statement, written out because Django's upsert replaces and cannot add."""
    if not rows:
        return
    columns, table = (*keys, *ADDED), model._meta.db_table
    one = f"({', '.join(['%s'] * len(columns))})"
    sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in ADDED)
    statement = (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([one] * len(rows))} "  # noqa: S608
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sums}"
    )
    values = [_as_stored(value) for key in sorted(rows) for value in (*key, *rows[key])]
    with database.cursor() as cursor:
        cursor.execute(statement, values)


def _as_stored(value: Any) -> Any:
    is_time = isinstance(value, datetime)
    return database.ops.adapt_datetimefield_value(value) if is_time else value


@dataclass(frozen=True)
class Told:
    """How long it took from the agents' answers until Lynn was told: `within[i]` took at most
    TOLD_WITHIN[i] ms and longer than the bound before, the last one took longer still."""

    within: tuple[int, ...] = (0,) * len(TOLD)
    total_ms: int = 0

    @property
    def count(self) -> int:
        return sum(self.within)

    def percentile(self, share: float) -> float | None:
        """Estimated in ms, evenly spread between two bounds; None where Lynn was never told.
        Beyond the last bound no more is known than that bound."""
        wanted, below = self.count * share, 0
        if not self.count:
            return None
        for number, upper, lower in zip(self.within, TOLD_WITHIN, (0, *TOLD_WITHIN), strict=False):
            if number and below + number >= wanted:
                return lower + (upper - lower) * (wanted - below) / number
            below += number
        return float(TOLD_WITHIN[-1])


@dataclass(frozen=True)
class TenantCounts:
    """One tenant's connections of some hours, by state."""

    tenant_id: int
    by_state: Mapping[str, int]
    told: Told

    @property
    def count(self) -> int:
        return sum(self.by_state.values())

    @property
    def trouble_share(self) -> float:
        """The share that ought to have been told and was not; ignored ones do not count."""
        used = self.count - self.by_state.get(State.IGNORED, 0)
        bad = self.by_state.get(State.FAILED, 0) + self.by_state.get(State.EXPIRED, 0)
        return bad / used if used else 0.0


def totals(tenants: Tenants, since: datetime, until: datetime) -> dict[tuple[str, str], int]:
    """(state, reason) -> how many of the connections received in the hours from that of `since`
    until `until`."""
    rows = _rows(tenants, since, until).values_list("state", "reason").annotate(Sum("count"))
    return {(state, reason): count for state, reason, count in rows if count}


def per_hour(tenants: Tenants, since: datetime, until: datetime) -> dict[datetime, dict[str, int]]:
    """Hour (UTC) -> state -> how many; hours without any are left out."""
    rows = _rows(tenants, since, until).values_list("hour", "state").annotate(Sum("count"))
    hours: dict[datetime, dict[str, int]] = {}
    for hour, state, count in rows.order_by("hour", "state"):
        if count:
            hours.setdefault(hour, {})[state] = count
    return hours


def told(tenants: Tenants, since: datetime, until: datetime) -> Told:
    """The times of all deliveries together, for medians and percentiles."""
    sums = _delivered(_rows(tenants, since, until)).aggregate(**_sums())
    return _told(sums)


def per_tenant(tenants: Tenants, since: datetime, until: datetime) -> list[TenantCounts]:
    """Each tenant that received anything, those with the largest share of trouble first."""
    rows = _rows(tenants, since, until)
    states: dict[int, dict[str, int]] = defaultdict(dict)
    for tenant_id, state, count in rows.values_list("tenant_id", "state").annotate(Sum("count")):
        if count:
            states[tenant_id][state] = count
    delivered = _delivered(rows).values("tenant_id").annotate(**_sums())
    times = {row["tenant_id"]: _told(row) for row in delivered}
    found = [
        TenantCounts(tenant_id, by_state, times.get(tenant_id, Told()))
        for tenant_id, by_state in states.items()
    ]
    return sorted(found, key=lambda one: (-one.trouble_share, -one.count, one.tenant_id))


def ever() -> QuerySet[OutcomeTotal]:
    """The totals of all time, which never go down."""
    return OutcomeTotal.objects.select_related("tenant").order_by("tenant__slug", "state", "reason")


def told_ever(total: OutcomeTotal) -> Told:
    return Told(tuple(getattr(total, name) for name in TOLD), total.told_ms)


def _rows(tenants: Tenants, since: datetime, until: datetime) -> QuerySet[HourlyCount]:
    rows = HourlyCount.objects.filter(hour__gte=hour_of(since), hour__lt=until)
    return rows if tenants is None else rows.filter(tenant_id__in=list(tenants))


def _delivered(rows: QuerySet[HourlyCount]) -> QuerySet[HourlyCount]:
    return rows.filter(state=State.DELIVERED)


def _sums() -> dict[str, Sum]:
    return {f"sum_{name}": Sum(F(name)) for name in ("told_ms", *TOLD)}


def _told(row: Mapping[str, Any]) -> Told:
    within = tuple(row[f"sum_{name}"] or 0 for name in TOLD)
    return Told(within, row["sum_told_ms"] or 0)
