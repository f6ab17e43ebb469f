"""The lines of permission_table.txt: where the matrix asks, and what it posts there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType

from connector.admin.export import FORMS
from connector.domain import Reason
from tests.admin.permission_world import MARKS, PASSWORD, Side, World

TABLE = Path(__file__).with_name("permission_table.txt")
WHO = ("root", "admin", "operator", "auditor", "stranger", "nobody")
DIFFER = ("admin", "operator", "auditor", "stranger")  # between their own and a foreign tenant
SHORT = 3  # letters; such ids are all over every page


@dataclass(frozen=True)
class Door:
    """A line of the table: what each kind of person gets with an object of their own tenant, and
    with one of a foreign tenant, where the address names one."""

    method: str
    route: str
    query: str
    own: dict[str, str]
    foreign: dict[str, str]

    @property
    def is_admin(self) -> bool:
        return self.route.startswith("admin/")

    @property
    def is_for_people(self) -> bool:
        return self.is_admin and self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} /{self.route}{self.query}"


def doors() -> Iterator[Door]:
    for line in TABLE.read_text("utf-8").splitlines():
        if line.startswith(("GET", "POST", "ACT")):
            yield _door(line)


def _door(line: str) -> Door:
    left, _, right = line.partition(" | ")
    method, address, *cells = left.split()
    parts = re.fullmatch(r"/(.*?)(\?\w+=.*)?", address)
    assert parts, line
    own = dict(zip(WHO, cells, strict=True))
    foreign = own | dict(zip(DIFFER, right.split(), strict=True)) if right else {}
    return Door(method, parts[1], parts[2] or "", own, foreign)


# What is posted -----------------------------------------------------------------------------------


def posted(route: str, side: Side, world: World) -> dict[str, Any]:
    """Good content for a door, with which it would do what it is there for."""
    asked = {"tenant": side.tenant.slug, "reason": Reason.LYNN_REFUSED.value, "waiting": "on"}
    contents: dict[str, Any] = {
        "admin/language/": {"language": "es"},
        "admin/login/": {"username": "nobody", "password": "wrong"},
        "admin/password_change/": {
            "old_password": PASSWORD,
            "new_password1": "another-horse-9",
            "new_password2": "another-horse-9",
        },
        "admin/preferences/": {"time_zone": "America/Bogota"},
        **{
            f"admin/export/{query}": {"form": form, "tenant": side.tenant.slug}
            for query, form in [("", "csv"), *((f"?form={form}", form) for form in FORMS)]
        },
        "admin/failed/replay/": {**asked, "kind": "deliver_again", "why": "why", "rate": "1"},
        "admin/failed/acknowledge/": {**asked, "note": "seen"},
        "admin/connector/agentconnection/<path:object_id>/acknowledge/": {"note": "seen"},
        "admin/connector/tenant/<path:object_id>/queues/adopt/": {
            "queue": f"q-new-{MARKS[side.name].lower()}"
        },
        "admin/auth/user/<id>/password/": {
            "usable_password": "true",
            "password1": "another-horse-9",
            "password2": "another-horse-9",
        },
        "admin/auth/user/add/": {
            "username": "newcomer",
            "usable_password": "true",
            "password1": "another-horse-9",
            "password2": "another-horse-9",
        },
        "admin/auth/group/add/": {"name": "newcomers"},
    }
    if "?action=" in route:
        chosen = object_of(route, side).pk
        return {"action": route.partition("=")[2], "_selected_action": chosen, "post": "yes"}
    if route.endswith("/delete/"):
        return {"post": "yes"}
    if route.endswith(("/change/", "tenant/add/", "/preview/")):
        return _form(route, side, world)
    return contents.get(route, {})


CHANGED = {"name": "Renamed", "first_name": "Renamed", "media_types": ["voice"]}
NEW_TENANT = {
    "name": "New",
    "slug": "new-tenant",
    "client_id": "5b1e0c9a-0000-4000-8000-000000000000",
    "client_secret": "a-new-one",
    "lynn_base_url": "https://lynn.example.com",
}


def _form(route: str, side: Side, world: World) -> dict[str, Any]:
    """The page's form as it is, but for one thing."""
    page = route if route.endswith("/add/") else route.replace("/preview/", "/change/")
    changed = NEW_TENANT if route.endswith("/add/") else CHANGED
    context = world.client("root").get(address_of(page, "", side)[0]).context
    if "adminform" not in context:
        return changed
    form = context["adminform"].form
    content = {name: form[name].value() for name in form.fields if form[name].value()}
    for inline in context["inline_admin_formsets"]:
        for each in (inline.formset.management_form, *inline.formset.initial_forms):
            values = {field.html_name: field.value() for field in each}
            content |= {name: "" if value is None else value for name, value in values.items()}
    return content | changed


# Where it is ------------------------------------------------------------------------------------

# Addresses for the routes that are no plain text.
SAMPLES = {
    "admin/^(?P<app_label>connector|auth)/$": "admin/connector/",
    "admin/(?P<url>.*)$": "admin/no-such-page/",
}
# What is asked of another object than usual, so that it can be done.
SPECIAL = {
    "tenant/<path:object_id>/delete/": "empty",
    "tenant/<path:object_id>/resume/": "empty",
    "/cancel/": "open",
    "/check-again/": "unseen",
    "?action=check_again": "unseen",
}
NEVER_MADE = {int: "999999", UUID: "01900000-0000-7000-8000-000000000000"}


def address_of(
    route: str, query: str, side: Side, *, missing: bool = False
) -> tuple[str, list[str]]:
    """The address of this tenant's object, or of one that does not exist; and what of it may
    therefore come back in the answer."""
    address = f"/{SAMPLES.get(route, route)}"
    if not query.startswith("?action="):
        address += query
    row = object_of(route, side)
    pk = NEVER_MADE[type(row.pk)] if missing else str(row.pk)
    parts = {
        "<path:object_id>": pk,
        "<id>": pk,
        "<str:id>": pk,
        "<path:content_type_id>": str(ContentType.objects.get_for_model(row).pk),
        "<int:token_id>": str(side.token.pk),
        "<str:slug>": side.tenant.slug,
        "{slug}": side.tenant.slug,
        "{conversation}": side.connection.conversation_id,
        "{queue}": side.connection.queue_id,
    }
    used = [part for part in parts if part in address]
    for part in used:
        address = address.replace(part, parts[part])
    return address, [parts[part] for part in used if len(parts[part]) > SHORT]


def object_of(route: str, side: Side) -> Any:
    """What an address of the admin names: its third part is the model."""
    for ending, name in SPECIAL.items():
        if route.endswith(ending):
            return getattr(side, name)
    names = {"event": "event", "replay": "replay", "tenant": "tenant"}
    names |= {"user": "account", "group": "group"}
    return getattr(side, names.get([*route.split("/"), "", ""][2], "connection"))
