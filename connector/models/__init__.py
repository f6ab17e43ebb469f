"""The data, one file a family."""

from connector.models.audit import Attempt, Event, EventOutcome
from connector.models.chore import Chore
from connector.models.connection import NEEDS_A_PERSON, WAITS, AgentConnection, Heartbeat
from connector.models.genesys import AgentName, GenesysAccess
from connector.models.lynn import LynnAccess
from connector.models.probe import Probe
from connector.models.reach import of_tenants
from connector.models.replay import (
    Acknowledgement,
    ExportLog,
    ItemState,
    Replay,
    ReplayItem,
    ReplayKind,
    ReplayState,
)
from connector.models.retention import RetentionMark
from connector.models.seal import (
    TOLD_WITHIN,
    AuditHead,
    AuditSeal,
    HourlyCount,
    OutcomeTotal,
    SealKind,
    Tally,
)
from connector.models.secret import Secret, SecretField
from connector.models.tenant import REGIONS, Queue, Tenant
from connector.models.token import WebhookToken
from connector.models.trouble import Trouble

__all__ = [
    "NEEDS_A_PERSON",
    "REGIONS",
    "TOLD_WITHIN",
    "WAITS",
    "Acknowledgement",
    "AgentConnection",
    "AgentName",
    "Attempt",
    "AuditHead",
    "AuditSeal",
    "Chore",
    "Event",
    "EventOutcome",
    "ExportLog",
    "GenesysAccess",
    "Heartbeat",
    "HourlyCount",
    "ItemState",
    "LynnAccess",
    "OutcomeTotal",
    "Probe",
    "Queue",
    "Replay",
    "ReplayItem",
    "ReplayKind",
    "ReplayState",
    "RetentionMark",
    "SealKind",
    "Secret",
    "SecretField",
    "Tally",
    "Tenant",
    "Trouble",
    "WebhookToken",
    "of_tenants",
]
