"""The simulator's page, in the demo only: a button for each story, leading to its connection."""

import json
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

from connector.admin.simulator_plays import AGENTS, EVENTS, PLAYS, TROUBLES, Play
from connector.admin.site import page, render_page
from connector.models import AgentConnection
from connector.scope import tenants_of

STAGE = "stage.json"  # the demo writes there what the page needs
TIMEOUT = 5.0  # seconds


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
