"""The queues that a tenant's Genesys has, with how each of them answers."""

import time
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from connector import access
from connector.clients import genesys
from connector.clients.base import Exchange, send
from connector.clients.genesys import RoutingQueue
from connector.models import Tenant

MOST_PAGES = 20  # as many calls as the budget gives in one go, with some left for the agents
LONGEST = 30.0  # seconds for all pages: a person is waiting, and a thread of the web with them

Clock = Callable[[], datetime]


def fetch(tenant: Tenant, clock: Clock) -> tuple[list[RoutingQueue], bool]:
    """By name, and whether there are more than are read, or than Genesys gave in time. Every page
    takes a call from the budget. Raises ServiceError and SecretUnreadable."""
    found: dict[str, RoutingQueue] = {}
    stop_at = time.monotonic() + LONGEST
    token, page, pages = _token(tenant, clock), 1, 1
    while page <= min(pages, MOST_PAGES) and (page == 1 or time.monotonic() < stop_at):
        exchange = _ask(tenant, token, page, clock)
        if exchange.status == 401 and page == 1:
            token = _new_token(tenant, token, clock)
            exchange = _ask(tenant, token, page, clock)
        queues, pages = genesys.read_queues(exchange)
        found |= {queue.id: queue for queue in queues}
        page += 1
    in_order = sorted(found.values(), key=lambda queue: (queue.name.casefold(), queue.id))
    return in_order, page <= pages


def _ask(tenant: Tenant, token: str, page: int, clock: Clock) -> Exchange:
    with transaction.atomic():
        access.spend(tenant, 1, clock())
    exchange = send(genesys.queues_call(tenant.genesys_api, token, page))
    with transaction.atomic():
        access.note_limits(tenant, exchange, clock())
    return exchange


def _token(tenant: Tenant, clock: Clock) -> str:
    """The one that all share, or a new one which all share from now on."""
    with transaction.atomic():
        entry = access.take(tenant, 1, clock())
    if not entry.renew:
        return entry.token
    call = genesys.token_call(tenant.genesys_login, tenant.client_id, tenant.client_secret.reveal())
    exchange = send(call)
    with transaction.atomic():
        token = access.keep(tenant, exchange, call.id, clock())
    if error := access.token_error(exchange):
        raise error
    return token


def _new_token(tenant: Tenant, refused: str, clock: Clock) -> str:
    """Genesys API, 401 in mid-life: drop the token and fetch one."""
    with transaction.atomic():
        access.drop_token(tenant, refused)
    return _token(tenant, clock)
