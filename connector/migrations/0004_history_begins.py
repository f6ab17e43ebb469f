"""The history of settings begins with what is there: without it the first change would have
nothing to be compared with."""

from typing import Any

from django.db import migrations
from django.utils import timezone

MODELS = ("Tenant", "Queue", "WebhookToken")


def begin(apps: Any, schema_editor: Any) -> None:
    now = timezone.now()
    for name in MODELS:
        model = apps.get_model("connector", name)
        history = apps.get_model("connector", f"Historical{name}")
        columns = {field.attname for field in history._meta.concrete_fields}
        copied = [
            field.attname for field in model._meta.concrete_fields if field.attname in columns
        ]
        for values in model.objects.values(*copied).iterator():
            history.objects.create(history_date=now, history_type="~", **values)
    _people(apps)


def _people(apps: Any) -> None:
    through = apps.get_model("connector", "Tenant").people.through
    rows = dict(apps.get_model("connector", "HistoricalTenant").objects.values_list("id", "pk"))
    apps.get_model("connector", "HistoricalTenant_people").objects.bulk_create(
        apps.get_model("connector", "HistoricalTenant_people")(
            history_id=rows[pair["tenant_id"]], **pair
        )
        for pair in through.objects.values("id", "tenant_id", "user_id")
    )


class Migration(migrations.Migration):
    dependencies = [("connector", "0003_indexes")]
    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
