"""Ask Genesys: what are these agents doing, and what are they called?

One status call for all agents of a batch; a token before it where there is none; a name look-up
after it for agents who answered and whose name the status withheld.

Locks are taken in one order everywhere: connections, their attempts, the tenant's access.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from django.db import transaction

from connector import access, decide, names, record, tell
from connector.batch import Batch
from connector.clients import genesys
from connector.clients.base import Call, Exchange, send
from connector.decide import AgentStatus, Sighting, View
from connector.domain import Kind, Reason, State
from connector.errors import (
    CredentialsRefused,
    SecretUnreadable,
    ServiceError,
    ServiceRefused,
    TokenOnItsWay,
)
from connector.models import AgentConnection, Attempt


@dataclass(frozen=True)
class Look:
    """A call that was opened for these rows and is about to be made: for the agents' status, or
    for a token with which to ask; `token` is then the one to be renewed, as long as it is good.
    `rest`: rows whose agents are asked after these, one by one."""

    ids: list[uuid.UUID]
    user_ids: list[str]
    token: str = field(repr=False)
    call: Call
    attempts: Mapping[uuid.UUID, Attempt]
    for_token: bool = False
    rest: Sequence[uuid.UUID] = ()


def needs_look(row: AgentConnection) -> bool:
    return row.state == State.CHECKING or names.is_nameless(row)


def open_look(batch: Batch, rows: Sequence[AgentConnection]) -> Look | None:
    """Inside a transaction: take the call from the budget and open its attempts.

    None where nothing can be asked now; the rows then have their verdicts, or come due again in
    a moment.
    """
    rows = _askable_together(batch, rows)
    if not rows:
        return None
    try:
        entry = access.take(batch.tenant, calls=batch.unpaid, now=batch.clock())
    except TokenOnItsWay:
        _wait_for_token(batch, rows)
        return None
    except ServiceError as exc:
        if isinstance(exc, CredentialsRefused):
            record.share_token_call(rows, access.last_token_attempt(batch.tenant))
        blind(batch, rows, exc)
        return None
    except SecretUnreadable as exc:
        blind(batch, rows, ServiceRefused(str(exc)), Reason.INTERNAL_ERROR)
        return None
    batch.unpaid = 1
    batch.policy = replace(batch.policy, check_every=entry.check_every)
    open_next = _open_token if entry.renew else _open_status
    return open_next(batch, rows, entry.token)


def _wait_for_token(batch: Batch, rows: Iterable[AgentConnection]) -> None:
    """No verdict, not even at an offer's deadline: that the token is new is no reason to give up,
    or to go without a name."""
    due_at = batch.clock() + timedelta(seconds=access.WAIT_FOR_RENEWAL)
    for row in rows:
        batch.release(row, due_at)


def _askable_together(batch: Batch, rows: Sequence[AgentConnection]) -> Sequence[AgentConnection]:
    """Without the permission for names a bulk answer does not say whose sessions it shows, so the
    agent of an offer without a session id is asked for alone; the others' turn comes at once."""
    loose = [row for row in rows if not row.session_id]
    if not loose or len({row.user_id for row in rows}) == 1 or not names.are_withheld(batch.tenant):
        return rows
    alone = [row for row in rows if row.user_id == loose[0].user_id]
    _leave_to_others(batch, [row for row in rows if row not in alone])
    return alone


def _open_token(batch: Batch, rows: Sequence[AgentConnection], token: str) -> Look:
    tenant = batch.tenant
    call = genesys.token_call(tenant.genesys_login, tenant.client_id, tenant.client_secret.reveal())
    attempts = record.open_attempts(rows, Kind.TOKEN, call, batch.clock())
    return Look([row.pk for row in rows], [], token, call, attempts, for_token=True)


def _open_status(batch: Batch, rows: Sequence[AgentConnection], token: str) -> Look:
    """For all agents at once; for the first of them where Genesys refuses that."""
    rest: list[uuid.UUID] = []
    if len({row.user_id for row in rows}) > 1 and access.asks_one_by_one(
        batch.tenant, batch.clock()
    ):
        first = rows[0].user_id
        rest = [row.pk for row in rows if row.user_id != first]
        rows = [row for row in rows if row.user_id == first]
    user_ids = sorted({row.user_id for row in rows})
    call = genesys.status_call(batch.tenant.genesys_api, token, user_ids)
    attempts = record.open_checks(rows, call, batch.clock())
    return Look([row.pk for row in rows], user_ids, token, call, attempts, rest=rest)


def look(batch: Batch, step: Look) -> Look | None:
    """Make the calls and record what follows; deliveries that become possible are opened. Returns
    the next agent's look where they are asked one by one."""
    refused_before = False
    following: Look | None = step
    while following is not None:
        step = following
        exchange = send(step.call)
        if step.for_token:
            following = _record_token(batch, step, exchange)
        elif exchange.status == 401 and not refused_before:
            refused_before = True
            following = _record_refused_token(batch, step, exchange)
        elif _is_bulk_refused(step, exchange):
            following = _record_refused_bulk(batch, step, exchange)
        else:
            _record_statuses(batch, step, exchange)
            following = None
    return _open_rest(batch, step)


def _open_rest(batch: Batch, step: Look) -> Look | None:
    if not step.rest:
        return None
    with transaction.atomic():
        rows = batch.refresh(step.rest)
        for row in rows:
            batch.settle(row)
        waiting = [row for row in rows if needs_look(row)]
        if batch.is_over_time:
            _leave_to_others(batch, waiting)
        following = None if batch.is_over_time else open_look(batch, waiting)
        batch.save(rows)
        return following


def _leave_to_others(batch: Batch, rows: Iterable[AgentConnection]) -> None:
    """Whichever worker is free goes on with them, before those that had their turn and in the
    order that they have."""
    for position, row in enumerate(rows):
        batch.release(row, batch.began_at + timedelta(microseconds=position))


def _is_bulk_refused(step: Look, exchange: Exchange) -> bool:
    """Whether it is the question for several agents that Genesys does not want to answer."""
    return len(step.user_ids) > 1 and exchange.status in (400, 403, 404, 405, 501)


def _record_refused_bulk(batch: Batch, step: Look, exchange: Exchange) -> Look | None:
    """Ask for each agent alone, at once: whether that is refused too will show."""
    with transaction.atomic():
        rows = batch.refresh(step.ids)
        refused = ServiceRefused(f"{exchange.answered}: several agents cannot be asked for at once")
        _close_checks(batch, step, rows, exchange, refused, {})
        access.note_bulk_refused(batch.tenant, exchange, batch.clock())
        following = open_look(batch, rows)
        batch.save(rows)
        return following


def _record_token(batch: Batch, step: Look, exchange: Exchange) -> Look | None:
    with transaction.atomic():
        rows = batch.refresh(step.ids)
        attempts = list(step.attempts.values())
        error = access.token_error(exchange)
        record.close_token(attempts, exchange, error)
        token = access.keep(batch.tenant, exchange, attempts[0].pk, batch.clock())
        if error and not exchange.asks_to_wait:
            token = step.token
        if error and not token:
            blind(batch, rows, error)
        following = _open_status(batch, rows, token) if token and rows else None
        batch.save(rows)
        return following


def _record_refused_token(batch: Batch, step: Look, exchange: Exchange) -> Look | None:
    """Genesys API, 401 in mid-life: drop the token, fetch one, ask once more."""
    with transaction.atomic():
        rows = batch.refresh(step.ids)
        refused = ServiceRefused(f"{exchange.answered}: the token was not accepted any more")
        _close_checks(batch, step, rows, exchange, refused, {})
        access.drop_token(batch.tenant, step.token)
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
        _decide(batch, rows, sightings, error)
        _close_checks(batch, step, rows, exchange, error, sightings)
        given, is_bulk = _names_given(statuses), len(step.user_ids) > 1
        access.note(batch.tenant, exchange, error, given, batch.clock(), is_bulk=is_bulk)
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
    closed = record.close_checks(step.attempts, rows, exchange, error, answers)
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
