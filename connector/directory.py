"""Tenants and their tokens as the webhook needs them: one small query a post.

A tenant and its queues are kept in this process for as long as their `version` stays the same;
every change of them raises it. Tokens are read anew each time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from connector.models import Tenant

MOST_KEPT = 2000
LAST_USED_PRECISION = timedelta(minutes=1)

_TOKENS = """
SELECT tenant.id, tenant.version, token.id, token.digest,
       token.last_used_at IS NULL OR token.last_used_at < %s
FROM connector_tenant AS tenant
LEFT JOIN connector_webhooktoken AS token
       ON token.tenant_id = tenant.id AND token.slot IS NOT NULL
      AND (token.ends_at IS NULL OR token.ends_at > %s)
WHERE tenant.slug = %s
"""


@dataclass(frozen=True)
class LiveToken:
    """A token that may be used now; `is_note_due` if its last use was not noted of late."""

    id: int
    digest: str
    tenant_id: int
    version: int
    is_note_due: bool


_kept: dict[int, Tenant] = {}


def live_tokens(slug: str, now: datetime) -> list[LiveToken]:
    """At most two; none for an unknown tenant, after the same work."""
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(_TOKENS, [adapt(now - LAST_USED_PRECISION), adapt(now), slug])
        rows = cursor.fetchall()
    return [
        LiveToken(token_id, digest, tenant_id, version, bool(is_note_due))
        for tenant_id, version, token_id, digest, is_note_due in rows
        if token_id is not None
    ]


def tenant_of(token: LiveToken) -> Tenant:
    """The tenant with its queues, as they were at the version that the token was read with or
    later. Raises Tenant.DoesNotExist if it was deleted in this very moment."""
    tenant = _kept.get(token.tenant_id)
    if tenant is None or tenant.version != token.version:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        tenant = Tenant.objects.prefetch_related("queues").get(pk=token.tenant_id)
        _kept[token.tenant_id] = tenant
    return tenant


def forget() -> None:
    """Drop what is kept, as after a restart."""
    _kept.clear()
