"""`{% load portal %}`: values as the admin shows them, the sidebar, named table cells."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.contrib import admin
from django.http import HttpRequest
from django.template import Context
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

from connector import explain
from connector.admin import display
from connector.admin.menu import Link, menu

register = template.Library()


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    return display.moment(at)


@register.filter
def lasting(span: timedelta | None) -> str:
    return display.NOTHING if span is None else explain.lasting(span)


@register.filter
def grouped(number: int) -> str:
    """In groups of thousands, as the reader's language writes them."""
    return number_format(number, use_l10n=True, force_grouping=True)


@register.simple_tag(takes_context=True)
def sidebar(context: Context) -> list[tuple[Any, list[Link]]]:
    """Empty for whoever is not signed in as staff, and on a page that knows no request."""
    request: HttpRequest | None = context.get("request")
    if request is None or not hasattr(request, "user") or not admin.site.has_permission(request):
        return []
    return menu(request)


@register.simple_tag
def zone_in_words() -> str:
    """`America/Bogota, UTC-05:00`: the zone in which this page shows its times."""
    name = timezone.get_current_timezone_name()
    if name == "UTC":
        return name
    plain = timezone.localtime().strftime("%z")
    return f"{name.replace('_', ' ')}, UTC{plain[:3]}:{plain[3:]}".replace("UTC-", "UTC−")


@register.simple_tag
def cells(headers: list[dict[str, Any]], row: Iterable[SafeString]) -> SafeString:
    """The cells of a result row, each with the name of its column, for when rows become cards."""
    # Cells come from Django's own template tags, which have escaped them.
    return mark_safe("".join(_cell(str(cell), header) for cell, header in zip(row, headers)))  # noqa: S308, B905


def _cell(cell: str, header: dict[str, Any]) -> str:
    """Every cell begins with <td or <th. Roles, since as cards they are no table to browsers."""
    if not cell.startswith(("<td", "<th")):
        return cell
    role = ' scope="row" role="rowheader"' if cell.startswith("<th") else ' role="cell"'
    if "action-checkbox" in header.get("class_attrib", ""):
        return cell[:3] + role + cell[3:]
    label = format_html(' data-label="{}"', capfirst(str(header["text"])))
    return cell[:3] + role + label + cell[3:]
