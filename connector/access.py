"""One tenant's way into Genesys, shared by all processes: its token and its budget of calls.

Belongs inside a transaction, which holds the tenant's row locked; no call is made here. So at
most one worker renews a token, and no two spend the same call.
"""

import hashlib
import math
import random
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from connector import trouble
from connector.clients import genesys
from connector.clients.base import Exchange
from connector.domain import Reason, State, TroubleKind
from connector.errors import (
    AddressNotAllowed,
    CredentialsRefused,
    PermissionMissing,
    ServiceError,
    ServiceUnavailable,
    TokenOnItsWay,
)
from connector.models import AgentConnection, GenesysAccess, Secret, Tenant

SHARE = 0.8  # of what Genesys allows; the rest is for whatever else uses the same OAuth client
BURST = 0.15  # of a minute's calls may be made at once
RENEWING = timedelta(seconds=10)  # for so long one worker has the renewal to itself
WAIT_FOR_RENEWAL = 0.5  # seconds
LONGEST_EARLY = timedelta(minutes=10)
COUNTED_FOR = timedelta(seconds=1)
BULK_AGAIN_AFTER = timedelta(hours=1)
ODD_ONE_ASKED_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True)
class Pass:
    """What a worker may do now: ask with `token`, or fetch a new one first if `renew`; then look
    again after `check_every` seconds."""

    token: str
    renew: bool = False
    check_every: float = 0.0


def admit(tenant_id: int, now: datetime) -> bool:
    """Take the call of a batch of checks from the budget before the batch is claimed, so that
    whoever has to wait for it keeps the place in the round. False where all calls are used up, or
    another process is at them: ask again in a moment, but not before `short_until`."""
    row = GenesysAccess.objects.select_for_update(skip_locked=True).filter(tenant=tenant_id).first()
    if row is None:
        row, is_new = GenesysAccess.objects.get_or_create(tenant_id=tenant_id)
        if not is_new:
            return False
    if row.short_until and row.short_until > now:
        return False
    if wait := _take_calls(row, 1, now):
        row.short_until = now + timedelta(seconds=wait)
    row.save(update_fields=["calls_left", "refilled_at", "short_until"])
    return not wait


def give_back(tenant: Tenant) -> None:
    """The call that a batch of checks was admitted with is not made after all."""
    GenesysAccess.objects.filter(tenant=tenant).update(calls_left=F("calls_left") + 1)


def take(tenant: Tenant, calls: int, now: datetime) -> Pass:
    """Take `calls` calls from the budget (0: they were paid for before) and say which token to
    make them with.

    Raises ServiceUnavailable with `retry_after` where the tenant has to wait, TokenOnItsWay where
    that is for another worker alone, and what refused the last renewal of its token. Raises
    SecretUnreadable.
    """
    access = _locked(tenant)
    _obey(access, now)
    usable = _usable_token(access, tenant, now)
    renew = _wants_renewal(access, tenant, now) and _may_renew(access, now)
    if not usable and not renew:
        raise _waiting_for_renewal(access)
    _spend(access, calls, now)
    if renew:
        tenant.client_secret.reveal()  # or the others would wait for a renewal that cannot be
        access.renewing_until = now + RENEWING
    _count_ringing(access, tenant, now)
    access.save()
    return Pass(usable, renew, _pace(access, tenant))


def _count_ringing(access: GenesysAccess, tenant: Tenant, now: datetime) -> None:
    if access.counted_at and abs(now - access.counted_at) < COUNTED_FOR:
        return
    waiting = AgentConnection.objects.filter(
        tenant=tenant, state=State.CHECKING, due_at__isnull=False
    )
    access.ringing = waiting.order_by().values("user_id").distinct().count()
    access.counted_at = now


def _pace(access: GenesysAccess, tenant: Tenant) -> float:
    """Seconds between two looks at one agent: what the tenant wants, or what the budget needs for
    all who are ringing if that is more."""
    return max(tenant.check_every, _calls_a_round(access) / _calls_a_second(access))


def _calls_a_round(access: GenesysAccess) -> int:
    """How many calls it takes to look at every ringing agent once."""
    return math.ceil(access.ringing / (1 if access.one_by_one_since else genesys.MAX_AGENTS))


def spend(tenant: Tenant, calls: int, now: datetime) -> None:
    """Take `calls` more calls from the budget; raises ServiceUnavailable with `retry_after`."""
    access = _locked(tenant)
    _obey(access, now)
    _spend(access, calls, now)
    access.save(update_fields=["calls_left", "refilled_at"])


def _locked(tenant: Tenant) -> GenesysAccess:
    rows = GenesysAccess.objects.select_for_update()
    row = rows.filter(tenant=tenant).first()
    if row is None:
        GenesysAccess.objects.get_or_create(tenant=tenant)
        row = rows.get(tenant=tenant)
    return row


def _obey(access: GenesysAccess, now: datetime) -> None:
    if access.blocked_until and access.blocked_until > now:
        wait = (access.blocked_until - now).total_seconds()
        raise ServiceUnavailable("Genesys asked us to wait", retry_after=wait)


def _usable_token(access: GenesysAccess, tenant: Tenant, now: datetime) -> str:
    expires = access.token_expires_at
    if expires is None or expires <= now or access.fingerprint != fingerprint(tenant):
        return ""
    return access.token.reveal()


def _wants_renewal(access: GenesysAccess, tenant: Tenant, now: datetime) -> bool:
    if access.fingerprint != fingerprint(tenant) or not access.token_expires_at:
        return True
    return access.renew_at is None or now >= access.renew_at


def _may_renew(access: GenesysAccess, now: datetime) -> bool:
    return access.renewing_until is None or access.renewing_until <= now


def _waiting_for_renewal(access: GenesysAccess) -> ServiceError:
    """While a trouble is on record, the renewal may be the one that met it, and is over."""
    if access.trouble == Reason.GENESYS_CREDENTIALS_REFUSED:
        return CredentialsRefused(access.trouble_detail)
    error = ServiceUnavailable if access.trouble else TokenOnItsWay
    return error("the token is being renewed", retry_after=WAIT_FOR_RENEWAL)


def _spend(access: GenesysAccess, calls: int, now: datetime) -> None:
    if wait := _take_calls(access, calls, now):
        turns = _calls_a_round(access) * random.random()  # noqa: S311  (all who wait come in turn)
        raise ServiceUnavailable(
            "Genesys' call limit is used up", retry_after=wait + turns / _calls_a_second(access)
        )


def _take_calls(access: GenesysAccess, calls: int, now: datetime) -> float:
    """Take them if there are so many; else take none and return in how many seconds there will
    be."""
    most = max(access.allowed_per_minute * BURST, 1.0)
    passed = (now - access.refilled_at).total_seconds() if access.refilled_at else None
    gained = most if passed is None else max(passed, 0) * _calls_a_second(access)
    left = min(most, access.calls_left + gained)
    if left < min(calls, most):
        return (min(calls, most) - left) / _calls_a_second(access)
    access.calls_left, access.refilled_at = left - calls, now
    return 0.0


def _calls_a_second(access: GenesysAccess) -> float:
    return access.allowed_per_minute * SHARE / 60


def fingerprint(tenant: Tenant) -> str:
    """Changes with anything that makes an old token useless."""
    parts = (tenant.genesys_login, tenant.client_id, tenant.client_secret.ciphertext)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def token_error(exchange: Exchange) -> ServiceError | None:
    """What is wrong with the answer to a question for a token."""
    try:
        genesys.read_token(exchange)
    except ServiceError as exc:
        return exc
    return None


def keep(tenant: Tenant, exchange: Exchange, attempt_id: uuid.UUID, now: datetime) -> str:
    """A token was asked for: returns it, "" where there was none. Everybody uses it from now on;
    after a failure nobody asks again before the time for renewing is over."""
    access = _locked(tenant)
    access.token_attempt = attempt_id
    token, error = "", token_error(exchange)
    if error is None:
        token, lifetime = genesys.read_token(exchange)
        _keep_token(access, tenant, token, lifetime, now)
    _note_limits(access, exchange, now)
    _note_trouble(access, error, now)
    access.save()
    return token


def _keep_token(
    access: GenesysAccess, tenant: Tenant, token: str, lifetime: int, now: datetime
) -> None:
    access.token = Secret.hide(token)
    access.fingerprint = fingerprint(tenant)
    access.token_expires_at = now + timedelta(seconds=lifetime)
    early = min(LONGEST_EARLY, timedelta(seconds=lifetime * 0.1))
    access.renew_at = access.token_expires_at - early
    access.renewing_until = None


def last_token_attempt(tenant: Tenant) -> uuid.UUID | None:
    """The attempt that asked for a token last, one of those that its call served."""
    return GenesysAccess.objects.values_list("token_attempt", flat=True).get(tenant=tenant)


def drop_token(tenant: Tenant, token: str) -> None:
    """Genesys no longer takes this token; one that was fetched meanwhile stays."""
    access = _locked(tenant)
    if access.token.reveal() == token:
        access.token_expires_at = None
        access.save(update_fields=["token_expires_at"])


def asks_one_by_one(tenant: Tenant, now: datetime) -> bool:
    """Whether Genesys has refused of late to answer for several agents at once."""
    return GenesysAccess.objects.filter(tenant=tenant, bulk_refused_until__gt=now).exists()


def note_bulk_refused(tenant: Tenant, exchange: Exchange, now: datetime) -> None:
    """Agents are asked for one by one for an hour. If that is refused too, what is missing is the
    permission for both, and note() takes this back. A question that Genesys calls malformed (400)
    has an odd agent in it, who will be found in a moment."""
    access = _locked(tenant)
    is_odd = exchange.status == 400
    access.bulk_refused_until = now + (ODD_ONE_ASKED_WITHIN if is_odd else BULK_AGAIN_AFTER)
    _note_limits(access, exchange, now)
    access.save(update_fields=["bulk_refused_until", "allowed_per_minute", "blocked_until"])


def note(
    tenant: Tenant,
    exchange: Exchange,
    error: ServiceError | None,
    names_given: bool | None,
    now: datetime,
    *,
    is_bulk: bool = False,
) -> None:
    """Learn from the answer to a status check; writes only what is news."""
    access = GenesysAccess.objects.get(tenant=tenant)
    before = _learnt(access)
    _note_limits(access, exchange, now)
    _note_trouble(access, error, now)
    _note_bulk(access, error, is_bulk, now)
    _say_one_by_one(tenant, before["one_by_one_since"], access, now)
    if names_given is not None:
        missing_since = access.names_missing_since or now
        access.names_missing_since = None if names_given else missing_since
    changed = [name for name, value in _learnt(access).items() if value != before[name]]
    if changed:
        access.save(update_fields=changed)


def note_limits(tenant: Tenant, exchange: Exchange, now: datetime) -> None:
    """Learn from the answer to a call that tells nothing about agents."""
    access = _locked(tenant)
    _note_limits(access, exchange, now)
    access.save(update_fields=["allowed_per_minute", "blocked_until"])


def _note_bulk(
    access: GenesysAccess, error: ServiceError | None, is_bulk: bool, now: datetime
) -> None:
    until = access.bulk_refused_until
    if until is None:
        return
    if is_bulk and error is None:
        access.bulk_refused_until = access.one_by_one_since = None
    elif not is_bulk and isinstance(error, PermissionMissing):
        access.bulk_refused_until = None
    elif not is_bulk and error is None and until > now + ODD_ONE_ASKED_WITHIN:
        access.one_by_one_since = access.one_by_one_since or now


def _say_one_by_one(tenant: Tenant, before: object, access: GenesysAccess, now: datetime) -> None:
    if access.one_by_one_since and not before:
        detail = "Genesys answers for one agent, but not for several at once"
        trouble.begin(tenant, TroubleKind.BULK_QUERY_REFUSED, detail, now)
    elif before and not access.one_by_one_since:
        trouble.end(tenant, TroubleKind.BULK_QUERY_REFUSED, now)


def _learnt(access: GenesysAccess) -> dict[str, object]:
    names = ("allowed_per_minute", "blocked_until", "trouble", "trouble_detail", "trouble_since")
    more = ("names_missing_since", "bulk_refused_until", "one_by_one_since")
    return {name: getattr(access, name) for name in (*names, *more)}


def _note_limits(access: GenesysAccess, exchange: Exchange, now: datetime) -> None:
    """Genesys API: the limit stands in the headers; Retry-After, which comes with 429 and may come
    with 503, holds for the whole tenant."""
    allowed = exchange.headers.get("inin-ratelimit-allowed", "")
    if re.fullmatch(r"[1-9][0-9]{0,5}", allowed):
        access.allowed_per_minute = int(allowed)
    if exchange.asks_to_wait:
        wait = timedelta(seconds=min(exchange.retry_after or 5, 3600))
        access.blocked_until = max(access.blocked_until or now, now + wait)


def reason_of(error: ServiceError) -> Reason:
    """The reason a connection gets if this error is still there at its deadline."""
    if isinstance(error, AddressNotAllowed):
        return Reason.ADDRESS_NOT_ALLOWED
    if isinstance(error, CredentialsRefused):
        return Reason.GENESYS_CREDENTIALS_REFUSED
    if isinstance(error, PermissionMissing):
        return Reason.GENESYS_PERMISSION_MISSING
    return Reason.GENESYS_UNAVAILABLE


def _note_trouble(access: GenesysAccess, error: ServiceError | None, now: datetime) -> None:
    """Keep what people must know about this tenant's Genesys; None means that all is well."""
    trouble = reason_of(error) if error else ""
    if trouble != access.trouble:
        access.trouble, access.trouble_since = trouble, now if error else None
    access.trouble_detail = str(error) if error else ""
