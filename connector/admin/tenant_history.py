"""A tenant's history: its settings, queues and tokens, and who changed them."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from connector.admin.setting_changes import changes
from connector.admin.tenant_pages import TenantPages

SHOWN = 200


class HistoryViews(TenantPages):
    """A tenant's page with a history that says what was changed, not only that something was."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        tenant = self.get_object(request, object_id)
        if tenant is None:
            return self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined, no-any-return]
                request, self.opts, object_id
            )
        if not self.has_view_permission(request, tenant):
            raise PermissionDenied
        found = changes([tenant.pk], SHOWN)
        title = _("Changes of this tenant")
        return self.tenant_page(request, tenant, "history", title, changes=found, most=SHOWN)
