"""What is on record already when an event of a conversation comes in."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection as database
from django.db.models import Q

from connector import offers
from connector.events import USER_END, AcdEnd, UserEnd, UserStart
from connector.models import AgentConnection, Event, Tenant

# Almost every event is the first of its conversation. Written out, since it is asked for each
# event, and composing queries costs several times what answering them does.
_ANYTHING = f"""
SELECT EXISTS (SELECT 1 FROM connector_agentconnection
               WHERE tenant_id = %s AND conversation_id = %s)
       OR EXISTS (SELECT 1 FROM connector_agentconnection
                  WHERE tenant_id = %s AND offer_key = %s),
       EXISTS (SELECT 1 FROM connector_event
               WHERE tenant_id = %s AND session_id = %s AND session_id <> ''
                 AND connection_id IS NULL AND kind = '{USER_END}')
"""  # noqa: S608  (only a constant of ours is put in)


@dataclass(frozen=True)
class EarlyEnd:
    """A user.end that came before the user.start of its session."""

    event_id: uuid.UUID
    at: datetime
    interacted: bool


@dataclass(frozen=True)
class History:
    """`rows`: what the conversation has, and the session's offer whatever conversation it was said
    to belong to, newest first. `is_early_end_known`: an end of the event's session is waiting."""

    rows: Sequence[AgentConnection]
    is_early_end_known: bool


def of(tenant: Tenant, event: UserStart | AcdEnd | UserEnd) -> History:
    """Inside a transaction. Until it ends other events of this conversation and session wait, so
    that a user.end and its user.start see each other."""
    key = offers.session_key(event.session_id)
    keys: list[str | int] = [event.conversation_id, tenant.pk, key, tenant.pk, event.session_id]
    before, locks = _one_at_a_time(tenant, event)
    with database.cursor() as cursor:
        cursor.execute(before + _ANYTHING, [*locks, tenant.pk, *keys])
        if before:
            cursor.nextset()
        has_rows, has_early_end = cursor.fetchone()
    return History(_rows(tenant, event, key) if has_rows else [], bool(has_early_end))


def _rows(
    tenant: Tenant, event: UserStart | AcdEnd | UserEnd, key: str
) -> Sequence[AgentConnection]:
    same = Q(conversation_id=event.conversation_id) | Q(offer_key=key)
    return list(AgentConnection.objects.filter(same, tenant=tenant).order_by("-offered_at"))


def early_ends(tenant: Tenant, session_id: str) -> list[EarlyEnd]:
    """The ends of this session that are linked to no connection yet, oldest first."""
    ends = Event.objects.filter(
        tenant=tenant, session_id=session_id, kind=USER_END, connection=None
    )
    return [
        EarlyEnd(end.pk, end.event_time or end.received_at, end.interacted)
        for end in ends.order_by("received_at")
        if end.interacted is not None
    ]


def _one_at_a_time(
    tenant: Tenant, event: UserStart | AcdEnd | UserEnd
) -> tuple[str, list[list[int]]]:
    """The statement that makes others wait, to be sent before the one that looks, on the same way
    to the database. On SQLite every writing transaction is alone anyway."""
    if database.vendor != "postgresql":
        return "", []
    names = {f"c:{event.conversation_id}", f"s:{event.session_id or event.conversation_id}"}
    keys = sorted(_lock_key(tenant, name) for name in names)
    return "SELECT pg_advisory_xact_lock(key) FROM unnest(%s) AS key;", [keys]


def _lock_key(tenant: Tenant, name: str) -> int:
    digest = hashlib.sha256(f"{tenant.pk}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
