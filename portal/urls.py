"""Every address of the portal."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

# Refusals that come before a view is found, such as a host that is not ours.
handler400 = "connector.webhook.bad_request"
handler404 = "connector.webhook.not_found"
handler500 = "connector.webhook.server_error"

admin.autodiscover()

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("", include("connector.urls")),
]
