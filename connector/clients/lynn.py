"""Lynn: the one thing we tell it, that this agent is connected to this conversation."""

import uuid
from collections.abc import Mapping

from connector.clients.base import Call, Exchange, json_body

PATH = "/PureCloud/OpenMessaging_OnEvent"


def delivery_call(
    base_url: str,
    *,
    idempotency_key: uuid.UUID,
    conversation_id: str,
    user_id: str,
    user_name: str,
    provider: str,
    external_id: str,
    headers: Mapping[str, str],
) -> Call:
    """Exactly six keys; the key of idempotency is the same on every retry and replay."""
    content = {
        "conversationId": conversation_id,
        "userId": user_id,
        "userName": user_name,
        "type": "eventAgentConnect",
        "provider": provider,
        "externalId": external_id,
    }
    own = {"Content-Type": "application/json", "Idempotency-Key": str(idempotency_key)}
    ours = {name.lower() for name in own}
    extra = {name: value for name, value in headers.items() if name.lower() not in ours}
    return Call(
        method="POST",
        url=base_url.rstrip("/") + PATH,
        headers={**extra, **own},
        body=json_body(content),
        limit=64 * 1024,
    )


def question_call(base_url: str, headers: Mapping[str, str]) -> Call:
    """HTTP: OPTIONS asks what may be done at an address and does nothing itself, so Lynn is not
    told of anybody."""
    url = base_url.rstrip("/") + PATH
    return Call(method="OPTIONS", url=url, headers=dict(headers), limit=64 * 1024)


def read_delivery(exchange: Exchange) -> None:
    """Nothing to read: any 2xx is a delivery; raises ServiceError for everything else."""
    exchange.raise_for_status()
