"""Whether the process lives, and whether the portal is ready for work, each with a word."""

from collections.abc import Callable
from datetime import timedelta

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from connector import clock, schema
from connector.heartbeat import SILENT_AFTER
from connector.models import AgentConnection, Heartbeat

OVERDUE_AFTER = timedelta(seconds=30)
_are_migrations_applied = False


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process lives; nothing else is looked at."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when all is well, else 503; each part says "ok" or what is wrong with it."""
    parts: dict[str, str] = {}
    for name, look in CHECKS.items():
        try:
            parts[name] = look()
        except Error as exc:
            parts[name] = f"unavailable: {type(exc).__name__}"
    is_ready = all(word == "ok" for word in parts.values())
    status = "ready" if is_ready else "not ready"
    response = JsonResponse({"status": status, **parts}, status=200 if is_ready else 503)
    response._has_been_logged = True  # type: ignore[attr-defined]  # an answer, not a failure
    return response


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _migrations() -> str:
    global _are_migrations_applied
    if not _are_migrations_applied:
        if waiting := schema.waiting():
            return f"{waiting} to be applied: run ./run migrate"
        _are_migrations_applied = True  # and stay so, whereas building their graph takes a while
    return "ok"


def _worker() -> str:
    newest = Heartbeat.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()
    if newest is None:
        return "none has been seen: start ./run worker"
    silent = clock.now() - newest
    if silent > SILENT_AFTER:
        return f"none has been seen for {silent.total_seconds():.0f} s: look at ./run worker"
    return "ok"


def _overdue() -> str:
    now = clock.now()
    due_at = AgentConnection.objects.oldest_due(now)
    late = now - due_at if due_at else timedelta(0)
    return "ok" if late <= OVERDUE_AFTER else f"oldest work is {late.total_seconds():.0f} s late"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "worker": _worker,
    "overdue": _overdue,
}
