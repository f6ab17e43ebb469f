"""What all processes know of a tenant's Genesys."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from connector.models.secret import Secret, SecretField
from connector.models.tenant import Tenant

SHORT_FOR = timedelta(seconds=5)


class GenesysAccess(models.Model):
    """What all processes share about one tenant's Genesys: token, call budget, trouble.

    One row a tenant, made when first needed. The token belongs to the credentials whose
    `fingerprint` stands beside it. Budget: `calls_left` at `refilled_at`, growing by a share of
    `allowed_per_minute`; no call at all before `blocked_until` (Genesys API: Retry-After). While
    the calls are used up, the next check can be made at `short_until`.
    `ringing` agents were waited for at `counted_at`, which says how often each can be looked at.
    Until `bulk_refused_until` agents are asked for one by one, since Genesys refused to answer for
    several at once; `one_by_one_since` is set when it has answered so, and shown to people.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="genesys")
    token = SecretField(blank=True, default=Secret)
    fingerprint = models.CharField(max_length=64, blank=True)
    token_expires_at = models.DateTimeField(null=True)
    token_attempt = models.UUIDField(null=True)
    renew_at = models.DateTimeField(null=True)
    renewing_until = models.DateTimeField(null=True)
    allowed_per_minute = models.PositiveIntegerField(default=300)
    calls_left = models.FloatField(default=0)
    refilled_at = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True)
    short_until = models.DateTimeField(null=True)
    ringing = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(null=True)
    bulk_refused_until = models.DateTimeField(null=True)
    one_by_one_since = models.DateTimeField(_("agents asked one by one since"), null=True)
    names_missing_since = models.DateTimeField(_("names missing since"), null=True)
    trouble = models.CharField(_("trouble"), max_length=40, blank=True)
    trouble_detail = models.TextField(_("what Genesys said"), blank=True)
    trouble_since = models.DateTimeField(_("since"), null=True)

    class Meta:
        verbose_name = _("Genesys access")
        verbose_name_plural = _("Genesys access")

    def __str__(self) -> str:
        return f"Genesys of {self.tenant}"

    @classmethod
    def short_of_calls(cls, now: datetime) -> "models.QuerySet[GenesysAccess]":
        """Those whose calls are used up, or were just now: a call that came free meanwhile does
        not end the wait of all."""
        return cls.objects.filter(short_until__gt=now - SHORT_FOR)


class AgentName(models.Model):
    """An agent's name as Genesys last gave it; good for an hour."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_index=False)
    user_id = models.CharField(max_length=100)
    name = models.CharField(max_length=255)
    learnt_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user_id"], name="one_name_per_agent")
        ]

    def __str__(self) -> str:
        return self.name
