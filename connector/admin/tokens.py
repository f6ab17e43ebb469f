"""The webhook box of a tenant's page: its address, its tokens, and the two buttons."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from connector.admin.snippet_words import ways, webhook_address
from connector.admin.tenant_pages import TenantPages
from connector.models import Tenant, WebhookToken
from connector.models.token import MAX_LIVE_TOKENS
from connector.snippets import PLACEHOLDER

# When a token is to end; anything else means at once.
ENDINGS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}


def live_tokens(tenant: Tenant) -> QuerySet[WebhookToken]:
    still_good = Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now())
    return tenant.tokens.filter(still_good, slot__isnull=False).order_by("created_at")


class TokenViews(TenantPages):
    """A tenant's page with the webhook box."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<path:object_id>/tokens/make/",
                self.acting_view("add_webhooktoken", self.make_token),
                name="connector_tenant_make_token",
            ),
            path(
                "<path:object_id>/tokens/<int:token_id>/end/",
                self.acting_view("change_webhooktoken", self.end_token),
                name="connector_tenant_end_token",
            ),
        ]
        return own + super().get_urls()

    def webhook_box(self, tenant: Tenant) -> dict[str, Any]:
        tokens = list(live_tokens(tenant))
        return {
            "address": webhook_address(tenant),
            "is_encrypted": webhook_address(tenant).startswith("https:"),
            "tokens": tokens,
            "may_make": len(tokens) < MAX_LIVE_TOKENS,
            "ways": ways(tenant),
            "placeholder": _(PLACEHOLDER),
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
        return self.tenant_page(
            request,
            tenant,
            "token_made",
            _("Your new webhook token"),
            plain=plain,
            address=webhook_address(tenant),
            ways=ways(tenant, plain),
        )

    def end_token(self, request: HttpRequest, tenant: Tenant, token_id: int) -> HttpResponse:
        token = tenant.tokens.filter(pk=token_id).first()
        if token is None:
            raise Http404(_("There is no such token."))
        after = ENDINGS.get(request.POST.get("after", ""))
        if after:
            return self._end_later(request, tenant, token, after)
        token.end(timezone.now())
        self.log_change(request, tenant, _("Ended the webhook token %s.") % token)
        self.message_user(
            request,
            _("The token %s was ended: whoever still uses it is refused from now on.") % token,
            messages.SUCCESS,
        )
        return self.back_to(tenant.pk)

    def _end_later(
        self, request: HttpRequest, tenant: Tenant, token: WebhookToken, after: timedelta
    ) -> HttpResponse:
        if token.slot is not None:
            token.end_at(timezone.now() + after)
            self.log_change(request, tenant, _("Set the end of the webhook token %s.") % token)
            words = _("The token %s ends by itself. Change over to another one until then.")
            self.message_user(request, words % token, messages.SUCCESS)
        return self.back_to(tenant.pk)
