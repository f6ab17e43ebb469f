"""Pause a tenant, and let it go on."""

from django.contrib import messages
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from connector.admin.tenant_pages import TenantPages
from connector.models import Tenant


class PauseViews(TenantPages):
    """A tenant's page with a switch."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<path:object_id>/pause/",
                self.acting_view("pause_tenant", self.pause),
                name="connector_tenant_pause",
            ),
            path(
                "<path:object_id>/resume/",
                self.acting_view("pause_tenant", self.resume),
                name="connector_tenant_resume",
            ),
        ]
        return own + super().get_urls()

    def pause(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        if self._switched(request, tenant, enabled=False):
            words = _(
                "“%(tenant)s” is paused: its events are refused until somebody resumes it. What "
                "was accepted before is still finished."
            )
            self.message_user(request, words % {"tenant": tenant}, messages.WARNING)
        return self.back_to(tenant.pk)

    def resume(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        if self._switched(request, tenant, enabled=True):
            words = _("“%(tenant)s” is on again: its events are accepted from now on.")
            self.message_user(request, words % {"tenant": tenant}, messages.SUCCESS)
        return self.back_to(tenant.pk)

    def _switched(self, request: HttpRequest, tenant: Tenant, *, enabled: bool) -> bool:
        """False where somebody was faster."""
        with transaction.atomic():
            row = Tenant.objects.select_for_update().get(pk=tenant.pk)
            if row.enabled == enabled:
                return False
            row.enabled, row.version = enabled, F("version") + 1
            row.save(update_fields=["enabled", "version", "updated_at"])
        self.log_change(request, tenant, _("Resumed.") if enabled else _("Paused."))
        return True
