"""A user's page says where this person is locked out by wrong passwords, alone or with everybody
there, and lifts it."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from connector import guesses
from connector.admin.base import WithStory


class LockViews(WithStory, UserAdmin):  # type: ignore[type-arg]
    change_form_template = "admin/auth/user/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        unlock = self.admin_site.admin_view(self.unlock)
        own = path("<path:object_id>/unlock/", unlock, name="auth_user_unlock")
        return [own, *super().get_urls()]

    def story(self, request: HttpRequest, shown: Any) -> dict[str, Any]:
        now = timezone.now()
        return {
            "locks": guesses.locks_of(shown.get_username(), now),
            "locked_addresses": guesses.locked_addresses(now),
        }

    def unlock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Whoever comes by GET, say after having had to sign in, lands on the user's page."""
        user = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        if user is None:
            raise Http404(_("There is no such page, or it is not yours to see."))
        if request.method == "POST" and "address" in request.POST:
            self._lift_address(request, user, request.POST["address"])
        elif request.method == "POST" and guesses.lift(user.get_username()):
            self.log_change(request, user, _("Lifted the lock after wrong passwords."))
            words = _("“%(name)s” may sign in again from everywhere.")
            messages.success(request, words % {"name": user.get_username()})
        return redirect("admin:auth_user_change", user.pk)

    def _lift_address(self, request: HttpRequest, user: Any, address: str) -> None:
        """Which address a person is at is known to nobody but them, so it is lifted on any page."""
        locked = {lock.address for lock in guesses.locked_addresses(timezone.now())}
        if address in locked and guesses.lift_address(address):
            words = _("Lifted the lock of everybody at %(address)s after wrong passwords.")
            self.log_change(request, user, words % {"address": address})
            words = _("Everybody may sign in again from %(address)s.")
            messages.success(request, words % {"address": address})
