"""Times in which something outside kept a tenant's work from being done."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connector.domain import TroubleKind
from connector.models.tenant import Tenant


class Trouble(models.Model):
    """One trouble of one tenant, from `since` to `until` (null: it is there now).

    `count` says how often it was met. `is_news`: people have not been told yet how it stands;
    `told_at` is when they last were.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="troubles", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=40, choices=TroubleKind.choices)
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True, blank=True)
    detail = models.TextField(_("detail"), blank=True)
    count = models.PositiveIntegerField(_("how often"), default=1)
    is_news = models.BooleanField(default=True, editable=False)
    told_at = models.DateTimeField(_("people told"), null=True, blank=True)

    class Meta:
        verbose_name = _("trouble")
        verbose_name_plural = _("troubles")
        ordering = ["-since"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind"],
                name="one_open_trouble_a_kind",
                condition=Q(until__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "since"], name="trouble_tenant_since"),
            models.Index(fields=["tenant"], name="trouble_news", condition=Q(is_news=True)),
        ]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.get_kind_display()}"

    @property
    def is_over(self) -> bool:
        return self.until is not None
