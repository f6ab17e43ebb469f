"""The chain of one tenant: each seal's link holds the one before, and its end is signed.

Whoever can write to the database alone can make links, but no signature: the key is derived from
PORTAL_FIELD_KEYS, of which the first signs and all verify.
"""

import base64
import hashlib
import hmac

from django.conf import settings

from connector.audit.digest import digest_of
from connector.models import AuditHead, AuditSeal

# All of a seal but its place in the table and the link itself.
LINKED = (
    "tenant_id",
    "number",
    "form",
    "kind",
    "sealed_at",
    "connection_id",
    "former",
    "state",
    "reason",
    "received_at",
    "final_at",
    "told_after_ms",
    "covered",
    "attempts",
    "digest",
    "attempts_digest",
    "bodies_digest",
    "bodies_before",
    "connections_before",
)


def beginning(tenant_id: int) -> bytes:
    """What the first seal of this tenant is linked to."""
    return hashlib.sha256(f"audit chain of tenant {tenant_id}".encode()).digest()


def link_of(seal: AuditSeal, previous: bytes) -> bytes:
    values = digest_of([getattr(seal, name) for name in LINKED])
    return hashlib.sha256(previous + values).digest()


def sign(head: AuditHead) -> None:
    head.signature = _signature(head, settings.FIELD_KEYS[0])


def is_genuine(head: AuditHead) -> bool:
    """Whether one of our keys signed this end of the chain."""
    signature = bytes(head.signature)
    return any(hmac.compare_digest(signature, _signature(head, key)) for key in settings.FIELD_KEYS)


def _signature(head: AuditHead, field_key: str) -> bytes:
    key = hmac.digest(base64.urlsafe_b64decode(field_key), b"end of an audit chain", "sha256")
    said = f"{head.tenant_id}:{head.number}:{bytes(head.link).hex()}"
    return hmac.digest(key, said.encode(), "sha256")
