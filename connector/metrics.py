"""/metrics: what Prometheus reads. All of it comes from the database, so that it is the same
whichever of many processes answers."""

import ipaddress
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import accumulate

from django.conf import settings
from django.db import Error
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from connector import chores, clock, heartbeat
from connector.audit import counts
from connector.domain import OPEN, State
from connector.models import (
    TOLD_WITHIN,
    AgentConnection,
    AuditHead,
    Chore,
    GenesysAccess,
    Heartbeat,
    LynnAccess,
    Tenant,
)

logger = logging.getLogger(__name__)

TEXT = "text/plain; charset=utf-8"
# Set by proxies: the request then comes from further away than REMOTE_ADDR says.
FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)
BOUNDS = [str(ms / 1000) for ms in TOLD_WITHIN] + ["+Inf"]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """With PORTAL_METRICS_TOKEN set, whoever brings it; without, only clients on this machine."""
    refused = _refusal(request)
    if refused:
        return refused
    registry = CollectorRegistry()
    try:
        registry.register(_Database(clock.now()))
        content = generate_latest(registry)
    except Error as exc:
        logger.error("The metrics cannot be read: %s", exc)
        return _answer(f"The database is unavailable: {type(exc).__name__}", 503)
    response = HttpResponse(content, content_type=CONTENT_TYPE_PLAIN_0_0_4)
    response["Cache-Control"] = "no-store"
    return response


def _refusal(request: HttpRequest) -> HttpResponse | None:
    if settings.METRICS_TOKEN:
        if _brings_token(request):
            return None
        response = _answer("Send the token of PORTAL_METRICS_TOKEN: Authorization: Bearer ...", 401)
        response["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return response
    if _is_local(request):
        return None
    return _answer(
        "Without PORTAL_METRICS_TOKEN only this machine itself may read the metrics, and not "
        "through a proxy. Set the variable, and send its value as a bearer token.",
        403,
    )


def _brings_token(request: HttpRequest) -> bool:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    same = constant_time_compare(token.strip(), settings.METRICS_TOKEN)
    return same and scheme.lower() == "bearer"


def _is_local(request: HttpRequest) -> bool:
    """gunicorn gives the address of whoever connected to it and believes no header. A proxy on
    this machine connects from here for clients from anywhere, but says so in a header."""
    if any(name in request.META for name in FORWARDED):
        return False
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _answer(sentence: str, status: int) -> HttpResponse:
    response = HttpResponse(f"{sentence}\n", status=status, content_type=TEXT)
    response._has_been_logged = True  # type: ignore[attr-defined]  # an answer, not a failure
    return response


class _Database:
    """The collector: everything as it stands now."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def describe(self) -> Iterable[Metric]:
        """Nothing needs to be read to register it."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from _outcomes()
        yield _seals()
        yield from _open(self.now)
        yield from _workers(self.now)
        yield from _chores()
        yield from _upstreams(self.now)


def _outcomes() -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "portal_connections",
        "Agent connections that ended so; one that was reopened counts at each of its ends.",
        labels=["tenant", "state", "reason"],
    )
    told = HistogramMetricFamily(
        "portal_delivery_delay_seconds",
        "From the agent's answer until Lynn was told.",
        labels=["tenant"],
    )
    for total in counts.ever():
        slug = total.tenant.slug
        ended.add_metric([slug, total.state, total.reason], total.count)
        if total.state == State.DELIVERED:
            times = counts.told_ever(total)
            buckets = list(zip(BOUNDS, accumulate(times.within), strict=True))
            told.add_metric([slug], buckets, times.total_ms / 1000)
    yield ended
    yield told


def _seals() -> Metric:
    """Kept outside of the database, this shows when a chain was put back to an older copy."""
    seals = CounterMetricFamily(
        "portal_audit_seals", "Seals in the tenant's audit chain.", labels=["tenant"]
    )
    for slug, number in AuditHead.objects.order_by("tenant__slug").values_list(
        "tenant__slug", "number"
    ):
        seals.add_metric([slug], number)
    return seals


def _open(now: datetime) -> Iterator[Metric]:
    open_now = GaugeMetricFamily(
        "portal_open_connections",
        "Agent connections that are being checked or delivered.",
        labels=["tenant", "state"],
    )
    rows = AgentConnection.objects.filter(due_at__isnull=False).order_by()
    found = rows.values_list("tenant_id", "state").annotate(Count("pk"))
    numbers = {(tenant_id, state): count for tenant_id, state, count in found}
    for tenant_id, slug in Tenant.objects.order_by("slug").values_list("pk", "slug"):
        for state in OPEN:
            open_now.add_metric([slug, state], numbers.get((tenant_id, state), 0))
    yield open_now
    oldest = AgentConnection.objects.oldest_due(now)
    yield _gauge(
        "portal_overdue_seconds",
        "How late the oldest due work is, waiting for Genesys' limit left out; 0 if none is late.",
        _seconds(now - oldest) if oldest else 0,
    )
    yield _gauge(
        "portal_unsealed_connections",
        "Agent connections that have ended and are not in the audit chain yet.",
        AgentConnection.objects.filter(sealed_at=None, due_at=None).count(),
    )


def _workers(now: datetime) -> Iterator[Metric]:
    yield _gauge(
        "portal_workers_alive",
        f"Workers seen within the last {_seconds(heartbeat.SILENT_AFTER):.0f} s.",
        heartbeat.alive(now),
    )
    seen = GaugeMetricFamily(
        "portal_worker_seen_timestamp_seconds",
        "When a worker gave its last sign of life.",
        labels=["worker"],
    )
    for worker in Heartbeat.objects.order_by("name"):
        seen.add_metric([worker.name], worker.seen_at.timestamp())
    yield seen


def _chores() -> Iterator[Metric]:
    ended = GaugeMetricFamily(
        "portal_chore_finished_timestamp_seconds",
        "When the last run of a background chore ended.",
        labels=["chore"],
    )
    took = GaugeMetricFamily(
        "portal_chore_duration_seconds", "How long that run took.", labels=["chore"]
    )
    failed = GaugeMetricFamily(
        "portal_chore_failed", "1 if that run failed, else 0.", labels=["chore"]
    )
    for chore in Chore.objects.filter(name__in=chores.CHORES, finished_at__isnull=False):
        labels = [chore.name]
        ended.add_metric(labels, chore.finished_at.timestamp() if chore.finished_at else 0)
        took.add_metric(labels, (chore.took_ms or 0) / 1000)
        failed.add_metric(labels, bool(chore.problem))
    yield from (ended, took, failed)


def _upstreams(now: datetime) -> Iterator[Metric]:
    allowed = GaugeMetricFamily(
        "portal_genesys_calls_allowed_per_minute",
        "Calls that Genesys allows this tenant's OAuth client.",
        labels=["tenant"],
    )
    blocked = GaugeMetricFamily(
        "portal_genesys_blocked_seconds",
        "For how long Genesys still wants not to be called; 0 if it may be.",
        labels=["tenant"],
    )
    trouble = GaugeMetricFamily(
        "portal_genesys_trouble",
        "1 if the last call to Genesys failed, else 0.",
        labels=["tenant"],
    )
    for access in GenesysAccess.objects.select_related("tenant").order_by("tenant__slug"):
        labels, until = [access.tenant.slug], access.blocked_until
        allowed.add_metric(labels, access.allowed_per_minute)
        blocked.add_metric(labels, _seconds(until - now) if until else 0)
        trouble.add_metric(labels, bool(access.trouble))
    yield from (allowed, blocked, trouble)
    breaker = GaugeMetricFamily(
        "portal_lynn_breaker_open",
        "1 while deliveries wait because Lynn does not answer, else 0.",
        labels=["tenant"],
    )
    for lynn in LynnAccess.objects.select_related("tenant").order_by("tenant__slug"):
        breaker.add_metric([lynn.tenant.slug], lynn.is_open)
    yield breaker


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _seconds(span: timedelta) -> float:
    return max(span.total_seconds(), 0.0)
