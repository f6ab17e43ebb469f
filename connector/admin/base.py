"""What all pages share: who sees which tenant, quick lists, views that act on POST only."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import (
    ALL_VAR,
    ERROR_FLAG,
    ORDER_VAR,
    PAGE_VAR,
    SEARCH_VAR,
    ChangeList,
)
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable
from django.forms import CheckboxSelectMultiple
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connector.find import TimeRange
from connector.scope import from_newest, seen_by, tenants_of, to_count

MOST_COUNTED = 1000
OF_EVERY_LIST = {ALL_VAR, ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR}


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than MOST_COUNTED: counting a million rows takes seconds.

    `to_count`: the same rows, as they are soonest counted.
    """

    to_count: QuerySet[Any] | None = None

    @cached_property
    def count(self) -> int:
        rows = self.to_count
        if rows is None:
            rows = cast(QuerySet[Any], self.object_list).order_by()  # or it would sort to count
        counted: int = rows[: MOST_COUNTED + 1].count()
        return counted

    @property
    def is_capped(self) -> bool:
        return self.count > MOST_COUNTED

    @property
    def most(self) -> int:
        return MOST_COUNTED


def without_popups(field: Any) -> Any:
    """Nothing is made in passing in a window of its own: each thing has its page."""
    if isinstance(getattr(field, "widget", None), RelatedFieldWidgetWrapper):
        field.widget.can_add_related = False
    return field


class WithActions(admin.ModelAdmin):  # type: ignore[type-arg]
    """Whose list says so where what was chosen cannot be there, in place of failing."""

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        try:
            for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(chosen)
        except ValidationError:
            messages.error(request, _("What was chosen is not there. Nothing was done."))
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args, **kwargs)


class WithStory(WithActions):
    """Whose pages say more of an object than its fields."""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        shown = self.get_object(request, unquote(object_id))
        own: dict[str, Any] = {}
        if shown is not None and self.has_view_permission(request, shown):
            own = self.story(request, shown)
        return super().change_view(request, object_id, form_url, {**own, **(extra_context or {})})

    def story(self, request: HttpRequest, shown: Any) -> dict[str, Any]:
        """What the page of one object says besides its fields, for a reader who may see it."""
        return {}


class PortalAdmin(WithStory):
    """Shows people the objects of their own tenants.

    `tenant_column` holds the tenant of an object; `lookups` are the only filters that an address
    may hold, since any other could be used to guess what is not shown.
    """

    tenant_column = "tenant_id"
    lookups: tuple[str, ...] = ()
    empty_text: Any = ""
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_max_show_all = 200
    list_per_page = 50

    @admin.display(description=gettext_lazy("tenant"))
    def tenant_in_words(self, row: Any) -> str:
        """A column whose title is translated, which that of the field is not."""
        return str(row.tenant)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(seen_by(request, self.tenant_column))

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        return without_popups(super().formfield_for_dbfield(db_field, request, **kwargs))

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Boxes to tick: Django's two lists need a script, and are hard to use without a mouse."""
        kwargs["widget"] = CheckboxSelectMultiple()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return lookup in self.lookups

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if unknown := self._unknown_to_list(request):
            return self._without(request, unknown)
        own = {
            "title": capfirst(self.opts.verbose_name_plural),
            "empty_text": self.empty_text,
        }
        return super().changelist_view(request, {**own, **(extra_context or {})})

    def _unknown_to_list(self, request: HttpRequest) -> list[str]:
        known = OF_EVERY_LIST.union(self.lookups)
        return [name for name in request.GET if name not in known]

    def _without(self, request: HttpRequest, names: list[str]) -> HttpResponse:
        """The same list, with a word on what was not understood in its address."""
        left = request.GET.copy()
        for name in names:
            del left[name]
        words = _("This list cannot be narrowed down by “%(name)s”, so that was left out.")
        messages.warning(request, words % {"name": names[0]})
        return HttpResponseRedirect(f"{request.path}?{left.urlencode()}")

    def address(self, page: str, *args: object) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"

    def back_to(self, pk: object) -> HttpResponseRedirect:
        return redirect(self.address("change"), pk)

    def acting_view(
        self, permission: str, view: Callable[..., HttpResponse]
    ) -> Callable[..., HttpResponse]:
        """A view that changes something: by POST and with `permission` only.

        Whoever comes by GET, say after having had to log in, lands on the object's own page.
        """

        def guarded(request: HttpRequest, object_id: str, **kwargs: Any) -> HttpResponse:
            found = self._found(request, object_id)
            if not request.user.has_perm(f"connector.{permission}"):
                raise PermissionDenied
            if request.method != "POST":
                return self.back_to(found.pk)
            return view(request, found, **kwargs)

        return self.admin_site.admin_view(guarded)

    def _found(self, request: HttpRequest, object_id: str) -> Model:
        found: Model | None = self.get_object(request, unquote(object_id))
        if found is None:
            raise Http404(_("There is no such page, or it is not yours to see."))
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return found


class ReadOnlyAdmin(PortalAdmin):
    """What happened: nobody adds, changes or deletes it here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class FilteredList(ChangeList):
    """The newest first, always; narrowed down by the form above it."""

    model_admin: "FilteredAdmin"

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return {}

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str | Combinable]:
        return ["-received_at", "-id"]

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request, exclude_parameters)
        self.asked = self.model_admin.filter_of(request)
        self.has_active_filters = bool(self.asked.asked)
        return self.asked.narrow(found)

    @property
    def older(self) -> str:
        """Where the list goes on beyond what is counted."""
        last = list(self.result_list)[-1:]
        if not last or not self.paginator.is_capped:
            return ""
        just_after = last[0].received_at + timedelta(microseconds=1)
        return self.get_query_string({"until": just_after.isoformat()}, remove=[PAGE_VAR])


class FilteredAdmin(ReadOnlyAdmin):
    """What happened, as a list with a form above it that narrows it down."""

    filter_form: type[TimeRange]
    change_list_template = "admin/connector/filtered_list.html"
    sortable_by = ()
    list_per_page = 50
    list_max_show_all = 0

    def get_paginator(self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any) -> Any:
        """Of the list; Django asks for that of an object's history here too."""
        if queryset.model is not self.model:
            return super().get_paginator(request, queryset, *args, **kwargs)
        pages = super().get_paginator(request, from_newest(request, queryset), *args, **kwargs)
        cast(CappedPaginator, pages).to_count = to_count(request, queryset)
        return pages

    def filter_of(self, request: HttpRequest) -> TimeRange:
        return self.filter_form(request.GET, tenants_of(request))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return FilteredList
