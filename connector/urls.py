"""The addresses of senders and machines."""

from django.urls import path

from connector.webhook import EventsView

urlpatterns = [
    path("api/v1/tenants/<str:slug>/events", EventsView.as_view(), name="events"),
    path("api/v1/tenants/<str:slug>/events/", EventsView.as_view()),
]
