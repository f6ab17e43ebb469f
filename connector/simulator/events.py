"""The events that Genesys sends about an offer, in each form and with each kind of token."""

import base64
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connector.simulator.names import new_id, stable_id
from connector.simulator.world import Json, Offer, World, iso

PROVIDER = "PureCloud Messaging"
SENT_AFTER = 0.173  # seconds from the event to its sending
ACD_ENDS_BEFORE = 0.008  # seconds between the end of the queue and the agent's first word
TOPIC = "v2.detail.events.conversation.{id}."


class Form(StrEnum):
    """The shapes in which an event reaches a webhook."""

    EVENTBRIDGE = "eventbridge"
    DETAIL = "detail"
    NOTIFICATION = "notification"
    BARE = "bare"
    FLAT = "flat"


class Auth(StrEnum):
    """The ways in which a sender shows its token."""

    BEARER = "bearer"
    API_KEY = "x-api-key"
    BASIC = "basic"


@dataclass(frozen=True)
class Event:
    """`at` is when it happened; `body` the inner event body, as in every form."""

    kind: str  # user.start, acd.end, user.end
    at: float
    body: Json

    @property
    def conversation_id(self) -> str:
        return str(self.body["conversationId"])


def milliseconds(at: float) -> int:
    return round(at * 1000)


def external_id(offer: Offer) -> str:
    """The customer's id on Lynn's side: the same in all sessions of a conversation."""
    return f"lynn-{stable_id(offer.conversation_id).replace('-', '')[:16]}"


def events_of(world: World, offer: Offer) -> list[Event]:
    """All that Genesys tells about this offer, in the order in which it happens."""
    events = [user_start(world, offer)]
    if offer.answered_at is not None and offer.via_acd:
        events.append(acd_end(world, offer, offer.answered_at))
    if offer.left_at is not None:
        events.append(user_end(world, offer, offer.left_at))
    return events


def user_start(world: World, offer: Offer) -> Event:
    body = {
        **_head(offer, offer.started_at),
        **_channel(world, offer),
        "userId": offer.user_id,
        **_place(world, offer),
        **_tail(world),
    }
    return Event("user.start", offer.started_at, body)


def user_end(world: World, offer: Offer, at: float) -> Event:
    body = {
        **_head(offer, at),
        "disconnectType": "NO_ANSWER_TRANSFER" if offer.rang_out else offer.ended_by,
        **_channel(world, offer),
        "userId": offer.user_id,
        **_place(world, offer),
        "interactingDurationMs": milliseconds(offer.seconds_as("interact")),
        "heldDurationMs": milliseconds(offer.seconds_as("hold")),
        "alertingDurationMs": milliseconds(offer.seconds_as("alert")),
        "contactingDurationMs": 0,
        "dialingDurationMs": 0,
        "callbackDurationMs": 0,
        **_tail(world),
    }
    return Event("user.end", at, body)


def acd_end(world: World, offer: Offer, answered_at: float) -> Event:
    """Its session and participant are those of the queue, not of the agent."""
    at = answered_at - ACD_ENDS_BEFORE
    body = {
        **_head(offer, at),
        "participantId": stable_id(offer.session_id, "acd participant"),
        "sessionId": stable_id(offer.session_id, "acd session"),
        "disconnectType": "TRANSFER",
        **_channel(world, offer),
        **_place(world, offer),
        "acdOutcome": "ANSWERED",
        "answeredUserId": offer.user_id,
        "requestedRoutings": ["STANDARD"],
        "usedRouting": "STANDARD",
        "routingPriority": 0,
        "connectedDurationMs": milliseconds(answered_at - offer.started_at) + 31_000,
        **_tail(world),
        "flowType": "INQUEUESHORTMESSAGE",
    }
    return Event("acd.end", at, body)


def _head(offer: Offer, at: float) -> Json:
    return {
        "eventTime": milliseconds(at),
        "conversationId": offer.conversation_id,
        "participantId": offer.participant_id,
        "sessionId": offer.session_id,
    }


def _channel(world: World, offer: Offer) -> Json:
    return {
        "mediaType": offer.media_type.upper(),
        "provider": PROVIDER,
        "direction": "INBOUND",
        "addressTo": external_id(offer),
        "addressFrom": stable_id(world.name, "integration"),
        "messageType": "OPEN",
    }


def _place(world: World, offer: Offer) -> Json:
    place = {"divisionId": world.division_id}
    return {**place, "queueId": offer.queue_id} if offer.queue_id else place


def _tail(world: World) -> Json:
    return {"conversationExternalContactIds": [stable_id(world.name, "contact")]}


def wrapped(event: Event, form: Form, organisation_id: str) -> Json:
    """The event as one posts it. The bare form does not say which kind of event it is."""
    if form is Form.BARE:
        return event.body
    if form is Form.FLAT:
        return _flat(event)
    if form is Form.NOTIFICATION:
        return _notification(event)
    detail = {**_notification(event), "timestamp": iso(event.at + SENT_AFTER)}
    return detail if form is Form.DETAIL else _envelope(event, detail, organisation_id)


def _notification(event: Event) -> Json:
    return {
        "topicName": TOPIC.format(id=event.conversation_id) + event.kind,
        "version": "2",
        "eventBody": event.body,
        "metadata": {"CorrelationId": new_id()},
    }


def _flat(event: Event) -> Json:
    """What a workflow composes: primitives only, numbers as strings."""
    values = {key: _text(value) for key, value in event.body.items() if _primitive(value)}
    return {"topic": TOPIC + event.kind, **values}


def _primitive(value: Any) -> bool:
    return isinstance(value, (str, int, float))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _envelope(event: Event, detail: Json, organisation_id: str) -> Json:
    return {
        "version": "0",
        "id": new_id(),
        "detail-type": TOPIC + event.kind,
        "source": f"aws.partner/genesys.com/cloud/{organisation_id}/lynn-agent-connected",
        "account": "123456789012",
        "time": iso(event.at).partition(".")[0] + "Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


def token_header(auth: Auth, token: str) -> tuple[str, str]:
    if auth is Auth.API_KEY:
        return "X-Api-Key", token
    if auth is Auth.BEARER:
        return "Authorization", f"Bearer {token}"
    coded = base64.b64encode(f"genesys:{token}".encode()).decode()
    return "Authorization", f"Basic {coded}"
