"""Proves that nobody edited, removed or reordered the trail, in constant memory, while the portal
goes on working."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

from connector.audit import chain
from connector.audit.digest import (
    CONNECTION_COLUMNS,
    FORM,
    Row,
    are_bodies_gone,
    digests,
)
from connector.audit.seal import attempts_of
from connector.domain import MOVES, State
from connector.models import (
    AgentConnection,
    AuditHead,
    AuditSeal,
    OutcomeTotal,
    SealKind,
    Tenant,
)

BATCH = 500  # seals read at a time


@dataclass(frozen=True)
class Fault:
    """What is wrong, in words, and where; parts that are not known are None or "".

    `is_unsigned`: all is in order but that none of our keys signed the end.
    """

    what: str
    number: int | None = None
    connection_id: uuid.UUID | None = None
    conversation_id: str = ""
    is_unsigned: bool = False

    def __str__(self) -> str:
        where = [
            f"conversation {self.conversation_id}" if self.conversation_id else "",
            f"connection {self.connection_id}" if self.connection_id else "",
            f"seal {self.number}" if self.number else "",
        ]
        found = ", ".join(filter(None, where))
        return f"{found}: {self.what}" if found else self.what


@dataclass
class Report:
    """What was found of one tenant; `fault` is the first thing that is wrong, if any.

    `since` and `until` are when the sealed connections were received. `number` and `link` are
    the end of the chain: noted down elsewhere, they show later that nothing was cut off.
    """

    tenant: Tenant
    connections: int = 0
    sealed_again: int = 0
    removed: int = 0
    without_bodies: int = 0
    since: datetime | None = None
    until: datetime | None = None
    unsealed: int = 0
    number: int = 0
    link: str = ""
    fault: Fault | None = None


@dataclass
class Horizons:
    """What the chain says that retention removed, for each place in it: entries that come later
    than a seal are those that may explain what is missing from it."""

    entries: list[tuple[int, datetime | None, datetime | None]] = field(default_factory=list)

    @classmethod
    def of(cls, tenant: Tenant) -> "Horizons":
        """The latest of all moments that come at or after each entry."""
        found = AuditSeal.objects.filter(tenant=tenant, kind=SealKind.RETENTION)
        columns = ("number", "bodies_before", "connections_before")
        entries: list[tuple[int, datetime | None, datetime | None]] = []
        bodies = connections = None
        for number, one, other in found.order_by("-number").values_list(*columns).iterator():
            bodies, connections = _later(bodies, one), _later(connections, other)
            entries.append((number, bodies, connections))
        return cls(entries)

    def after(self, number: int) -> tuple[datetime | None, datetime | None]:
        """(bodies before, connections before); asked for ascending numbers, it forgets the rest."""
        while self.entries and self.entries[-1][0] <= number:
            self.entries.pop()
        return self.entries[-1][1:] if self.entries else (None, None)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other


def verify(tenant: Tenant) -> Report:
    """Walk the tenant's chain as it is now, and compare each seal with what it seals."""
    report = Report(tenant)
    head, last = _end(tenant)
    report.number, report.link = (head.number, bytes(head.link).hex()) if head else (0, "")
    report.fault = (
        _walk(report, head, last)
        or _ends_well(tenant, head, last)
        or _unsealed_row(tenant)
        or _is_unsigned(head)
    )
    rows = AgentConnection.objects.filter(tenant=tenant)
    is_open, has_ended = rows.filter(due_at__isnull=False), rows.filter(due_at=None, sealed_at=None)
    report.unsealed = is_open.count() + has_ended.count()
    return report


def noted(tenant: Tenant, number: int, link: str) -> Fault | None:
    """Whether the chain still holds what somebody noted down of it."""
    seal = AuditSeal.objects.filter(tenant=tenant, number=number).first()
    if seal is None:
        return Fault("the chain does not reach the number that was noted down: it was cut", number)
    if not bytes(seal.link).hex().startswith(link.lower()):
        return Fault("the link is not the one that was noted down: the chain was rewritten", number)
    return None


def _end(tenant: Tenant) -> tuple[AuditHead | None, int]:
    """The signed end, and the number of the last seal at the same moment."""
    last = AuditSeal.objects.filter(tenant=OuterRef("pk")).order_by("-number").values("number")[:1]
    heads = AuditHead.objects.annotate(last=Coalesce(Subquery(last), 0))
    head = heads.filter(pk=tenant.pk).first()
    if head:
        return head, head.last
    found = AuditSeal.objects.filter(tenant=tenant).aggregate(last=Max("number"))
    return None, found["last"] or 0


def _walk(report: Report, head: AuditHead | None, last: int) -> Fault | None:
    """From the first seal to the signed end. Without one, whatever seals there are."""
    tenant, link = report.tenant, chain.beginning(report.tenant.pk)
    horizons, number = Horizons.of(tenant), 0
    for seals in _batches(tenant, head.number if head else last):
        context = _Context.of(tenant, seals)
        for seal in seals:
            number += 1
            if seal.number != number:
                return Fault("the seal is missing", number)
            if bytes(seal.link) != chain.link_of(seal, link):
                return _broken(seal)
            link = bytes(seal.link)
            if fault := _look(report, seal, context, horizons):
                return fault
    if head and number == head.number and bytes(head.link) != link:
        return Fault("the signed end of the chain is not the link of its last seal", number)
    return None


def _broken(seal: AuditSeal) -> Fault:
    what = (
        "the chain is broken here: this seal or the one before it was edited, replaced or put in "
        "another place"
    )
    return _fault(seal, what)


def _ends_well(tenant: Tenant, head: AuditHead | None, last: int) -> Fault | None:
    if head is None:
        was_there = last or _was_counted(tenant)
        is_missing = was_there and _end(tenant)[0] is None  # and has not just been begun
        return Fault("the signed end of the chain is missing") if is_missing else None
    if last < head.number:
        what = f"the chain should go on to seal {head.number}, but its end was cut off"
        return Fault(what, last + 1)
    if last > head.number:
        return Fault("the seals from here on were added by somebody else", head.number + 1)
    return None


def _was_counted(tenant: Tenant) -> bool:
    """Connections are counted when they are sealed, so then there was a chain."""
    return OutcomeTotal.objects.filter(tenant=tenant).exists()


def _is_unsigned(head: AuditHead | None) -> Fault | None:
    if head is None or chain.is_genuine(head):
        return None
    what = (
        "the end of the chain was signed with none of PORTAL_FIELD_KEYS: somebody without "
        "them has rewritten it, or the key that signed it was taken out of the list"
    )
    return Fault(what, head.number or None, is_unsigned=True)


def _unsealed_row(tenant: Tenant) -> Fault | None:
    """A connection that says it is sealed must have its seal."""
    # Whose chain that stands in is left to the digests: asked for, SQLite takes the wrong index.
    seals = AuditSeal.objects.filter(connection_id=OuterRef("pk"))
    rows = AgentConnection.objects.filter(tenant=tenant, sealed_at__isnull=False)
    row = rows.filter(~Exists(seals)).order_by("received_at", "id").first()
    if row is None:
        return None
    return Fault("its seal is missing", None, row.pk, row.conversation_id)


def _batches(tenant: Tenant, last: int) -> Iterator[list[AuditSeal]]:
    """By number, each batch after the one before."""
    seals = AuditSeal.objects.filter(tenant=tenant, number__lte=last).order_by("number")
    batch = list(seals[:BATCH])
    while batch:
        yield batch
        batch = list(seals.filter(number__gt=batch[-1].number)[:BATCH])


@dataclass(frozen=True)
class _Context:
    """What some seals are compared with: `replaced` are the numbers of those that are not the
    newest of their connection."""

    rows: Mapping[uuid.UUID, Row]
    attempts: Mapping[uuid.UUID, Sequence[Row]]
    replaced: frozenset[int]

    @classmethod
    def of(cls, tenant: Tenant, seals: Sequence[AuditSeal]) -> "_Context":
        """The attempts are read before the connections: an honest change in between shows in the
        connection, which is then not sealed any more."""
        ids = [seal.connection_id for seal in seals if seal.connection_id]
        attempts = attempts_of(ids)
        found = AgentConnection.objects.filter(pk__in=ids).order_by()
        rows = {row["id"]: row for row in found.values(*CONNECTION_COLUMNS, "sealed_at")}
        numbers = [seal.number for seal in seals]
        newer = AuditSeal.objects.filter(tenant=tenant, former__in=numbers)
        replaced = frozenset(seal.former for seal in newer.only("former") if seal.former)
        return cls(rows, attempts, replaced)


def _look(report: Report, seal: AuditSeal, context: _Context, horizons: Horizons) -> Fault | None:
    if seal.kind == SealKind.RETENTION:
        return None
    report.sealed_again += seal.former is not None
    if seal.number in context.replaced:
        return None
    _count(report, seal)
    bodies_before, connections_before = horizons.after(seal.number)
    what = _difference(report, seal, context, bodies_before, connections_before)
    if what and _is_still_wrong(report, seal):
        row = context.rows.get(seal.connection_id) if seal.connection_id else None
        return _fault(seal, what, str(row["conversation_id"]) if row else "")
    return None


def _count(report: Report, seal: AuditSeal) -> None:
    report.connections += 1
    if received_at := seal.received_at:
        report.since = min(report.since or received_at, received_at)
        report.until = max(report.until or received_at, received_at)


def _is_still_wrong(report: Report, seal: AuditSeal) -> bool:
    """Look again at this one alone: it may have been reopened or removed while we were reading."""
    context = _Context.of(report.tenant, [seal])
    if seal.number in context.replaced:
        return False
    horizons = Horizons.of(report.tenant).after(seal.number)
    return _difference(Report(report.tenant), seal, context, *horizons) is not None


def _difference(
    report: Report,
    seal: AuditSeal,
    context: _Context,
    bodies_before: datetime | None,
    connections_before: datetime | None,
) -> str | None:
    """What is wrong with what this seal seals, in words; None if nothing is."""
    row = context.rows.get(seal.connection_id) if seal.connection_id else None
    if row is None:
        report.removed += 1
        return None if _is_before(seal, connections_before) else "the connection was removed"
    if seal.form != FORM or _may_be_reopened(row, seal):
        return None
    attempts = context.attempts.get(row["id"], ())
    made = digests(row, attempts, seal.covered)
    if made.connection != bytes(seal.digest):
        return "the connection was edited"
    if len(attempts) != seal.attempts:
        word = "removed" if len(attempts) < seal.attempts else "added"
        return f"an attempt was {word}: there are {len(attempts)} and should be {seal.attempts}"
    if made.attempts != bytes(seal.attempts_digest):
        return "an attempt was edited"
    if made.bodies == bytes(seal.bodies_digest):
        return None
    report.without_bodies += 1
    if not are_bodies_gone(attempts):
        return "what was sent or answered in an attempt was edited"
    return None if _is_before(seal, bodies_before) else "the bodies of its attempts were removed"


def _is_before(seal: AuditSeal, horizon: datetime | None) -> bool:
    """Age counts from either moment; clocks differ, so each may be the earlier one."""
    return bool(horizon and min(seal.received_at or seal.sealed_at, seal.sealed_at) < horizon)


def _may_be_reopened(row: Row, seal: AuditSeal) -> bool:
    """It is open again or waits to be sealed again, and can be: some ends are for good."""
    return row["sealed_at"] is None and bool(MOVES[State(seal.state)])


def _fault(seal: AuditSeal, what: str, conversation_id: str = "") -> Fault:
    return Fault(what, seal.number, seal.connection_id, conversation_id)
