"""Makes tenants and queues equal to the file: all of it or nothing, and nothing the second time."""

from collections.abc import Iterator
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from connector import breaker
from connector.config.difference import Difference, difference, live_at
from connector.config.document import Source
from connector.config.read import Wanted, read
from connector.errors import ConfigurationError
from connector.models import Tenant, WebhookToken
from connector.models.history import CONFIGURATION_FILE, written_by
from connector.models.token import digest_of


def plan(source: Source, now: datetime) -> list[str]:
    """What `apply` would change, one line a change; raises ConfigurationError with one line a
    mistake."""
    return _lines(_differences(source, Tenant.objects.all(), now))


def apply(source: Source, now: datetime) -> list[str]:
    """Change what differs and return it as `plan` does; a mistake anywhere changes nothing."""
    try:
        with transaction.atomic(), written_by(CONFIGURATION_FILE):
            found = _differences(source, Tenant.objects.select_for_update(), now)
            for one in found:
                _carry_out(one, now)
    except IntegrityError as exc:
        raise ConfigurationError(
            "Somebody changed the same tenants at this moment; apply the file again."
        ) from exc
    return _lines(found)


def _lines(found: list[Difference]) -> list[str]:
    return [line for one in found for line in one.lines]


def _differences(source: Source, tenants: QuerySet[Tenant], now: datetime) -> list[Difference]:
    wanted = read(source, set(Tenant.objects.values_list("slug", flat=True)))
    mistakes = [*_shared_in_file(wanted), *_live_elsewhere(wanted, now)]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    stored = {tenant.slug: tenant for tenant in tenants.filter(slug__in=[w.slug for w in wanted])}
    return [difference(stored.get(one.slug), one, now) for one in wanted]


def _placed_tokens(wanted: list[Wanted]) -> Iterator[tuple[str, str]]:
    """Each token's digest with its place in the file."""
    for one in wanted:
        for index, plain in enumerate(one.tokens or []):
            yield digest_of(plain), f"{one.place}.webhook_tokens[{index}]"


def _shared_in_file(wanted: list[Wanted]) -> Iterator[str]:
    first: dict[str, str] = {}
    for digest, place in _placed_tokens(wanted):
        if first.setdefault(digest, place) != place:
            yield f"{place}: this token stands in {first[digest]} already."


def _live_elsewhere(wanted: list[Wanted], now: datetime) -> Iterator[str]:
    """Tokens of tenants that the file does not give new ones and that go on using theirs."""
    places = dict(_placed_tokens(wanted))
    replaced = [one.slug for one in wanted if one.tokens is not None]
    others = WebhookToken.objects.filter(live_at(now), digest__in=places)
    for token in others.exclude(tenant__slug__in=replaced).select_related("tenant"):
        yield f"{places[token.digest]}: the tenant {token.tenant.slug} uses this token already."


def _carry_out(found: Difference, now: datetime) -> None:
    if found.is_new:
        found.tenant.save()
    elif found.changes_settings:
        found.tenant.version = F("version") + 1
        found.tenant.save(update_fields=[*found.columns, "version", "updated_at"])
        breaker.try_now(found.tenant, now)
    _write_queues(found)
    for token in found.ended_tokens:
        token.end(now)
    for plain in found.new_tokens:
        WebhookToken.make(found.tenant, now, plain)


def _write_queues(found: Difference) -> None:
    found.tenant.queues.filter(pk__in=[queue.pk for queue in found.removed_queues]).delete()
    for queue in [*found.new_queues, *found.changed_queues]:
        queue.tenant = found.tenant
        queue.save()  # one by one, since the history is written with each
