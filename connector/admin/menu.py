"""The sidebar: what one can go to, by task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from connector import attention
from connector.scope import sees_all_tenants, tenants_of


@dataclass(frozen=True)
class Entry:
    """A line of the sidebar, for whoever holds `permission`; none means everybody.

    `count` says how much there waits for a person. A page that does not exist here (the
    simulator's, outside of the demo) is left out.
    """

    label: Any
    url_name: str
    permission: str = ""
    count: Callable[[HttpRequest], str] | None = None


@dataclass(frozen=True)
class Section:
    title: Any
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Link:
    label: Any
    url: str
    is_current: bool
    count: str


def _waiting(request: HttpRequest) -> str:
    """Empty where nothing waits."""
    own = None if sees_all_tenants(request) else [tenant.pk for tenant in tenants_of(request)]
    waiting = attention.count(own)
    if waiting > attention.MOST_COUNTED:
        return f"{attention.MOST_COUNTED}+"
    return str(waiting) if waiting else ""


SECTIONS = (
    Section(
        _("Operate"),
        (
            Entry(_("Dashboard"), "admin:index"),
            Entry(
                _("Connections"),
                "admin:connector_agentconnection_changelist",
                "connector.view_agentconnection",
            ),
            Entry(_("Failed"), "admin:failed", "connector.view_agentconnection", _waiting),
            Entry(_("Events"), "admin:connector_event_changelist", "connector.view_event"),
            Entry(_("Export"), "admin:export", "connector.export_audit"),
        ),
    ),
    Section(
        _("Configure"),
        (
            Entry(_("Tenants"), "admin:connector_tenant_changelist", "connector.view_tenant"),
            Entry(_("Changes"), "admin:changes", "connector.view_tenant"),
        ),
    ),
    Section(
        _("People"),
        (
            Entry(_("Users"), "admin:auth_user_changelist", "auth.view_user"),
            Entry(_("Groups"), "admin:auth_group_changelist", "auth.view_group"),
        ),
    ),
    Section(
        _("System"),
        (
            Entry(_("Workers and timetable"), "admin:workers", "connector.view_heartbeat"),
            Entry(_("Simulator"), "admin:simulator", "connector.view_agentconnection"),
        ),
    ),
)


def menu(request: HttpRequest) -> list[tuple[Any, list[Link]]]:
    """The sections with the entries that this reader may follow; none without any."""
    found = [(section, _reachable(request, section)) for section in SECTIONS]
    current = _current(request.path, [url for _section, pairs in found for _entry, url in pairs])
    return [
        (section.title, [_link(request, entry, url, url == current) for entry, url in pairs])
        for section, pairs in found
        if pairs
    ]


def _link(request: HttpRequest, entry: Entry, url: str, is_current: bool) -> Link:
    return Link(entry.label, url, is_current, entry.count(request) if entry.count else "")


def _reachable(request: HttpRequest, section: Section) -> list[tuple[Entry, str]]:
    allowed = (
        (entry, _address(entry))
        for entry in section.entries
        if not entry.permission or request.user.has_perm(entry.permission)
    )
    return [(entry, url) for entry, url in allowed if url]


def _address(entry: Entry) -> str:
    try:
        return reverse(entry.url_name)
    except NoReverseMatch:
        return ""


def _current(path: str, urls: list[str]) -> str:
    """The entry to which this page belongs: the longest address that it begins with.

    Every page begins like the dashboard's, which therefore counts for itself alone.
    """
    dashboard = reverse("admin:index")
    fitting = [url for url in urls if path.startswith(url) and (url != dashboard or path == url)]
    return max(fitting, key=len, default="")
