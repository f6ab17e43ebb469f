"""The site as a whole: its name, and whose pages are not shown."""

from django.apps import apps
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

admin.site.site_header = _("Agent Connected")
admin.site.site_title = _("Agent Connected")
admin.site.index_title = _("What would you like to look at?")
admin.site.site_url = None  # "View site" would lead back here
admin.site.empty_value_display = "—"

# On django-q2's own pages whoever may look could also run tasks again.
for _model in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
