"""Indexes on the big tables, built while the portal goes on working."""

from django.db import migrations, models

from connector.migrations._operations import AddIndexQuietly


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("connector", "0002_under_pressure")]
    operations = [
        AddIndexQuietly(
            model_name="agentconnection",
            index=models.Index(
                fields=["tenant", "state", "received_at"], name="connection_tenant_state"
            ),
        ),
        AddIndexQuietly(
            model_name="agentconnection",
            index=models.Index(
                condition=models.Q(("due_at__isnull", True), ("sealed_at__isnull", True)),
                fields=["tenant", "final_at"],
                name="connection_unsealed",
            ),
        ),
        AddIndexQuietly(
            model_name="agentconnection",
            index=models.Index(
                condition=models.Q(("sealed_at__isnull", False), ("trigger", "person")),
                fields=["tenant", "sealed_at", "id"],
                name="connection_reopened",
            ),
        ),
        AddIndexQuietly(
            model_name="agentconnection",
            index=models.Index(fields=["queue_id", "received_at"], name="connection_queue"),
        ),
        AddIndexQuietly(
            model_name="agentconnection",
            index=models.Index(fields=["session_id"], name="connection_session"),
        ),
        AddIndexQuietly(
            model_name="agentconnection",
            index=models.Index(
                fields=["user_name"],
                name="connection_agent_name",
                opclasses=["varchar_pattern_ops"],
            ),
        ),
        AddIndexQuietly(
            model_name="agentconnection",
            index=models.Index(
                condition=models.Q(
                    ("acknowledged_at__isnull", True),
                    models.Q(
                        ("state", "failed"),
                        models.Q(("reason", "too_late"), ("state", "expired")),
                        _connector="OR",
                    ),
                ),
                fields=["tenant", "reason", "received_at"],
                name="connection_waiting",
            ),
        ),
        AddIndexQuietly(
            model_name="event",
            index=models.Index(fields=["received_at", "id"], name="event_received"),
        ),
        AddIndexQuietly(
            model_name="event",
            index=models.Index(fields=["outcome", "received_at"], name="event_outcome_received"),
        ),
        AddIndexQuietly(
            model_name="event",
            index=models.Index(
                condition=models.Q(("outcome", "refused")),
                fields=["tenant", "received_at"],
                name="event_refused",
            ),
        ),
    ]
