"""The control API: the methods of the simulator as JSON over HTTP, below `/control/`."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from connector.simulator.http import Reply, Request, is_loopback, json_reply
from connector.simulator.stories import STORIES

if TYPE_CHECKING:
    from connector.simulator.server import Simulator


class NoSuchAddressError(Exception):
    """The control API has nothing there."""


def answer(simulator: "Simulator", request: Request) -> Reply:
    """400 says in words what was wrong with a wish."""
    if not from_here(request):
        return json_reply({"error": "not_from_here"}, 403)
    parts = [each for each in request.path.split("/")[2:] if each]
    try:
        wish = json.loads(request.body) if request.body else {}
        return json_reply(_obey(simulator, request, parts, wish))
    except (NoSuchAddressError, KeyError) as error:
        return json_reply({"error": "not_found", "detail": str(error)}, 404)
    except (TypeError, ValueError, AttributeError) as error:
        return json_reply({"error": "not_understood", "detail": str(error)}, 400)


def from_here(request: Request) -> bool:
    """No web page that someone has open may use it, under whatever host name."""
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    return "origin" not in request.headers and is_loopback(host.strip("[]"))


def _obey(simulator: "Simulator", request: Request, parts: list[str], wish: dict[str, Any]) -> Any:
    match parts:
        case [] | ["reset"] | ["calls"] | ["posts"]:
            return _everything(simulator, request, parts)
        case ["stories", *more]:
            return _stories(simulator, request.method, more, wish)
        case ["organisations", name, *more]:
            return _organisation(simulator, request.method, name, more, wish)
        case ["lynns", name, *more]:
            return _lynn(simulator, request, name, more, wish)
    raise NoSuchAddressError(request.path)


def _everything(simulator: "Simulator", request: Request, parts: list[str]) -> Any:
    match request.method, parts:
        case "GET", []:
            return {
                "organisations": list(simulator.organisations),
                "lynns": list(simulator.lynns),
                "stories": list(simulator.runs),
            }
        case "POST", ["reset"]:
            return _done(simulator.reset)
        case "GET", ["calls"]:
            return {name: simulator.calls(name) for name in simulator.organisations}
        case "GET", ["posts"]:
            return [each.as_json() for each in simulator.posts(_since(request))]
    raise NoSuchAddressError(f"{request.method} {request.path}")


def _stories(simulator: "Simulator", method: str, parts: list[str], wish: dict[str, Any]) -> Any:
    match method, parts:
        case "GET", []:
            return [
                {
                    "story": each.name,
                    "about": each.about,
                    "events": each.kinds,
                    "parameters": each.parameters,
                }
                for each in STORIES.values()
            ]
        case "POST", []:
            return simulator.play(**wish).as_json()
        case "GET", [number]:
            return simulator.story(number).as_json()
    raise NoSuchAddressError(f"{method} stories")


def _organisation(
    simulator: "Simulator", method: str, name: str, parts: list[str], wish: dict[str, Any]
) -> Any:
    match method, parts:
        case "GET", []:
            return simulator.organisation(name).as_json()
        case "PUT", []:
            return simulator.configure(name, **wish)
        case "GET", ["calls"]:
            return [asdict(each) for each in simulator.call_log(name)]
        case "POST", ["agents"]:
            people = wish.pop("names", [])
            return [asdict(each) for each in simulator.add_agents(name, *people, **wish)]
        case "POST", ["queues"]:
            return asdict(simulator.add_queue(name, wish.pop("name"), **wish))
        case "POST", ["offers"]:
            return asdict(simulator.add_offer(name, **wish))
        case "POST", ["look-ins"]:
            return asdict(simulator.add_look_in(name, **wish))
        case "DELETE", ["tokens"]:
            return _done(simulator.revoke_tokens, name)
        case "POST", ["behaviours", kind]:
            return _done(simulator.misbehave, name, kind, **wish)
        case "DELETE", ["behaviours", *kinds]:
            return _done(simulator.behave, name, *kinds)
    raise NoSuchAddressError(f"{method} organisations/{name}/{'/'.join(parts)}")


def _lynn(
    simulator: "Simulator", request: Request, name: str, parts: list[str], wish: dict[str, Any]
) -> Any:
    match request.method, parts:
        case "GET", ["calls"]:
            return [each.as_json() for each in simulator.lynn_calls(name, _since(request))]
        case "POST", ["behaviours"]:
            return _done(simulator.lynn_misbehaves, name, **wish)
        case "DELETE", ["behaviours"]:
            return _done(simulator.lynn_behaves, name)
    raise NoSuchAddressError(f"{request.method} lynns/{name}/{'/'.join(parts)}")


def _since(request: Request) -> int:
    return int(request.query.get("since", 0))


def _done(work: Callable[..., None], *args: Any, **kwargs: Any) -> dict[str, bool]:
    work(*args, **kwargs)
    return {"done": True}
