"""What was tried from a tenant's page, and what came of it."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from connector.domain import new_id
from connector.models.tenant import Tenant

KEPT = 50  # of each kind and tenant


class Probe(models.Model):
    """One try: a test of the connection, a look at Genesys' queues, a test message to Lynn.

    `result` holds codes and what the other side said, never words for people, which are found
    when it is shown, in the reader's language. No agent connection: nobody was connected.
    """

    class Kind(models.TextChoices):
        CONNECTION = "connection", _("Connection test")
        QUEUES = "queues", _("Queues of Genesys")
        MESSAGE = "message", _("Test message")

    class Outcome(models.TextChoices):
        GOOD = "good", _("OK")
        WARN = "warn", _("OK, with a remark")
        BAD = "bad", _("Failed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="probes", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    by_name = models.CharField(_("by"), max_length=150, blank=True)
    outcome = models.CharField(_("outcome"), max_length=4, choices=Outcome.choices)
    result = models.JSONField(_("result"), default=dict)

    class Meta:
        verbose_name = _("test")
        verbose_name_plural = _("tests")
        default_permissions = ()
        ordering = ["-id"]
        indexes = [models.Index(fields=["tenant", "kind", "id"], name="probe_tenant_kind")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.tenant}"

    def forget_older(self) -> None:
        """Keep no more than KEPT of this kind."""
        same = Probe.objects.filter(tenant_id=self.tenant_id, kind=self.kind)
        kept = same.order_by("-id").values_list("pk", flat=True)[:KEPT]
        same.exclude(pk__in=list(kept)).delete()
