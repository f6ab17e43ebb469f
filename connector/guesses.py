"""Who guesses passwords is slowed down: django-axes counts the wrong ones in the database, and this
says against whom, and how long somebody is locked out.

A lock holds for one user name and one address, so that nobody can lock somebody else out who is
elsewhere. It does not matter whether there is such an account. An address from which very many
wrong ones come, for whatever names, is locked as a whole: else it could try one password with every
name there is. What somebody got wrong who then gets in counts for neither, so that a whole office
behind one address does not come near that.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_login_failed
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone

MOST_FROM_ADDRESS = 50  # wrong passwords that are not followed by the right one
LONGEST_NAME = 150  # Django accepts no longer one; the column of django-axes holds 255
IPV6_SITE = 64  # who has one address has all that begin like it

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Lock:
    """`is_for_everybody`: whatever the name is."""

    address: str
    failures: int
    until: datetime
    is_for_everybody: bool = False


class Counter(AxesDatabaseHandler):  # type: ignore[misc]
    """Django-axes asks whether somebody is locked out."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        locked: bool = super().is_locked(request, credentials)
        return locked or lock_of_address(address_of(request), timezone.now()) is not None


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


def in_log(name: str, address: str, agent: str, path: str, request: HttpRequest) -> str:
    """How django-axes names somebody in the log. What is no user name stays out of it: people type
    their passwords there."""
    is_known = get_user_model()._default_manager.filter(username=name).exists()
    return f"{name if is_known else 'no account'} at {address}"


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


def lock_of_address(address: str | None, now: datetime) -> Lock | None:
    """The lock for everybody who is there; None where there is none, or it is not known where."""
    recent = AccessAttempt.objects.filter(ip_address=address, attempt_time__gt=now - _cool_off())
    rows = recent.order_by("attempt_time").values_list("attempt_time", "failures_since_start")
    left = failures = sum(count for _at, count in rows) if address else 0
    for at, count in rows if left >= MOST_FROM_ADDRESS else ():
        left -= count
        if left < MOST_FROM_ADDRESS:
            return Lock(address or "", failures, at + _cool_off(), is_for_everybody=True)
    return None


def locked_addresses(now: datetime) -> list[Lock]:
    """Where everybody is locked out at this moment."""
    recent = AccessAttempt.objects.filter(attempt_time__gt=now - _cool_off())
    counted = recent.order_by("ip_address").values("ip_address")
    many = counted.annotate(failures=Sum("failures_since_start")).filter(
        failures__gte=MOST_FROM_ADDRESS
    )
    found = (lock_of_address(row["ip_address"], now) for row in many)
    return [lock for lock in found if lock]


def lock_for(request: HttpRequest, name: str, now: datetime) -> Lock:
    """What holds whoever was just turned away, the longest first."""
    address = address_of(request) or ""
    found = [lock for lock in locks_of(name, now) if lock.address == address]
    if everybodys := lock_of_address(address, now):
        found.append(everybodys)
    latest = max(found, key=lambda lock: lock.until, default=None)
    return latest or Lock(address, settings.AXES_FAILURE_LIMIT, now + _cool_off())


def is_locked_out(request: HttpRequest, name: str) -> bool:
    return not AxesProxyHandler.is_allowed(request, {"username": name})


def count_wrong_password(request: HttpRequest, name: str) -> None:
    """As one that was sent at the admin's door. Whom this locks out reads so in place of the
    answer to this request."""
    user_login_failed.send(__name__, credentials={"username": name}, request=request)


def lift(name: str) -> int:
    """Forget all wrong passwords for this name; returns for how many locks that was."""
    count: int = AxesProxyHandler.reset_attempts(username=name)
    return count


def lift_address(address: str) -> int:
    """Forget all wrong passwords from there; returns for how many locks and names that was."""
    count: int = AxesProxyHandler.reset_attempts(ip_address=address)
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
