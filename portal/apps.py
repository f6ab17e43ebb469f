"""Django's admin, with our own site."""

from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    default_site = "connector.site.PortalSite"
