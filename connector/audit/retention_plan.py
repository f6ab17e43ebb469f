"""What retention would remove now, counted and not touched."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Min, Q, QuerySet

from connector.audit.retention import NO_BODIES, WALK, Horizons, Kind, Removed
from connector.models import AgentConnection, Attempt, Event, Tenant


@dataclass(frozen=True)
class Plan:
    """The numbers that a run which begins anew gives, and the time of the oldest of each kind."""

    removed: Removed
    oldest_connection: datetime | None
    oldest_event: datetime | None
    oldest_body: datetime | None


def plan(tenant: Tenant, now: datetime) -> Plan:
    reach = _Reach(tenant, now)
    connections, events = reach.connections(), reach.events()
    calls, posts = reach.calls_with_bodies(), reach.events_with_bodies()
    calls_oldest = calls.aggregate(at=Min("connection__received_at"))["at"]
    return Plan(
        Removed(
            connections=connections.count(),
            attempts=Attempt.objects.filter(connection__in=connections).count(),
            events=events.count(),
            bodies=calls.count() + posts.count(),
        ),
        oldest_connection=_oldest(connections),
        oldest_event=_oldest(events),
        oldest_body=min(filter(None, [calls_oldest, _oldest(posts)]), default=None),
    )


def _oldest(rows: QuerySet[Any]) -> datetime | None:
    at: datetime | None = rows.aggregate(at=Min("received_at"))["at"]
    return at


class _Reach:
    """The rows of each kind that a run which begins anew removes, less those gone by then."""

    def __init__(self, tenant: Tenant, now: datetime) -> None:
        self.tenant = tenant
        self.horizons = Horizons.of(tenant, now)

    def connections(self) -> QuerySet[AgentConnection]:
        return self._ready(Kind.CONNECTIONS)

    def events(self) -> QuerySet[Event]:
        return Event.objects.filter(self._events_gone()).order_by()

    def calls_with_bodies(self) -> QuerySet[Attempt]:
        kept = self._ready(Kind.CALL_BODIES).filter(received_at__gte=self.horizons.connections)
        calls = Attempt.objects.filter(connection__in=kept.values("pk"))
        return calls.exclude(NO_BODIES).order_by()

    def events_with_bodies(self) -> QuerySet[Event]:
        reached = Event.objects.filter(pk__in=self._ready(Kind.EVENT_BODIES).values("pk"))
        return reached.exclude(body="").exclude(self._events_gone()).order_by()

    def _events_gone(self) -> Q:
        connections, events = self.connections().values("pk"), self._ready(Kind.EVENTS).values("pk")
        return Q(connection__isnull=False, connection__in=connections) | Q(pk__in=events)

    def _ready(self, kind: Kind) -> QuerySet[Any]:
        return WALK[kind].before(self.tenant, self.horizons).filter(waits=False)
