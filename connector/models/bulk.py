"""Reading and writing rows of the big tables, with statements that are written out once.

Django composes a statement anew for each row, which costs several times what running it does.
Nothing listens to the signals of these models.
"""

import functools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Field, Model
from django.db.models.sql.compiler import SQLCompiler

Kept = TypeVar("Kept", bound=Model)


def locked(model: type[Kept], keys: Iterable[uuid.UUID], *, fence: Mapping[str, Any]) -> list[Kept]:
    """The rows with these keys that have the values of `fence`, as they are now, locked until the
    transaction around this ends; in the order of their keys, so that no two transactions wait for
    each other in a circle."""
    keys = list(dict.fromkeys(keys))
    if not keys:
        return []
    known = {field.name: field for field in model._meta.concrete_fields}
    values = [(known[model._meta.pk.name], key) for key in keys]
    values += [(known[name], value) for name, value in fence.items()]
    statement, compiler, names, converters = _selection(model, len(keys), tuple(fence))
    with connection.cursor() as cursor:
        cursor.execute(
            statement, [field.get_db_prep_value(value, connection) for field, value in values]
        )
        found = compiler.apply_converters(cursor.fetchall(), converters)
        return [model.from_db(connection.alias, names, row) for row in found]


@functools.lru_cache(maxsize=64)  # one for each number of keys, of which most batches have few
def _selection(
    model: type[Model], keys: int, fence: tuple[str, ...]
) -> tuple[str, SQLCompiler, list[str], Any]:
    """The statement, what reads its rows, their columns, and how these become Python's values."""
    rows = model._default_manager.filter(pk__in=[uuid.UUID(int=n) for n in range(keys)])
    rows = rows.filter(**{name: uuid.UUID(int=0) for name in fence})  # apart, to keep their order
    compiler = rows.select_for_update().order_by("pk").query.get_compiler(connection.alias)
    statement, _ = compiler.as_sql()
    columns = [column for column, *_ in compiler.select or ()]
    names = [column.target.attname for column in columns]
    return statement, compiler, names, compiler.get_converters(columns)


def insert(rows: Sequence[Model]) -> None:
    """Store new rows of one model, all columns but a key that the database makes; raises
    IntegrityError as save() does."""
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
    fields = [field for field in model._meta.concrete_fields if field is not model._meta.auto_field]
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
