"""The simulator's page: a button for each story, in the demo only."""

import json
import stat

import pytest
from django.contrib.auth.models import User
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from connector.admin import simulator_page
from connector.admin.simulator_page import STAGE
from connector.admin.simulator_plays import PLAYS
from connector.demo.stage import set_up, write_down
from connector.models import Tenant
from connector.simulator.stories import STORIES
from connector.simulator.thread import running
from tests.admin.conftest import make_connection


@pytest.fixture
def simulator():
    with running() as one:
        yield one


@pytest.fixture
def stage(settings, tmp_path, simulator):
    """A demo, of which only the webhook leads nowhere."""
    settings.DEMO_DIRECTORY = str(tmp_path)
    house = {
        "token": "t" * 24,
        "automatic": simulator.add_queue("banco-sur", "Ventas", auto_answer=True).id,
        "manual": simulator.add_queue("banco-sur", "Soporte").id,
    }
    content = {
        "simulator": simulator.url,
        "portal": "http://127.0.0.1:9",
        "houses": {"banco-sur": house},
    }
    (tmp_path / STAGE).write_text(json.dumps(content), "utf-8")
    return tmp_path / STAGE


@pytest.fixture
def ask(rf, monkeypatch):
    """Calls a view as the superuser; the addresses are there only where the demo runs."""
    user = User.objects.create_superuser("root@example.com")
    monkeypatch.setattr(simulator_page, "redirect", lambda name, *args: (name, *args))
    monkeypatch.setattr(
        simulator_page, "render_page", lambda request, template, context: {**context}
    )

    def call(view, *args, method="get", by=user, **fields):
        request = getattr(rf, method)("/", fields)
        request.user = by
        request.session = {}
        request._messages = FallbackStorage(request)
        return view(request, *args), [str(each) for each in request._messages]

    return call


def test_what_the_demo_writes_is_what_the_page_reads(ask, settings, simulator, tmp_path):
    settings.DEMO_DIRECTORY = str(tmp_path)
    stage = set_up(simulator, "http://127.0.0.1:9", timezone.now())

    write_down(stage, tmp_path / STAGE)

    assert 0o600 == stat.S_IMODE((tmp_path / STAGE).stat().st_mode)
    (where, _), said = ask(
        simulator_page.simulator, method="post", play="automatic", tenant="banco-del-sur"
    )
    assert ("admin:simulator_curtain", []) == (where, said)


def test_outside_of_the_demo_there_is_no_such_page(root):
    assert root.get("/admin/simulator/").status_code == 404
    assert "Simulator" not in root.get("/admin/").text
    with pytest.raises(NoReverseMatch):
        reverse("admin:simulator")


def test_without_what_the_demo_writes_there_is_no_such_page(ask, settings, tmp_path):
    settings.DEMO_DIRECTORY = str(tmp_path)

    with pytest.raises(Http404):
        ask(simulator_page.simulator)


def test_it_is_for_superusers_alone(ask, stage):
    person = User.objects.create_user("olga", is_staff=True)

    with pytest.raises(PermissionDenied):
        ask(simulator_page.simulator, by=person)


def test_every_button_names_a_story_that_the_simulator_knows():
    for play in PLAYS.values():
        assert play.story in STORIES
        assert set(play.parameters) <= set(STORIES[play.story].parameters)


def test_every_story_that_leads_to_a_connection_has_a_button():
    assert set(STORIES) - {play.story for play in PLAYS.values()} == {"abandoned"}


def test_the_page_offers_the_tenants_of_the_demo(ask, stage, tenant, foreign):
    context, _ = ask(simulator_page.simulator)

    assert [tenant] == context["houses"]
    assert [plays for _, plays in context["groups"]]


@pytest.mark.parametrize("name", PLAYS)
def test_pressing_a_button_plays_the_story(ask, stage, tenant, simulator, name):
    (where, conversation_id), said = ask(
        simulator_page.simulator, method="post", play=name, tenant="banco-sur"
    )

    (run,) = simulator.runs.values()
    assert ("admin:simulator_curtain", []) == (where, said)
    assert run.story == PLAYS[name].story
    assert run.parts[0].offer.conversation_id == conversation_id


def test_genesys_misbehaves_as_the_button_says(ask, stage, tenant, simulator):
    ask(simulator_page.simulator, method="post", play="genesys_429", tenant="banco-sur")

    rules = simulator.organisation("banco-sur").rules
    assert rules._rules["all"][0].status == 429


@pytest.mark.parametrize("fields", [{"play": "nonsense"}, {"play": "manual", "tenant": "clinica"}])
def test_what_there_is_not_is_not_played(ask, stage, tenant, simulator, fields):
    where, said = ask(simulator_page.simulator, method="post", **{"tenant": "banco-sur", **fields})

    assert ("admin:simulator",) == where
    assert ["There is no such story."] == said
    assert not simulator.runs


def test_a_simulator_that_is_gone_is_said(ask, stage, tenant):
    content = json.loads(stage.read_text("utf-8"))
    stage.write_text(json.dumps({**content, "simulator": "http://127.0.0.1:9"}), "utf-8")

    where, said = ask(simulator_page.simulator, method="post", play="manual", tenant="banco-sur")

    assert ("admin:simulator",) == where
    assert "could not play it" in said[0]


def test_the_curtain_waits_for_the_connection_and_then_leads_to_it(ask, stage, tenant, monkeypatch):
    monkeypatch.setattr(simulator_page, "render_page", lambda *args: HttpResponse())
    waiting, _ = ask(simulator_page.curtain, "c-1")
    connection = make_connection(tenant)

    where, _ = ask(simulator_page.curtain, "c-1")

    assert waiting["Refresh"] == "1"
    assert ("admin:connector_agentconnection_change", connection.pk) == where
    assert Tenant.objects.count() == 1
