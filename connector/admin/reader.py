"""What the reader prefers: the time zone in which times are shown, and the page to choose it."""

import zoneinfo
from collections.abc import Callable
from datetime import tzinfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from connector.admin.site import page, render_page

COOKIE = "time_zone"  # zone.js sets it to the browser's zone where nobody has chosen one
A_YEAR = 365 * 24 * 3600


class TimeZoneMiddleware:
    """Shows times in the zone of the reader's cookie, else in the portal's own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(request.COOKIES.get(COOKIE, ""))):
            return self.get_response(request)


def _zone(name: str) -> tzinfo | None:
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name.replace("%2F", "/"))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return None


@page("preferences/", name="preferences")
def preferences(request: HttpRequest) -> HttpResponse:
    zones = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone or zone == "UTC")
    if request.method == "POST":
        return _keep(request, request.POST.get(COOKIE, ""), zones)
    context = {
        "title": _("Language and time zone"),
        "zones": zones,
        "chosen": timezone.get_current_timezone_name(),
    }
    return render_page(request, "admin/connector/preferences.html", context)


def _keep(request: HttpRequest, zone: str, zones: list[str]) -> HttpResponse:
    """An empty choice leaves it to the browser again."""
    answer = redirect("admin:preferences")
    if zone in zones:
        secure = settings.SESSION_COOKIE_SECURE
        answer.set_cookie(COOKIE, zone, max_age=A_YEAR, samesite="Lax", secure=secure)
        messages.success(request, _("Times are shown in the time zone %s.") % zone)
    elif not zone:
        answer.delete_cookie(COOKIE, samesite="Lax")
        messages.success(request, _("Times are shown in the time zone of your browser."))
    else:
        messages.error(request, _("There is no such time zone."))
    return answer
