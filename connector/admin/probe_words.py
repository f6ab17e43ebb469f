"""What a connection test found, in words: what was tried, what came of it, what to do."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from connector.models import REGIONS, Tenant
from connector.said import in_readers_words

STEPS: dict[str, Any] = {
    "genesys_host": _("Genesys: address and encryption"),
    "token": _("Genesys: client id and secret"),
    "agent_state": _("Genesys: permission to see agents"),
    "agent_names": _("Genesys: permission to see agents' names"),
    "queues": _("Genesys: permission to see queues"),
    "lynn_host": _("Lynn: address and encryption"),
    "lynn_answer": _("Lynn: answer"),
}
TONES: dict[str, Any] = {
    "good": _("OK"),
    "warn": _("Look at this"),
    "bad": _("Failed"),
    "still": _("Not tried"),
}

# What was found, and what to do about it, by step and finding. A finding that means the same in
# every step stands under "".
FOUND: dict[tuple[str, str], tuple[Any, Any]] = {
    ("", "reached"): (_("reached, and the connection is encrypted as it should be"), ""),
    ("", "reached_plainly"): (
        _("reached, by plain http, which this portal allows for this network"),
        "",
    ),
    ("", "not_tried"): (_("“%(because)s” has to be mended first"), ""),
    ("", "no_budget"): (
        _("the calls that Genesys allows are used up for the moment"),
        _("Test again in %(wait)s s. Agents who are ringing go before tests."),
    ),
    ("", "not_allowed"): (
        _("the portal may not connect to %(host)s"),
        _(
            "Correct the address below. If it is right, ask whoever runs the portal to open its "
            "network (PORTAL_ALLOWED_UPSTREAMS)."
        ),
    ),
    ("", "name"): (
        _("there is no host called %(host)s"),
        _("Look for a typing mistake in the region or address below."),
    ),
    ("", "time"): (
        _("%(host)s did not answer in time"),
        _(
            "Test again. If it stays, a firewall may be in the way: ask whoever runs the portal "
            "whether it may connect to %(host)s."
        ),
    ),
    ("", "certificate"): (
        _("%(host)s shows a certificate that cannot be trusted"),
        _(
            "Whoever runs %(host)s has to install a valid certificate, with its whole chain, from "
            "a public authority. The portal makes no exception, since anybody could pose as it."
        ),
    ),
    ("", "tls"): (
        _("no encrypted connection to %(host)s could be made"),
        _("%(host)s has to offer TLS 1.2 or later on the port in the address."),
    ),
    ("", "http"): (
        _("%(host)s answers, but not as a web server"),
        _("Check the port in the address."),
    ),
    ("", "connection"): (
        _("no connection to %(host)s"),
        _(
            "Check the address and its port. If they are right, the other side is down, or a "
            "firewall is in the way."
        ),
    ),
    ("", "out_of_order"): (
        _("%(host)s answers, but is out of order"),
        _("Test again in a few minutes. If it stays, tell whoever runs it; the answer is below."),
    ),
    ("", "busy"): (
        _("it asked the portal to wait, since it has too much to do"),
        _("Test again in a minute."),
    ),
    ("", "secret_unreadable"): (
        _("what is stored cannot be read with the keys that this portal has"),
        _("Enter it again below and save."),
    ),
    ("genesys_host", "not_genesys"): (
        _("something answers there, but not as Genesys Cloud does"),
        _("Check the region, and the API address if there is one."),
    ),
    ("token", "issued"): (_("accepted; Genesys gave the portal a token"), ""),
    ("token", "no_secret"): (
        _("no client secret is stored"),
        _("Enter it below and save; then test again."),
    ),
    ("token", "credentials_refused"): (
        _("refused: the client id, the client secret or the region is wrong"),
        _(
            "A wrong region looks exactly like a wrong secret. The region here is %(region)s, and "
            "the portal asked %(host)s; compare it with the address at which you sign in to "
            "Genesys: https://apps. and then the region. If it is right, copy the client id and "
            "the secret once more (Admin > Integrations > OAuth); the client must be active and of "
            "the type “Client Credentials”."
        ),
    ),
    ("token", "login_refused"): (
        _("refused: the client id, the client secret or the login address is wrong"),
        _(
            "A login address of another region looks exactly like a wrong secret. The portal asked "
            "%(host)s, the login address that is entered below; it goes before the region. Compare "
            "it with the address at which you sign in to Genesys, https://apps. and then the "
            "region, or leave it empty if it is https://login. with the same region. If it is "
            "right, copy the client id and the secret once more (Admin > Integrations > OAuth); "
            "the client must be active and of the type “Client Credentials”."
        ),
    ),
    ("", "token_refused"): (
        _("Genesys does not take the token that it has just given out"),
        _(
            "Test again in a minute. If it stays, ask whoever looks after Genesys whether the "
            "client is still active there (Admin > Integrations > OAuth)."
        ),
    ),
    ("", "token_refused_elsewhere"): (
        _("Genesys does not take the token that it has just given out"),
        _(
            "The token came from %(login)s and was shown to %(api)s. Both have to belong to the "
            "same region: compare the API address and the login address below with it, or leave "
            "them empty."
        ),
    ),
    ("agent_state", "agents_seen"): (_("granted; Genesys shows agents (%(agents)s)"), ""),
    ("agent_state", "no_agents"): (
        _("granted, but Genesys shows no agent at all"),
        _(
            "The role may be given for divisions without agents. In Genesys, open Admin > "
            "Integrations > OAuth > Roles and choose the divisions of the agents whose "
            "conversations count."
        ),
    ),
    ("agent_state", "permission_missing"): (
        _("missing, so the portal cannot see whether an agent answered"),
        _(
            "In Genesys, give the OAuth client a role with the permission Analytics > Agent State "
            "> View, for every division whose agents count (Admin > Integrations > OAuth > Roles)."
        ),
    ),
    ("agent_state", "one_by_one"): (
        _("granted, but Genesys refuses the query for several agents at once"),
        _(
            "The portal asks for each agent alone, within the same limit of calls, so with many "
            "agents ringing each is looked at less often. Ask Genesys why POST "
            "/api/v2/analytics/agents/status/query is refused."
        ),
    ),
    ("agent_names", "named"): (_("granted; agents with their names: %(agents)s of %(agents)s"), ""),
    ("agent_names", "some_names_missing"): (
        _("granted for some agents only: %(named)s of %(agents)s have a name"),
        _(
            "The role with Analytics > Agent State Names > View has to hold for every division. "
            "Until then each missing name takes a call of its own, and may stay empty."
        ),
    ),
    ("agent_names", "names_missing"): (
        _("missing, so Genesys does not say what the agents are called"),
        _(
            "In Genesys, add the permission Analytics > Agent State Names > View to the role of "
            "the OAuth client, for the same divisions. Until then each name takes a call of its "
            "own, and may stay empty."
        ),
    ),
    ("queues", "queues_seen"): (_("granted; Genesys shows queues (%(queues)s)"), ""),
    ("queues", "no_queues"): (
        _("granted, but Genesys shows no queue"),
        _("The role may be given for divisions without queues (Admin > Integrations > OAuth)."),
    ),
    ("queues", "permission_missing"): (
        _("missing; only “Fetch the queues” needs it"),
        _(
            "To fetch the queues instead of typing their ids, add the permission Routing > Queue > "
            "View to the role of the OAuth client."
        ),
    ),
    ("lynn_host", "secret_unreadable"): (
        _("the extra headers that are stored cannot be read with the keys that this portal has"),
        _("Enter the headers again below and save."),
    ),
    ("lynn_answer", "answered"): (_("Lynn answers (%(status)s)"), ""),
    ("lynn_answer", "not_let_in"): (
        _("the server does not let this question in (%(status)s)"),
        _(
            "Compare the extra headers with what Lynn asks for. Some servers refuse only this "
            "harmless question: send a test message to be sure."
        ),
    ),
    ("lynn_answer", "not_found"): (
        _("the server says that there is nothing at this address (%(status)s)"),
        _(
            "Check the path of the Lynn base URL. Some servers say so to this harmless question "
            "only: send a test message to be sure."
        ),
    ),
    ("lynn_answer", "redirected"): (
        _("the server sends the portal on to another address (%(status)s) %(to)s"),
        _("Redirects are never followed. Enter the address where Lynn really is."),
    ),
    ("lynn_answer", "out_of_order"): (
        _("Lynn, or what stands before it, is out of order (%(status)s)"),
        _("Test again in a few minutes. If it stays, tell whoever runs Lynn."),
    ),
}


@dataclass(frozen=True)
class Shown:
    """One step as the page shows it; `said` is what the other side or the network said."""

    tone: str
    name: str
    word: str
    found: str
    ms: int | None
    remedy: str
    said: str
    regions: tuple[tuple[str, str], ...] = ()


def in_words(tenant: Tenant, steps: list[dict[str, Any]]) -> list[Shown]:
    return [_shown(tenant, step) for step in steps]


def _shown(tenant: Tenant, step: dict[str, Any]) -> Shown:
    name, finding = step["name"], _finding(tenant, step)
    facts = {"region": tenant.region, **_addresses(tenant), **step["facts"]}
    if "because" in facts:
        facts["because"] = str(STEPS[facts["because"]])
    found, remedy = FOUND.get((name, finding)) or FOUND["", finding]
    refused = finding == "credentials_refused"
    return Shown(
        tone=step["tone"],
        name=str(STEPS[name]),
        word=str(TONES[step["tone"]]),
        found=str(found) % facts,
        ms=step["ms"],
        remedy=str(remedy) % facts if remedy else "",
        said=in_readers_words(step["said"]) if step["tone"] != "good" else "",
        regions=REGIONS if refused else (),
    )


def _addresses(tenant: Tenant) -> dict[str, str | None]:
    asked = {"login": tenant.genesys_login, "api": tenant.genesys_api}
    return {name: urlsplit(address).hostname for name, address in asked.items()}


def _finding(tenant: Tenant, step: dict[str, Any]) -> str:
    """Where the login address that is entered was asked, the region had no part in the refusal;
    where neither address is entered, both follow from it."""
    finding = str(step["finding"])
    own = urlsplit(tenant.login_url).hostname
    if finding == "credentials_refused" and own and own == step["facts"]["host"]:
        return "login_refused"
    if finding == "token_refused" and (tenant.login_url or tenant.api_url):
        return "token_refused_elsewhere"
    return finding
