"""Checks that have to wait for Genesys' limit keep their place in the round."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connector", "0006_admin_log_by_time")]
    operations = [
        migrations.AddField(
            model_name="genesysaccess",
            name="short_until",
            field=models.DateTimeField(null=True),
        ),
    ]
