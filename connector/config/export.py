"""Tenants as the configuration file writes them, without their secrets."""

from typing import Any

import yaml

from connector.config.shape import QueueEntry, TenantEntry
from connector.errors import ConfigurationError
from connector.models import Queue, Tenant

NOTE = (
    "# Secrets are left out: genesys.client_secret, lynn.headers and webhook_tokens.\n"
    "# Where this file is applied, a tenant keeps those that it has.\n"
)


def export(slug: str | None = None) -> str:
    """All tenants, or one; applying the text again changes nothing. Raises ConfigurationError
    where there is no such tenant."""
    tenants = Tenant.objects.order_by("slug").prefetch_related("queues")
    if slug is not None:
        tenants = tenants.filter(slug=slug)
        if not tenants:
            raise ConfigurationError(f"There is no tenant “{slug}”.")
    document = {"version": 1, "tenants": [_as_written(tenant) for tenant in tenants]}
    return NOTE + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _as_written(tenant: Tenant) -> dict[str, Any]:
    queues = sorted(tenant.queues.all(), key=lambda queue: (queue.name, queue.genesys_id))
    settings = settings_as_written(tenant)
    if settings["retention"] == settings_as_written(Tenant())["retention"]:
        del settings["retention"]
    return {
        **settings,
        "queues": [_without_empty(queue_as_written(queue)) for queue in queues],
    }


def _without_empty(section: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if value != ""}


def settings_as_written(tenant: Tenant) -> dict[str, Any]:
    """By section and key; whole seconds as whole numbers, no address as null."""
    return dict(TenantEntry(tenant).data)


def queue_as_written(queue: Queue) -> dict[str, Any]:
    return dict(QueueEntry(queue).data)
