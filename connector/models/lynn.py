"""What all processes know of a tenant's Lynn."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from connector.circuit import Circuit, Slice
from connector.models.tenant import Tenant


class LynnAccess(models.Model):
    """The breaker before one tenant's Lynn, shared by all processes.

    One row a tenant, made by its first failed delivery. `opened_at` is null while deliveries go
    as usual; `recent` holds [start, answers, failures] of a few seconds each. `is_recall_due`:
    the breaker has closed, and those that wait have not been called back yet.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="lynn")
    in_a_row = models.PositiveIntegerField(_("failures in a row"), default=0)
    recent = models.JSONField(default=list, blank=True)
    last_failure = models.TextField(_("last failure"), blank=True)
    last_failure_at = models.DateTimeField(_("last failed"), null=True, blank=True)
    opened_at = models.DateTimeField(_("unreachable since"), null=True, blank=True)
    next_probe_at = models.DateTimeField(_("next try"), null=True, blank=True)
    closed_at = models.DateTimeField(_("answers again since"), null=True, blank=True)
    is_recall_due = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("Lynn access")
        verbose_name_plural = _("Lynn access")

    def __str__(self) -> str:
        return f"Lynn of {self.tenant}"

    @property
    def is_open(self) -> bool:
        """Whether deliveries wait because Lynn does not answer."""
        return self.opened_at is not None

    @property
    def circuit(self) -> Circuit:
        return Circuit(
            in_a_row=self.in_a_row,
            recent=tuple(Slice(*each) for each in self.recent),
            opened_at=self.opened_at,
            next_probe_at=self.next_probe_at,
            closed_at=self.closed_at,
        )

    @circuit.setter
    def circuit(self, value: Circuit) -> None:
        self.in_a_row = value.in_a_row
        self.recent = [[each.start, each.answers, each.failures] for each in value.recent]
        self.opened_at, self.next_probe_at = value.opened_at, value.next_probe_at
        self.closed_at = value.closed_at
