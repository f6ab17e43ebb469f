"""Whether the database has come as far as this version of the portal."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEHIND = "The database is not up to date: run ./run migrate (or ./run serve once)."


def waiting() -> int:
    """How many migrations are to be applied. What a newer version has applied does not count: an
    older one goes on working beside it. Raises what the database raises."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
