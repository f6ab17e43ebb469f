"""Every page of the admin, and as whom it is looked at."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.browser.seed import Seeded


@dataclass(frozen=True)
class Shown:
    """`path` finds the page's address, given what was seeded."""

    name: str
    path: Callable[[Seeded], str]
    role: str = "root"
    status: int = 200


def at(path: str) -> Callable[[Seeded], str]:
    return lambda seeded: path


REPLAY = "tenant=banco-sur&reason=lynn_refused&waiting=on&kind=deliver_again"
CONNECTIONS = "/admin/connector/agentconnection/"

PAGES = [
    Shown("dashboard", at("/admin/")),
    Shown("dashboard-operator", at("/admin/"), "operator"),
    Shown("dashboard-stranger", at("/admin/"), "stranger"),
    Shown("preferences", at("/admin/preferences/"), "auditor"),
    Shown("connections", at(CONNECTIONS)),
    Shown("connections-failed", at(f"{CONNECTIONS}?state=failed"), "operator"),
    Shown("connections-nothing", at(f"{CONNECTIONS}?q=nothing"), "operator"),
    Shown("connection-delivered", lambda s: f"{CONNECTIONS}{s.delivered}/change/"),
    Shown("connection-failed", lambda s: f"{CONNECTIONS}{s.failed}/change/", "operator"),
    Shown("connection-auditor", lambda s: f"{CONNECTIONS}{s.failed}/change/", "auditor"),
    Shown("connection-history", lambda s: f"{CONNECTIONS}{s.failed}/history/", "operator"),
    Shown("failed-page", at("/admin/failed/"), "operator"),
    Shown("failed-page-auditor", at("/admin/failed/"), "auditor"),
    Shown("replay", at(f"/admin/failed/replay/?{REPLAY}"), "operator"),
    Shown("export", at("/admin/export/"), "auditor"),
    Shown("replays", at("/admin/connector/replay/"), "operator"),
    Shown("changes", at("/admin/changes/"), "admin"),
    Shown("workers", at("/admin/workers/")),
    Shown("events", at("/admin/connector/event/")),
    Shown("event", lambda s: f"/admin/connector/event/{s.event}/change/"),
    Shown("tenants", at("/admin/connector/tenant/"), "admin"),
    Shown("tenant", lambda s: f"/admin/connector/tenant/{s.tenant}/change/", "admin"),
    Shown("tenant-auditor", lambda s: f"/admin/connector/tenant/{s.tenant}/change/", "auditor"),
    Shown("tenant-add", at("/admin/connector/tenant/add/"), "admin"),
    Shown("tenant-history", lambda s: f"/admin/connector/tenant/{s.tenant}/history/", "admin"),
    Shown("tenant-queues", lambda s: f"/admin/connector/tenant/{s.tenant}/queues/", "admin"),
    Shown("tenant-message", lambda s: f"/admin/connector/tenant/{s.tenant}/message/", "admin"),
    Shown("tenant-delete", lambda s: f"/admin/connector/tenant/{s.unused}/delete/", "root"),
    Shown("users", at("/admin/auth/user/")),
    Shown("user", lambda s: f"/admin/auth/user/{s.users['operator']}/change/"),
    Shown("user-add", at("/admin/auth/user/add/")),
    Shown("user-password", lambda s: f"/admin/auth/user/{s.users['operator']}/password/"),
    Shown("user-delete", lambda s: f"/admin/auth/user/{s.users['stranger']}/delete/"),
    Shown("groups", at("/admin/auth/group/")),
    Shown("group", lambda s: "/admin/auth/group/1/change/"),
    Shown("password-change", at("/admin/password_change/"), "operator"),
    Shown("not-found", at("/admin/nothing/here/"), "operator", 404),
    Shown("forbidden", at("/admin/auth/user/"), "operator", 403),
    Shown("app-index", at("/admin/connector/"), "operator"),
]
