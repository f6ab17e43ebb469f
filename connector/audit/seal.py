"""Final connections get their place in their tenant's chain, and are counted, exactly once each.

All in one short transaction a slice, which holds the end of the tenant's chain locked. Never part
of the hot path: whoever ends a connection does not wait for this.
"""

import logging
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from connector import record
from connector.audit import chain, counts
from connector.audit.counts import Ending
from connector.audit.digest import (
    ATTEMPT_COLUMNS,
    CONNECTION_COLUMNS,
    FORM,
    Row,
    covered,
    digests,
)
from connector.domain import MOVES, Evidence, Outcome, State, Trigger
from connector.errors import ChainNotOurs
from connector.models import (
    AgentConnection,
    Attempt,
    AuditHead,
    AuditSeal,
    OutcomeTotal,
    SealKind,
    Tenant,
)
from connector.models.bulk import insert

logger = logging.getLogger(__name__)

SLICE = 50  # connections in one transaction, which on SQLite nobody else can write beside
# A worker that lost a connection may still write down what its call came to.
SETTLED_AFTER = timedelta(seconds=90)

Attempts = Mapping[uuid.UUID, Sequence[Row]]
Place = tuple[datetime, uuid.UUID]  # by when it ended, and its id


def seal_due(now: datetime, stop_at: float) -> tuple[int, bool]:
    """Seal what is final until time.monotonic() is `stop_at`, tenants in turn; returns how many
    were sealed, and whether more is waiting.

    Raises ChainNotOurs for a chain whose end none of our keys signed, after the others had theirs.
    """
    sealed, broken = 0, []
    waiting: list[tuple[int, Place | None]] = [(pk, None) for pk in tenants_waiting(now)]
    random.shuffle(waiting)  # whom time is too short for may be first the next time
    while waiting:
        tenant_id, after = waiting.pop(0)
        try:
            count, last = seal_slice(tenant_id, now, after)
        except ChainNotOurs as exc:
            broken.append(str(exc))
            continue
        sealed += count
        if last:
            waiting.append((tenant_id, last))
        if waiting and time.monotonic() > stop_at:
            return sealed, True
    if broken:
        raise ChainNotOurs(" ".join(broken))
    return sealed, False


def tenants_waiting(now: datetime) -> QuerySet[Tenant, int]:
    unsealed = _unsealed(now).filter(tenant_id=OuterRef("pk"))
    return Tenant.objects.filter(Exists(unsealed)).order_by().values_list("pk", flat=True)


def _unsealed(now: datetime) -> QuerySet[AgentConnection]:
    """Final; what was cancelled a moment ago, a worker may still be at."""
    final = AgentConnection.objects.filter(sealed_at=None, due_at=None)
    return final.exclude(state=State.CANCELLED, final_at__gt=now - SETTLED_AFTER)


def seal_slice(
    tenant_id: int, now: datetime, after: Place | None = None
) -> tuple[int, Place | None]:
    """Seal some of the tenant's final connections, those that ended first; returns how many, and
    after which to go on if there may be more. Raises ChainNotOurs."""
    with transaction.atomic():
        head = locked_head(tenant_id)
        rows = _next_rows(tenant_id, now, after)
        attempts = attempts_of([row["id"] for row in rows])
        settled = [row for row in rows if _are_settled(attempts[row["id"]], now)]
        if settled:
            _seal(head, settled, attempts, now)
    last = (rows[-1]["final_at"], rows[-1]["id"]) if len(rows) == SLICE else None
    return len(settled), last


def _next_rows(tenant_id: int, now: datetime, after: Place | None) -> list[dict[str, Any]]:
    rows = _unsealed(now).filter(tenant_id=tenant_id).order_by("final_at", "id")
    if after:
        final_at, pk = after
        rows = rows.filter(final_at__gte=final_at).exclude(final_at=final_at, id__lte=pk)
    locked = rows.select_for_update(skip_locked=True, of=("self",))
    return list(locked.values(*CONNECTION_COLUMNS)[:SLICE])


def _are_settled(attempts: Iterable[Row], now: datetime) -> bool:
    """Whether nobody can be writing to them any more."""
    since = now - SETTLED_AFTER
    return not any(_touched_at(attempt) > since for attempt in attempts if _is_loose(attempt))


def _is_loose(attempt: Row) -> bool:
    return _is_open(attempt) or attempt["outcome"] == Outcome.INTERRUPTED


def _touched_at(attempt: Row) -> datetime:
    times: list[datetime] = [attempt["started_at"], attempt["last_at"]]
    return max([*times, attempt["reopened_at"] or times[0]])


def _seal(head: AuditHead, rows: Sequence[Row], attempts: Attempts, now: datetime) -> None:
    ids = [row["id"] for row in rows]
    if left := [pk for pk in ids if any(map(_is_open, attempts[pk]))]:
        record.mark_interrupted([AgentConnection(pk=pk, retaken=True) for pk in left], now)
        attempts = attempts_of(ids)
    former = _newest_seals(head.tenant_id, ids)
    seals, replaced = [], []
    for row in rows:
        seal = _new_seal(row, attempts[row["id"]], now)
        before = former.get(row["id"])
        if before and not _is_news(row, seal, before):
            continue
        if before:
            seal.former = before.number
            replaced.append(before)
        seals.append(seal)
    _append(head, seals)
    AgentConnection.objects.filter(pk__in=ids).update(sealed_at=now)
    counts.note(head.tenant_id, map(_ending, seals), map(_ending, replaced))


def _is_open(attempt: Row) -> bool:
    return attempt["outcome"] == Outcome.OPEN or attempt["reopened_at"] is not None


def _is_news(row: Row, seal: AuditSeal, before: AuditSeal) -> bool:
    """Whether a row that was sealed before gets another seal. Not one that the portal cannot have
    reopened: else an edit would be hidden by making us seal it."""
    if seal.digest == bytes(before.digest) and seal.attempts_digest == bytes(
        before.attempts_digest
    ):
        return False
    was_reopened = row["trigger"] == Trigger.PERSON or row["evidence"] == Evidence.ACD_END
    return bool(MOVES[State(before.state)]) and was_reopened


def _new_seal(row: Row, attempts: Sequence[Row], now: datetime) -> AuditSeal:
    known = covered(row)
    made = digests(row, attempts, known)
    return AuditSeal(
        kind=SealKind.CONNECTION,
        sealed_at=now,
        form=FORM,
        connection_id=row["id"],
        state=row["state"],
        reason=row["reason"],
        received_at=row["received_at"],
        final_at=row["final_at"],
        told_after_ms=_told_after_ms(row),
        covered=known,
        attempts=len(attempts),
        digest=made.connection,
        attempts_digest=made.attempts,
        bodies_digest=made.bodies,
    )


def _told_after_ms(row: Row) -> int | None:
    if row["state"] != State.DELIVERED or not row["delivered_at"] or not row["answered_at"]:
        return None
    took: timedelta = row["delivered_at"] - row["answered_at"]
    return max(0, round(took.total_seconds() * 1000))


def _ending(seal: AuditSeal) -> Ending:
    assert seal.received_at  # noqa: S101  (a connection's seal)
    return Ending(seal.received_at, seal.state, seal.reason, seal.told_after_ms)


def _newest_seals(tenant_id: int, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID | None, AuditSeal]:
    """Of those that were sealed before, which are few."""
    seals = AuditSeal.objects.filter(tenant_id=tenant_id, connection_id__in=ids)
    if not seals.exists():
        return {}
    return {seal.connection_id: seal for seal in seals.order_by("number")}


def attempts_of(ids: Sequence[uuid.UUID]) -> Attempts:
    found: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    for attempt in (
        Attempt.objects.filter(connection_id__in=ids).order_by().values(*ATTEMPT_COLUMNS)
    ):
        found[attempt["connection_id"]].append(attempt)
    return found


def append_retention(
    tenant: Tenant,
    *,
    bodies_before: datetime | None = None,
    connections_before: datetime | None = None,
    now: datetime,
) -> AuditSeal:
    """Say in the chain that connections received before these moments lose their bodies, or go.

    Belongs before what is removed, else a crash between the two looks like tampering; saying more
    than is removed in the end does no harm. Raises ChainNotOurs.
    """
    with transaction.atomic():
        head = locked_head(tenant.pk)
        seal = AuditSeal(
            kind=SealKind.RETENTION,
            sealed_at=now,
            form=FORM,
            bodies_before=bodies_before,
            connections_before=connections_before,
        )
        _append(head, [seal])
    return seal


def locked_head(tenant_id: int) -> AuditHead:
    """The end of the tenant's chain, for whoever appends to it inside a transaction. Raises
    ChainNotOurs where somebody else has written it: signing what follows would make it ours."""
    heads = AuditHead.objects.select_for_update()
    head = heads.filter(pk=tenant_id).first()
    if head is None:
        _begin(tenant_id)
        head = heads.get(pk=tenant_id)
    if not chain.is_genuine(head):
        raise ChainNotOurs(
            f"The end of the audit chain of “{head.tenant.slug}” was signed with none of "
            "PORTAL_FIELD_KEYS, so nothing is added to it. If a key was taken out of the list, put "
            "it back; if not, somebody has changed the database. ./run verifyaudit says more."
        )
    return head


def _begin(tenant_id: int) -> None:
    """The first seal of all; a chain that was there before does not begin anew."""
    tenant = Tenant.objects.get(pk=tenant_id)
    if tenant.seals.exists() or OutcomeTotal.objects.filter(tenant=tenant).exists():
        raise ChainNotOurs(
            f"The audit chain of “{tenant.slug}”, or its end, was removed from the database, so "
            "nothing is added to it. ./run verifyaudit says more."
        )
    head = AuditHead(tenant_id=tenant_id, number=0, link=chain.beginning(tenant_id))
    chain.sign(head)
    AuditHead.objects.bulk_create([head], ignore_conflicts=True)


def _append(head: AuditHead, seals: Iterable[AuditSeal]) -> None:
    seals = list(seals)
    if not seals:
        return
    for seal in seals:
        head.number += 1
        seal.tenant_id, seal.number = head.tenant_id, head.number
        seal.link = head.link = chain.link_of(seal, bytes(head.link))
    insert(seals)
    chain.sign(head)
    head.save(update_fields=["number", "link", "signature"])


def sign_again() -> int:
    """Sign every chain's end with the first of the keys, so that older ones can be taken out of
    the list; returns how many. Raises ChainNotOurs, after the others were signed."""
    signed, broken = 0, []
    for tenant_id in list(AuditHead.objects.order_by("pk").values_list("pk", flat=True)):
        try:
            _sign_again(tenant_id)
            signed += 1
        except ChainNotOurs as exc:
            broken.append(str(exc))
    if broken:
        raise ChainNotOurs(" ".join(broken))
    return signed


def _sign_again(tenant_id: int) -> None:
    with transaction.atomic():
        head = locked_head(tenant_id)
        chain.sign(head)
        head.save(update_fields=["signature"])


def accept_end(tenant: Tenant, number: int, link: bytes) -> bool:
    """Sign this end of the chain as ours, whoever signed it before: its key is lost for good.
    False if the chain does not end so any more."""
    with transaction.atomic():
        heads = AuditHead.objects.select_for_update()
        head = heads.filter(pk=tenant.pk, number=number).first()
        if head is None or bytes(head.link) != link:
            return False
        chain.sign(head)
        head.save(update_fields=["signature"])
    logger.warning("The audit chain of %s was signed anew at seal %d", tenant.slug, number)
    return True
