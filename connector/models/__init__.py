"""The data, one file a family."""

from connector.models.audit import Attempt, Event, EventOutcome
from connector.models.connection import AgentConnection, Heartbeat
from connector.models.secret import Secret, SecretField
from connector.models.tenant import (
    REGIONS,
    AgentName,
    GenesysAccess,
    Queue,
    Tenant,
    WebhookToken,
)

__all__ = [
    "REGIONS",
    "AgentConnection",
    "AgentName",
    "Attempt",
    "Event",
    "EventOutcome",
    "GenesysAccess",
    "Heartbeat",
    "Queue",
    "Secret",
    "SecretField",
    "Tenant",
    "WebhookToken",
]
