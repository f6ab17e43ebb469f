"""The addresses of senders and machines."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView

from connector.health import healthz, readyz
from connector.webhook import EventsView

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    re_path(r"^api/v1/tenants/(?P<slug>[^/]+)/events/?$", EventsView.as_view(), name="events"),
    path("api/v1/schema", SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]), name="schema"),
]
