"""What agents are called: learnt from their status, looked up where it withholds the name."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain

from django.db import transaction

from connector import access, decide, record, tell
from connector.batch import Batch
from connector.clients import genesys
from connector.clients.base import Call, Exchange
from connector.domain import Kind, Reason, State
from connector.errors import ServiceError
from connector.models import AgentConnection, AgentName, Attempt, GenesysAccess, Tenant
from connector.threads import SIDE_BY_SIDE, send_all

GOOD_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class LookUp:
    """A call for one agent's name, opened for all rows that wait for it."""

    user_id: str
    row_ids: list[uuid.UUID]
    call: Call
    attempts: list[Attempt]


def is_nameless(row: AgentConnection) -> bool:
    """Whether all that is missing to tell Lynn is the name."""
    return row.state == State.DELIVERING and not row.user_name


def is_ready(row: AgentConnection) -> bool:
    return row.state == State.DELIVERING and bool(row.user_name)


def are_withheld(tenant: Tenant) -> bool:
    """Whether Genesys' last answer came without names for want of the permission."""
    return GenesysAccess.objects.filter(tenant=tenant, names_missing_since__isnull=False).exists()


def fill(batch: Batch, rows: Iterable[AgentConnection]) -> None:
    """Give rows that lack nothing but a name the one that was learnt within the last hour."""
    nameless = [row for row in rows if is_nameless(row)]
    if not nameless:
        return
    learnt_since = batch.clock() - GOOD_FOR
    fresh = AgentName.objects.filter(tenant=batch.tenant, learnt_at__gt=learnt_since)
    user_ids = {row.user_id for row in nameless}
    known = dict(fresh.filter(user_id__in=user_ids).values_list("user_id", "name"))
    for row in nameless:
        if name := known.get(row.user_id):
            row.user_name = name
            batch.note(row, "user_name")


def remember(batch: Batch, rows: Iterable[AgentConnection]) -> None:
    """Keep the names of agents who answered; in one order, so that batches cannot deadlock."""
    named = {row.user_id: row.user_name[:255] for row in rows if is_ready(row)}
    now = batch.clock()
    AgentName.objects.bulk_create(
        [
            AgentName(tenant=batch.tenant, user_id=user_id, name=name, learnt_at=now)
            for user_id, name in sorted(named.items())
        ],
        update_conflicts=True,
        unique_fields=["tenant", "user_id"],
        update_fields=["name", "learnt_at"],
    )


def go_without(
    batch: Batch, row: AgentConnection, error: ServiceError | None, trouble: Reason
) -> None:
    """No name was found: wait, or tell Lynn with an empty one, as the tenant wants it."""
    verdict = decide.without_name(row, error, trouble, batch.policy, batch.clock())
    if verdict:
        batch.apply(row, verdict)
    else:
        tell.open_posts(batch, [row])


def open_look_ups(batch: Batch, rows: Sequence[AgentConnection], token: str) -> list[LookUp]:
    """Inside a transaction: one call for each agent whose name is missing, within the budget, as
    many as can be made at once; the others come due again at once."""
    if not rows:
        return []
    by_agent: dict[str, list[AgentConnection]] = defaultdict(list)
    for row in rows:
        if row.user_id in by_agent or len(by_agent) < SIDE_BY_SIDE:
            by_agent[row.user_id].append(row)
        else:
            batch.release(row, batch.clock())
    try:
        access.spend(batch.tenant, len(by_agent), batch.clock())
    except ServiceError as exc:
        for row in chain.from_iterable(by_agent.values()):
            go_without(batch, row, exc, access.reason_of(exc))
        return []
    return [_open(batch, user_id, group, token) for user_id, group in by_agent.items()]


def _open(batch: Batch, user_id: str, rows: Sequence[AgentConnection], token: str) -> LookUp:
    call = genesys.name_call(batch.tenant.genesys_api, token, user_id)
    attempts = record.open_attempts(rows, Kind.NAME, call, batch.clock())
    return LookUp(user_id, [row.pk for row in rows], call, list(attempts.values()))


def look_up(batch: Batch, look_ups: Sequence[LookUp]) -> None:
    """Make the calls; rows that got their name are opened for delivery."""
    if not look_ups:
        return
    exchanges: dict[int, Exchange] = {}
    for answers in send_all([each.call for each in look_ups]):
        exchanges |= answers
    with transaction.atomic():
        rows = {
            row.pk: row for row in batch.refresh(pk for each in look_ups for pk in each.row_ids)
        }
        for position, each in enumerate(look_ups):
            mine = [rows[pk] for pk in each.row_ids if pk in rows]
            _record(batch, each, mine, exchanges[position])
        for exchange in exchanges.values():
            if exchange.asks_to_wait:
                access.note_limits(batch.tenant, exchange, batch.clock())
        remember(batch, rows.values())
        tell.open_posts(batch, [row for row in rows.values() if is_ready(row)])
        batch.save(list(rows.values()))


def _record(
    batch: Batch, each: LookUp, rows: Sequence[AgentConnection], exchange: Exchange
) -> None:
    name, error = "", None
    try:
        name = genesys.read_name(exchange)
    except ServiceError as exc:
        error = exc
    record.close(each.attempts, exchange, error)
    trouble = access.reason_of(error) if error else Reason.NAME_UNAVAILABLE
    for row in rows:
        batch.settle(row)
        if name and is_nameless(row):
            row.user_name = name[:255]
            batch.touch(row, "user_name")
        elif is_nameless(row):
            go_without(batch, row, error, trouble)
