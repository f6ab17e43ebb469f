"""The site as a whole: pages that belong to no model, and whose pages are not shown."""

from django.apps import apps
from django.contrib import admin

from connector.site import page, render_page

__all__ = ["page", "render_page"]

# On django-q2's own pages whoever may look could also run tasks again.
for _model in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
