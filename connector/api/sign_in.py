"""How programs sign in: HTTP Basic, with wrong passwords counted as at the admin's own door."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BasicAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from connector import guesses


class CountedBasic(BasicAuthentication):
    def authenticate_credentials(
        self, userid: str, password: str, request: Request | None = None
    ) -> Any:
        """Raises Throttled for whoever has sent too many wrong passwords, whatever it is now."""
        if len(userid) > guesses.LONGEST_NAME or "\0" in userid:
            raise AuthenticationFailed(_("Invalid username/password."))
        guess = _without_body(request)
        try:
            found = super().authenticate_credentials(userid, password, guess)  # type: ignore[arg-type]
        except AuthenticationFailed:
            if getattr(guess, "axes_locked_out", False):
                raise _locked_out(guess, userid) from None
            raise
        guesses.forget(guess, userid)
        return found


def _without_body(request: Request | None) -> HttpRequest:
    """What is counted needs no body, and one that cannot be read must not keep it from being."""
    guess = HttpRequest()
    guess.META = request.META if request else {}
    return guess


def _locked_out(guess: HttpRequest, name: str) -> Throttled:
    now = timezone.now()
    lock = guesses.lock_for(guess, name, now)
    words = _("Too many wrong passwords were sent for this user name.")
    if lock.is_for_everybody:
        words = _("Too many wrong passwords were sent from this address.")
    return Throttled((lock.until - now).total_seconds(), words)
