"""The agent connection: one offer of one conversation to one agent. Its row is the only truth."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from connector import decide
from connector.decide import Verdict
from connector.domain import (
    FINAL,
    MOVES,
    OPEN,
    REASONS,
    AnswerMode,
    Evidence,
    Reason,
    State,
    Trigger,
    new_id,
)
from connector.models.genesys import GenesysAccess
from connector.models.tenant import Tenant


def _one_reason_per_final_state() -> Q:
    allowed = Q(state__in=list(OPEN), reason="")
    for state in FINAL:
        allowed |= Q(state=state, reason__in=list(REASONS[state]))
    return allowed


# What a person has to look at, unless one has said that it is dealt with.
NEEDS_A_PERSON = Q(acknowledged_at__isnull=True) & (
    Q(state=State.FAILED) | Q(state=State.EXPIRED, reason=Reason.TOO_LATE)
)


class _Written(models.Value):
    """A word of ours as it stands in SQL, without a parameter."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[()]]:
        return f"'{self.value}'", ()


# The same without parameters: SQLite then knows that its index already says so, and leaves the
# rows alone (7 ms against 57 at 30,000 that wait).
WAITS = Q(acknowledged_at__isnull=True) & (
    Q(state=_Written(State.FAILED))
    | Q(state=_Written(State.EXPIRED), reason=_Written(Reason.TOO_LATE))
)


class ConnectionQuerySet(models.QuerySet["AgentConnection"]):
    def due_by(self, now: datetime) -> "ConnectionQuerySet":
        """What the portal should be at; not checks that wait for Genesys' limit of calls, which
        keep their place and have been due for as long as a round takes."""
        short = GenesysAccess.short_of_calls(now).values("tenant")
        return self.filter(due_at__lte=now).exclude(state=State.CHECKING, tenant__in=short)

    def oldest_due(self, now: datetime) -> datetime | None:
        """When the longest waiting of what the portal should be at came due."""
        return self.due_by(now).order_by("due_at").values_list("due_at", flat=True).first()

    def waiting(self, tenant_ids: Iterable[int] | None = None) -> Self:
        """What needs a person, of these tenants or of all.

        In the order of its index, or SQLite would look through all rows of these tenants.
        """
        rows = self.filter(WAITS).order_by("tenant_id", "reason")
        return rows if tenant_ids is None else rows.filter(tenant_id__in=list(tenant_ids))

    def supersede_older(self, row: "AgentConnection", now: datetime) -> None:
        """End older offers of this row's conversation to other agents: this agent answered.

        Statements of their own, outside of any transaction, since locking a second row inside
        one could deadlock with a worker's batch. Lost in a crash, it costs checks, not truth.
        """
        older = self.filter(
            tenant_id=row.tenant_id,
            conversation_id=row.conversation_id,
            state=State.CHECKING,
            offered_at__lt=row.offered_at,
            superseded_at=None,
        ).exclude(user_id=row.user_id)
        free = Q(lease=None) | Q(due_at__lte=now)
        older.filter(free).update(superseded_at=now, due_at=now)
        older.update(superseded_at=now)

    def supersede_rivals(self, rows: "Sequence[AgentConnection]", now: datetime) -> None:
        """The same for several rows of one tenant, at the price of one query where none has any."""
        if not rows:
            return
        conversations = {row.conversation_id for row in rows}
        waiting = self.filter(
            tenant_id=rows[0].tenant_id, conversation_id__in=conversations, state=State.CHECKING
        )
        rivalled = set(waiting.values_list("conversation_id", flat=True))
        for row in rows:
            if row.conversation_id in rivalled:
                self.supersede_older(row, now)


class AgentConnection(models.Model):
    """Born from an event, checked, delivered and audited. `offer_key` makes an offer unique.

    Open connections have `due_at`: the row is the queue's entry, and a worker that claims it sets
    `lease` and moves `due_at` to the lease's end. Who lost the lease writes nothing any more;
    `retaken` says that an earlier worker lost the row (it died, or a proof of the answer came
    while it was asking), so that attempts of its may be open.
    `check_attempt` is the attempt into which the next check that says the same is folded.
    `sealed_at` is set once the audit chain holds a seal of the row as it stands.
    Facts that events bring (`answered_at`, `ended_at`, `superseded_at`) may be written any time.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="connections", db_index=False
    )
    tenant_version = models.PositiveIntegerField(default=1)
    offer_key = models.CharField(max_length=255)

    conversation_id = models.CharField(_("conversation"), max_length=100)
    session_id = models.CharField(_("session"), max_length=100, blank=True)
    participant_id = models.CharField(_("participant"), max_length=100, blank=True)
    user_id = models.CharField(_("agent id"), max_length=100)
    user_name = models.CharField(_("agent"), max_length=255, blank=True)
    queue_id = models.CharField(_("queue id"), max_length=100, blank=True)
    queue_name = models.CharField(_("queue"), max_length=200, blank=True)
    provider = models.CharField(_("provider"), max_length=255, blank=True)
    external_id = models.TextField(_("external id"), blank=True)
    media_type = models.CharField(_("media type"), max_length=100, blank=True)
    answer_mode = models.CharField(_("answer mode"), max_length=10, choices=AnswerMode.choices)

    event_time = models.DateTimeField(_("event time"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"))
    offered_at = models.DateTimeField(_("offered"))
    give_up_at = models.DateTimeField(_("give up at"))
    deliver_by = models.DateTimeField(_("deliver by"), null=True, blank=True)

    state = models.CharField(_("state"), max_length=20, choices=State.choices)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    evidence = models.CharField(_("evidence"), max_length=10, choices=Evidence.choices, blank=True)
    evidence_detail = models.CharField(max_length=40, blank=True)
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    interacted = models.BooleanField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    final_at = models.DateTimeField(_("final"), null=True, blank=True)
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True, blank=True)
    trouble = models.CharField(max_length=40, blank=True)
    trouble_detail = models.TextField(blank=True)
    trigger = models.CharField(max_length=10, choices=Trigger.choices, default=Trigger.AUTOMATIC)

    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True, editable=False)
    retaken = models.BooleanField(default=False, editable=False)
    check_attempt = models.UUIDField(null=True, blank=True, editable=False)
    checks = models.PositiveIntegerField(_("checks"), default=0)
    tries = models.PositiveIntegerField(_("deliveries tried"), default=0)
    duplicates = models.PositiveIntegerField(_("duplicates"), default=0)
    sealed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ["-received_at"]
        permissions = [
            ("deliver_again", gettext_noop("Can deliver a connection again")),
            ("check_again", gettext_noop("Can check a connection again")),
            ("cancel_connection", gettext_noop("Can cancel an open connection")),
            ("view_external_id", gettext_noop("Can see the external id (personal data)")),
            ("view_bodies", gettext_noop("Can see request and response bodies")),
            ("export_audit", gettext_noop("Can export the audit trail")),
            ("acknowledge", gettext_noop("Can say that a failed connection is dealt with")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "offer_key"], name="one_row_per_offer"),
            models.CheckConstraint(
                condition=Q(state__in=list(OPEN), due_at__isnull=False)
                | Q(state__in=list(FINAL), due_at__isnull=True),
                name="open_means_due",
            ),
            models.CheckConstraint(
                condition=_one_reason_per_final_state(), name="one_reason_per_final_state"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[State.DELIVERING, State.DELIVERED, State.SHADOWED])
                | (Q(answered_at__isnull=False) & ~Q(evidence="")),
                name="nothing_leaves_without_evidence",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "state", "due_at"],
                name="connection_due",
                condition=Q(due_at__isnull=False),
            ),
            models.Index(fields=["tenant", "received_at"], name="connection_tenant_received"),
            models.Index(fields=["received_at", "id"], name="connection_received"),
            models.Index(
                fields=["due_at"], name="connection_overdue", condition=Q(due_at__isnull=False)
            ),
            models.Index(
                fields=["tenant", "lease"],
                name="connection_leased",
                condition=Q(lease__isnull=False),
            ),
            # Of what has ended: while a connection is open, each change would cost an entry.
            models.Index(
                fields=["state", "received_at"],
                name="connection_ended",
                condition=Q(due_at__isnull=True),
            ),
            models.Index(
                fields=["tenant", "state", "received_at"],
                name="connection_tenant_ended",
                condition=Q(due_at__isnull=True),
            ),
            models.Index(
                fields=["tenant", "final_at"],
                name="connection_unsealed",
                condition=Q(sealed_at__isnull=True, due_at__isnull=True),
            ),
            # Retention has passed some of these when a person reopens them; they are few.
            models.Index(
                fields=["tenant", "sealed_at", "id"],
                name="connection_reopened",
                condition=Q(sealed_at__isnull=False, trigger=Trigger.PERSON),
            ),
            models.Index(fields=["conversation_id", "tenant"], name="connection_conversation"),
            models.Index(fields=["user_id", "received_at"], name="connection_agent"),
            models.Index(fields=["queue_id", "received_at"], name="connection_queue"),
            # PostgreSQL: serves LIKE 'x%' whatever the database's collation is.
            models.Index(
                fields=["user_name"],
                name="connection_agent_name",
                opclasses=["varchar_pattern_ops"],
            ),
            models.Index(
                fields=["tenant", "reason", "received_at"],
                name="connection_waiting",
                condition=NEEDS_A_PERSON,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} · {self.user_name or self.user_id}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def needs_a_person(self) -> bool:
        """What NEEDS_A_PERSON says in SQL."""
        is_wrong = self.state == State.FAILED or self.reason == Reason.TOO_LATE
        return is_wrong and self.acknowledged_at is None

    @property
    def by_person(self) -> bool:
        return self.trigger == Trigger.PERSON

    @property
    def is_automatic(self) -> bool:
        return self.answer_mode == AnswerMode.AUTO

    def is_leased(self, now: datetime) -> bool:
        """Whether a worker is at it right now."""
        return self.lease is not None and self.due_at is not None and self.due_at > now

    def move_to(self, verdict: Verdict, now: datetime) -> set[str]:
        """Carry a verdict out in memory; returns the names of the columns that it touched.

        Every change of `state` in the portal happens here. Raises ValueError for a move that
        domain.MOVES does not know; a row that is not saved yet may be born in any state.
        """
        if not self._state.adding and verdict.state not in MOVES[State(self.state)]:
            raise ValueError(f"{self.id} cannot move from {self.state} to {verdict.state}")
        changes = {
            **verdict.learnt,
            "state": verdict.state,
            "reason": verdict.reason or "",
            "due_at": verdict.due_at if verdict.state.is_open else None,
            "final_at": None if verdict.state.is_open else now,
        }
        if not verdict.state.is_open:
            changes["lease"] = None
        else:
            # Reopened: it is sealed, and may need a person, when it is final again.
            said = (name for name in ("sealed_at", "acknowledged_at") if getattr(self, name))
            changes |= dict.fromkeys(said)
        for name, value in changes.items():
            setattr(self, name, value)
        return set(changes)

    def settle(self, now: datetime) -> set[str]:
        """Carry out whatever the facts alone decide; returns the columns touched."""
        touched: set[str] = set()
        while self.is_open and (verdict := decide.from_facts(self, now)):
            touched |= self.move_to(verdict, now)
        return touched


class Heartbeat(models.Model):
    """A worker's last sign of life; only real work of its cluster can give it."""

    name = models.CharField(max_length=200, unique=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name
