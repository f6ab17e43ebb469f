"""What proves the trail, and what is counted from it; both survive the purge of details."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connector.domain import State
from connector.models.tenant import Tenant

# Upper bounds of the time from the agent's answer until Lynn was told, in ms.
TOLD_WITHIN = (50, 100, 150, 250, 350, 500, 750, 1000, 2000, 5000, 10_000, 30_000, 60_000)


class SealKind(models.TextChoices):
    CONNECTION = "connection", _("Connection")
    RETENTION = "retention", _("Removed by retention")


class AuditSeal(models.Model):
    """One link of a tenant's chain, numbered 1, 2, 3 ... without gaps; it stays as it is for good.

    `link` is a digest of the link before and of everything else here. A connection that was
    reopened gets another seal when it is final again; `former` is the number of the one that
    this one replaces. `covered` says which of the facts that may come late were known, and `form`
    by which rules the digests were made. Bodies have a digest of their own, since they are removed
    sooner. A retention entry says what was removed up to when.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="seals", db_index=False
    )
    number = models.PositiveBigIntegerField()
    form = models.PositiveSmallIntegerField(default=1)
    kind = models.CharField(max_length=10, choices=SealKind.choices)
    sealed_at = models.DateTimeField()
    link = models.BinaryField(max_length=32)

    connection_id = models.UUIDField(null=True)  # no foreign key: the seal outlives its connection
    former = models.PositiveBigIntegerField(null=True)
    state = models.CharField(max_length=20, choices=State.choices, blank=True)
    reason = models.CharField(max_length=40, blank=True)
    received_at = models.DateTimeField(null=True)
    final_at = models.DateTimeField(null=True)
    told_after_ms = models.PositiveBigIntegerField(null=True)
    covered = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    digest = models.BinaryField(max_length=32, default=bytes)
    attempts_digest = models.BinaryField(max_length=32, default=bytes)
    bodies_digest = models.BinaryField(max_length=32, default=bytes)

    bodies_before = models.DateTimeField(null=True)
    connections_before = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="one_seal_per_number")
        ]
        indexes = [
            models.Index(fields=["connection_id"], name="seal_connection"),
            models.Index(
                fields=["tenant", "former"],
                name="seal_former",
                condition=Q(former__isnull=False),
            ),
            models.Index(
                fields=["tenant", "number"],
                name="seal_retention",
                condition=Q(kind=SealKind.RETENTION),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.number}"


class AuditHead(models.Model):
    """Where a tenant's chain ends, signed with a key that the database does not hold."""

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, primary_key=True, related_name="audit_head"
    )
    number = models.PositiveBigIntegerField(default=0)
    link = models.BinaryField(max_length=32)
    signature = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = _("end of the chain")
        verbose_name_plural = _("ends of the chains")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.number}"


class Tally(models.Model):
    """How many connections ended so; of those of which Lynn was told, how long that took."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_index=False)
    state = models.CharField(max_length=20, choices=State.choices)
    reason = models.CharField(max_length=40)
    count = models.BigIntegerField(default=0)
    told_ms = models.BigIntegerField(default=0)  # all of them together
    told_50 = models.BigIntegerField(default=0)
    told_100 = models.BigIntegerField(default=0)
    told_150 = models.BigIntegerField(default=0)
    told_250 = models.BigIntegerField(default=0)
    told_350 = models.BigIntegerField(default=0)
    told_500 = models.BigIntegerField(default=0)
    told_750 = models.BigIntegerField(default=0)
    told_1000 = models.BigIntegerField(default=0)
    told_2000 = models.BigIntegerField(default=0)
    told_5000 = models.BigIntegerField(default=0)
    told_10000 = models.BigIntegerField(default=0)
    told_30000 = models.BigIntegerField(default=0)
    told_60000 = models.BigIntegerField(default=0)
    told_later = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class HourlyCount(Tally):
    """How the connections that were received in this hour (UTC) stand now.

    One that was reopened is counted under its newest end alone.
    """

    hour = models.DateTimeField()

    class Meta:
        verbose_name = _("hourly count")
        verbose_name_plural = _("hourly counts")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "hour", "state", "reason"], name="one_count_per_hour"
            )
        ]
        indexes = [models.Index(fields=["hour"], name="hourlycount_hour")]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.hour:%Y-%m-%d %H} {self.reason}: {self.count}"


class OutcomeTotal(Tally):
    """How often connections have ended so, ever. Nothing is taken back, so it never goes down:
    a connection that was reopened counts at each of its ends."""

    class Meta:
        verbose_name = _("total of outcomes")
        verbose_name_plural = _("totals of outcomes")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["tenant", "state", "reason"], name="one_total")
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.reason}: {self.count}"
