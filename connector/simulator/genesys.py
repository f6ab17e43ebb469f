"""The routes of Genesys Cloud: login, agent status, users, queues, who am I."""

import base64
import binascii
import fnmatch
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

from connector.simulator import bodies
from connector.simulator.behaviour import misbehave
from connector.simulator.http import How, Reply, Request, json_reply
from connector.simulator.names import new_id
from connector.simulator.organisation import Call, Organisation
from connector.simulator.world import Agent, Json, Queue, iso

AT_MOST = 50  # agents in one answer of the query
PAGE_SIZE = 25
STATUS_PERMISSION = "analytics:agentState:view"

STATUS_START = "/api/v2/analytics/agents/"
STATUS_END = "/status"
QUERY = "/api/v2/analytics/agents/status/query"
USERS = "/api/v2/users/"
QUEUES = "/api/v2/routing/queues"
TOKEN = "/oauth/token"  # noqa: S105 - an address


@dataclass(frozen=True)
class Work:
    """A call on its way through the API."""

    organisation: Organisation
    request: Request
    path: str
    now: float

    @property
    def seen_at(self) -> float:
        """The time whose picture the agent status shows."""
        return self.now - self.organisation.settings.lag_ms / 1000


Route = Callable[[Work], Reply]


def answer(organisation: Organisation, request: Request, path: str, now: float) -> Reply:
    """Answer one call, well or badly, and record it. `path` begins after the organisation."""
    kind, method, route = _route(path)
    work = Work(organisation, request, path, now)
    delay, rule = organisation.rules.take(kind, path.encode() + request.body)
    if rule and rule.before_the_work:
        reply = Reply()
    elif request.method != method:
        reply = bodies.error(405)
    else:
        reply = route(work) if kind == "token" else _guarded(work, route)
    if rule:
        body_of = bodies.token_error_body if kind == "token" else bodies.api_error_body
        reply = misbehave(rule, reply, body_of)
    organisation.record(_as_call(work, kind, reply))
    return replace(reply, delay=delay) if delay else reply


def _route(path: str) -> tuple[str, str, Route]:
    """The kind of the endpoint, its method, and what answers it."""
    if path == QUERY:
        return "query", "POST", _query
    if path.startswith(STATUS_START) and path.endswith(STATUS_END):
        return "status", "GET", _status
    if path == TOKEN:
        return "token", "POST", _token
    if path.startswith(USERS):
        return "users", "GET", _user
    if path.startswith(QUEUES):
        return "queues", "GET", _queues if path == QUEUES else _queue
    if path in ME:
        return "me", "GET", ME[path]
    return "other", "GET", lambda work: bodies.error(404)


def _as_call(work: Work, kind: str, reply: Reply) -> Call:
    unanswered = reply.how in (How.HANG, How.RESET)
    asked: tuple[str, ...] = ()
    if kind == "query":
        asked = tuple(_asked_users(work.request.body) or ())
    elif kind == "status":
        asked = (_status_user(work.path),)
    return Call(work.now, kind, None if unanswered else reply.status, asked)


def _token(work: Work) -> Reply:
    organisation = work.organisation
    settings = organisation.settings
    if _credentials(work.request) != (settings.client_id, settings.client_secret):
        return json_reply(bodies.token_error_body(400), 400)
    form = parse_qs(work.request.body.decode("latin-1"))
    if form.get("grant_type") != ["client_credentials"]:
        words = "unsupported grant type"
        return json_reply({"error": "unsupported_grant_type", "error_description": words}, 400)
    token = organisation.new_token(work.now)
    granted = {
        "access_token": token,
        "token_type": "bearer",
        "expires_in": settings.token_seconds,
    }
    return json_reply(granted)


def _credentials(request: Request) -> tuple[str, str] | None:
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret


def _guarded(work: Work, route: Route) -> Reply:
    """What every call of the API goes through: the token, then its limit, then the work."""
    organisation = work.organisation
    scheme, _, token = work.request.headers.get("authorization", "").partition(" ")
    correlation = ("ININ-Correlation-Id", new_id())
    if scheme.lower() != "bearer" or not token:
        return bodies.no_token().with_headers(correlation)
    if not organisation.knows_token(token, work.now):
        return bodies.error(401).with_headers(correlation)
    limit = organisation.settings.limit
    if limit is None:
        return route(work).with_headers(correlation)
    window = organisation.spend(token, work.now)
    wait = max(1, math.ceil(window.ends_at - work.now))
    reply = bodies.too_many_requests(wait) if window.count > limit else route(work)
    return reply.with_headers(
        ("inin-ratelimit-count", str(window.count)),
        ("inin-ratelimit-allowed", str(limit)),
        ("inin-ratelimit-reset", str(wait)),
        correlation,
    )


def _status_user(path: str) -> str:
    return path[len(STATUS_START) : -len(STATUS_END)]


def _status(work: Work) -> Reply:
    settings = work.organisation.settings
    if not settings.agent_state:
        return bodies.no_permission(STATUS_PERMISSION)
    user_id = _status_user(work.path)
    found = work.organisation.world.status(user_id, work.seen_at, names=settings.names)
    return bodies.error(404) if found is None else json_reply(found)


def _query(work: Work) -> Reply:
    settings = work.organisation.settings
    if not settings.agent_state:
        return bodies.no_permission(STATUS_PERMISSION)
    if not work.request.is_json():
        return bodies.error(415)
    asked = _asked_users(work.request.body)
    if asked is None:
        return bodies.bad_request("userFilter must join userId predicates with 'or'.")
    world = work.organisation.world
    wanted = asked or list(world.agents)
    by_name = sorted((world.agents[each] for each in wanted if each in world.agents), key=_name_of)
    statuses = (world.status(each.id, work.seen_at, names=settings.names) for each in by_name)
    return json_reply({"entities": [each for each in statuses if each][:AT_MOST]})


def _name_of(agent: Agent) -> str:
    return agent.name


def _asked_users(body: bytes) -> list[str] | None:
    """The user ids of a query, each once; none: no filter; None: not a query that is understood."""
    try:
        asked = json.loads(body)
        predicates = (asked.get("userFilter") or {}).get("predicates", [])
        users = [each["value"] for each in predicates if each["dimension"] == "userId"]
        joined = (asked.get("userFilter") or {}).get("type", "or")
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    if len(users) != len(predicates) or (joined != "or" and len(users) > 1):
        return None
    return list(dict.fromkeys(str(each) for each in users))


def _division(organisation: Organisation, division_id: str) -> Json:
    home = division_id == organisation.world.division_id
    return {
        "id": division_id,
        "name": "Home" if home else "Otra división",
        "selfUri": f"/api/v2/authorization/divisions/{division_id}",
    }


def _user(work: Work) -> Reply:
    if not work.organisation.settings.users:
        return bodies.no_permission("directory:user:view")
    agent = work.organisation.world.agents.get(work.path[len(USERS) :])
    if agent is None:
        return bodies.error(404)
    return json_reply(
        {
            "id": agent.id,
            "name": agent.name,
            "division": _division(work.organisation, agent.division_id),
            "email": agent.email,
            "state": "active",
            "title": "Asesora",
            "username": agent.email,
            "preferredName": agent.preferred_name,
            "version": 31,
            "acdAutoAnswer": agent.auto_answer,
            "selfUri": f"{USERS}{agent.id}",
        }
    )


def _queues(work: Work) -> Reply:
    if not work.organisation.settings.queues:
        return bodies.no_permission("routing:queue:view")
    query = work.request.query
    try:
        size = min(max(1, int(query.get("pageSize", PAGE_SIZE))), 100)
        number = max(1, int(query.get("pageNumber", 1)))
    except ValueError:
        return bodies.bad_request("pageSize and pageNumber are numbers.")
    pattern = query.get("name", "*").lower()
    queues = work.organisation.world.queues.values()
    found = [each for each in queues if fnmatch.fnmatchcase(each.name.lower(), pattern)]
    shown = found[(number - 1) * size : number * size]
    entities = [_queue_body(work.organisation, each) for each in shown]
    return json_reply({"entities": entities, **_paging(size, number, len(found))})


def _paging(size: int, number: int, total: int) -> Json:
    pages = max(1, math.ceil(total / size))

    def uri(page: int) -> str:
        return f"{QUEUES}?pageSize={size}&pageNumber={page}"

    return {
        "pageSize": size,
        "pageNumber": number,
        "total": total,
        "firstUri": uri(1),
        "lastUri": uri(pages),
        "selfUri": uri(number),
        **({"nextUri": uri(number + 1)} if number < pages else {}),
        **({"previousUri": uri(number - 1)} if number > 1 else {}),
        "pageCount": pages,
    }


def _queue(work: Work) -> Reply:
    if not work.organisation.settings.queues:
        return bodies.no_permission("routing:queue:view")
    queue = work.organisation.world.queues.get(work.path[len(QUEUES) + 1 :])
    return json_reply(_queue_body(work.organisation, queue)) if queue else bodies.error(404)


def _queue_body(organisation: Organisation, queue: Queue) -> Json:
    message: Json = {
        "enableAutoAnswer": queue.auto_answer,
        "alertingTimeoutSeconds": queue.alerting_seconds,
        "serviceLevel": {"percentage": 0.8, "durationMs": 20000},
    }
    if queue.auto_answer_open is not None:
        message["subTypeSettings"] = {"open": {"enableAutoAnswer": queue.auto_answer_open}}
    members = len(organisation.world.agents)
    return {
        "id": queue.id,
        "name": queue.name,
        "division": _division(organisation, organisation.world.division_id),
        "memberCount": members,
        "userMemberCount": members,
        "joinedMemberCount": members,
        "mediaSettings": {"message": message},
        "autoAnswerOnly": True,  # about whispers, not about answering: a trap of the real thing
        "enableManualAssignment": False,
        "selfUri": f"{QUEUES}/{queue.id}",
    }


def _token_me(work: Work) -> Reply:
    organisation = work.organisation
    owner = {"id": organisation.world.id, "name": organisation.name}
    client = {
        "id": organisation.settings.client_id,
        "name": "Lynn agent connected",
        "authorizedGrantType": "CLIENT_CREDENTIALS",
        "state": "active",
        "organization": owner,
    }
    idles = iso(work.now + organisation.settings.token_seconds)
    return json_reply({"organization": owner, "dateTokenIdles": idles, "oAuthClient": client})


def _organisation_me(work: Work) -> Reply:
    world = work.organisation.world
    return json_reply(
        {
            "id": world.id,
            "name": world.name,
            "thirdPartyOrgName": world.name,
            "domain": f"{world.name}.example.com",
            "state": "active",
            "version": 12,
            "features": {"purecloud": True},
            "selfUri": f"/api/v2/organizations/{world.id}",
        }
    )


ME: dict[str, Route] = {
    "/api/v2/tokens/me": _token_me,
    "/api/v2/organizations/me": _organisation_me,
}
