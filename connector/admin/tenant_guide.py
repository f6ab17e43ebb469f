"""The guided first set-up: what is still missing before Lynn is told of the first agent."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from connector.admin.tokens import live_tokens
from connector.domain import QueuePolicy, State
from connector.models import Probe, Tenant


@dataclass(frozen=True)
class GuideStep:
    title: str
    words: str
    done: bool
    anchor: str
    is_current: bool = False


def guide(tenant: Tenant | None) -> list[GuideStep]:
    """All steps, the first that is not done marked; empty once all of them are."""
    steps = _steps(tenant)
    current = next((number for number, step in enumerate(steps) if not step.done), None)
    if current is None:
        return []
    return [
        GuideStep(step.title, step.words, step.done, step.anchor, number == current)
        for number, step in enumerate(steps)
    ]


def _steps(tenant: Tenant | None) -> list[GuideStep]:
    return [
        GuideStep(
            _("Genesys credentials"),
            _(
                "In Genesys, under Admin > Integrations > OAuth, make a client of the type “Client "
                "Credentials” with the permissions that stand on the form. Enter region, client id "
                "and client secret on the form."
            ),
            bool(tenant and tenant.client_id and tenant.client_secret),
            "#id_region",
        ),
        GuideStep(
            _("Lynn"),
            _("Enter the address of Lynn, and the headers that it asks for, if any. Then save."),
            bool(tenant and tenant.lynn_base_url),
            "#id_lynn_base_url",
        ),
        GuideStep(
            _("Test"),
            _("Press “Test connection” until nothing is marked as failed."),
            bool(tenant and _is_tested(tenant)),
            "#test" if tenant else "",
        ),
        GuideStep(
            _("Queues"),
            _(
                "List the queues whose agents Lynn is to be told of: fetch them from Genesys, or "
                "choose “Every queue”."
            ),
            bool(tenant and _has_queues(tenant)),
            "#queues" if tenant else "",
        ),
        GuideStep(
            _("Events from Genesys"),
            _(
                "Make a token, and let Genesys send its events in one of the ways that are shown "
                "with it. The step is done when the first event has come in."
            ),
            bool(tenant and live_tokens(tenant).exists() and tenant.events.exists()),
            "#webhook" if tenant else "",
        ),
        GuideStep(
            _("First message"),
            _(
                "Send a test message to Lynn, or let an agent answer a conversation: the step is "
                "done when Lynn has taken one."
            ),
            bool(tenant and _has_told_lynn(tenant)),
            "#test" if tenant else "",
        ),
    ]


def _has_queues(tenant: Tenant) -> bool:
    return tenant.queue_policy == QueuePolicy.ALL or tenant.queues.filter(enabled=True).exists()


def _is_tested(tenant: Tenant) -> bool:
    tests = Probe.objects.filter(tenant=tenant, kind=Probe.Kind.CONNECTION)
    return tests.exclude(outcome=Probe.Outcome.BAD).exists()


def _has_told_lynn(tenant: Tenant) -> bool:
    sent = Probe.objects.filter(tenant=tenant, kind=Probe.Kind.MESSAGE, outcome=Probe.Outcome.GOOD)
    told = tenant.connections.filter(state__in=[State.DELIVERED, State.SHADOWED])
    return sent.exists() or told.exists()
