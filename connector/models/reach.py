"""The rows of some tenants, asked for so that databases find them soon."""

from collections.abc import Sequence
from typing import Any

from django.db import connection as database
from django.db.models import BooleanField, F, Func, Q
from django.db.models.lookups import Exact, In

_A_FIFTH = "likelihood(%(expressions)s, 0.2)"


def of_tenants(ids: Sequence[int], tenant_column: str = "tenant_id") -> Q:
    """The condition that a row is of one of these tenants, named one by one.

    PostgreSQL's statistics then tell how soon a page is full (1 ms against 2,200 at 1,000,000
    rows, where it took a subquery for a handful and sorted all they have). SQLite has none and
    takes any tenant for ten rows, so that it looked through all of one for the sake of five ids
    (160 ms). It is told that they have a fifth of the table.
    """
    if len(ids) == 1:
        found: Exact[Any] | In[Any] = Exact(F(tenant_column), ids[0])
    elif ids:
        found = In(F(tenant_column), ids)
    else:
        return Q(pk__in=[])
    if database.vendor == "sqlite":
        return Q(Func(found, template=_A_FIFTH, output_field=BooleanField()))
    return Q(found)
