"""The queues that Genesys has beside those that are listed here; adopted by a click."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connector import catalogue, probe
from connector.access import reason_of
from connector.admin.genesys_notes import ANY_REMEDY, REMEDIES
from connector.admin.tenant_pages import (
    TenantPages,
    calling_out,
    last_probe,
    raise_version,
    record_probe,
)
from connector.domain import AnswerMode, Reason
from connector.errors import PermissionMissing, SecretUnreadable, ServiceError
from connector.models import Probe, Queue, Tenant
from connector.said import in_readers_words

ADOPTING = ("connector.add_queue", "connector.change_queue")


@dataclass(frozen=True)
class Row:
    """One queue on both sides; `here` is None where it is not listed, `there` "" where Genesys did
    not show it."""

    id: str
    name: str
    there: str
    here: Queue | None
    differs: bool


class QueueViews(TenantPages):
    """A tenant's page with Genesys' queues."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<path:object_id>/queues/",
                self.looking_view("view_queue", self.queues_page),
                name="connector_tenant_queues",
            ),
            path(
                "<path:object_id>/queues/fetch/",
                self.acting_view("test_connection", self.fetch_queues),
                name="connector_tenant_fetch_queues",
            ),
            path(
                "<path:object_id>/queues/adopt/",
                self.acting_view("change_queue", self.adopt_queues),  # and add_queue
                name="connector_tenant_adopt_queues",
            ),
        ]
        return own + super().get_urls()

    def queues_page(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        last = last_probe(tenant, Probe.Kind.QUEUES)
        rows = side_by_side(tenant, last)
        return self.tenant_page(
            request,
            tenant,
            "queues",
            _("Queues in Genesys"),
            last=last,
            trouble=_trouble(last),
            rows=rows,
            to_adopt=[row for row in rows if row.there and row.differs],
            may_adopt=request.user.has_perms(ADOPTING),
            may_fetch=request.user.has_perm("connector.test_connection"),
        )

    @calling_out
    def fetch_queues(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        try:
            queues, more = catalogue.fetch(tenant, timezone.now)
        except (ServiceError, SecretUnreadable) as exc:
            failed = {"reason": _reason(exc), "said": str(exc)}
            record_probe(request, tenant, Probe.Kind.QUEUES, probe.BAD, failed)
            return redirect(self.address("queues"), tenant.pk)
        found = [{"id": each.id, "name": each.name, "auto": each.auto_answer} for each in queues]
        result = {"queues": found, "more": more}
        record_probe(request, tenant, Probe.Kind.QUEUES, probe.GOOD, result)
        return redirect(self.address("queues"), tenant.pk)

    def adopt_queues(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        """What was fetched is taken, not what is posted: the post only says which."""
        if not request.user.has_perms(ADOPTING):
            raise PermissionDenied
        wanted = {each.lower() for each in request.POST.getlist("queue")}
        fetched = _fetched(last_probe(tenant, Probe.Kind.QUEUES))
        chosen = [queue for queue in fetched if queue["id"] in wanted]
        with transaction.atomic():
            Tenant.objects.select_for_update().get(pk=tenant.pk)  # two clicks add a queue once
            count = sum(_adopt(tenant, queue) for queue in chosen)
            if count:
                raise_version(tenant)
        words = ngettext("Adopted %(n)d queue.", "Adopted %(n)d queues.", count) % {"n": count}
        self.message_user(request, words, messages.SUCCESS if count else messages.INFO)
        if count:
            self.log_change(request, tenant, words)
        return redirect(self.address("queues"), tenant.pk)


def side_by_side(tenant: Tenant, last: Probe | None) -> list[Row]:
    """Genesys' queues in its order, then those that are listed here only."""
    here = {queue.genesys_id: queue for queue in tenant.queues.all()}
    fetched = _fetched(last)
    rows = [_row(queue, here.pop(queue["id"], None)) for queue in fetched]
    only_here = here.values() if fetched else ()
    return [*rows, *(Row(q.genesys_id, q.name, "", q, differs=True) for q in only_here)]


def _row(queue: dict[str, Any], here: Queue | None) -> Row:
    there = _mode(queue)
    same = here is not None and (here.name, here.answer_mode) == (queue["name"], there)
    return Row(queue["id"], queue["name"], there, here, differs=not same)


def _mode(queue: dict[str, Any]) -> str:
    return AnswerMode.AUTO if queue["auto"] else AnswerMode.MANUAL


def _fetched(last: Probe | None) -> list[dict[str, Any]]:
    return last.result.get("queues", []) if last else []


def _adopt(tenant: Tenant, queue: dict[str, Any]) -> bool:
    """Whether anything changed. A queue that was switched off here stays so."""
    known = tenant.queues.select_for_update().filter(genesys_id=queue["id"]).first()
    row = known or Queue(tenant=tenant, genesys_id=queue["id"])
    before = (row.name, row.answer_mode)
    row.name, row.answer_mode = queue["name"], _mode(queue)
    if known and before == (row.name, row.answer_mode):
        return False
    row.save()
    return True


def _reason(exc: ServiceError | SecretUnreadable) -> str:
    return reason_of(exc) if isinstance(exc, ServiceError) else Reason.INTERNAL_ERROR


def _trouble(last: Probe | None) -> dict[str, Any] | None:
    """Why the last fetch failed and what to do; None where it did not."""
    if last is None or "reason" not in last.result:
        return None
    reason = last.result["reason"]
    remedy = REMEDIES.get(reason, ANY_REMEDY)
    if reason == reason_of(PermissionMissing("")):
        remedy = _(
            "In Genesys, add the permission Routing > Queue > View to the role of the OAuth client "
            "(Admin > Integrations > OAuth > Roles)."
        )
    return {"reason": reason, "said": in_readers_words(last.result["said"]), "remedy": remedy}
