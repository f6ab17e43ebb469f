"""The data, one file a family."""

from connector.models.audit import Attempt, Event, EventOutcome
from connector.models.connection import AgentConnection, Heartbeat
from connector.models.genesys import AgentName, GenesysAccess
from connector.models.secret import Secret, SecretField
from connector.models.tenant import REGIONS, Queue, Tenant
from connector.models.token import WebhookToken

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
