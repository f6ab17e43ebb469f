"""What all pages about one tenant share, and the tests that can be made from it."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from connector.admin.base import PortalAdmin
from connector.models import Probe, Tenant

# Calls that are made for a person keep a thread of the web process busy, and senders need those
# threads: a host that hangs must not take them all.
ROOM = threading.BoundedSemaphore(2)


class TenantPages(PortalAdmin):
    """Pages below a tenant's own: `address("queues")` is .../tenant/7/queues/."""

    def looking_view(
        self, permission: str, view: Callable[..., HttpResponse]
    ) -> Callable[..., HttpResponse]:
        """A page of a tenant for people with `permission`, which changes nothing."""

        def guarded(request: HttpRequest, object_id: str) -> HttpResponse:
            found = self._found(request, object_id)
            if not request.user.has_perm(f"connector.{permission}"):
                raise PermissionDenied
            return view(request, found)

        return self.admin_site.admin_view(guarded)

    def tenant_page(
        self, request: HttpRequest, tenant: Tenant, template: str, title: str, **context: Any
    ) -> HttpResponse:
        shared = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "tenant": tenant,
        }
        return TemplateResponse(
            request, f"admin/connector/tenant/{template}.html", {**shared, **context}
        )


def calling_out(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For a view that calls Genesys or Lynn while the person waits."""

    @wraps(view)
    def guarded(self: TenantPages, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        if not ROOM.acquire(blocking=False):
            words = _("Other tests are running at this moment. Try again in half a minute.")
            self.message_user(request, words, messages.WARNING)
            return self.back_to(tenant.pk)
        try:
            return view(self, request, tenant)
        finally:
            ROOM.release()

    return guarded


def record_probe(
    request: HttpRequest, tenant: Tenant, kind: Probe.Kind, outcome: str, result: dict[str, Any]
) -> Probe:
    user = cast(User, request.user)
    probe = Probe.objects.create(
        tenant=tenant,
        kind=kind,
        at=timezone.now(),
        by=user,
        by_name=user.get_username(),
        outcome=outcome,
        result=result,
    )
    probe.forget_older()
    return probe


def last_probe(tenant: Tenant, kind: Probe.Kind) -> Probe | None:
    return Probe.objects.filter(tenant=tenant, kind=kind).order_by("-id").first()


def raise_version(tenant: Tenant) -> None:
    """Whoever keeps this tenant in mind reads it anew."""
    Tenant.objects.filter(pk=tenant.pk).update(version=F("version") + 1)
