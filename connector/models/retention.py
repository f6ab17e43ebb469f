"""How far retention has come: what was done is not walked again."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from connector.models.tenant import Tenant


class RetentionMark(models.Model):
    """One kind of a tenant's rows. What lies before `begin` is done for good.

    A run goes from there up to its horizon: it has come to (`at`, `row`) and had to leave rows out
    since `left_out`; `reached` is the horizon of the last one that was finished. `announced` is
    the horizon that the tenant's audit chain was last told of, in its entry `announced_in`.
    """

    class Kind(models.TextChoices):
        CONNECTIONS = "connections", _("Connections")
        EVENTS = "events", _("Events")
        CALL_BODIES = "call_bodies", _("Bodies of calls")
        REOPENED = "reopened", _("Bodies of calls that a person asked for")
        EVENT_BODIES = "event_bodies", _("Bodies of events")

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="retention_marks", db_index=False
    )
    kind = models.CharField(max_length=20, choices=Kind.choices)
    begin = models.DateTimeField(null=True)
    at = models.DateTimeField(null=True)
    row = models.UUIDField(null=True)
    left_out = models.DateTimeField(null=True)
    reached = models.DateTimeField(null=True)
    announced = models.DateTimeField(null=True)
    announced_in = models.PositiveBigIntegerField(null=True)

    class Meta:
        verbose_name = _("retention mark")
        verbose_name_plural = _("retention marks")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind"], name="one_mark_per_tenant_and_kind")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.tenant}"
