"""The snippets of a tenant's page with what to do with each."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from connector import snippets
from connector.domain import QueuePolicy
from connector.models import Tenant
from connector.snippets import Webhook


@dataclass(frozen=True)
class Code:
    """One thing to copy; `id` is that of its element."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Way:
    """One way for events to get here: what to do, in order, and what to copy on the way."""

    id: str
    title: str
    steps: list[str]
    codes: list[Code]


def webhook_address(tenant: Tenant) -> str:
    return f"{settings.BASE_URL}/api/v1/tenants/{tenant.slug}/events"


def ways(tenant: Tenant, token: str = "") -> list[Way]:
    webhook = webhook_of(tenant, token)
    return [_workflow(webhook), _eventbridge(webhook, tenant), _curl(webhook)]


def webhook_of(tenant: Tenant, token: str = "") -> Webhook:
    listed: tuple[Any, ...] = ()
    if tenant.queue_policy == QueuePolicy.LISTED:
        chosen = tenant.queues.filter(enabled=True).order_by("genesys_id")
        listed = tuple(chosen.values_list("genesys_id", flat=True))
    return Webhook(webhook_address(tenant), tenant.slug, listed, token)


def _workflow(webhook: Webhook) -> Way:
    return Way(
        "workflow",
        _("Genesys trigger, Architect workflow and data action"),
        [
            _(
                "In Genesys, open Admin > Integrations, add “Web Services Data Actions”, and enter "
                "its credentials: type “User Defined”, one field with the name “%(field)s” and the "
                "webhook token as its value. Activate the integration."
            )
            % {"field": snippets.CREDENTIAL_FIELD},
            _(
                "Save the data action below as a file, import it under Admin > Integrations > "
                "Actions for this integration, and publish it."
            ),
            _(
                "In Architect, make a workflow. Give it a flow variable for each input of the data "
                "action, with exactly these names and “Input data to flow” ticked: %(names)s. "
                "These are integers, all others are strings: %(integers)s."
            )
            % {"names": ", ".join(snippets.INPUTS), "integers": ", ".join(_integers())},
            _(
                "The workflow has one step: “Call Data Action” with these variables. All three of "
                "its paths (success, failure, timeout) lead to “End Workflow”. Publish it."
            ),
            _(
                "Put the id of the workflow (the last part of its address) into the triggers "
                "below, and make them: in Genesys' API Explorer with POST "
                "/api/v2/processautomation/triggers, or by hand under Admin > Architect > Triggers "
                "with the same values. Set no delay: the portal does the waiting."
            ),
            _(
                "Only the first trigger is needed. With the second the portal learns of each "
                "answer at once, without asking Genesys; with the third it learns at once that an "
                "agent let it ring out."
            ),
        ],
        [
            Code("snippet-data-action", _("Data action (JSON)"), snippets.data_action(webhook)),
            *(
                Code(
                    f"snippet-trigger-{number}",
                    _("Trigger %(number)d (JSON): %(topic)s") % {"number": number, "topic": topic},
                    snippets.trigger(webhook, topic),
                )
                for number, topic in enumerate(snippets.TOPICS, 1)
            ),
        ],
    )


def _integers() -> list[str]:
    return [name for name, kind in snippets.INPUTS.items() if kind == "integer"]


def _eventbridge(webhook: Webhook, tenant: Tenant) -> Way:
    return Way(
        "eventbridge",
        _("Amazon EventBridge rule and API destination"),
        [
            _(
                "In Genesys, open Admin > Integrations, add “Amazon EventBridge Source”, and "
                "choose these topics: %(topics)s. In AWS, associate the partner event source with "
                "an event bus."
            )
            % {"topics": ", ".join(snippets.TOPICS)},
            _(
                "Make the connection, which holds the token: save it as connection.json, then: aws "
                "events create-connection --cli-input-json file://connection.json"
            ),
            _(
                "Put the ConnectionArn of the answer into the API destination, save it as "
                "destination.json, then: aws events create-api-destination --cli-input-json "
                "file://destination.json"
            ),
            _(
                "On the event bus of Genesys, make a rule with the pattern below and the API "
                "destination as its target. Add no input transformer, and give the target a "
                "dead-letter queue, so that you see what could not be delivered."
            ),
        ],
        [
            Code(
                "snippet-connection",
                _("Connection (JSON)"),
                snippets.eventbridge_connection(webhook),
            ),
            Code(
                "snippet-destination",
                _("API destination (JSON)"),
                snippets.api_destination(webhook, tenant.inbound_per_second),
            ),
            Code(
                "snippet-pattern",
                _("Event pattern of the rule (JSON)"),
                snippets.event_pattern(webhook, tenant.media_types),
            ),
        ],
    )


def _curl(webhook: Webhook) -> Way:
    return Way(
        "curl",
        _("Try it from a shell with curl"),
        [
            _(
                "Paste this into a shell. The portal answers 202 and ignores the event, because no "
                "tenant uses its media type: nobody is called and Lynn is told nothing. You find "
                "it under Events. A 401 means that the token is wrong."
            )
        ],
        [Code("snippet-curl", _("Command"), snippets.curl(webhook))],
    )
