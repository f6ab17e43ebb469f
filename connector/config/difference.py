"""What a tenant lacks to be as the file wants it: found here, worded here, carried out in apply."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from connector.config.export import queue_as_written, settings_as_written
from connector.config.read import Wanted
from connector.errors import SecretUnreadable
from connector.models import Queue, Secret, Tenant, WebhookToken
from connector.models.token import digest_of


@dataclass
class Difference:
    """`tenant` has its new values already, in memory; `columns` are those that changed."""

    tenant: Tenant
    lines: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    new_queues: list[Queue] = field(default_factory=list)
    changed_queues: list[Queue] = field(default_factory=list)
    removed_queues: list[Queue] = field(default_factory=list)
    new_tokens: list[str] = field(default_factory=list)
    ended_tokens: list[WebhookToken] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        return self.tenant.pk is None

    @property
    def changes_settings(self) -> bool:
        return bool(self.columns or self.new_queues or self.changed_queues or self.removed_queues)

    def say(self, sign: str, text: str) -> None:
        self.lines.append(f"{sign} {self.tenant.slug}: {text}")


def difference(tenant: Tenant | None, wanted: Wanted, now: datetime) -> Difference:
    """`tenant` is the stored one; without it everything is new."""
    found = Difference(tenant or Tenant(slug=wanted.slug, name=wanted.slug))
    _compare_settings(found, wanted)
    _compare_secrets(found, wanted)
    _compare_queues(found, wanted)
    _compare_tokens(found, wanted, now)
    return found


def _compare_settings(found: Difference, wanted: Wanted) -> None:
    tenant = found.tenant
    old = settings_as_written(tenant)
    found.columns += [
        name for name, value in wanted.columns.items() if getattr(tenant, name) != value
    ]
    for name in found.columns:
        setattr(tenant, name, wanted.columns[name])
    if found.is_new:
        found.say("+", f"tenant {tenant.name}")
    else:
        _say_changes(found, "", old, settings_as_written(tenant))


def _say_changes(found: Difference, subject: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict):
            _say_changes(found, f"{subject}{key}.", old[key], value)
        elif value != old[key]:
            found.say("~", f"{subject}{key} {_shown(old[key])} -> {_shown(value)}")


def _shown(value: Any) -> str:
    plain = isinstance(value, str) and value.isprintable() and value and " " not in value
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def _compare_secrets(found: Difference, wanted: Wanted) -> None:
    tenant = found.tenant
    if wanted.client_secret is not None and _client_secret(tenant) != wanted.client_secret:
        tenant.client_secret = Secret.hide(wanted.client_secret)
        _note_secret(found, "client_secret", "genesys.client_secret")
    if wanted.headers is not None and _headers(tenant) != wanted.headers:
        tenant.extra_headers = wanted.headers
        _note_secret(found, "lynn_headers", "lynn.headers")


def _note_secret(found: Difference, column: str, name: str) -> None:
    found.columns.append(column)
    if not found.is_new:
        found.say("~", f"{name} changed")


def _client_secret(tenant: Tenant) -> str | None:
    """None where it cannot be read any more, so that it differs from every other."""
    try:
        return tenant.client_secret.reveal() if tenant.client_secret else ""
    except SecretUnreadable:
        return None


def _headers(tenant: Tenant) -> dict[str, str] | None:
    try:
        return tenant.extra_headers if tenant.lynn_headers else {}
    except SecretUnreadable:
        return None


def _compare_queues(found: Difference, wanted: Wanted) -> None:
    stored = {} if found.is_new else {q.genesys_id: q for q in found.tenant.queues.all()}
    for genesys_id, queue in wanted.queues.items():
        if genesys_id in stored:
            _compare_queue(found, stored[genesys_id], queue)
        else:
            found.new_queues.append(queue)
            found.say("+", f"queue {genesys_id} {_described(queue)}".rstrip())
    for genesys_id in sorted(stored.keys() - wanted.queues.keys()):
        found.removed_queues.append(stored[genesys_id])
        found.say("-", f"queue {genesys_id} {stored[genesys_id].name}".rstrip())


def _described(queue: Queue) -> str:
    traits = [queue.answer_mode, "" if queue.enabled else "disabled"]
    in_brackets = ", ".join(trait for trait in traits if trait)
    return f"{queue.name} ({in_brackets})" if in_brackets else queue.name


def _compare_queue(found: Difference, stored: Queue, queue: Queue) -> None:
    old, new = queue_as_written(stored), queue_as_written(queue)
    if old != new:
        _say_changes(found, f"queue {stored.genesys_id} ", old, new)
        queue.pk = stored.pk
        found.changed_queues.append(queue)


def _compare_tokens(found: Difference, wanted: Wanted, now: datetime) -> None:
    if wanted.tokens is None:
        return
    live = [] if found.is_new else list(found.tenant.tokens.filter(live_at(now)))
    kept = {token.digest for token in live}
    given = {digest_of(plain) for plain in wanted.tokens}
    found.new_tokens += [plain for plain in wanted.tokens if digest_of(plain) not in kept]
    found.ended_tokens += [token for token in live if token.digest not in given]
    for plain in found.new_tokens:
        found.say("+", f"webhook token …{plain[-4:]}")
    for token in found.ended_tokens:
        found.say("-", f"webhook token {token}")


def live_at(now: datetime) -> Q:
    return Q(slot__isnull=False) & (Q(ends_at__isnull=True) | Q(ends_at__gt=now))
