"""The addresses of senders and machines."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from connector.health import healthz, readyz
from connector.webhook import EventsView

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("api/v1/tenants/<str:slug>/events", EventsView.as_view(), name="events"),
    path("api/v1/tenants/<str:slug>/events/", EventsView.as_view(schema=None)),
    path(
        "api/v1/schema",
        SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]),
        name="schema",
    ),
]
