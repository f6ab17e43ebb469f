"""Removes what is older than its tenant wants it kept, a few hundred rows at a time.

Age counts from the receipt, and horizons are whole hours, so that a run which the audit chain is
told of once can take many steps. Each step is one short transaction which also notes how far it
came: whatever dies when, the next step goes on from there. What is open or not sealed stays, and so
do its calls and events. Of calls that stay, only the bodies are emptied: headers, addresses and
digests are part of the trail.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Max, Q, QuerySet

from connector.audit import seal
from connector.domain import Trigger
from connector.errors import ChainNotOurs
from connector.models import AgentConnection, Attempt, AuditSeal, Event, RetentionMark, Tenant

BATCH = 200  # rows in one transaction: tens of milliseconds
FEW = 40  # where many others go with each, and all other writers wait
LONGEST_REST = 0.2  # seconds

Kind = RetentionMark.Kind
Marks = dict[Kind, RetentionMark]
Row = tuple[UUID, datetime, bool]  # key, time, whether it waits

NO_BODIES = Q(request_body="", response_body="")
UNSEALED = Q(sealed_at=None) | Q(due_at__isnull=False)
OF_UNSEALED = Q(connection__isnull=False, connection__sealed_at=None)


@dataclass(frozen=True)
class Removed:
    """Rows; `bodies`: calls and events whose bodies were emptied."""

    connections: int = 0
    attempts: int = 0
    events: int = 0
    bodies: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __bool__(self) -> bool:
        return any(astuple(self))


@dataclass(frozen=True)
class Horizons:
    """What was received before these moments goes."""

    connections: datetime
    events: datetime
    bodies: datetime
    hour: datetime

    @classmethod
    def of(cls, tenant: Tenant, now: datetime) -> "Horizons":
        hour = now.replace(minute=0, second=0, microsecond=0)
        return cls(
            hour - timedelta(days=tenant.keep_connections_days),
            hour - timedelta(days=tenant.keep_events_days),
            hour - timedelta(days=tenant.keep_bodies_days),
            hour,
        )


@dataclass(frozen=True)
class Walk:
    """Rows of one kind in the order of the column `clock`, up to a horizon; those of which `waits`
    is true may not be touched yet. Where rows stay, what was done is not walked again."""

    kind: Kind
    rows: Callable[[Tenant, Horizons], QuerySet[Any]]
    remove: Callable[[Sequence[UUID]], Removed]
    horizon: Callable[[Horizons], datetime]
    clock: str = "received_at"
    rows_stay: bool = True
    told_as: Kind | None = None  # what the audit chain is told

    def before(
        self, tenant: Tenant, horizons: Horizons, begin: datetime | None = None
    ) -> QuerySet[Any]:
        """All that are old enough, without order."""
        rows = self.rows(tenant, horizons).order_by()
        rows = rows.filter(**{f"{self.clock}__lt": self.horizon(horizons)})
        return rows.filter(**{f"{self.clock}__gte": begin}) if begin else rows


def _connections(tenant: Tenant, horizons: Horizons) -> QuerySet[AgentConnection]:
    waits = ExpressionWrapper(UNSEALED, output_field=BooleanField())
    return AgentConnection.objects.filter(tenant=tenant).annotate(waits=waits)


def _reopened(tenant: Tenant, horizons: Horizons) -> QuerySet[AgentConnection]:
    """Those that a person reopened when the bodies of their time were gone already."""
    sealed = _connections(tenant, horizons).filter(sealed_at__isnull=False)
    return sealed.filter(trigger=Trigger.PERSON, received_at__lt=horizons.bodies)


def _events(tenant: Tenant, horizons: Horizons) -> QuerySet[Event]:
    waits = ExpressionWrapper(OF_UNSEALED, output_field=BooleanField())
    return Event.objects.filter(tenant=tenant).annotate(waits=waits)


def _remove_connections(pks: Sequence[UUID]) -> Removed:
    _, rows = AgentConnection.objects.filter(pk__in=pks).delete()
    return Removed(
        connections=rows.get("connector.AgentConnection", 0),
        attempts=rows.get("connector.Attempt", 0),
        events=rows.get("connector.Event", 0),
    )


def _remove_events(pks: Sequence[UUID]) -> Removed:
    count, _ = Event.objects.filter(pk__in=pks).delete()
    return Removed(events=count)


def _empty_calls(pks: Sequence[UUID]) -> Removed:
    calls = Attempt.objects.filter(connection__in=pks).exclude(NO_BODIES)
    return Removed(bodies=calls.update(request_body="", response_body=""))


def _empty_events(pks: Sequence[UUID]) -> Removed:
    return Removed(bodies=Event.objects.filter(pk__in=pks).exclude(body="").update(body=""))


# In this order: what goes with its connection need not be emptied first.
WALKS = (
    Walk(
        Kind.CONNECTIONS,
        _connections,
        _remove_connections,
        lambda horizons: horizons.connections,
        rows_stay=False,
        told_as=Kind.CONNECTIONS,
    ),
    Walk(Kind.EVENTS, _events, _remove_events, lambda horizons: horizons.events, rows_stay=False),
    Walk(
        Kind.CALL_BODIES,
        _connections,
        _empty_calls,
        lambda horizons: horizons.bodies,
        told_as=Kind.CALL_BODIES,
    ),
    Walk(
        Kind.REOPENED,
        _reopened,
        _empty_calls,
        lambda horizons: horizons.hour,
        clock="sealed_at",
        told_as=Kind.CALL_BODIES,
    ),
    Walk(Kind.EVENT_BODIES, _events, _empty_events, lambda horizons: horizons.bodies),
)
WALK = {walk.kind: walk for walk in WALKS}


def purge(tenants: Iterable[Tenant], now: datetime) -> Iterator[tuple[Tenant, Removed]]:
    """Remove all that is old enough; yields after each step what it has removed for good.

    Raises ChainNotOurs for tenants whose chain nothing may be added to, after the others had
    their turn.
    """
    broken: dict[str, None] = {}
    for tenant, walk in _unfinished(tenants, now):
        try:
            for removed in _walked(tenant, walk, now):
                yield tenant, removed
        except ChainNotOurs as exc:
            broken[str(exc)] = None
    if broken:
        raise ChainNotOurs(" ".join(broken))


def begin_anew(tenants: Iterable[Tenant]) -> None:
    """Let the next run look at everything, whatever is noted as done."""
    RetentionMark.objects.filter(tenant__in=tenants).update(
        begin=None, at=None, row=None, left_out=None, reached=None
    )


def _unfinished(tenants: Iterable[Tenant], now: datetime) -> Iterator[tuple[Tenant, Walk]]:
    """One query says of all tenants what is done up to this hour's horizons."""
    marks = RetentionMark.objects.values_list("tenant", "kind", "reached")
    reached = {(tenant_id, kind): horizon for tenant_id, kind, horizon in marks}
    for tenant in tenants:
        horizons = Horizons.of(tenant, now)
        for walk in WALKS:
            if reached.get((tenant.pk, walk.kind)) != walk.horizon(horizons):
                yield tenant, walk


def _walked(tenant: Tenant, walk: Walk, now: datetime) -> Iterator[Removed]:
    is_done = False
    while not is_done:
        began = time.monotonic()
        removed, is_done = _step(tenant, walk, now)
        yield removed
        if removed and not is_done:
            _rest(time.monotonic() - began)


def _rest(took: float) -> None:
    """SQLite has one writer at a time, and half of the time belongs to others."""
    if database.vendor == "sqlite":
        time.sleep(min(took, LONGEST_REST))


def _step(tenant: Tenant, walk: Walk, now: datetime) -> tuple[Removed, bool]:
    """Returns also whether the horizon is reached."""
    horizons = Horizons.of(tenant, now)
    with transaction.atomic():
        marks = _locked_marks(tenant)
        mark = marks[walk.kind]
        found = _next_rows(walk, tenant, horizons, mark)
        ready = _locked(walk, [pk for pk, _, waits in found if not waits])
        removed = walk.remove(ready) if ready else Removed()
        if removed and walk.told_as:
            _tell(tenant, marks, horizons, walk.told_as, sealed_rows=ready, now=now)
        is_done = len(found) < _batch(walk)
        _note_progress(mark, found, ready)
        if is_done:
            _note_end(mark, walk.horizon(horizons), rows_stay=walk.rows_stay)
        mark.save()
    return removed, is_done


def _batch(walk: Walk) -> int:
    return FEW if walk.kind == Kind.CONNECTIONS and database.vendor == "sqlite" else BATCH


def _locked_marks(tenant: Tenant) -> Marks:
    """Whoever removes for the same tenant waits here."""
    marks = RetentionMark.objects.filter(tenant=tenant).order_by("kind").select_for_update()
    found = list(marks)
    if len(found) < len(Kind):
        missing = [RetentionMark(tenant=tenant, kind=kind) for kind in Kind]
        RetentionMark.objects.bulk_create(missing, ignore_conflicts=True)
        found = list(marks.all())
    return {Kind(mark.kind): mark for mark in found}


def _next_rows(walk: Walk, tenant: Tenant, horizons: Horizons, mark: RetentionMark) -> list[Row]:
    rows = walk.before(tenant, horizons, mark.at or mark.begin).order_by(walk.clock, "pk")
    if mark.at:
        rows = rows.filter(Q(**{f"{walk.clock}__gt": mark.at}) | Q(pk__gt=mark.row))
    return list(rows.values_list("pk", walk.clock, "waits")[: _batch(walk)])


def _locked(walk: Walk, pks: list[UUID]) -> list[UUID]:
    """Of connections, those that nobody has reopened, nor can until we are through."""
    if not walk.told_as:
        return pks
    rows = AgentConnection.objects.filter(pk__in=pks).exclude(UNSEALED).order_by("pk")
    return list(rows.select_for_update().values_list("pk", flat=True))


def _note_progress(mark: RetentionMark, found: Sequence[Row], done: Iterable[UUID]) -> None:
    finished = set(done)
    left_out = (at for pk, at, _ in found if pk not in finished)
    mark.left_out = mark.left_out or next(left_out, None)
    if found:
        mark.row, mark.at, _ = found[-1]


def _note_end(mark: RetentionMark, reached: datetime, *, rows_stay: bool) -> None:
    mark.begin = (mark.left_out or reached) if rows_stay else None
    mark.row = mark.at = mark.left_out = None
    mark.reached = reached


def _tell(
    tenant: Tenant,
    marks: Marks,
    horizons: Horizons,
    wanted: Kind,
    *,
    sealed_rows: Sequence[UUID],
    now: datetime,
) -> None:
    """Tell the audit chain how far this run goes, so that verifying does not take for tampering
    what is removed in this very transaction, or later. One entry tells of all."""
    if _is_told(marks[wanted], WALK[wanted].horizon(horizons), sealed_rows):
        return
    told = {
        kind: WALK[kind].horizon(horizons)
        for kind in (Kind.CALL_BODIES, Kind.CONNECTIONS)
        if kind == wanted
        or WALK[kind].before(tenant, horizons, marks[kind].begin).filter(waits=False).exists()
    }
    entry = seal.append_retention(
        tenant,
        bodies_before=told.get(Kind.CALL_BODIES),
        connections_before=told.get(Kind.CONNECTIONS),
        now=now,
    )
    for kind, horizon in told.items():
        marks[kind].announced, marks[kind].announced_in = horizon, entry.number
        marks[kind].save(update_fields=["announced", "announced_in"])


def _is_told(mark: RetentionMark, horizon: datetime, sealed_rows: Sequence[UUID]) -> bool:
    """Whether an entry behind the seals of these connections says so already."""
    if mark.announced is None or mark.announced < horizon:
        return False
    seals = AuditSeal.objects.filter(connection_id__in=sealed_rows)
    last: int = seals.aggregate(last=Max("number"))["last"] or 0
    return last < (mark.announced_in or 0)
