"""What keeps us from seeing a tenant's agents in Genesys, and what a person can do about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from connector.admin.display import reason_words
from connector.domain import Reason
from connector.models import GenesysAccess, Tenant
from connector.said import in_readers_words

REMEDIES: dict[str, Any] = {
    Reason.GENESYS_CREDENTIALS_REFUSED: _(
        "Check the region (or the login address, where one is entered), the client id and the "
        "client secret of this tenant. In Genesys, under "
        "Admin > Integrations > OAuth, the client must be active and of the type “Client "
        "Credentials”."
    ),
    Reason.GENESYS_PERMISSION_MISSING: _(
        "In Genesys, give the OAuth client a role that holds the permission Analytics > Agent "
        "State > View, for every division whose agents count (Admin > Integrations > OAuth > "
        "Roles)."
    ),
    Reason.GENESYS_UNAVAILABLE: _(
        "Usually this passes by itself, and the portal keeps asking. If it stays, check the region "
        "and the API address of this tenant, and the status page of Genesys Cloud."
    ),
    Reason.ADDRESS_NOT_ALLOWED: _(
        "The portal may not connect to this address. Correct it in the settings of this tenant, or "
        "ask whoever runs the portal to open it (PORTAL_ALLOWED_UPSTREAMS)."
    ),
}
NAMES_MISSING = _("Agents' names are missing")
NAMES_REMEDY = _(
    "Genesys does not tell the portal the names of the agents. There, add the permission Analytics "
    "> Agent State Names > View to the role of the OAuth client, for the same divisions. Until "
    "then each name is looked up in a call of its own, or stays empty."
)
ANY_REMEDY = _("Check the Genesys Cloud settings of this tenant.")


@dataclass(frozen=True)
class Note:
    """`tone` is error where nothing works, warning where something is missing."""

    tone: str
    title: Any
    since: datetime | None
    said: str
    remedy: Any


def access_of(tenant: Tenant) -> GenesysAccess | None:
    """None as long as nobody has called this tenant's Genesys."""
    access: GenesysAccess | None = getattr(tenant, "genesys", None)
    return access


def notes_on(tenant: Tenant) -> list[Note]:
    access = access_of(tenant)
    notes = []
    if access and access.trouble:
        remedy = REMEDIES.get(access.trouble, ANY_REMEDY)
        title = reason_words(access.trouble)
        said = in_readers_words(access.trouble_detail)
        notes.append(Note("error", title, access.trouble_since, said, remedy))
    if access and access.names_missing_since:
        notes.append(Note("warning", NAMES_MISSING, access.names_missing_since, "", NAMES_REMEDY))
    return notes
