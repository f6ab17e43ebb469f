"""What a changed filter would have done to the last conversations, before it is saved."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _

from connector.admin.display import reason_words
from connector.admin.tenant_pages import TenantPages
from connector.models import AgentConnection, Queue, Tenant
from connector.receive import reason_to_ignore

LOOKED_AT = 1000
EXAMPLES = 5


@dataclass
class Group:
    """Conversations that the change treats alike: ignored from now on, or no longer."""

    title: str
    count: int = 0
    examples: list[AgentConnection] = field(default_factory=list)

    def add(self, row: AgentConnection) -> None:
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(row)


class PreviewViews(TenantPages):
    """A tenant's page with a preview. What is posted to it is the form, of which nothing is
    saved."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<path:object_id>/preview/",
                self.acting_view("change_tenant", self.preview),
                name="connector_tenant_preview",
            ),
        ]
        return own + super().get_urls()

    def preview(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        before = Tenant.objects.prefetch_related("queues").get(pk=tenant.pk)
        form = self.get_form(request, tenant, change=True)(request.POST, instance=tenant)
        formsets = [
            made(request.POST, prefix="queues", instance=tenant)
            for made, _inline in self.get_formsets_with_inlines(request, tenant)
        ]
        form.is_valid()
        wrong = {"media_types", "queue_policy"} & form.errors.keys()
        valid = not wrong and all(formset.is_valid() for formset in formsets)
        context: dict[str, Any] = {"refused": not valid}
        if not context["refused"]:
            rows = list(_last(before))
            # Whoever may not see the queues has not changed them either.
            queues = _wanted(formsets[0]) if formsets else list(before.queues.all())
            groups = compare(rows, before, form.instance, queues)
            context |= {"groups": groups, "looked_at": len(rows), "most": LOOKED_AT}
            context["may_see"] = request.user.has_perm("connector.view_agentconnection")
            context["same"] = len(rows) - sum(group.count for group in groups)
        title = _("What the change would have done")
        return self.tenant_page(request, before, "preview", title, **context)


def _last(tenant: Tenant) -> Iterable[AgentConnection]:
    rows = AgentConnection.objects.filter(tenant=tenant).order_by("-received_at")
    return rows.only("conversation_id", "media_type", "queue_id", "queue_name", "received_at")[
        :LOOKED_AT
    ]


def _wanted(formset: "BaseInlineFormSet[Any, Any, Any]") -> list[Queue]:
    kept = (form for form in formset.forms if not form.cleaned_data.get("DELETE"))
    return [form.instance for form in kept if form.instance.genesys_id]


def compare(
    rows: Iterable[AgentConnection], before: Tenant, after: Tenant, queues: Sequence[Queue]
) -> list[Group]:
    """The groups that differ, the largest first."""
    old = {queue.genesys_id: queue for queue in before.queues.all()}
    new = {queue.genesys_id: queue for queue in queues}
    groups: dict[str, Group] = {}
    for row in rows:
        was = reason_to_ignore(before, row, old.get(row.queue_id.lower()))
        will = reason_to_ignore(after, row, new.get(row.queue_id.lower()))
        if was != will:
            title = _title(was, will)
            groups.setdefault(title, Group(title)).add(row)
    order = Counter({title: group.count for title, group in groups.items()})
    return [groups[title] for title, _count in order.most_common()]


def _title(was: str | None, will: str | None) -> str:
    if was and will:
        return _("Ignored as before, for another reason: %(reason)s") % {
            "reason": reason_words(will)
        }
    if will:
        return _("Would be ignored from now on: %(reason)s") % {"reason": reason_words(will)}
    return _("Would no longer be ignored")
