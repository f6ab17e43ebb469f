"""The simulator's page, in the demo only: a button for each story, leading to its connection."""

import json
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connector.admin.site import page, render_page
from connector.models import AgentConnection
from connector.scope import tenants_of

STAGE = "stage.json"  # the demo writes there what the page needs
TIMEOUT = 5.0  # seconds


@dataclass(frozen=True)
class Play:
    """A story of the simulator. `wrong`: what Genesys does meanwhile (see its control API)."""

    name: str
    title: Any
    about: Any
    story: str = "manual"
    parameters: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Any] = field(default_factory=dict)

    @property
    def is_automatic(self) -> bool:
        return self.story == "automatic"


def _tale(story: str, title: Any, about: Any, **parameters: Any) -> Play:
    return Play(story, title, about, story, parameters)


def _trouble(name: str, title: Any, about: Any, **wrong: Any) -> Play:
    return Play(name, title, about, parameters={"answer_after": 4.0}, wrong=wrong)


AGENTS = (
    _tale(
        "manual",
        gettext_lazy("Answered after some seconds"),
        gettext_lazy("It rings for five seconds, then the agent answers."),
        answer_after=5.0,
    ),
    _tale(
        "automatic",
        gettext_lazy("An automatic queue"),
        gettext_lazy("The queue answers by itself; Lynn is told at once."),
    ),
    _tale(
        "never",
        gettext_lazy("Never answered"),
        gettext_lazy("It rings out after ten seconds; Lynn must not be told."),
        ring_for=10.0,
    ),
    _tale(
        "transfer",
        gettext_lazy("Handed over"),
        gettext_lazy("One agent answers and hands over to another one, who answers too."),
    ),
    _tale(
        "refused_then_next",
        gettext_lazy("The second agent answers"),
        gettext_lazy("The first agent lets it ring out."),
    ),
    _tale(
        "same_conversation_twice",
        gettext_lazy("The same conversation twice"),
        gettext_lazy("The same agent gets it again during after-call work."),
    ),
    _tale(
        "hold",
        gettext_lazy("On hold"),
        gettext_lazy("Answered, then on hold and back by turns."),
    ),
    _tale(
        "parked",
        gettext_lazy("Parked"),
        gettext_lazy("Answered, then parked and back by turns."),
    ),
    _tale(
        "quick_wrapup",
        gettext_lazy("Over in a moment"),
        gettext_lazy("Answered and at once over: told only if someone looked in that moment."),
    ),
    _tale(
        "supervisor",
        gettext_lazy("A supervisor listens in"),
        gettext_lazy("Nobody answers; that somebody listens must not count."),
        ring_for=12.0,
    ),
)
EVENTS = (
    _tale(
        "acd_end",
        gettext_lazy("Genesys tells of the answer"),
        gettext_lazy("An acd.end follows the user.start, so nobody has to be asked."),
    ),
    _tale(
        "only_acd_end",
        gettext_lazy("Only acd.end is sent"),
        gettext_lazy("The sender has configured nothing else."),
    ),
    _tale(
        "duplicates",
        gettext_lazy("Everything twice"),
        gettext_lazy("Each event arrives twice; Lynn is told once."),
    ),
    _tale(
        "out_of_order",
        gettext_lazy("In the wrong order"),
        gettext_lazy("The end of each offer arrives before its beginning, after four seconds."),
    ),
)
TROUBLES = (
    _tale(
        "lynn_fails_first",
        gettext_lazy("Lynn fails first"),
        gettext_lazy("Lynn answers 503 twice before it understands."),
    ),
    _tale(
        "lynn_hangs",
        gettext_lazy("Lynn hangs"),
        gettext_lazy("Lynn takes the call and never answers; the portal tries again."),
    ),
    Play(
        "lynn_refuses",
        gettext_lazy("Lynn refuses"),
        gettext_lazy("Lynn answers 403, which only a person can put right: see “Failed”."),
        story="lynn_fails_first",
        parameters={"failures": 1, "status": 403},
    ),
    _tale(
        "names_permission_missing",
        gettext_lazy("No name"),
        gettext_lazy("Genesys' agent view does not give the name; it is looked up elsewhere."),
    ),
    _trouble(
        "genesys_429",
        gettext_lazy("Genesys wants less"),
        gettext_lazy("429 with Retry-After: the portal waits for five seconds."),
        act="status",
        status=429,
        retry_after=5,
        times=1,
    ),
    _trouble(
        "genesys_503",
        gettext_lazy("Genesys fails"),
        gettext_lazy("503 for three calls, then it works again."),
        act="status",
        status=503,
        times=3,
    ),
    _trouble(
        "genesys_401",
        gettext_lazy("The token is not valid any more"),
        gettext_lazy("401 in mid-life: the portal gets a new one."),
        act="status",
        status=401,
        times=1,
    ),
    _trouble(
        "genesys_html",
        gettext_lazy("Genesys answers in HTML"),
        gettext_lazy("As a broken gateway does, twice."),
        act="html",
        times=2,
    ),
    _trouble(
        "genesys_hangs",
        gettext_lazy("Genesys hangs"),
        gettext_lazy("One call is never answered."),
        act="hang",
        times=1,
    ),
    _trouble(
        "genesys_drips",
        gettext_lazy("Genesys answers byte by byte"),
        gettext_lazy("One answer comes so slowly that the portal gives it up."),
        act="drip_body",
        times=1,
    ),
    _trouble(
        "genesys_resets",
        gettext_lazy("Genesys breaks off"),
        gettext_lazy("Two calls end with a reset connection."),
        act="reset",
        times=2,
    ),
)
PLAYS = {play.name: play for play in (*AGENTS, *EVENTS, *TROUBLES)}


class SimulatorAway(Exception):
    """The simulator did not do what it was asked; the message says why."""


def simulator(request: HttpRequest) -> HttpResponse:
    houses = _stage(request)["houses"]
    if request.method == "POST":
        return _begin(request)
    context = {
        "title": _("Simulator"),
        "houses": [each for each in tenants_of(request) if each.slug in houses],
        "chosen": request.GET.get("tenant", ""),
        "groups": [
            (_("What agents do"), AGENTS),
            (_("What the sender does"), EVENTS),
            (_("What goes wrong"), TROUBLES),
        ],
    }
    return render_page(request, "admin/connector/simulator.html", context)


def curtain(request: HttpRequest, conversation_id: str) -> HttpResponse:
    """Waits until the portal knows of the conversation, then leads to its newest connection."""
    _stage(request)
    born = AgentConnection.objects.filter(
        conversation_id=conversation_id, tenant__in=tenants_of(request)
    )
    newest = born.order_by("-received_at").first()
    if newest is not None:
        return redirect("admin:connector_agentconnection_change", newest.pk)
    context = {"title": _("The story begins"), "conversation_id": conversation_id}
    answer = render_page(request, "admin/connector/curtain.html", context)
    answer["Refresh"] = "1"
    return answer


def _stage(request: HttpRequest) -> dict[str, Any]:
    """What the demo says of itself; raises Http404 where there is no demo."""
    path = Path(settings.DEMO_DIRECTORY, STAGE)
    if not settings.DEMO_DIRECTORY or not path.is_file():
        raise Http404(_("There is a simulator in the demo only."))
    if not request.user.is_superuser:
        raise PermissionDenied
    stage: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return stage


def _begin(request: HttpRequest) -> HttpResponse:
    stage = _stage(request)
    play, slug = PLAYS.get(request.POST.get("play", "")), request.POST.get("tenant", "")
    if play is None or slug not in stage["houses"]:
        messages.error(request, _("There is no such story."))
        return redirect("admin:simulator")
    try:
        conversation_id = _play(stage, slug, play)
    except SimulatorAway as exc:
        messages.error(request, _("The simulator could not play it: %s") % exc)
        return redirect("admin:simulator")
    return redirect("admin:simulator_curtain", conversation_id)


def _play(stage: dict[str, Any], slug: str, play: Play) -> str:
    """Returns the conversation that it begins with."""
    house = stage["houses"][slug]
    if play.wrong:
        _ask(stage, f"/control/organisations/{slug}/behaviours/all", play.wrong)
    run = _ask(
        stage,
        "/control/stories",
        {
            "story": play.story,
            "organisation": slug,
            "webhook": f"{stage['portal']}/api/v1/tenants/{slug}/events",
            "token": house["token"],
            "queue": house["automatic"] if play.is_automatic else house["manual"],
            **play.parameters,
        },
    )
    return str(run["offers"][0]["conversation_id"])


def _ask(stage: dict[str, Any], path: str, wish: dict[str, Any]) -> dict[str, Any]:
    address = urlsplit(stage["simulator"])
    connection = HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT)
    try:
        connection.request("POST", path, json.dumps(wish), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told: dict[str, Any] = json.loads(answer.read())
    except (OSError, HTTPException, ValueError) as exc:
        raise SimulatorAway(str(exc)) from exc
    finally:
        connection.close()
    if answer.status != 200:
        raise SimulatorAway(str(told.get("detail", answer.status)))
    return told


if settings.DEMO_DIRECTORY:
    page("simulator/", name="simulator")(simulator)
    page("simulator/<str:conversation_id>/", name="simulator_curtain")(curtain)
