"""Connections that have ended, and what sealing and verifying make of them."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.audit import seal
from connector.audit.verify import Fault, Report, verify
from connector.domain import Evidence, Kind, Outcome, Reason, State
from connector.models import AgentConnection, Attempt, Tenant

NOW = datetime(2026, 10, 12, 14, 30, tzinfo=UTC)
RECEIVED = datetime(2026, 10, 12, 14, 3, 21, 482_000, tzinfo=UTC)


def delivered(tenant: Tenant, **facts: Any) -> AgentConnection:
    """Answered after 7.6 s, told 84 ms later, after a check and a delivery."""
    received_at = facts.pop("received_at", RECEIVED)
    session_id = str(uuid.uuid4())
    values = {
        "offer_key": f"s:{session_id}",
        "session_id": session_id,
        "conversation_id": "c-1",
        "user_id": "u-1",
        "user_name": "María",
        "queue_id": "q-1",
        "external_id": "57300",
        "answer_mode": "manual",
        "received_at": received_at,
        "offered_at": received_at,
        "give_up_at": received_at + timedelta(seconds=120),
        "answered_at": received_at + timedelta(seconds=7.6),
        "delivered_at": received_at + timedelta(seconds=7.684),
        "final_at": received_at + timedelta(seconds=7.684),
        "state": State.DELIVERED,
        "reason": Reason.DELIVERED,
        "evidence": Evidence.STATUS,
    }
    row = AgentConnection.objects.create(tenant=tenant, **{**values, **facts})
    attempt(row, detail="interact", response_body='{"sessions": []}')
    attempt(row, kind=Kind.DELIVERY, method="POST", request_body='{"conversationId": "c-1"}')
    return row


def ended(tenant: Tenant, state: State, reason: Reason, **facts: Any) -> AgentConnection:
    """Of whose answer nothing is known."""
    return delivered(
        tenant,
        state=state,
        reason=reason,
        **{"answered_at": None, "delivered_at": None, "evidence": "", **facts},
    )


def attempt(row: AgentConnection, **facts: Any) -> Attempt:
    values = {
        "kind": Kind.STATUS,
        "call_id": uuid.uuid4(),
        "started_at": row.received_at,
        "last_at": row.received_at,
        "duration_ms": 96,
        "timing": {"dns": 1.25, "total": 96},
        "method": "GET",
        "url": "https://api.mypurecloud.com/api/v2/analytics/agents/u-1/status",
        "request_headers": {"Accept": "application/json", "Authorization": "***"},
        "response_headers": {"content-type": "application/json"},
        "status_code": 200,
        "outcome": Outcome.OK,
    }
    return Attempt.objects.create(connection=row, **{**values, **facts})


def seal_all(now: datetime = NOW) -> int:
    count, is_more = seal.seal_due(now, time.monotonic() + 60)
    assert not is_more
    return count


def fault_of(tenant: Tenant) -> Fault:
    fault = verify(tenant).fault
    assert fault is not None
    return fault


def clean(tenant: Tenant) -> Report:
    report = verify(tenant)
    assert report.fault is None
    return report
