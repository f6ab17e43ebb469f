"""The webhook box of a tenant's page: its address, its tokens, and the two buttons."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from connector.admin.base import PortalAdmin
from connector.models import Tenant, WebhookToken
from connector.models.token import MAX_LIVE_TOKENS


def webhook_address(tenant: Tenant) -> str:
    return f"{settings.BASE_URL}/api/v1/tenants/{tenant.slug}/events"


def live_tokens(tenant: Tenant) -> QuerySet[WebhookToken]:
    still_good = Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now())
    return tenant.tokens.filter(still_good, slot__isnull=False).order_by("created_at")


class TokenViews(PortalAdmin):
    """A tenant's page with the webhook box."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<path:object_id>/tokens/make/",
                self.acting_view("change_tenant", self.make_token),
                name="connector_tenant_make_token",
            ),
            path(
                "<path:object_id>/tokens/<int:token_id>/end/",
                self.acting_view("change_tenant", self.end_token),
                name="connector_tenant_end_token",
            ),
        ]
        return own + super().get_urls()

    def webhook_box(self, tenant: Tenant) -> dict[str, Any]:
        tokens = list(live_tokens(tenant))
        return {
            "address": webhook_address(tenant),
            "tokens": tokens,
            "may_make": len(tokens) < MAX_LIVE_TOKENS,
        }

    def make_token(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        """The plain token is in this answer and nowhere else."""
        try:
            with transaction.atomic():
                Tenant.objects.select_for_update().get(pk=tenant.pk)
                token, plain = WebhookToken.make(tenant, timezone.now())
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return self.back_to(tenant.pk)
        self.log_change(request, tenant, _("Made the webhook token %s.") % token)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Your new webhook token"),
            "opts": self.opts,
            "tenant": tenant,
            "plain": plain,
            "address": webhook_address(tenant),
        }
        return TemplateResponse(request, "admin/connector/tenant/token_made.html", context)

    def end_token(self, request: HttpRequest, tenant: Tenant, token_id: int) -> HttpResponse:
        token = tenant.tokens.filter(pk=token_id).first()
        if token is None:
            raise Http404(_("There is no such token."))
        token.end(timezone.now())
        self.log_change(request, tenant, _("Ended the webhook token %s.") % token)
        self.message_user(
            request,
            _("The token %s was ended: whoever still uses it is refused from now on.") % token,
            messages.SUCCESS,
        )
        return self.back_to(tenant.pk)
