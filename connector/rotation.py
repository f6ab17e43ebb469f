"""Every stored secret comes under the first of PORTAL_FIELD_KEYS.

What is there already is skipped, so it can be stopped and started again at any time. Nothing else
about a row changes, neither its version nor its history. Tokens of Genesys belong to the stored
form of the client secret, so each tenant's is fetched anew once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, transaction

from connector.errors import SecretUnreadable
from connector.models import SecretField, Tenant

BATCH = 100  # rows in one transaction


@dataclass(frozen=True)
class Rotated:
    """What came of some secrets; `unreadable` names those that none of our keys decrypts."""

    changed: int = 0
    unchanged: int = 0
    unreadable: tuple[str, ...] = ()

    def __add__(self, other: "Rotated") -> "Rotated":
        return Rotated(
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.unreadable + other.unreadable,
        )


@dataclass(frozen=True)
class Column:
    """A column that holds secrets, in whichever model."""

    model: type[models.Model]
    name: str

    def rows(self) -> models.QuerySet[Any]:
        return self.model._base_manager.exclude(**{self.name: ""}).order_by("pk")


def columns() -> list[Column]:
    return [
        Column(model, field.name)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_concrete_fields
        if isinstance(field, SecretField)
    ]


def rotate() -> Iterator[Rotated]:
    """Yields after each batch what has come of it for good."""
    for column in columns():
        keys = list(column.rows().values_list("pk", flat=True)[:BATCH])
        while keys:
            yield _rotate(column, keys)
            keys = list(column.rows().filter(pk__gt=keys[-1]).values_list("pk", flat=True)[:BATCH])


def _rotate(column: Column, keys: list[Any]) -> Rotated:
    """Locks the rows, so that a secret which is entered at this moment is not overwritten."""
    total = Rotated()
    with transaction.atomic():
        for row in column.rows().filter(pk__in=keys).select_for_update().only("pk", column.name):
            total += _rotate_row(column, row)
    return total


def _rotate_row(column: Column, row: Any) -> Rotated:
    secret = getattr(row, column.name)
    try:
        fresh = secret.rotated()
    except SecretUnreadable:
        return Rotated(unreadable=(_name(column, row),))
    if fresh == secret:
        return Rotated(unchanged=1)
    column.rows().filter(pk=row.pk).update(**{column.name: fresh})
    return Rotated(changed=1)


def _name(column: Column, row: Any) -> str:
    """Whose secret, and which."""
    tenant = row if isinstance(row, Tenant) else getattr(row, "tenant", None)
    owner = tenant.slug if isinstance(tenant, Tenant) else f"{row._meta.verbose_name} {row.pk}"
    return f"{owner}: {row._meta.get_field(column.name).verbose_name}"
