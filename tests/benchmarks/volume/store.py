"""Millions of rows into the database that is set: COPY on PostgreSQL, executemany on SQLite."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Field, JSONField, Model

from tests.benchmarks.volume.year import Row


class Table:
    """Where rows of one model go; what a row does not say has the model's default."""

    def __init__(self, model: type[Model]) -> None:
        fields = [field for field in model._meta.concrete_fields if not _is_serial(field)]
        self.names = [field.attname for field in fields]
        self.defaults = [_default(field) for field in fields]
        self.target = model._meta.db_table
        self.columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)

    def add(self, rows: Sequence[Row]) -> None:
        if connection.vendor == "postgresql":
            self._copy(rows)
        else:
            self._insert(rows)

    def _values(self, rows: Iterable[Row]) -> Iterable[list[Any]]:
        places = list(zip(self.names, self.defaults, strict=True))
        for row in rows:
            yield [row.get(name, default) for name, default in places]

    def _copy(self, rows: Iterable[Row]) -> None:
        statement = f"COPY {self.target} ({self.columns}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for values in self._values(rows):
                copy.write_row(values)

    def _insert(self, rows: Iterable[Row]) -> None:
        places = ", ".join("?" * len(self.names))
        statement = f"INSERT INTO {self.target} ({self.columns}) VALUES ({places})"  # noqa: S608
        stored = ([_stored(value) for value in values] for values in self._values(rows))
        connection.ensure_connection()
        connection.connection.executemany(statement, stored)


def _is_serial(field: "Field[Any, Any]") -> bool:
    return field.primary_key and field.get_internal_type() == "BigAutoField"


def _default(field: "Field[Any, Any]") -> Any:
    """Keys are always said, so the default of a key is never used."""
    value = None if field.primary_key else field.get_default()
    return json.dumps(value) if isinstance(field, JSONField) else value


_AS_STORED: dict[type, Callable[[Any], Any]] = {
    datetime: lambda value: value.astimezone(UTC).replace(tzinfo=None).isoformat(" "),
    UUID: lambda value: value.hex,
}


def _stored(value: Any) -> Any:
    convert = _AS_STORED.get(type(value))
    return convert(value) if convert else value
