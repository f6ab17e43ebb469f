"""People: their accounts, their groups, and what each may do."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_permission_codename
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    ReadOnlyPasswordHashWidget,
    SetUnusablePasswordMixin,
    UserChangeForm,
)
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connector.admin.authority import may_manage, may_manage_group, own_groups, own_permissions
from connector.admin.base import WithActions, without_popups
from connector.admin.display import NOTHING, moment
from connector.admin.meanwhile import AsShownForm, with_seen
from connector.admin.user_locks import LockViews
from connector.permissions import GROUPS
from connector.scope import seen_by

format_html_lazy = lazy(format_html, SafeString)

# What pages ask for besides what the groups hold; other permissions would change nothing.
ALSO_USED = {"view_heartbeat"}
ACTIONS = {
    "add": gettext_lazy("Can add %(name)s"),
    "change": gettext_lazy("Can change %(name)s"),
    "delete": gettext_lazy("Can delete %(name)s"),
    "view": gettext_lazy("Can view %(name)s"),
}

admin.site.unregister(User)
admin.site.unregister(Group)


class PermissionChoices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        """Django's own permissions have names that were made of English words when they were
        stored; made anew, they are in the reader's language."""
        action = obj.codename.partition("_")[0]
        model = obj.content_type.model_class()
        if action in ACTIONS and obj.codename == get_permission_codename(action, model._meta):
            return str(ACTIONS[action]) % {"name": model._meta.verbose_name}
        return _(obj.name)


def _used_permissions() -> QuerySet[Permission]:
    codenames = ALSO_USED.union(*GROUPS.values())
    for model in apps.get_app_config("connector").get_models():
        codenames |= {codename for codename, _name in model._meta.permissions}
    ours = Q(content_type__app_label="connector", codename__in=codenames)
    people = Q(content_type__app_label="auth", content_type__model__in=["user", "group"])
    found = Permission.objects.filter(ours | people).select_related("content_type")
    return found.order_by("-content_type__app_label", "content_type__model", "codename")


class GroupChoices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, obj: Any) -> str:
        return name_of(obj)


def name_of(group: Group) -> str:
    """The portal's own groups are called in the reader's language."""
    return _(group.name)


class GroupFilter(admin.RelatedFieldListFilter):
    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        return [(group.pk, name_of(group)) for group in Group.objects.order_by("name")]


class WithCheckboxes(WithActions):
    """Boxes to tick in place of two lists between which one moves things by a script; of what can
    be given away, only what the reader has."""

    filter_horizontal = ()
    show_facets = admin.ShowFacets.NEVER

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        own = {"title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, {**own, **(extra_context or {})})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        boxes = super().get_fieldsets(request, obj)
        may_change = obj is not None and self.has_change_permission(request, obj)
        return with_seen(boxes) if may_change else boxes

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        return without_popups(super().formfield_for_dbfield(db_field, request, **kwargs))

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.remote_field.model is Permission:
            return PermissionChoices(
                queryset=own_permissions(request, _used_permissions()),
                required=False,
                label=capfirst(str(db_field.verbose_name)),
            )
        if db_field.remote_field.model is Group:
            kwargs["form_class"] = GroupChoices
        kwargs |= {"widget": forms.CheckboxSelectMultiple(), "queryset": own_groups(request)}
        return super().formfield_for_manytomany(db_field, request, **kwargs)


class PasswordUnseen(ReadOnlyPasswordHashWidget):
    """Says that there is a password; of its hash nothing is shown."""

    template_name = "connector/password_set.html"


class PortalPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Django's own joins its help at the start, in English for good."""

    usable_password_help_text = format_html_lazy(
        '{}<ul id="id_unusable_warning" class="messagelist"><li class="warning">{}</li></ul>',
        SetUnusablePasswordMixin.usable_password_help_text,
        gettext_lazy("If disabled, the current password for this user will be lost."),
    )


class PortalUserForm(AsShownForm, UserChangeForm):  # type: ignore[type-arg]
    class Meta(UserChangeForm.Meta):
        labels = {
            "is_staff": gettext_lazy("May enter the portal"),
            "is_superuser": gettext_lazy("All rights"),
        }
        help_texts = {
            "is_active": gettext_lazy("Without the tick nobody can sign in with this account."),
            "is_staff": gettext_lazy("What there is to see then is up to the groups and tenants."),
            "is_superuser": gettext_lazy("May see and do everything, whatever the groups say."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "password" in self.fields:
            self.fields["password"].widget = PasswordUnseen()
            self.fields["password"].help_text = ""

    def shown_of(self, instance: User) -> dict[str, Any]:
        """Without what changes when this person signs in, or sets a password."""
        return model_to_dict(instance, exclude=["last_login", "password"])


@admin.register(Group)
class PortalGroupAdmin(WithCheckboxes, GroupAdmin):  # type: ignore[misc]
    form = AsShownForm
    fields = ("name", "permissions")
    list_display = ("called", "members")
    ordering = ("name",)

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def called(self, group: Group) -> str:
        return name_of(group)

    def action_checkbox(self, obj: Group) -> SafeString:
        return super().action_checkbox(Group(pk=obj.pk, name=name_of(obj)))

    @admin.display(description=gettext_lazy("people"))
    def members(self, group: Group) -> str:
        names = [user.get_username() for user in group.user_set.all()]
        return ", ".join(names) or NOTHING

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        is_within = obj is None or may_manage_group(request, obj)
        return is_within and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        is_within = obj is None or may_manage_group(request, obj)
        return is_within and super().has_delete_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).prefetch_related("user_set")


@admin.register(User)
class PortalUserAdmin(WithCheckboxes, LockViews):
    form = PortalUserForm
    change_password_form = PortalPasswordForm
    list_display = ("username", "full_name", "email", "in_groups", "is_active", "last_seen")
    list_filter = ("is_active", "is_superuser", ("groups", GroupFilter))
    readonly_fields = ("tenants_in_words", "last_seen", "joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Who"), {"fields": ("first_name", "last_name", "email")}),
        (
            gettext_lazy("What this person may see and do"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "tenants_in_words")},
        ),
        (
            gettext_lazy("Single permissions"),
            {
                "fields": ("user_permissions",),
                "classes": ("collapse",),
                "description": gettext_lazy("Besides those that the groups give."),
            },
        ),
        (gettext_lazy("When"), {"fields": ("last_seen", "joined")}),
    )

    @admin.display(description=gettext_lazy("name"))
    def full_name(self, user: User) -> str:
        return user.get_full_name() or NOTHING

    @admin.display(description=gettext_lazy("groups"))
    def in_groups(self, user: User) -> str:
        if user.is_superuser:
            return _("all rights")
        return ", ".join(name_of(group) for group in user.groups.all()) or NOTHING

    @admin.display(description=gettext_lazy("last login"), ordering="last_login")
    def last_seen(self, user: User) -> SafeString | str:
        return moment(user.last_login)

    @admin.display(description=gettext_lazy("joined"))
    def joined(self, user: User) -> SafeString | str:
        return moment(user.date_joined)

    @admin.display(description=gettext_lazy("tenants"))
    def tenants_in_words(self, user: User) -> SafeString | str:
        """They are given on the tenants' own pages; those that the reader may not see are not
        named."""
        if user.has_perm("connector.view_all_tenants"):
            return _("all tenants")
        found = user.tenants.filter(getattr(user, "shown_tenants", Q())).order_by("name")
        links = ((reverse("admin:connector_tenant_change", args=[one.pk]), one) for one in found)
        shown = format_html_join(", ", '<a href="{}">{}</a>', links)
        if len(found) < user.tenants.count():
            others = _("others that you may not see")
            return format_html("{}, {}", shown, others) if shown else others
        return shown or _("none; add this person under “People” on a tenant's page")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> User | None:
        user: User | None = super().get_object(request, object_id, from_field)
        if user is not None:
            user.shown_tenants = seen_by(request, "pk")  # type: ignore[attr-defined]
        return user

    def story(self, request: HttpRequest, shown: User) -> dict[str, Any]:
        may = super().has_change_permission(request, shown)
        is_beyond = may and not may_manage(request, shown)
        return {**super().story(request, shown), "is_beyond": is_beyond}

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        is_within = obj is None or may_manage(request, obj)
        return is_within and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        is_within = obj is None or may_manage(request, obj)
        return is_within and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, "is_superuser")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """With an account, Django would delete its lines in the log of who did what."""
        *others, protected = super().get_deleted_objects(objs, request)
        logged = User.objects.filter(pk__in=LogEntry.objects.values("user"))
        words = _(
            "what “%(name)s” did, which is on record; take the tick away from “Active” instead"
        )
        kept = logged.filter(pk__in=[user.pk for user in objs])
        return *others, [*protected, *(words % {"name": user} for user in kept)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    def response_add(self, request: HttpRequest, obj: User, *args: Any, **kwargs: Any) -> Any:
        self.message_user(
            request,
            _(
                "Next: choose a group below and save. Then tick this person under “People” on the "
                "page of each tenant that they look after."
            ),
            messages.INFO,
        )
        return super().response_add(request, obj, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.is_staff = True  # there is nothing here for anybody else
        super().save_model(request, obj, form, change)
