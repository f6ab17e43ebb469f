"""The breaker before each tenant's Lynn, shared by all processes. What it decides: circuit.py.

Costs nothing while Lynn is well: its row comes with the tenant's and is only written while a
failure of the last minutes is on record. Nobody waits for a lock in `ask`, where locks of other
tables may be held; rows that wait are called back outside of any transaction.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from connector import circuit, trouble
from connector.circuit import Ended, Leave, Proof
from connector.domain import State, TroubleKind
from connector.models import AgentConnection, LynnAccess, Tenant

CANDIDATES = 3  # of a batch come back for the next probe
LOOK_AGAIN = 300.0  # seconds, at most, until the others do, unless they are called back
A_MOMENT = timedelta(seconds=1)


@dataclass(frozen=True)
class Hold:
    """Lynn does not answer: deliveries wait, but for one if it `may_probe`.

    A few come back `soon`, for the next probe; the others `later`, so that thousands that wait
    do not all ask again every few seconds. `words` say why.
    """

    may_probe: bool
    soon: datetime
    later: datetime
    words: str

    def until(self, position: int) -> datetime:
        return self.soon if position < CANDIDATES else self.later


def status(tenant: Tenant) -> LynnAccess | None:
    """What is known of the tenant's Lynn; None where no delivery has ever failed. Makes no query
    where the tenant was read with select_related("lynn")."""
    return getattr(tenant, "lynn", None)


def ask(tenant: Tenant, now: datetime) -> Hold | None:
    """May deliveries go now? None: yes. Inside a transaction; takes the probe where it is due."""
    known = status(tenant)
    if known is None or not known.is_open:
        return None
    rows = LynnAccess.objects.select_for_update(skip_locked=True).filter(tenant=tenant)
    access = rows.first()
    if access is None:
        return _hold(known, now, everybody_soon=True)
    tenant.lynn = access
    leave = circuit.may_go(access.circuit, now)
    if leave is Leave.GO:
        return None
    if leave is Leave.PROBE:
        access.circuit = circuit.probing(access.circuit, now)
        access.save(update_fields=["next_probe_at"])
    return _hold(access, now, may_probe=leave is Leave.PROBE)


def _hold(
    access: LynnAccess, now: datetime, *, may_probe: bool = False, everybody_soon: bool = False
) -> Hold:
    soon = max(access.next_probe_at or now, now + A_MOMENT)
    # One moment for all of the batch, so that they are written in one statement.
    later = now + timedelta(seconds=random.uniform(LOOK_AGAIN / 2, LOOK_AGAIN))  # noqa: S311
    words = circuit.since_when(access.circuit, access.last_failure)
    return Hold(may_probe, soon, soon if everybody_soon else later, words)


class Wave:
    """Posts that are made side by side, whose ends come in one after the other.

    `add` what came in, then `note` it inside the transaction that writes it down, which may be
    tried again; `finish` when all is in.
    """

    def __init__(self, tenant: Tenant, now: datetime) -> None:
        self.tenant = tenant
        self.began_at = now
        self._answers = self._failures = 0
        self._is_alive = self._is_noted = False
        self._noted: LynnAccess | None = None
        self._failure = ""

    def add(self, ends: Iterable[tuple[Proof, str]]) -> None:
        """What each end says of Lynn, and what went wrong in words."""
        self._believe()
        if self._is_noted:
            self._answers, self._failures, self._is_noted = 0, 0, False
        for proof, words in ends:
            self._answers += proof is Proof.ALIVE
            if proof is Proof.AWAY:
                self._failures, self._failure = self._failures + 1, words
        self._is_alive = self._is_alive or self._answers > 0

    def note(self, now: datetime) -> Hold | None:
        """Count failures at once, and an answer where it closes the breaker; other answers wait
        for the end. Returns what holds the next deliveries, if anything does."""
        known = status(self.tenant)
        is_open = known is not None and known.is_open
        self._is_noted = self._failures > 0 or (is_open and self._answers > 0)
        if self._is_noted:
            known = self._noted = self._count(now)
        return _hold(known, now) if known and known.is_open else None

    def finish(self, now: datetime) -> None:
        """Outside of any transaction, when all has been noted."""
        self._believe()
        known = status(self.tenant)
        uncounted = self._answers and not self._is_noted
        if uncounted and known and circuit.is_counting(known.circuit, now):
            with transaction.atomic():
                self._noted = self._count(now)
            self._believe()
        call_back(self.tenant, now)

    def _believe(self) -> None:
        """What was noted is committed by now; before, it may have had to be noted again."""
        if self._noted:
            self.tenant.lynn, self._noted = self._noted, None

    def _count(self, now: datetime) -> LynnAccess:
        access = _locked(self.tenant)
        before = access.circuit
        ended = Ended(self.began_at, self._answers, self._failures, self._is_alive)
        access.circuit = circuit.after(before, ended, now)
        if self._failures:
            access.last_failure, access.last_failure_at = self._failure, now
        if before.is_open and not access.is_open:
            access.is_recall_due = True
            trouble.end(self.tenant, TroubleKind.LYNN_UNREACHABLE, now)
        elif access.is_open and self._failures:
            _note_trouble(access, is_new=not before.is_open, failures=self._failures, now=now)
        access.save()
        return access


def _note_trouble(access: LynnAccess, *, is_new: bool, failures: int, now: datetime) -> None:
    """The first words say why the breaker opened, those that follow what was said last."""
    kind, counted = TroubleKind.LYNN_UNREACHABLE, access.circuit
    count = max(counted.failures, counted.in_a_row) if is_new else failures
    detail = circuit.why_open(counted, access.last_failure)
    trouble.begin(access.tenant, kind, detail, now, count=count)


def _locked(tenant: Tenant) -> LynnAccess:
    rows = LynnAccess.objects.select_for_update()
    access = rows.filter(tenant=tenant).first()
    if access is None:
        LynnAccess.objects.get_or_create(tenant=tenant)
        access = rows.get(tenant=tenant)
    return access


def call_back(tenant: Tenant, now: datetime) -> None:
    """Let those that wait come due at once, if the breaker has closed. A crash before this is
    done leaves it to the next batch of the tenant."""
    known = status(tenant)
    if known is None or not known.is_recall_due:
        return
    _wake(tenant.pk, now)
    LynnAccess.objects.filter(tenant=tenant, opened_at=None).update(is_recall_due=False)
    known.is_recall_due = False


def try_now(tenant: Tenant, now: datetime) -> None:
    """Lynn's address or headers were changed: let the next probe be made at once, once this is
    committed."""
    transaction.on_commit(partial(_try_now, tenant.pk, now))


def _try_now(tenant_id: int, now: datetime) -> None:
    opened = LynnAccess.objects.filter(tenant_id=tenant_id, opened_at__isnull=False)
    if opened.update(next_probe_at=now):
        _wake(tenant_id, now)


def _wake(tenant_id: int, now: datetime) -> None:
    """A statement of its own, outside of any transaction: locks taken row by row inside one could
    deadlock with a worker's batch. A row that a worker holds is let be."""
    waiting = AgentConnection.objects.filter(
        tenant_id=tenant_id, state=State.DELIVERING, due_at__gt=now, lease=None
    )
    marked = waiting.filter(trouble=TroubleKind.LYNN_UNREACHABLE)
    marked.update(due_at=now, trouble="", trouble_detail="")
