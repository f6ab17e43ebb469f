"""Writing the same columns of many rows, each with values of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model


def update_each(
    model: type[Model],
    changes: Sequence[tuple[Any, Mapping[str, Any]]],
    *,
    fence: Mapping[str, Any] | None = None,
    added: Mapping[str, int] | None = None,
) -> None:
    """For each (key, values by field name): write the values and add `added`, where the row still
    has the values of `fence`. All entries name the same fields.

    The statement is written out once and the driver repeats it: Django would compose it anew for
    each row, which costs more than running it.
    """
    if not changes:
        return
    known = {field.name: field for field in model._meta.concrete_fields}
    names, fence, added = list(changes[0][1]), fence or {}, added or {}
    key = model._meta.pk.name if model._meta.pk else ""
    sets = [f"{known[name].column} = %s" for name in names]
    sets += [f"{known[name].column} = {known[name].column} + %s" for name in added]
    where = [f"{known[name].column} = %s" for name in (key, *fence)]
    rows = [
        [known[name].get_db_prep_save(values[name], connection) for name in names]
        + list(added.values())
        + [known[key].get_db_prep_save(pk, connection)]
        + [known[name].get_db_prep_save(value, connection) for name, value in fence.items()]
        for pk, values in changes
    ]
    table, where_all = model._meta.db_table, " AND ".join(where)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {', '.join(sets)} WHERE {where_all}", rows)  # noqa: S608
