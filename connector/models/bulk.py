"""Writing rows of the big tables, with statements that are written out once.

Django composes a statement anew for each row, which costs several times what running it does.
Nothing listens to the signals of these models.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Field, Model


def insert(rows: Sequence[Model]) -> None:
    """Store new rows of one model, all columns; raises IntegrityError as save() does."""
    if not rows:
        return
    statement, fields = _insertion(type(rows[0]))
    values = [
        [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
        for row in rows
    ]
    with connection.cursor() as cursor:
        if len(values) == 1:
            cursor.execute(statement, values[0])
        else:
            cursor.executemany(statement, values)
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


@functools.cache
def _insertion(model: type[Model]) -> tuple[str, Sequence["Field[Any, Any]"]]:
    fields = model._meta.concrete_fields
    columns = ", ".join(_quoted(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table = _quoted(model._meta.db_table)
    return f"INSERT INTO {table} ({columns}) VALUES ({places})", fields  # noqa: S608


def _quoted(name: object) -> str:
    return connection.ops.quote_name(str(name))


def update_each(
    model: type[Model],
    changes: Sequence[tuple[Any, Mapping[str, Any]]],
    *,
    fence: Mapping[str, Any] | None = None,
    added: Mapping[str, int] | None = None,
) -> None:
    """For each (key, values by field name): write the values and add `added`, where the row still
    has the values of `fence`. All entries name the same fields."""
    if not changes:
        return
    known = {field.name: field for field in model._meta.concrete_fields}
    names, fence, added = list(changes[0][1]), fence or {}, added or {}
    key = model._meta.pk.name if model._meta.pk else ""
    columns = {name: _quoted(known[name].column) for name in (key, *names, *added, *fence)}
    sets = [f"{columns[name]} = %s" for name in names]
    sets += [f"{columns[name]} = {columns[name]} + %s" for name in added]
    where = [f"{columns[name]} = %s" for name in (key, *fence)]
    rows = [
        [known[name].get_db_prep_save(values[name], connection) for name in names]
        + list(added.values())
        + [known[key].get_db_prep_save(pk, connection)]
        + [known[name].get_db_prep_save(value, connection) for name, value in fence.items()]
        for pk, values in changes
    ]
    table, where_all = _quoted(model._meta.db_table), " AND ".join(where)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {', '.join(sets)} WHERE {where_all}", rows)  # noqa: S608
