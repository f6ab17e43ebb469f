"""Who sees which tenants."""

from typing import Any

from django.db import connection as database
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest

from connector.models import Tenant, of_tenants


def sees_all_tenants(request: HttpRequest) -> bool:
    return request.user.has_perm("connector.view_all_tenants")


def tenants_of(request: HttpRequest) -> list[Tenant]:
    """The tenants that this person may see, by name; asked for once a request."""
    known: list[Tenant] | None = getattr(request, "_tenants_of_reader", None)
    if known is None:
        tenants = Tenant.objects.order_by("name").only("slug", "name")
        if not sees_all_tenants(request):
            tenants = tenants.filter(people=request.user.pk)
        known = list(tenants)
        request._tenants_of_reader = known  # type: ignore[attr-defined]
    return known


def seen_by(request: HttpRequest, tenant_column: str = "tenant_id") -> Q:
    """The condition that a row is of a tenant which this person may see."""
    if sees_all_tenants(request):
        return Q()
    own = tenants_of(request)
    if len(own) > 1 and database.vendor == "sqlite":
        # Named one by one, it would sort all rows of these tenants instead of walking an index
        # until a page is full (725 ms against 6 at 300,000 rows).
        listed = Tenant.people.through.objects.filter(
            user=request.user.pk, tenant=OuterRef(tenant_column)
        )
        return Q(Exists(listed))
    return of_tenants([tenant.pk for tenant in own], tenant_column)


def to_count(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows, of those that the reader sees: in no order, so that they are soon found."""
    own = tenants_of(request)
    if sees_all_tenants(request) or len(own) == 1 or database.vendor != "sqlite":
        return rows.order_by()
    return rows.filter(of_tenants([tenant.pk for tenant in own])).order_by()


def from_newest(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows, of those that the reader sees: for a list by `received_at`, newest first.

    Of several tenants it is said when the newest was received, or databases would begin with all
    that others have received since.
    """
    own = tenants_of(request)
    if sees_all_tenants(request) or len(own) == 1 or request.GET.get("tenant"):
        return rows
    of_tenant = rows.model._default_manager.filter(tenant=OuterRef("pk")).order_by("-received_at")
    newest = Subquery(of_tenant.values("received_at")[:1])
    asked = Tenant.objects.filter(pk__in=[tenant.pk for tenant in own])
    found = asked.aggregate(newest=Max(newest))["newest"]
    return rows.filter(received_at__lte=found) if found else rows.none()
