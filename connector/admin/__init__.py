"""The admin: one file a page family."""

from connector.admin import (
    changes,
    connections,
    dashboard,
    events,
    export,
    failed,
    own_password,
    people,
    reader,
    replays,
    simulator_page,
    site,
    tenants,
    workers,
)

__all__ = [
    "changes",
    "connections",
    "dashboard",
    "events",
    "export",
    "failed",
    "own_password",
    "people",
    "reader",
    "replays",
    "simulator_page",
    "site",
    "tenants",
    "workers",
]
