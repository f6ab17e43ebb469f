"""Which boxes of a tenant stand where, and what its page says above them."""

from typing import Any

from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from connector.admin.genesys_notes import access_of
from connector.admin.timing_words import timing_words
from connector.models import Tenant

Fieldsets = list[tuple[Any, dict[str, Any]]]

FIELDSETS: Fieldsets = [
    (_("Who"), {"fields": ["name", "slug", "enabled", "mode", "time_zone"]}),
    (
        _("Genesys Cloud"),
        {
            "fields": ["region", "client_id", "client_secret", "api_url", "login_url"],
            "description": _(
                "The OAuth client with which the portal asks Genesys whether the agent answered. "
                "Its role needs the permissions Analytics > Agent State > View and Analytics > "
                "Agent State Names > View, and Routing > Queue > View to fetch the queues, for the "
                "divisions of your agents."
            ),
        },
    ),
    (
        _("Lynn"),
        {
            "fields": ["lynn_base_url", "lynn_headers", "remove_headers"],
            "description": _("Where the portal says that the agent is connected."),
        },
    ),
    (
        _("Which conversations"),
        {
            "fields": ["queue_policy", "answer_mode", "media_types"],
            "description": _(
                "In a manual queue the agent has to accept, so the portal asks Genesys until that "
                "is seen. In an automatic queue Lynn is told at once."
            ),
        },
    ),
    (
        _("Timing"),
        {
            "fields": [
                "first_check_after",
                "check_every",
                "give_up_after",
                "deliver_within",
                "without_name",
                "inbound_per_second",
            ],
            "description": _("What is here suits most contact centres."),
        },
    ),
    (
        _("Retention"),
        {
            "fields": ["keep_bodies_days", "keep_events_days", "keep_connections_days"],
            "description": _(
                "How long personal data are kept. What is older is removed by itself, every hour; "
                "the audit trail says so."
            ),
        },
    ),
    (_("People"), {"fields": ["people"]}),
]

FOLDED_AT_FIRST = ("first_check_after", "keep_bodies_days", "people")  # begin such a part

# What stands in place of a form field for people who may only look; None leaves it out.
FOR_READERS = {
    "client_secret": "secret_in_words",
    "lynn_headers": "headers_in_words",
    "media_types": "media_types_in_words",
    "remove_headers": None,
}


def fieldsets_of(tenant: Tenant | None) -> Fieldsets:
    return [(title, _fitting(options, tenant)) for title, options in FIELDSETS]


def fieldsets_for_readers(tenant: Tenant | None) -> Fieldsets:
    """The same for people who may only look."""
    return [(title, _for_readers(options)) for title, options in fieldsets_of(tenant)]


def _fitting(options: dict[str, Any], tenant: Tenant | None) -> dict[str, Any]:
    """Of a tenant that is stored, what its timing means. For a new one what nobody has to change is
    folded up; without stored headers there are none to remove."""
    if tenant is None and options["fields"][0] in FOLDED_AT_FIRST:
        return {**options, "classes": ["collapse"]}
    if "remove_headers" in options["fields"] and not (tenant and tenant.lynn_headers):
        left = [name for name in options["fields"] if name != "remove_headers"]
        return {**options, "fields": left}
    return _explained(options, tenant) if tenant else options


def _explained(options: dict[str, Any], tenant: Tenant) -> dict[str, Any]:
    if "check_every" not in options["fields"]:
        return options
    sentences = timing_words(tenant, access_of(tenant))
    words = format_html_join("", "<p>{}</p>", ((sentence,) for sentence in sentences))
    return {**options, "description": words}


def _for_readers(options: dict[str, Any]) -> dict[str, Any]:
    shown = (FOR_READERS.get(name, name) for name in options["fields"])
    return {**options, "fields": [name for name in shown if name]}
