"""Changing one's own password: the old one cannot be guessed by whoever got hold of a session."""

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from connector import guesses
from connector.admin.locked import locked
from connector.admin.site import page

WRONG = "wrong_old_passwords"  # in the session, which the one who guesses cannot change


@page("password_change/", name="password_change")
def password_change(request: HttpRequest) -> HttpResponse:
    """Django's own page. A wrong old password counts like one at the door; too many of them end the
    session, from wherever they come."""
    name = request.user.get_username()
    if request.method == "POST" and guesses.is_locked_out(request, name):
        return locked(request, HttpResponse(), {"username": name})
    answer: HttpResponse = admin.site.password_change(request)
    form = (getattr(answer, "context_data", None) or {}).get("form")
    if form is not None and form.has_error("old_password", "password_incorrect"):
        return _after_wrong_one(request, name, answer)
    if request.method == "POST" and form is None:
        request.session.pop(WRONG, None)
        guesses.forget(request, name)
    return answer


def _after_wrong_one(request: HttpRequest, name: str, answer: HttpResponse) -> HttpResponse:
    guesses.count_wrong_password(request, name)
    count = request.session[WRONG] = request.session.get(WRONG, 0) + 1
    if count < settings.AXES_FAILURE_LIMIT:
        return answer
    logout(request)
    words = _("The old password was wrong too often, so you were signed out. Sign in again.")
    messages.error(request, words)
    return redirect("admin:login")
