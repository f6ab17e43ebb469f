"""How far somebody's authority over other accounts goes: nobody hands on, or takes over by way of
another account, more than they may see and do themselves."""

from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from connector.scope import sees_all_tenants, tenants_of


def may_manage(request: HttpRequest, account: User) -> bool:
    """Whether it is within the reader's authority; so is their own."""
    if _has_all_rights(request):
        return True
    # What the account itself says it may do, that is nothing while it is switched off.
    given = Permission.objects.filter(Q(user=account) | Q(group__user=account))
    return (
        not account.is_superuser
        and not _beyond(request, given).exists()
        and _sees_no_more(request, account)
    )


def may_manage_group(request: HttpRequest, group: Group) -> bool:
    return _has_all_rights(request) or not _beyond(request, group.permissions.all()).exists()


def own_permissions(request: HttpRequest, rows: "QuerySet[Permission]") -> "QuerySet[Permission]":
    """Those that the reader holds, and may therefore give."""
    return rows if _has_all_rights(request) else rows.filter(pk__in=_held(request))


def own_groups(request: HttpRequest) -> "QuerySet[Group]":
    """Those that give nothing which the reader does not hold."""
    groups = Group.objects.order_by("name")
    if _has_all_rights(request):
        return groups
    return groups.exclude(permissions__in=_beyond(request, Permission.objects.all()))


def _has_all_rights(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_superuser", False))


def _beyond(request: HttpRequest, rows: "QuerySet[Permission]") -> "QuerySet[Permission]":
    return rows.exclude(pk__in=_held(request))


def _held(request: HttpRequest) -> "QuerySet[Permission, Any]":
    mine = Permission.objects.filter(Q(user=request.user.pk) | Q(group__user=request.user.pk))
    return mine.values("pk")


def _sees_no_more(request: HttpRequest, account: User) -> bool:
    own = [tenant.pk for tenant in tenants_of(request)]
    return sees_all_tenants(request) or not account.tenants.exclude(pk__in=own).exists()
