"""What senders show to post for a tenant."""

import hashlib
import secrets
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connector.models.history import SettingsHistory
from connector.models.tenant import Tenant

MAX_LIVE_TOKENS = 2
MIN_TOKEN_LENGTH = 24


def digest_of(token: str) -> str:
    """Tokens are long and random, so a plain digest is as good as a slow one."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class WebhookToken(models.Model):
    """What a sender shows to post for a tenant. Only its digest is kept.

    `slot` is 1 or 2 while the token may be used and null once it was ended, so that the database
    itself lets at most two be live.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="tokens", db_index=False
    )
    digest = models.CharField(max_length=64)
    last4 = models.CharField(_("ends in"), max_length=4)
    slot = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)

    history = SettingsHistory(excluded_fields=["digest", "last_used_at"])

    class Meta:
        verbose_name = _("webhook token")
        verbose_name_plural = _("webhook tokens")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slot"], name="two_live_tokens_per_tenant"),
            models.CheckConstraint(
                condition=Q(slot__isnull=True) | Q(slot__in=[1, 2]), name="token_slot_is_1_or_2"
            ),
        ]

    def __str__(self) -> str:
        return f"…{self.last4}"

    @classmethod
    def make(cls, tenant: Tenant, now: datetime, plain: str = "") -> tuple["WebhookToken", str]:
        """Make a live token; returns it with its plain text, which is not kept anywhere.

        Raises ValidationError where two are live already, or `plain` is too short.
        """
        plain = plain or secrets.token_urlsafe(32)
        if len(plain) < MIN_TOKEN_LENGTH:
            raise ValidationError(
                _("A webhook token needs at least %(count)d characters."),
                params={"count": MIN_TOKEN_LENGTH},
            )
        cls.end_overdue(tenant, now)
        taken = set(tenant.tokens.filter(slot__isnull=False).values_list("slot", flat=True))
        free = [slot for slot in (1, 2) if slot not in taken]
        if not free:
            raise ValidationError(_("Two tokens are live already; end one of them first."))
        token = cls.objects.create(
            tenant=tenant, digest=digest_of(plain), last4=plain[-4:], slot=free[0]
        )
        return token, plain

    @classmethod
    def end_overdue(cls, tenant: Tenant, now: datetime) -> None:
        tenant.tokens.filter(slot__isnull=False, ends_at__lte=now).update(slot=None)

    def end(self, now: datetime) -> None:
        """Stop accepting it; ending it again changes nothing."""
        if self.slot is not None:
            self.slot, self.ends_at = None, now
            self.save(update_fields=["slot", "ends_at"])

    def end_at(self, moment: datetime) -> None:
        """Accept it until then, so that senders can change over meanwhile."""
        self.ends_at = moment
        self.save(update_fields=["ends_at"])
