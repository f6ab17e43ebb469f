"""Pages of whoever reads Spanish: no English is left on them, beside names and what others said."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import Group, User

from connector.models import Replay
from tests.admin.conftest import make_connection, make_event, make_tenant

ENGLISH = re.compile(
    r"\b(?:add|after|agent|and|any|are|can|connection|delivered|event|failed|for|from|is|last|none"
    r"|not|of|queue|received|state|tenant|that|the|this|to|token was|was|who|with|worker)\b",
    re.IGNORECASE,
)
# Names that stay: of groups, of Genesys' permissions and regions, of the product, of languages.
NAMES = re.compile(
    r"Agent Connected|Analytics > Agent State(?: Names)? > View|Queue > View"
    r"|user\.(?:start|end)|acd\.end|agent-connected-portal|Data Action"
    r"|\./run worker|aws events .*|connection\.json"
)
QUOTED = re.compile(r"“[^”]*”")
UNSEEN = re.compile(r"<(script|style|pre|code|svg|option)\b.*?</\1>", re.DOTALL)
SAID = re.compile(r'\b(?:title|aria-label|placeholder|alt|data-copied|data-label)="([^"]*)"')
TAG = re.compile(r"<[^>]*>")

PAGES = [
    "/admin/",
    "/admin/connector/agentconnection/",
    "/admin/connector/agentconnection/{connection}/change/",
    "/admin/connector/agentconnection/?state=delivered",
    "/admin/connector/event/",
    "/admin/connector/event/{event}/change/",
    "/admin/failed/",
    "/admin/failed/replay/?tenant=banco-sur&reason=lynn_refused&waiting=on&kind=deliver_again",
    "/admin/connector/replay/",
    "/admin/connector/replay/{replay}/change/",
    "/admin/export/",
    "/admin/changes/",
    "/admin/workers/",
    "/admin/connector/tenant/",
    "/admin/connector/tenant/add/",
    "/admin/connector/tenant/{tenant}/change/",
    "/admin/connector/tenant/{tenant}/queues/",
    "/admin/connector/tenant/{tenant}/message/",
    "/admin/connector/tenant/{tenant}/history/",
    "/admin/connector/tenant/{unused}/delete/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/user/{user}/change/",
    "/admin/auth/user/{user}/password/",
    "/admin/password_change/",
    "/admin/auth/group/",
    "/admin/auth/group/{group}/change/",
    "/admin/preferences/",
    "/admin/nothing/here/",
]


def words_on(page):
    """What a person reads or hears: the text, and the words that attributes hold."""
    page = UNSEEN.sub(" ", page[page.index("<body") :])
    return unescape(" | ".join([TAG.sub(" | ", page), *SAID.findall(page)]))


def make_replay(tenant, at):
    return Replay.objects.create(
        tenant=tenant, kind="deliver_again", why="x", rate=2, started_at=at, paced_at=at
    )


@pytest.fixture
def ids(tenant, connection):
    make_connection(tenant, 2, state="delivered", reason="delivered")
    event = make_event(tenant, reason="invalid_event", detail="")
    return {
        "tenant": tenant.pk,
        "unused": make_tenant("retail-express").pk,
        "user": User.objects.get(is_superuser=True).pk,
        "connection": connection.pk,
        "event": event.pk,
        "group": Group.objects.get(name="Operators").pk,
        "replay": make_replay(tenant, event.received_at).pk,
    }


@pytest.mark.parametrize("page", PAGES)
def test_no_english_is_left(root, ids, page):
    answer = root.get(page.format(**ids), headers={"Accept-Language": "es"})

    words = QUOTED.sub("", NAMES.sub("", words_on(answer.text)))
    left = [line.strip() for line in words.split("|") if ENGLISH.search(line)]
    assert left == []


def test_a_page_of_whoever_signed_out_is_in_spanish_too(root):
    answer = root.post("/admin/logout/", headers={"Accept-Language": "es"})

    words = NAMES.sub("", words_on(answer.text))
    assert [] == [line for line in words.split("|") if ENGLISH.search(line)]
    assert "Ya no hay ninguna sesión iniciada" in answer.text


def test_the_portals_own_groups_have_spanish_names_and_others_keep_theirs(root):
    Group.objects.create(name="Night shift")

    page = root.get("/admin/auth/user/add/", headers={"Accept-Language": "es"})
    users = root.get("/admin/auth/user/", headers={"Accept-Language": "es"}).text
    groups = root.get("/admin/auth/group/", headers={"Accept-Language": "es"}).text

    assert page.status_code == 200
    for shown in (users, groups):
        assert "Administradores de organizaciones" in shown
        assert "Night shift" in shown
        assert "Tenant admins" not in shown


def test_a_time_is_written_as_in_spanish(root, connection):
    page = root.get("/admin/connector/agentconnection/", headers={"Accept-Language": "es"})

    assert ">12 oct" in page.text


def test_what_was_saved_is_said_without_a_gender(root, tenant):
    path = f"/admin/connector/tenant/{tenant.pk}/delete/"

    answer = root.post(path, {"post": "yes"}, headers={"Accept-Language": "es"}, follow=True)

    assert "Se eliminó: organización “Banco del Sur”" in answer.text
