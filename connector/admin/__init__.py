"""The admin: one file a page family."""

from connector.admin import connections, events, site, tenants

__all__ = ["connections", "events", "site", "tenants"]
