"""The page of changes walks Django's log of the admin by time, which Django has no index for."""

from typing import Any

from django.db import migrations

from connector.migrations._operations import is_built

NAME = "connector_admin_log_time"


def _build(apps: Any, schema_editor: Any) -> None:
    if not is_built(schema_editor, NAME):
        schema_editor.execute(
            f"CREATE INDEX {_quietly(schema_editor)} {NAME} ON django_admin_log (action_time, id)"
        )


def _drop(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(f"DROP INDEX {_quietly(schema_editor)} IF EXISTS {NAME}")


def _quietly(schema_editor: Any) -> str:
    return "CONCURRENTLY" if schema_editor.connection.vendor == "postgresql" else ""


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("connector", "0005_fewer_indexes"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]
    operations = [migrations.RunPython(_build, _drop)]
