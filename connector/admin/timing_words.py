"""What a tenant's timing means, worked out from its saved values."""

import math
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connector.access import SHARE
from connector.clients.genesys import MAX_AGENTS
from connector.models import GenesysAccess, Tenant

USUALLY_ALLOWED = 300  # calls a minute, as long as Genesys has not told us its own figure


def timing_words(tenant: Tenant, access: GenesysAccess | None) -> list[str]:
    """Sentences for a person who wonders how long an agent waits to be seen."""
    allowed = access.allowed_per_minute if access else USUALLY_ALLOWED
    at_once = 1 if access and access.one_by_one_since else MAX_AGENTS
    return [_seen(tenant), _budget(tenant, allowed, at_once), _ends(tenant), _automatic()]


def _seen(tenant: Tenant) -> str:
    values = {
        "first": span(tenant.first_check_after),
        "every": span(tenant.check_every),
        "average": span(tenant.check_every / 2),
    }
    return (
        _(
            "In a manual queue the portal looks for the first time %(first)s after the event and "
            "then every %(every)s. So an agent who answers is seen after about %(average)s on "
            "average and %(every)s at most, plus the moment that Genesys needs to show it."
        )
        % values
    )


def _budget(tenant: Tenant, allowed: int, at_once: int) -> str:
    ours = math.floor(allowed * SHARE)
    agents = math.floor(ours * tenant.check_every / 60) * at_once
    values: dict[str, Any] = {"allowed": allowed, "ours": ours, "agents": agents}
    limit = _(
        "Genesys allows %(allowed)d calls a minute, of which the portal uses at most %(ours)d."
    )
    if not agents:
        values["least"] = span(math.ceil(60 / max(ours, 1)))
        meaning = _("That is too few for this pace: an agent is looked at every %(least)s at best.")
    elif at_once == 1:
        meaning = _(
            "At present one call looks at one agent only, so this holds for up to %(agents)d "
            "agents who ring at the same time; with more of them each is looked at less often."
        )
    else:
        values["at_once"] = at_once
        meaning = _(
            "One call looks at up to %(at_once)d agents, so this holds for up to %(agents)d agents "
            "who ring at the same time; with more of them each is looked at less often."
        )
    return f"{limit} {meaning}" % values


def _ends(tenant: Tenant) -> str:
    values = {"give_up": span(tenant.give_up_after), "within": span(tenant.deliver_within)}
    return (
        _(
            "If nobody has answered %(give_up)s after the event, the portal gives up. After an "
            "answer it tells Lynn within %(within)s or not at all."
        )
        % values
    )


def _automatic() -> str:
    return _("In an automatic queue Lynn is told at once.")


def span(seconds: float) -> str:
    """`2 minutes`, `1.5 s`: as people say it."""
    whole = int(seconds)
    if seconds == whole and whole >= 60 and whole % 3600 == 0:
        return ngettext("%(n)d hour", "%(n)d hours", whole // 3600) % {"n": whole // 3600}
    if seconds == whole and whole >= 60 and whole % 60 == 0:
        return ngettext("%(n)d minute", "%(n)d minutes", whole // 60) % {"n": whole // 60}
    places = 0 if seconds == whole else (1 if round(seconds, 1) == seconds else 2)
    return f"{number_format(seconds, decimal_pos=places)} s"
