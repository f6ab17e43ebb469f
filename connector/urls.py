"""The addresses of senders and machines."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from connector.api.views import ConnectionsView, ConnectionView
from connector.health import healthz, readyz
from connector.metrics import metrics
from connector.webhook import EventsView

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("api/v1/tenants/<str:slug>/events", EventsView.as_view(), name="events"),
    path("api/v1/tenants/<str:slug>/events/", EventsView.as_view(schema=None)),
    path("api/v1/connections", ConnectionsView.as_view(), name="connections"),
    path("api/v1/connections/<str:id>", ConnectionView.as_view(), name="connection"),
    path(
        "api/v1/schema",
        SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[]),
        name="schema",
    ),
]
