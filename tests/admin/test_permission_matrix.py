"""Every address for every kind of person, on their own tenant and on a foreign one: what opens is
what permission_table.txt says, nothing leaks, and asking changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.test import Client, override_settings
from django.urls import URLResolver, get_resolver

from connector.admin.export import FORMS
from tests.admin.permission_doors import DIFFER, Door, address_of, doors, posted
from tests.admin.permission_world import (
    ADDRESSES,
    BODY_MARK,
    MARKS,
    SLUGS,
    Side,
    World,
    make_world,
)

SEE_BODIES = {"root", "operator"}
SEE_ADDRESSES = {"root"}
SEE_OWN = {"root", "admin", "operator", "auditor"}
SEE_FOREIGN = {"root"}

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Answer:
    """`text` is all that was said, without what had been sent; `changed` the tables that are not
    as they were."""

    door: Door
    who: str
    side: str
    got: str
    text: str
    changed: frozenset[str]

    @property
    def cell(self) -> str:
        return f"{self.door}: {self.who}, {self.side} tenant"


# Walking through ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Walk:
    """What was answered at the doors of the table; to posts at those where the table knows nothing
    to be done; to questions about what does not exist; to a guest, whose account may not enter the
    admin; to posts that a page of somebody else had the superuser send; and to other methods."""

    table: list[Answer]
    posts: list[Answer]
    missing: list[Answer]
    guest: list[Answer]
    forged: list[Answer]
    odd: list[Answer]
    secrets: frozenset[str]
    foreign_ids: set[str]


@pytest.fixture(scope="module")
def walk(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Walk:
    """The database is afterwards as it was."""
    calm = {
        "STATIC_ROOT": tmp_path_factory.mktemp("static"),
        "WHITENOISE_USE_FINDERS": False,
        "SECURE_SSL_REDIRECT": False,
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    }
    with django_db_blocker.unblock(), override_settings(**calm), transaction.atomic():
        told = _walk(make_world())
        transaction.set_rollback(True)
    return told


def _walk(world: World) -> Walk:
    before, own = _rows(), world.own
    return Walk(
        table=[_ask(*cell, world, before) for cell in _cells(world)],
        posts=[_ask(door, "root", own, world, before) for door in _posts()],
        missing=[_ask(*cell, world, before, missing=True) for cell in _foreign_looks(world)],
        guest=[_ask(door, "guest", own, world, before) for door in _looks() if door.is_admin],
        forged=[_forge(door, world, before) for door in doors() if door.is_for_people],
        odd=[_ask(door, "root", own, world, before) for door in _odd_ways()],
        secrets=world.secrets,
        foreign_ids=world.foreign.ids,
    )


def _cells(world: World) -> Iterator[tuple[Door, str, Side]]:
    for door in doors():
        yield from ((door, who, world.own) for who in door.own)
        yield from ((door, who, world.foreign) for who in door.foreign)


def _looks() -> Iterator[Door]:
    return (door for door in doors() if door.method == "GET" and not door.query)


def _foreign_looks(world: World) -> Iterator[tuple[Door, str, Side]]:
    for door in _looks():
        yield from ((door, who, world.foreign) for who in door.foreign if who in DIFFER)


def _posts() -> Iterator[Door]:
    known = {door.route for door in doors() if door.method != "GET"}
    for door in _looks():
        if door.route not in known:
            yield replace(door, method="POST")


def _odd_ways() -> Iterator[Door]:
    """What no page of ours sends; a door that takes it for a post asks for no token of a form."""
    for door in _looks():
        yield from (replace(door, method=method) for method in ("PUT", "DELETE"))


def _ask(
    door: Door,
    who: str,
    side: Side,
    world: World,
    before: Rows,
    *,
    missing: bool = False,
    client: Client | None = None,
) -> Answer:
    address, sent = address_of(door.route, door.query, side, missing=missing)
    content = {} if door.method == "GET" else posted(door.route + door.query, side, world)
    sent += [side.tenant.slug] if side.tenant.slug in content.values() else []
    client = client or world.client(who)
    ask = getattr(client, "post" if door.method == "ACT" else door.method.lower())
    if door.method in ("PUT", "DELETE"):
        content = urlencode(content, doseq=True)
    with transaction.atomic():
        answer = ask(address, content)
        text = _text(answer)
        after = _rows()
        transaction.set_rollback(True)
    for word in sent:
        text = text.replace(word, "")
    changed = frozenset(table for table in after if after[table] != before[table])
    return Answer(door, who, side.name, _outcome(answer, changed), text, changed)


def _forge(door: Door, world: World, before: Rows) -> Answer:
    careful = world.client("root", enforce_csrf_checks=True)
    return _ask(door, "root", world.own, world, before, client=careful)


def _rows() -> Rows:
    """All that is in the database, table by table."""
    with connection.cursor() as cursor:
        return {table: _rows_of(table, cursor) for table in connection.introspection.table_names()}


def _rows_of(table: str, cursor: Any) -> list[tuple[Any, ...]]:
    cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _text(answer: Any) -> str:
    """What is read now, and what the next page will say."""
    content = b"".join(answer) if answer.streaming else answer.content
    said = [str(message) for message in get_messages(answer.wsgi_request)]
    return "\n".join([content.decode(), *map(str, answer.items()), *said])


def _outcome(answer: Any, changed: frozenset[str]) -> str:
    """In a word of the table."""
    code, place = answer.status_code, answer.get("Location", "")
    if changed:
        return "done" if code in (200, 302) else f"{code} although something changed"
    if code == 302:
        return "login" if "/login/" in place else "home" if place == "/admin/" else "back"
    words = {200: "page", 400: "wrong", 401: "login", 403: "refused", 404: "absent", 405: "never"}
    return words.get(code, str(code))


# What must hold -----------------------------------------------------------------------------------


def test_everybody_gets_what_the_table_says(walk):
    got = {answer.cell: answer.got for answer in walk.table}

    expected = {
        f"{door}: {who}, {side} tenant": word
        for door in doors()
        for side, cells in (("own", door.own), ("foreign", door.foreign))
        for who, word in cells.items()
    }
    assert expected == got


def test_every_address_stands_in_the_table():
    in_table = {door.route for door in doors() if door.method == "GET"}

    assert in_table == set(_routes(get_resolver().url_patterns))


def _routes(patterns: Any, before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


def test_every_action_stands_in_the_table():
    in_table = {f"{door.route}{door.query}" for door in doors() if door.method == "ACT"}

    assert in_table == set(_actions())


def _actions() -> Iterator[str]:
    for model, model_admin in admin.site._registry.items():
        offered = [] if model_admin.actions is None else model_admin._get_base_actions()
        for _function, name, _description in offered:
            yield f"admin/{model._meta.label_lower.replace('.', '/')}/?action={name}"


def test_every_form_of_an_export_stands_in_the_table():
    asked = {door.query for door in doors() if door.method == "POST" and "/export/" in door.route}

    assert asked >= {f"?form={form}" for form in FORMS}


def test_nothing_is_changed_by_looking(walk):
    answers = [*walk.table, *walk.missing, *walk.guest]

    assert {} == {a.cell: a.changed for a in answers if a.door.method == "GET" and a.changed}


def test_nothing_is_changed_by_a_post_to_what_is_there_to_look_at(walk):
    assert {} == {a.cell: a.changed for a in walk.posts if a.changed}


def test_nothing_is_changed_in_a_way_that_no_page_of_ours_uses(walk):
    assert {} == {a.cell: a.changed for a in walk.odd if a.changed}


def test_nothing_is_done_that_a_page_of_ours_did_not_ask_for(walk):
    assert {a.cell: "refused" for a in walk.forged} == {a.cell: a.got for a in walk.forged}


def test_what_is_foreign_looks_like_what_does_not_exist(walk):
    foreign = {a.cell: a.got for a in walk.table if a.side == "foreign"}

    assert {a.cell: foreign[a.cell] for a in walk.missing} == {a.cell: a.got for a in walk.missing}


def test_an_account_that_may_not_enter_the_admin_gets_what_nobody_gets(walk):
    expected = {str(door): door.own["nobody"] for door in _looks() if door.is_admin}

    assert expected == {str(a.door): a.got for a in walk.guest}


@pytest.mark.parametrize(
    ("mark", "who_may"),
    [
        pytest.param(MARKS["own"], SEE_OWN, id="own names"),
        pytest.param(MARKS["foreign"], SEE_FOREIGN, id="foreign names"),
        pytest.param(SLUGS["foreign"], SEE_FOREIGN, id="foreign slug"),
        pytest.param(ADDRESSES["own"], SEE_ADDRESSES, id="own customer's address"),
        pytest.param(ADDRESSES["foreign"], SEE_ADDRESSES, id="foreign customer's address"),
        pytest.param(BODY_MARK, SEE_BODIES, id="bodies"),
    ],
)
def test_what_is_hidden_is_in_no_answer(walk, mark, who_may):
    readers = {a.who: a.cell for a in walk.table if mark.lower() in a.text.lower()}

    assert who_may == set(readers), readers


def test_foreign_ids_are_in_no_answer(walk):
    readers = {a.who: a.cell for a in walk.table if any(pk in a.text for pk in walk.foreign_ids)}

    assert SEE_FOREIGN == set(readers), readers


def test_no_secret_is_in_any_answer(walk):
    answers = [*walk.table, *walk.posts, *walk.missing, *walk.guest]

    assert [] == [a.cell for a in answers if any(secret in a.text for secret in walk.secrets)]
