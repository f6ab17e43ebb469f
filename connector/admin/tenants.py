"""Tenants: the list, and the page with all settings of one."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import User
from django.db.models import F, OuterRef, ProtectedError, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from connector import breaker, clock
from connector.admin.display import badge
from connector.admin.genesys_notes import access_of, notes_on
from connector.admin.meanwhile import with_seen
from connector.admin.tenant_form import (
    MEDIA_TYPE_LABELS,
    QueueForm,
    QueueFormSet,
    TenantForm,
    headers_stored,
)
from connector.admin.tenant_guide import guide
from connector.admin.tenant_history import HistoryViews
from connector.admin.tenant_layout import FOR_READERS, fieldsets_for_readers, fieldsets_of
from connector.admin.tenant_pause import PauseViews
from connector.admin.tenant_preview import PreviewViews
from connector.admin.tenant_queues import QueueViews
from connector.admin.tenant_tests import TestViews
from connector.admin.tenant_troubles import troubles_of
from connector.admin.tokens import TokenViews
from connector.models import Probe, Queue, Tenant
from connector.scope import sees_all_tenants, tenants_of

CONNECTED_BY = {
    "region",
    "client_id",
    "client_secret",
    "api_url",
    "login_url",
    "lynn_base_url",
    "lynn_headers",
}


TOKEN_ACTS = ("add_webhooktoken", "change_webhooktoken")


class QueueInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Queue
    form = QueueForm
    formset = QueueFormSet
    template = "admin/connector/tenant/queues_inline.html"
    extra = 0
    verbose_name = _("queue")
    verbose_name_plural = _("List of queues")


class OnFilter(admin.SimpleListFilter):
    """By the words that the list shows, instead of yes and no."""

    title = _("use")
    parameter_name = "on"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("On")), ("no", _("Paused"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = {"yes": True, "no": False}.get(self.value() or "")
        return queryset if known is None else queryset.filter(enabled=known)


class TenantList(ChangeList):
    @property
    def is_first_use(self) -> bool:
        """Whether there is nothing to search or to filter yet."""
        return not (self.result_count or self.has_active_filters or self.query)


@admin.register(Tenant)
class TenantAdmin(TokenViews, TestViews, QueueViews, PauseViews, PreviewViews, HistoryViews):
    form = TenantForm
    inlines = [QueueInline]
    tenant_column = "pk"
    lookups = ("on", "mode__exact")
    list_display = [
        "name",
        "slug",
        "in_use",
        "mode_in_short",
        "region",
        "genesys_in_words",
        "tested_in_words",
    ]
    list_filter = [OnFilter, "mode"]
    list_select_related = ["genesys"]
    search_fields = ["name", "slug"]
    search_help_text = _("Name or slug")
    actions = None
    change_list_template = "admin/connector/tenant/change_list.html"
    change_form_template = "admin/connector/tenant/change_form.html"
    empty_text = _(
        "No tenants yet. A tenant joins one Genesys Cloud organisation to one Lynn. Ask an "
        "administrator to list you under “People” of the tenants that you look after."
    )

    @admin.display(description=_("in use"), ordering="enabled")
    def in_use(self, tenant: Tenant) -> SafeString:
        return badge("good", _("On")) if tenant.enabled else badge("still", _("Paused"))

    @admin.display(description=_("mode"), ordering="mode")
    def mode_in_short(self, tenant: Tenant) -> str:
        return gettext("Shadow") if tenant.is_shadow else gettext("Live")

    @admin.display(description=_("Genesys"))
    def genesys_in_words(self, tenant: Tenant) -> SafeString | str:
        notes = notes_on(tenant)
        if notes:
            return badge("failed" if notes[0].tone == "error" else "not-answered", notes[0].title)
        return gettext("no trouble") if access_of(tenant) else gettext("not asked yet")

    @admin.display(description=_("test"))
    def tested_in_words(self, tenant: Tenant) -> SafeString:
        outcome: str | None = getattr(tenant, "tested", None)
        words = Probe.Outcome(outcome).label if outcome else gettext("not tested yet")
        return format_html('<span class="dot dot-{}">{}</span>', outcome or "still", words)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        tests = Probe.objects.filter(tenant=OuterRef("pk"), kind=Probe.Kind.CONNECTION)
        last = Subquery(tests.order_by("-id").values("outcome")[:1])
        tenants: QuerySet[Any] = super().get_queryset(request).annotate(tested=last)
        return tenants

    @admin.display(description=_("client secret"))
    def secret_in_words(self, tenant: Tenant) -> str:
        return gettext("stored") if tenant.client_secret else gettext("none stored")

    @admin.display(description=_("extra headers"))
    def headers_in_words(self, tenant: Tenant) -> str:
        return headers_stored(tenant)

    @admin.display(description=_("media types"))
    def media_types_in_words(self, tenant: Tenant) -> str:
        return ", ".join(str(MEDIA_TYPE_LABELS.get(name, name)) for name in tenant.media_types)

    def get_fieldsets(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        if obj is None:
            return fieldsets_of(None)
        if self.has_change_permission(request, obj):
            return with_seen(fieldsets_of(obj))
        return fieldsets_for_readers(obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        return [shown for shown in FOR_READERS.values() if shown]

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Who may not look at all accounts is offered the people of their own tenants: names of
        others' people are nothing for them."""
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if not (sees_all_tenants(request) or request.user.has_perm("auth.view_user")):
            own = [tenant.pk for tenant in tenants_of(request)]
            colleagues = User.objects.filter(tenants__in=own).values("pk")
            field.queryset = field.queryset.filter(pk__in=colleagues)
            field.help_text = _(
                "Who may see this tenant without the right to see all tenants. You can tick people "
                "of your tenants; ask whoever looks after the accounts to add others."
            )
        return field

    def get_prepopulated_fields(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        return {} if obj else {"slug": ("name",)}

    def story(self, request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
        return {
            "webhook": self.webhook_box(tenant),
            "tests": self.tests_box(tenant),
            "guide": guide(tenant) if self.has_change_permission(request, tenant) else [],
            "notes": notes_on(tenant),
            "troubles": troubles_of(tenant),
            "queue_count": tenant.queues.filter(enabled=True).count(),
            **self._rights(request),
            "show_delete": not has_connections(tenant),
        }

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "guide": guide(None)}
        return super().add_view(request, form_url, context)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "guide": guide(None)}
        return super().changelist_view(request, context)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return TenantList

    def _rights(self, request: HttpRequest) -> dict[str, bool]:
        acts = ("test_connection", "send_test", "pause_tenant", *TOKEN_ACTS)
        return {f"may_{act}": request.user.has_perm(f"connector.{act}") for act in acts}

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        """Writes only what was changed."""
        if not change:
            obj.save()
            return
        columns = {field.name for field in obj._meta.concrete_fields} & set(form.changed_data)
        if form.cleaned_data.get("remove_headers"):
            columns.add("lynn_headers")
        if columns:
            obj.save(update_fields=[*columns, "updated_at"])
        if columns & CONNECTED_BY:
            words = gettext("What the portal connects with was changed: test the connection.")
            self.message_user(request, words, messages.INFO)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        tenant = form.instance
        if not change and not sees_all_tenants(request):
            tenant.people.add(request.user.pk)
        if change and (form.has_changed() or any(each.has_changed() for each in formsets)):
            Tenant.objects.filter(pk=tenant.pk).update(version=F("version") + 1)
            breaker.try_now(tenant, clock.now())

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """One way to save: it leads to the tenant's page, where everything else is done."""
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    def response_post_save_add(self, request: HttpRequest, obj: Tenant) -> HttpResponseRedirect:
        self.message_user(
            request, gettext("Next: test the connection. The steps stand below."), messages.INFO
        )
        return self.back_to(obj.pk)

    def response_post_save_change(self, request: HttpRequest, obj: Tenant) -> HttpResponseRedirect:
        """To the top, where it is said what was saved: a browser would stay at the part of the page
        that its address names."""
        answer = self.back_to(obj.pk)
        answer["Location"] += "#content-start"
        return answer

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        tenant = self.get_object(request, object_id)
        if tenant is None:
            return super().delete_view(request, object_id, extra_context)
        try:
            if not has_connections(tenant):
                return super().delete_view(request, object_id, extra_context)
        except ProtectedError:
            pass  # one came in at this very moment
        return self._stays(request, tenant)

    def _stays(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        words = gettext(
            "“%(tenant)s” has connections and cannot be deleted, so that the record of what "
            "happened stays whole. Pause it instead."
        )
        self.message_user(request, words % {"tenant": tenant}, messages.ERROR)
        return self.back_to(tenant.pk)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """In numbers: a list of every event that goes with a tenant would help nobody."""
        [tenant] = objs
        counts = {
            str(related.model._meta.verbose_name_plural): count
            for related in (tenant.queues, tenant.tokens, tenant.events)
            if (count := related.count())
        }
        return [format_html("{}", tenant)], counts, set(), []


def has_connections(tenant: Tenant) -> bool:
    return tenant.connections.exists()
