"""Ask Genesys: what are these agents doing, and what are they called?

One status call for all agents of a batch; a token before it where there is none; a name look-up
after it for agents who answered and whose name the status withheld.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import transaction

from connector import access, decide, names, record, tell
from connector.batch import Batch
from connector.clients import genesys
from connector.clients.base import Call, Exchange, send
from connector.decide import AgentStatus, Sighting, View
from connector.domain import Kind, Reason, State
from connector.errors import CredentialsRefused, SecretUnreadable, ServiceError, ServiceRefused
from connector.models import AgentConnection, Attempt


@dataclass(frozen=True)
class Look:
    """A call that was opened for these rows and is about to be made: for the agents' status, or
    for a token with which to ask."""

    ids: list[uuid.UUID]
    user_ids: list[str]
    token: str
    call: Call
    attempts: Mapping[uuid.UUID, Attempt]
    for_token: bool = False


def needs_look(row: AgentConnection) -> bool:
    return row.state == State.CHECKING or names.is_nameless(row)


def open_look(batch: Batch, rows: Sequence[AgentConnection]) -> Look | None:
    """Inside a transaction: take the call from the budget and open its attempts.

    None where nothing can be asked now; the rows then have their verdicts.
    """
    rows = _askable_together(batch, rows)
    if not rows:
        return None
    try:
        entry = access.take(batch.tenant, calls=1, now=batch.clock())
    except ServiceError as exc:
        if isinstance(exc, CredentialsRefused):
            record.share_token_call(rows, access.last_token_attempt(batch.tenant))
        blind(batch, rows, exc)
        return None
    except SecretUnreadable as exc:
        blind(batch, rows, ServiceRefused(str(exc)), Reason.INTERNAL_ERROR)
        return None
    batch.policy = replace(batch.policy, check_every=entry.check_every)
    return _open_token(batch, rows) if entry.renew else _open_status(batch, rows, entry.token)


def _askable_together(batch: Batch, rows: Sequence[AgentConnection]) -> Sequence[AgentConnection]:
    """Without the permission for names a bulk answer does not say whose sessions it shows, so the
    agent of an offer without a session id is asked for alone; the others' turn comes at once."""
    loose = [row for row in rows if not row.session_id]
    if not loose or len({row.user_id for row in rows}) == 1 or not names.are_withheld(batch.tenant):
        return rows
    alone = [row for row in rows if row.user_id == loose[0].user_id]
    for row in rows:
        if row not in alone:
            batch.release(row, batch.clock())
    return alone


def _open_token(batch: Batch, rows: Sequence[AgentConnection]) -> Look:
    tenant = batch.tenant
    call = genesys.token_call(tenant.genesys_login, tenant.client_id, tenant.client_secret.reveal())
    attempts = record.open_attempts(rows, Kind.TOKEN, call, batch.clock())
    return Look([row.pk for row in rows], [], "", call, attempts, for_token=True)


def _open_status(batch: Batch, rows: Sequence[AgentConnection], token: str) -> Look:
    user_ids = sorted({row.user_id for row in rows})
    call = genesys.status_call(batch.tenant.genesys_api, token, user_ids)
    attempts = record.open_checks(rows, call, batch.clock())
    return Look([row.pk for row in rows], user_ids, token, call, attempts)


def look(batch: Batch, step: Look | None) -> None:
    """Make the calls and record what follows; deliveries that become possible are opened."""
    refused_before = False
    while step is not None:
        exchange = send(step.call)
        if step.for_token:
            step = _record_token(batch, step, exchange)
        elif exchange.status == 401 and not refused_before:
            refused_before = True
            step = _record_refused_token(batch, step, exchange)
        else:
            _record_statuses(batch, step, exchange)
            step = None


def _record_token(batch: Batch, step: Look, exchange: Exchange) -> Look | None:
    with transaction.atomic():
        rows = batch.refresh(step.ids)
        attempts = list(step.attempts.values())
        token, error = access.keep(batch.tenant, exchange, attempts[0].pk, batch.clock())
        record.close_token(attempts, exchange, error)
        if error:
            blind(batch, rows, error)
        following = _open_status(batch, rows, token) if token and rows else None
        batch.save(rows)
        return following


def _record_refused_token(batch: Batch, step: Look, exchange: Exchange) -> Look | None:
    """Genesys API, 401 in mid-life: drop the token, fetch one, ask once more."""
    with transaction.atomic():
        rows = batch.refresh(step.ids)
        access.drop_token(batch.tenant, step.token)
        refused = ServiceRefused(f"{exchange.answered}: the token was not accepted any more")
        _close_checks(batch, step, rows, exchange, refused, {})
        following = open_look(batch, rows)
        batch.save(rows)
        return following


def _record_statuses(batch: Batch, step: Look, exchange: Exchange) -> None:
    """What each offer's agent is doing and what follows. The evidence is stored before anything
    leaves for Lynn."""
    statuses, error = _read(exchange, step.user_ids)
    with transaction.atomic():
        rows = batch.refresh(step.ids)
        view = View(statuses)
        sightings = {row.pk: view.sight(row) for row in rows}
        access.note(batch.tenant, exchange, error, _names_given(statuses), batch.clock())
        _decide(batch, rows, sightings, error)
        _close_checks(batch, step, rows, exchange, error, sightings)
        names.remember(batch, [row for row in rows if sightings[row.pk].user_name])
        names.fill(batch, rows)
        tell.open_posts(batch, [row for row in rows if names.is_ready(row)])
        calls = names.open_look_ups(
            batch, [row for row in rows if names.is_nameless(row)], step.token
        )
        batch.save(rows, checks=1)
    names.look_up(batch, calls)


def _read(exchange: Exchange, ids: Sequence[str]) -> tuple[list[AgentStatus], ServiceError | None]:
    try:
        return genesys.read_statuses(exchange, ids), None
    except ServiceError as exc:
        return [], exc


def _names_given(statuses: Iterable[AgentStatus]) -> bool | None:
    """Whether Genesys gives us names; None where the answer does not show it."""
    given = [bool(status.user_name) for status in statuses]
    return any(given) if given else None


def _decide(
    batch: Batch,
    rows: Sequence[AgentConnection],
    sightings: Mapping[uuid.UUID, Sighting],
    error: ServiceError | None,
) -> None:
    now, policy = batch.clock(), batch.policy
    for row in rows:
        sighting = sightings[row.pk]
        batch.settle(row)
        if row.state == State.CHECKING and error:
            trouble = access.reason_of(error)
            batch.apply(row, decide.on_blindness(row, error, trouble, policy, now))
        elif row.state == State.CHECKING:
            batch.apply(row, decide.on_sight(row, sighting, policy, now))
        elif names.is_nameless(row) and sighting.user_name:
            row.user_name = sighting.user_name
            batch.touch(row, "user_name")


def _close_checks(
    batch: Batch,
    step: Look,
    rows: Sequence[AgentConnection],
    exchange: Exchange,
    error: ServiceError | None,
    sightings: Mapping[uuid.UUID, Sighting],
) -> None:
    """Each row gets its own words; one that goes on waiting folds its next check into this one."""
    outcome = record.outcome_of(error)
    answers = {
        row.pk: record.Answer(outcome, str(error))
        if error
        else _answer(sightings[row.pk], alone=len(step.user_ids) == 1)
        for row in rows
    }
    closed = record.close_checks(step.attempts, rows, exchange, answers)
    for row in rows:
        row.check_attempt = closed[row.pk].pk if needs_look(row) else None
        batch.touch(row, "check_attempt")


def _answer(sighting: Sighting, *, alone: bool) -> record.Answer:
    source = sighting.status.source if sighting.status else {}
    said = sighting.segment or record.NOT_THERE
    return record.Answer(record.outcome_of(None), said, None if alone else source)


def blind(
    batch: Batch,
    rows: Iterable[AgentConnection],
    error: ServiceError,
    trouble: Reason | None = None,
) -> None:
    """Inside a transaction: nothing could be asked for these rows, because of `error`."""
    now, policy = batch.clock(), batch.policy
    trouble = trouble or access.reason_of(error)
    for row in rows:
        batch.settle(row)
        if row.state == State.CHECKING:
            batch.apply(row, decide.on_blindness(row, error, trouble, policy, now))
        elif names.is_nameless(row):
            names.go_without(batch, row, error, trouble)
