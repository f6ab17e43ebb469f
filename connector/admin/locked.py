"""What somebody reads who has sent too many wrong passwords."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from connector import guesses
from connector.admin.site import render_page


def locked(
    request: HttpRequest, answer: HttpResponse, credentials: Mapping[str, Any] | None
) -> HttpResponse:
    """Django-axes puts this in the place of what the page answered."""
    now = timezone.now()
    name = guesses.name_of(request, credentials)
    lock = guesses.lock_for(request, name, now)
    until = lock.until
    context = {
        "title": _("Too many wrong passwords"),
        "name": "" if lock.is_for_everybody else name,
        "failures": _limit(lock),
        "is_for_everybody": lock.is_for_everybody,
        "until": until,
        "minutes": max(1, -(-(until - now).seconds // 60)),
    }
    page = render_page(request, "admin/connector/locked.html", context, status=429)
    page["Retry-After"] = str(max(1, round((until - now).total_seconds())))
    page["Cache-Control"] = "no-store"
    return page.render()


def _limit(lock: guesses.Lock) -> int:
    limit: int = settings.AXES_FAILURE_LIMIT
    return guesses.MOST_FROM_ADDRESS if lock.is_for_everybody else limit
