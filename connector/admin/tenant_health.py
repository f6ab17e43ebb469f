"""How each tenant fares, with the reason in words, worst first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from connector.admin.display import badge, reason_words
from connector.admin.genesys_notes import NAMES_MISSING, access_of
from connector.attention import Group
from connector.audit.counts import TenantCounts, Told
from connector.domain import State, TroubleKind
from connector.errors import SecretUnreadable
from connector.models import Secret, Tenant, Trouble

FAILING_FROM = 0.05  # of the connections that ought to have been told
WORDS = {
    "bad": gettext_lazy("Failing"),
    "warn": gettext_lazy("Look"),
    "good": gettext_lazy("Well"),
    "still": gettext_lazy("Quiet"),
}
WORST_FIRST = tuple(WORDS)


@dataclass(frozen=True)
class Health:
    """`tone` is a key of WORDS; `why` says what led to it, "" where there is nothing to say.
    `is_hindered`: nothing can be done for it at present."""

    tenant: Tenant
    tone: str
    why: str
    counts: TenantCounts
    is_hindered: bool = False

    @property
    def badge(self) -> SafeString:
        off = self.tone == "still" and not self.tenant.enabled
        return badge(self.tone, _("Paused") if off else WORDS[self.tone])

    @property
    def delivered(self) -> int:
        return self._of(State.DELIVERED) + self._of(State.SHADOWED)

    @property
    def not_answered(self) -> int:
        return self._of(State.NOT_ANSWERED)

    @property
    def failed(self) -> int:
        return self._of(State.FAILED)

    @property
    def delivered_share(self) -> float | None:
        """In percent of those that were not ignored; None where there were none."""
        used = self.counts.count - self._of(State.IGNORED)
        return 100 * self.delivered / used if used else None

    def _of(self, state: State) -> int:
        return self.counts.by_state.get(state, 0)


def healths(
    tenants: Iterable[Tenant],
    counted: Iterable[TenantCounts],
    groups: Iterable[Group],
    troubles: Iterable[Trouble],
) -> list[Health]:
    """`tenants` come with what is known of their Genesys; `groups`: what waits for a person."""
    by_tenant = {counts.tenant_id: counts for counts in counted}
    waiting = _largest(groups)
    open_troubles: dict[int, list[Trouble]] = defaultdict(list)
    for trouble in troubles:
        open_troubles[trouble.tenant_id].append(trouble)
    found = [
        _health(
            tenant,
            by_tenant.get(tenant.pk, TenantCounts(tenant.pk, {}, Told())),
            waiting.get(tenant.pk),
            open_troubles[tenant.pk],
        )
        for tenant in tenants
    ]
    return sorted(found, key=_badness)


def _badness(health: Health) -> Any:
    """What goes on being lost comes before what is over."""
    counts, tone = health.counts, WORST_FIRST.index(health.tone)
    share = -counts.trouble_share
    return tone, not health.is_hindered, share, -counts.count, health.tenant.name


def _largest(groups: Iterable[Group]) -> Mapping[int, Group]:
    """The largest group of each tenant."""
    found: dict[int, Group] = {}
    for group in groups:
        if group.tenant_id not in found or found[group.tenant_id].count < group.count:
            found[group.tenant_id] = group
    return found


def _health(
    tenant: Tenant, counts: TenantCounts, waiting: Group | None, troubles: Iterable[Trouble]
) -> Health:
    if hindrances := list(_hindrances(tenant, troubles)):
        return Health(tenant, "bad", "; ".join(hindrances), counts, is_hindered=True)
    tone, why = _failing(counts, waiting) or _incomplete(tenant, troubles) or _calm(tenant, counts)
    return Health(tenant, tone, why, counts)


def _hindrances(tenant: Tenant, troubles: Iterable[Trouble]) -> Iterator[str]:
    """What keeps everything of this tenant from being done."""
    access = access_of(tenant)
    if not secrets_readable(tenant):
        yield _("A stored secret cannot be read; enter it again")
    if any(trouble.kind == TroubleKind.LYNN_UNREACHABLE for trouble in troubles):
        yield str(TroubleKind.LYNN_UNREACHABLE.label)
    if access is not None and access.trouble:
        yield reason_words(access.trouble)


def _failing(counts: TenantCounts, waiting: Group | None) -> tuple[str, str] | None:
    failed = counts.by_state.get(State.FAILED, 0) + counts.by_state.get(State.EXPIRED, 0)
    if not failed and waiting is None:
        return None
    tone = "bad" if counts.trouble_share >= FAILING_FROM else "warn"
    return tone, _failed_words(failed, counts.count, waiting)


def _failed_words(failed: int, received: int, waiting: Group | None) -> str:
    if not failed and waiting is not None:
        words = ngettext(
            "%(count)d from before waits for a person: %(reason)s",
            "%(count)d from before wait for a person: %(reason)s",
            waiting.count,
        )
        return words % {"count": waiting.count, "reason": waiting.reason.label}
    words = _("%(failed)d of %(received)d failed or came too late") % {
        "failed": failed,
        "received": received,
    }
    return f"{words}: {waiting.reason.label}" if waiting else words


def _incomplete(tenant: Tenant, troubles: Iterable[Trouble]) -> tuple[str, str] | None:
    """What makes the work slower or poorer, and hinders nothing."""
    if any(trouble.kind == TroubleKind.BULK_QUERY_REFUSED for trouble in troubles):
        return "warn", str(TroubleKind.BULK_QUERY_REFUSED.label)
    access = access_of(tenant)
    if access is not None and access.names_missing_since and tenant.enabled:
        return "warn", str(NAMES_MISSING)
    return None


def _calm(tenant: Tenant, counts: TenantCounts) -> tuple[str, str]:
    if not tenant.enabled:
        return "still", _("Switched off: its events are refused")
    if not counts.count:
        return "still", _("Nothing received")
    return "good", _("Shadow mode: Lynn is not told") if tenant.is_shadow else ""


def secrets_readable(tenant: Tenant) -> bool:
    keys = tuple(settings.FIELD_KEYS)
    return all(
        _is_readable(each.ciphertext, keys) for each in (tenant.client_secret, tenant.lynn_headers)
    )


@lru_cache(maxsize=4096)
def _is_readable(ciphertext: str, keys: tuple[str, ...]) -> bool:
    """Remembered, since the same keys always say the same of a stored text."""
    try:
        Secret(ciphertext).reveal()
    except SecretUnreadable:
        return False
    return True
