"""The people, tenants and connections of the admin's tests."""

from tests.admin.conftest import _portal, browser, connection, foreign, root, tenant

__all__ = ["_portal", "browser", "connection", "foreign", "root", "tenant"]
