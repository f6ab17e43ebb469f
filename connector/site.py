"""The admin's site: Django's own, with pages that belong to no model."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _

# On django-q2's own pages whoever may look could also run tasks again.
NOT_SHOWN = ("django_q",)

View = Callable[..., HttpResponseBase]


class PortalSite(admin.AdminSite):
    site_header = _("Agent Connected")
    site_title = _("Agent Connected")
    site_url = None  # "View site" would lead back here
    empty_value_display = "—"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._pages: list[tuple[str, View, str]] = []

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: "type[admin.ModelAdmin[Any]] | None" = None,
        **options: Any,
    ) -> None:
        if isinstance(model_or_iterable, ModelBase):
            models = [model_or_iterable]
        else:
            models = list(model_or_iterable)
        shown = [model for model in models if model._meta.app_label not in NOT_SHOWN]
        super().register(shown, admin_class, **options)

    def add_page(self, route: str, view: View, name: str) -> None:
        self._pages.append((route, view, name))

    def get_urls(self) -> list[URLResolver | URLPattern]:
        own = [path(route, self.admin_view(view), name=name) for route, view, name in self._pages]
        return [*own, *super().get_urls()]


def page(route: str, *, name: str, permission: str = "") -> Callable[[View], View]:
    """Makes a view a page of the admin, for staff who hold `permission` ("app.codename")."""

    def register(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if permission and not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        cast(PortalSite, admin.site).add_page(route, guarded, name)
        return guarded

    return register


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> TemplateResponse:
    """An answer with what every page of the admin knows."""
    shared = admin.site.each_context(request)
    return TemplateResponse(request, template, {**shared, **context}, status=status)
