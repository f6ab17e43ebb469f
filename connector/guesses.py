"""Who guesses passwords is slowed down: django-axes counts the wrong ones in the database, and this
says against whom, and how long somebody is locked out.

A lock holds for one user name and one address, so that nobody can lock somebody else out who is
elsewhere. It does not matter whether there is such an account.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest

LONGEST_NAME = 150  # Django accepts no longer one; the column of django-axes holds 255
IPV6_SITE = 64  # who has one address has all that begin like it

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Lock:
    address: str
    failures: int
    until: datetime


def name_of(request: HttpRequest, credentials: Mapping[str, Any] | None) -> str:
    """Django-axes asks whose name it was."""
    name = str((credentials or {}).get("username") or "")
    return name[:LONGEST_NAME].replace("\0", "")


def address_of(request: HttpRequest) -> str | None:
    """Django-axes asks where it came from: the nearest address that is none of our proxies'.

    X-Forwarded-For is believed as far as proxies of FORWARDED_ALLOW_IPS wrote it, since anybody can
    send one. (ipware would also believe it where the sender is no proxy at all.)
    """
    found: Address | None = None
    for hop in _hops(request):
        address = _address(hop)
        if address is None:
            break
        found = address
        if not _is_proxy(found):
            break
    return _counted_as(found) if found else None


def _hops(request: HttpRequest) -> list[str]:
    """Nearest first."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    hops = [request.META.get("REMOTE_ADDR", ""), *reversed(forwarded)]
    return hops[:2] if "*" in settings.TRUSTED_PROXIES else hops


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_proxy(address: Address) -> bool:
    return any(
        network == "*" or address in ipaddress.ip_network(network)
        for network in settings.TRUSTED_PROXIES
    )


def _counted_as(address: Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_SITE), strict=False).network_address)


def locks_of(name: str, now: datetime) -> list[Lock]:
    """Where somebody of this name is locked out at this moment."""
    recent = AccessAttempt.objects.filter(username=name, attempt_time__gt=now - _cool_off())
    counted = recent.order_by("ip_address").values("ip_address")
    rows = counted.annotate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
    return [
        Lock(row["ip_address"] or "", row["failures"], row["last"] + _cool_off())
        for row in rows
        if row["failures"] >= settings.AXES_FAILURE_LIMIT
    ]


def locked_until(request: HttpRequest, name: str, now: datetime) -> datetime:
    """When whoever was just turned away may try again."""
    address = address_of(request) or ""
    found = [lock.until for lock in locks_of(name, now) if lock.address == address]
    return found[0] if found else now + _cool_off()


def lift(name: str) -> int:
    """Forget all wrong passwords for this name; returns for how many locks that was."""
    count: int = AxesProxyHandler.reset_attempts(username=name)
    return count


def forget(request: HttpRequest, name: str) -> None:
    """The right password was sent: what was wrong before does not count any more."""
    credentials = {"username": name}
    if AxesProxyHandler.get_failures(request, credentials):
        AxesProxyHandler.get_implementation().reset_user_attempts(request, credentials)


def old(now: datetime) -> "QuerySet[Any]":
    """What counts no more; it holds names and addresses of people."""
    rows: QuerySet[Any] = AccessAttempt.objects.filter(attempt_time__lt=now - _cool_off())
    return rows


def _cool_off() -> timedelta:
    cool_off: timedelta = settings.AXES_COOLOFF_TIME
    return cool_off
