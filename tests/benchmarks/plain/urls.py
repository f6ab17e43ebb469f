"""The one address that there is."""

from django.urls import path

from tests.benchmarks.plain.webhook import webhook

urlpatterns = [path("api/v1/tenants/<slug:slug>/events", webhook)]
