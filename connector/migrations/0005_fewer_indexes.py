"""What each change of an open connection has to write is less: see docs/performance.md."""

from django.db import migrations, models

from connector.migrations._operations import AddIndexQuietly, RemoveIndexQuietly

FINAL = models.Q(("due_at__isnull", True))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("connector", "0004_history_begins")]
    operations = [
        AddIndexQuietly(
            model_name="agentconnection",
            index=models.Index(
                condition=FINAL, fields=["state", "received_at"], name="connection_ended"
            ),
        ),
        AddIndexQuietly(
            model_name="agentconnection",
            index=models.Index(
                condition=FINAL,
                fields=["tenant", "state", "received_at"],
                name="connection_tenant_ended",
            ),
        ),
        RemoveIndexQuietly(model_name="agentconnection", name="connection_state_received"),
        RemoveIndexQuietly(model_name="agentconnection", name="connection_tenant_state"),
        RemoveIndexQuietly(model_name="agentconnection", name="connection_session"),
    ]
