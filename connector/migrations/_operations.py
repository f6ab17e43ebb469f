"""What migrations of big tables need beside Django's own operations.

Such migrations are not atomic: PostgreSQL builds and drops these indexes without keeping anybody
waiting, and outside of a transaction; SQLite, which cannot, does it at once. So one that is stopped
in the middle finds, when it begins again, that a part is done.
"""

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db.migrations.operations import AddIndex, RemoveIndex


def is_built(schema_editor: Any, name: str) -> bool:
    """Whether there is this index; what is left of one that was half built is cleared away."""
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor != "postgresql":
            cursor.execute("SELECT 1 FROM sqlite_master WHERE type='index' AND name=%s", [name])
            return cursor.fetchone() is not None
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        found = cursor.fetchone()
        if found == (False,):
            cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
        return found == (True,)


class AddIndexQuietly(AddIndexConcurrently):
    """An index for a table that is written to meanwhile."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if is_built(schema_editor, self.index.name):
            return
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, *states)
        else:
            AddIndex.database_forwards(self, app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if not is_built(schema_editor, self.index.name):
            return
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, *states)
        else:
            AddIndex.database_backwards(self, app_label, schema_editor, *states)


class RemoveIndexQuietly(RemoveIndexConcurrently):
    """The same for one that is not needed any more."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if not is_built(schema_editor, self.name):
            return
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, *states)
        else:
            RemoveIndex.database_forwards(self, app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        if is_built(schema_editor, self.name):
            return
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, *states)
        else:
            RemoveIndex.database_backwards(self, app_label, schema_editor, *states)
