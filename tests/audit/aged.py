"""Connections and events of long ago."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import QuerySet

from connector.domain import Evidence, Kind, Outcome, Reason, State
from connector.events import USER_END, USER_START
from connector.models import AgentConnection, Attempt, Event, EventOutcome, Tenant

LASTED = timedelta(seconds=9)  # from the receipt until the end
SEALED_AFTER = timedelta(seconds=5)  # from then on
CALLS = 2


def new_tenant(slug: str, **days: int) -> Tenant:
    return Tenant.objects.create(
        slug=slug, name=slug, client_id="an-id", lynn_base_url="https://lynn.example.com", **days
    )


def connection(tenant: Tenant, received_at: datetime, **facts: Any) -> AgentConnection:
    """One that is not saved yet: delivered and sealed, unless `facts` say otherwise."""
    key = uuid.uuid4()
    values = {
        "offer_key": f"s:{key}",
        "conversation_id": f"c-{key}",
        "session_id": str(key),
        "user_id": "u-1",
        "user_name": "María",
        "external_id": "57300",
        "answer_mode": "manual",
        "received_at": received_at,
        "offered_at": received_at,
        "give_up_at": received_at + timedelta(seconds=120),
        "answered_at": received_at,
        "delivered_at": received_at + LASTED,
        "final_at": received_at + LASTED,
        "state": State.DELIVERED,
        "reason": Reason.DELIVERED,
        "evidence": Evidence.STATUS,
        "sealed_at": received_at + LASTED + SEALED_AFTER,
    }
    return AgentConnection(tenant=tenant, **{**values, **facts})


def still_open(now: datetime) -> dict[str, Any]:
    """The facts of one that was reopened."""
    return {
        "state": State.DELIVERING,
        "reason": "",
        "due_at": now,
        "final_at": None,
        "sealed_at": None,
    }


def attempts(row: AgentConnection, **facts: Any) -> list[Attempt]:
    values = {
        "kind": Kind.DELIVERY,
        "started_at": row.received_at,
        "last_at": row.received_at,
        "method": "POST",
        "url": "https://lynn.example.com/PureCloud/OpenMessaging_OnEvent",
        "request_headers": {"Idempotency-Key": str(row.pk)},
        "request_body": '{"externalId": "57300"}',
        "response_headers": {"Content-Type": "application/json"},
        "response_body": '{"ok": true}',
        "response_length": 12,
        "outcome": Outcome.OK,
    }
    return [
        Attempt(connection=row, call_id=uuid.uuid4(), number=number, **{**values, **facts})
        for number in range(1, CALLS + 1)
    ]


def event(tenant: Tenant, received_at: datetime, **facts: Any) -> Event:
    values = {
        "topic": "v2.detail.events.conversation.c-1.user.start",
        "kind": USER_START,
        "outcome": EventOutcome.OPENED,
        "body": '{"addressTo": "57300"}',
    }
    return Event(tenant=tenant, received_at=received_at, **{**values, **facts})


def early_end(tenant: Tenant, received_at: datetime) -> Event:
    """A user.end whose user.start never came."""
    return event(
        tenant, received_at, kind=USER_END, outcome=EventOutcome.IGNORED, session_id="s-early"
    )


def stored(tenant: Tenant, received_at: datetime, **facts: Any) -> AgentConnection:
    """A connection with its calls and the event that opened it."""
    (row,) = store([connection(tenant, received_at, **facts)])
    return row


def store(rows: list[AgentConnection]) -> list[AgentConnection]:
    AgentConnection.objects.bulk_create(rows, batch_size=500)
    calls = [call for row in rows for call in attempts(row)]
    Attempt.objects.bulk_create(calls, batch_size=500)
    posts = [
        event(
            row.tenant,
            row.received_at,
            connection=row,
            conversation_id=row.conversation_id,
            session_id=row.session_id,
        )
        for row in rows
    ]
    Event.objects.bulk_create(posts, batch_size=500)
    return rows


def everything() -> dict[str, list[dict[str, Any]]]:
    """The whole database, as far as it is ours."""
    tables: list[QuerySet[Any]] = [
        model._base_manager.order_by("pk")
        for model in apps.get_app_config("connector").get_models()
    ]
    return {table.model.__name__: list(table.values()) for table in tables}
