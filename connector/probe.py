"""Try a tenant's way to Genesys and to Lynn step by step, as "Test connection" shows it.

Every call to Genesys comes out of the tenant's budget. Lynn is asked what may be done at its
address (HTTP: OPTIONS); that an agent is connected is said only by the test message, which is
marked as a test in every value.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from connector import access
from connector.clients import genesys, lynn
from connector.clients.base import Exchange, send
from connector.decide import AgentStatus
from connector.errors import (
    AddressNotAllowed,
    CredentialsRefused,
    PermissionMissing,
    SecretUnreadable,
    ServiceError,
    ServiceRefused,
)
from connector.models import AgentConnection, Tenant

GOOD, WARN, BAD, STILL = "good", "warn", "bad", "still"
GENESYS_STEPS = ("genesys_host", "token", "agent_state", "agent_names", "queues")
AGENT_STEPS = ("agent_state", "agent_names")
LYNN_STEPS = ("lynn_host", "lynn_answer")
TEST = "test-"  # begins every value of a test message that could name somebody

Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was tried. `finding` says in a word what was found, `said` how the other side
    or the network put it; a step that was not tried names the one before that has to be mended."""

    name: str
    tone: str
    finding: str
    ms: int | None = None
    said: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def worst(steps: Iterable[Step]) -> str:
    tones = {step.tone for step in steps}
    return BAD if BAD in tones else WARN if tones & {WARN, STILL} else GOOD


def run(tenant: Tenant, clock: Clock) -> list[Step]:
    """Every step, in the order in which a person would mend them; each call takes at most 8 s."""
    return [*_genesys(tenant, clock), *_lynn(tenant)]


def _genesys(tenant: Tenant, clock: Clock) -> list[Step]:
    steps = [_genesys_host(tenant, clock)]
    token = ""
    if steps[-1].tone != BAD:
        step, token = _token(tenant, clock)
        steps.append(step)
    if token:
        steps += _agents(tenant, token, clock)
        steps.append(_queues(tenant, token, clock))
    return _filled(steps, GENESYS_STEPS)


def _filled(steps: Sequence[Step], names: Sequence[str]) -> list[Step]:
    """With the steps that were not reached, because of the last one that was."""
    because = {"because": steps[-1].name}
    missing = names[len(steps) :]
    return [
        *steps,
        *(Step(name=name, tone=STILL, finding="not_tried", facts=because) for name in missing),
    ]


def _genesys_host(tenant: Tenant, clock: Clock) -> Step:
    if refusal := _budget(tenant, "genesys_host", clock):
        return refusal
    exchange = send(genesys.anonymous_call(tenant.genesys_api))
    if exchange.failure:
        return _unreached("genesys_host", exchange, exchange.failure)
    if genesys.is_genesys(exchange):
        return Step(
            name="genesys_host", tone=GOOD, finding=_reached(exchange), ms=exchange.duration_ms
        )
    return Step(
        name="genesys_host",
        tone=WARN,
        finding="not_genesys",
        ms=exchange.duration_ms,
        said=exchange.answered,
    )


def _token(tenant: Tenant, clock: Clock) -> tuple[Step, str]:
    """Always a new token: one that is still good would not show that the secret is, too."""
    try:
        secret = tenant.client_secret.reveal()
    except SecretUnreadable as exc:
        return Step(name="token", tone=BAD, finding="secret_unreadable", said=str(exc)), ""
    if not secret:
        return Step(name="token", tone=BAD, finding="no_secret"), ""
    if refusal := _budget(tenant, "token", clock):
        return refusal, ""
    exchange = send(genesys.token_call(tenant.genesys_login, tenant.client_id, secret))
    with transaction.atomic():
        token = access.keep(tenant, exchange, exchange.call.id, clock())
    if error := access.token_error(exchange):
        return _failed("token", exchange, error), ""
    return Step(name="token", tone=GOOD, finding="issued", ms=exchange.duration_ms), token


def _agents(tenant: Tenant, token: str, clock: Clock) -> list[Step]:
    """The permission to see agents, and the one to see their names, from one answer."""
    if refusal := _budget(tenant, "agent_state", clock):
        return _filled([refusal], AGENT_STEPS)
    exchange = send(genesys.agents_call(tenant.genesys_api, token))
    statuses, error = _read(exchange)
    if _is_refusal(error):
        return _one_agent(tenant, token, clock)
    names = [bool(status.user_name) for status in statuses]
    with transaction.atomic():
        given = any(names) if names else None
        access.note(tenant, exchange, error, given, clock(), is_bulk=True)
    if error:
        return _filled([_failed("agent_state", exchange, error)], AGENT_STEPS)
    step = Step(
        name="agent_state",
        tone=GOOD if names else WARN,
        finding="agents_seen" if names else "no_agents",
        ms=exchange.duration_ms,
        facts={"agents": len(names)},
    )
    return [step, _names(names)] if names else _filled([step], AGENT_STEPS)


def _is_refusal(error: ServiceError | None) -> bool:
    """Whether it may be the query for several agents alone that Genesys refuses."""
    return isinstance(error, ServiceRefused) and not isinstance(error, CredentialsRefused)


def _one_agent(tenant: Tenant, token: str, clock: Clock) -> list[Step]:
    """Ask for a single agent, the last one that was offered anything. That Genesys knows none of
    this id (404) shows the permission just as well: without it the answer is 403."""
    if refusal := _budget(tenant, "agent_state", clock):
        return _filled([refusal], AGENT_STEPS)
    last = AgentConnection.objects.filter(tenant=tenant).order_by("-received_at")
    user_ids = [last.values_list("user_id", flat=True).first() or str(uuid.uuid4())]
    exchange = send(genesys.status_call(tenant.genesys_api, token, user_ids))
    statuses, error = _read(exchange, user_ids)
    if exchange.status == 404:
        error = None
    names = [bool(status.user_name) for status in statuses]
    with transaction.atomic():
        access.note(tenant, exchange, error, any(names) if names else None, clock())
    if error:
        return _filled([_failed("agent_state", exchange, error)], AGENT_STEPS)
    step = Step(name="agent_state", tone=WARN, finding="one_by_one", ms=exchange.duration_ms)
    return [step, _names(names)] if names else _filled([step], AGENT_STEPS)


def _read(
    exchange: Exchange, user_ids: Sequence[str] = ()
) -> tuple[list[AgentStatus], ServiceError | None]:
    try:
        return genesys.read_statuses(exchange, user_ids), None
    except ServiceError as exc:
        return [], exc


def _names(names: Sequence[bool]) -> Step:
    facts = {"agents": len(names), "named": sum(names)}
    if all(names):
        return Step(name="agent_names", tone=GOOD, finding="named", facts=facts)
    finding = "some_names_missing" if any(names) else "names_missing"
    return Step(name="agent_names", tone=WARN, finding=finding, facts=facts)


def _queues(tenant: Tenant, token: str, clock: Clock) -> Step:
    """Needed to fetch the list of queues only, so that nothing of this is more than a remark."""
    if refusal := _budget(tenant, "queues", clock):
        return refusal
    exchange = send(genesys.queues_call(tenant.genesys_api, token, page=1, size=1))
    with transaction.atomic():
        access.note_limits(tenant, exchange, clock())
    try:
        queues, count = genesys.read_queues(exchange)
    except ServiceError as exc:
        return _failed("queues", exchange, exc, tone=WARN)
    return Step(
        name="queues",
        tone=GOOD if queues else WARN,
        finding="queues_seen" if queues else "no_queues",
        ms=exchange.duration_ms,
        facts={"queues": count if queues else 0},
    )


def _lynn(tenant: Tenant) -> list[Step]:
    try:
        headers = tenant.extra_headers
    except SecretUnreadable as exc:
        unreadable = Step(name="lynn_host", tone=BAD, finding="secret_unreadable", said=str(exc))
        return _filled([unreadable], LYNN_STEPS)
    exchange = send(lynn.question_call(tenant.lynn_base_url, headers))
    if exchange.failure:
        return _filled([_unreached("lynn_host", exchange, exchange.failure)], LYNN_STEPS)
    host = Step(name="lynn_host", tone=GOOD, finding=_reached(exchange), ms=_connecting(exchange))
    return [host, _lynn_answer(exchange)]


def _reached(exchange: Exchange) -> str:
    """Plain http is possible where PORTAL_ALLOWED_UPSTREAMS opens the network only."""
    return "reached" if exchange.call.url.startswith("https:") else "reached_plainly"


def _connecting(exchange: Exchange) -> int | None:
    """None where the connection was open from before."""
    times = [exchange.timing[name] for name in ("dns", "connect") if name in exchange.timing]
    return round(sum(times)) if times else None


def _lynn_answer(exchange: Exchange) -> Step:
    tone, finding = _lynn_finding(exchange.status or 0)
    facts: dict[str, Any] = {"status": exchange.status}
    if finding == "redirected":
        facts["to"] = urlsplit(exchange.headers.get("location", "")).hostname or ""
    return Step(
        name="lynn_answer",
        tone=tone,
        finding=finding,
        ms=exchange.duration_ms,
        said=exchange.answered,
        facts=facts,
    )


def _lynn_finding(status: int) -> tuple[str, str]:
    """HTTP: 405 and 501 say that OPTIONS is not for here, which is an answer as good as any."""
    if status in (401, 403, 407):
        return WARN, "not_let_in"
    if status in (404, 410):
        return WARN, "not_found"
    if 300 <= status < 400:
        return BAD, "redirected"
    if status == 429:
        return WARN, "busy"
    if status >= 500 and status != 501:
        return BAD, "out_of_order"
    return GOOD, "answered"


def _budget(tenant: Tenant, name: str, clock: Clock) -> Step | None:
    """Take one call; the step that says so where there is none to take."""
    try:
        with transaction.atomic():
            access.spend(tenant, 1, clock())
    except ServiceError as exc:
        facts = {"wait": round(exc.retry_after or 0) + 1}
        return Step(name=name, tone=STILL, finding="no_budget", said=str(exc), facts=facts)
    return None


def _unreached(name: str, exchange: Exchange, error: ServiceError) -> Step:
    refused = isinstance(error, AddressNotAllowed)
    return Step(
        name=name,
        tone=BAD,
        finding="not_allowed" if refused else exchange.broke_at or "connection",
        ms=exchange.duration_ms,
        said=str(error),
        facts={"host": urlsplit(exchange.call.url).hostname or ""},
    )


def _failed(name: str, exchange: Exchange, error: ServiceError, tone: str = BAD) -> Step:
    if exchange.failure:
        return _unreached(name, exchange, error)
    finding = "out_of_order"
    if isinstance(error, CredentialsRefused):
        finding = "credentials_refused" if name == "token" else "token_refused"
    elif isinstance(error, PermissionMissing):
        finding = "permission_missing"
    elif exchange.status == 429:
        finding = "busy"
    return Step(
        name=name,
        tone=tone,
        finding=finding,
        ms=exchange.duration_ms,
        said=str(error),
        facts={"host": urlsplit(exchange.call.url).hostname or ""},
    )


def message(tenant: Tenant, key: uuid.UUID) -> tuple[str, dict[str, Any]]:
    """Tell Lynn of an agent who is none: how it went, and the exchange as it may be shown.

    Raises SecretUnreadable.
    """
    call = lynn.delivery_call(
        tenant.lynn_base_url,
        idempotency_key=key,
        headers=tenant.extra_headers,
        **message_values(key),
    )
    exchange = send(call)
    try:
        lynn.read_delivery(exchange)
        error = ""
    except ServiceError as exc:
        error = str(exc)
    return (BAD if error else GOOD), {
        "url": call.url,
        "request_headers": call.shown_headers,
        "request_body": call.shown_body,
        "status": exchange.status,
        "headers": exchange.headers,
        "body": exchange.shown_body,
        "ms": exchange.duration_ms,
        "error": error,
    }


def message_values(key: object) -> dict[str, str]:
    """What a test message says: nobody and nothing that exists."""
    return {
        "conversation_id": f"{TEST}{key}",
        "user_id": f"{TEST}{key}",
        "user_name": "Test message, no agent",
        "provider": "test",
        "external_id": f"{TEST}{key}",
    }
