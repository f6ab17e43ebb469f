"""The addresses of senders and machines."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
