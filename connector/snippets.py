"""What an administrator pastes into Genesys, AWS or a shell so that events reach the webhook.

Pure: addresses, ids and the token come in, text goes out. Without a token a placeholder stands in
its place, which says in its own words that it is one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, gettext_noop

PLACEHOLDER = gettext_noop("PUT-THE-WEBHOOK-TOKEN-HERE")
WORKFLOW_PLACEHOLDER = gettext_noop("PUT-THE-ID-OF-THE-WORKFLOW-HERE")
CONNECTION_PLACEHOLDER = gettext_noop("PUT-THE-CONNECTION-ARN-HERE")

USER_START = "v2.detail.events.conversation.{id}.user.start"
ACD_END = "v2.detail.events.conversation.{id}.acd.end"
USER_END = "v2.detail.events.conversation.{id}.user.end"
TOPICS = (USER_START, ACD_END, USER_END)

# Genesys data actions: fields of the credentials are read as ${credentials.NAME}, and
# ${input.rawRequest} is all inputs as one JSON object, encoded by Genesys itself.
CREDENTIAL_FIELD = "token"

# What the portal makes use of. Genesys events: top-level primitives of the three topics.
INPUTS: dict[str, str] = {
    "conversationId": "string",
    "userId": "string",
    "sessionId": "string",
    "participantId": "string",
    "queueId": "string",
    "mediaType": "string",
    "messageType": "string",
    "provider": "string",
    "addressTo": "string",
    "eventTime": "integer",
    "acdOutcome": "string",
    "answeredUserId": "string",
    "interactingDurationMs": "integer",
    "heldDurationMs": "integer",
}
REQUIRED_INPUTS = ("conversationId",)  # all that every topic has

# What a trigger asks for besides media type and queue.
_CRITERIA: dict[str, dict[str, str]] = {
    USER_START: {"jsonPath": "messageType", "operator": "Equal", "value": "OPEN"},
    ACD_END: {"jsonPath": "acdOutcome", "operator": "Equal", "value": "ANSWERED"},
    USER_END: {"jsonPath": "messageType", "operator": "Equal", "value": "OPEN"},
}


@dataclass(frozen=True)
class Webhook:
    """`queue_ids` empty: events of all queues. `token` empty: not known, it is shown only once."""

    address: str
    slug: str
    queue_ids: tuple[str, ...] = ()
    token: str = ""

    @property
    def shown_token(self) -> str:
        return self.token or gettext(PLACEHOLDER)


def trigger(webhook: Webhook, topic: str = USER_START) -> str:
    """The body of `POST /api/v2/processautomation/triggers`."""
    kind = ".".join(topic.split(".")[-2:])
    criteria: list[dict[str, Any]] = [
        {"jsonPath": "mediaType", "operator": "Equal", "value": "MESSAGE"},
        _CRITERIA[topic],
    ]
    if webhook.queue_ids:
        criteria.append(
            {"jsonPath": "queueId", "operator": "In", "values": list(webhook.queue_ids)}
        )
    return _json(
        {
            "name": f"Lynn agent connected - {webhook.slug} - {kind}",
            "description": f"Hands the {kind} event of the selected queues to the portal",
            "topicName": topic,
            "enabled": True,
            "eventTTLSeconds": 60,
            "target": {
                "type": "Workflow",
                "id": gettext(WORKFLOW_PLACEHOLDER),
                "workflowTargetSettings": {"dataFormat": "TopLevelPrimitives"},
            },
            "matchCriteria": criteria,
        }
    )


def data_action(webhook: Webhook) -> str:
    """A web services data action, to be imported in Genesys."""
    properties = {name: {"type": kind, "title": name} for name, kind in INPUTS.items()}
    answer = {"id": "string", "state": "string", "reason": "string", "duplicate": "boolean"}
    return _json(
        {
            "name": f"Tell the portal - {webhook.slug}",
            "integrationType": "custom-rest-actions",
            "actionType": "custom",
            "config": {
                "request": {
                    "requestUrlTemplate": webhook.address,
                    "requestType": "POST",
                    "headers": {
                        "Authorization": f"Bearer ${{credentials.{CREDENTIAL_FIELD}}}",
                        "Content-Type": "application/json",
                    },
                    "requestTemplate": "${input.rawRequest}",
                },
                "response": {
                    "translationMap": {},
                    "translationMapDefaults": {},
                    "successTemplate": "${rawResult}",
                },
            },
            "contract": {
                "input": {
                    "inputSchema": {
                        "title": "Event",
                        "type": "object",
                        "required": list(REQUIRED_INPUTS),
                        "properties": properties,
                        "additionalProperties": True,
                    }
                },
                "output": {
                    "successSchema": {
                        "title": "Receipt",
                        "type": "object",
                        "properties": {name: {"type": kind} for name, kind in answer.items()},
                        "additionalProperties": True,
                    }
                },
            },
            "secure": False,
        }
    )


def event_pattern(webhook: Webhook, media_types: Sequence[str]) -> str:
    """The pattern of an Amazon EventBridge rule: all three topics, of these queues.

    The queue is named by all of them; events without one cannot pass a list of queues.
    """
    body: dict[str, Any] = {"mediaType": [name.upper() for name in media_types]}
    if webhook.queue_ids:
        body["queueId"] = list(webhook.queue_ids)
    return _json(
        {
            "source": [{"prefix": "aws.partner/genesys.com"}],
            "detail-type": list(TOPICS),
            "detail": {"eventBody": body},
        }
    )


def eventbridge_connection(webhook: Webhook) -> str:
    """The input of `aws events create-connection`."""
    return _json(
        {
            "Name": f"portal-{webhook.slug}"[:64],
            "Description": "The webhook token of the agent-connected portal",
            "AuthorizationType": "API_KEY",
            "AuthParameters": {
                "ApiKeyAuthParameters": {
                    "ApiKeyName": "X-Api-Key",
                    "ApiKeyValue": webhook.shown_token,
                }
            },
        }
    )


def api_destination(webhook: Webhook, per_second: int) -> str:
    """The input of `aws events create-api-destination`."""
    return _json(
        {
            "Name": f"portal-{webhook.slug}"[:64],
            "Description": "The webhook of the agent-connected portal",
            "ConnectionArn": gettext(CONNECTION_PLACEHOLDER),
            "InvocationEndpoint": webhook.address,
            "HttpMethod": "POST",
            "InvocationRateLimitPerSecond": min(per_second, 300),
        }
    )


def curl(webhook: Webhook) -> str:
    """Posts one event that no tenant makes use of, whatever its settings: it is on record as
    ignored, and that it got there is all it shows."""
    event = {
        "conversationId": "test-from-curl",
        "userId": "test-from-curl",
        "mediaType": "UNKNOWN",
    }
    return " \\\n  ".join(
        [
            "curl -i",
            f"-H 'Authorization: Bearer {webhook.shown_token}'",
            "-H 'Content-Type: application/json'",
            f"-d '{json.dumps(event)}'",
            f"'{webhook.address}'",
        ]
    )


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)
