"""Which pages are asked for, by whom. Runs in a portal that was seeded."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User

from connector.domain import State
from connector.models import AgentConnection, Tenant
from tests.benchmarks.volume.changes import someone
from tests.benchmarks.volume.year import DAYS, LEFT, name_of, queue_name

ADMIN, API = "/admin/", "/api/v1/connections"
LIST = ADMIN + "connector/agentconnection/"
EVENTS = ADMIN + "connector/event/"
CHANGES = ADMIN + "changes/"
SEEN = {
    "superuser": None,
    "auditor of 5 tenants": slice(5),
    "auditor of 1 tenant": slice(1),
    "auditor of 2 that left": slice(LEFT, None),
}


@dataclass(frozen=True)
class Page:
    """`has_goal`: those that are promised to be quick; the others are shown beside them."""

    name: str
    path: str
    has_goal: bool = False


def people() -> dict[str, User]:
    """A person of each reach, made on the first call."""
    return {words: _person(words, tenants) for words, tenants in SEEN.items()}


def _person(words: str, tenants: slice | None) -> User:
    name = words.replace(" ", "-")
    user, is_new = User.objects.get_or_create(
        username=name, defaults={"is_staff": True, "is_superuser": tenants is None}
    )
    if is_new and tenants:
        user.groups.set(Group.objects.filter(name__in=("Auditors", "Operators")))
        for tenant in Tenant.objects.order_by("pk")[tenants]:
            tenant.people.add(user)
    return user


def pages(user: User) -> Iterator[Page]:
    """Those that name a tenant are for people who see the busiest."""
    yield from _of_whatever_is_seen()
    if user.is_superuser:
        yield Page("workers", ADMIN + "workers/", True)
    if user.is_superuser or user.tenants.filter(slug=_slug(0)).exists():
        yield from _promised()
        yield from _lists()
        yield from _changes()
        yield from _others()
        yield from _api()


def _of_whatever_is_seen() -> Iterator[Page]:
    yield Page("dashboard", ADMIN, True)
    yield Page("list, first page", LIST, True)
    yield _list("list, needs a person", True, waiting="on")
    yield Page("failed", ADMIN + "failed/", True)
    yield Page("events", EVENTS, True)
    yield Page("tenants", ADMIN + "connector/tenant/", True)
    yield Page("changes", CHANGES, True)
    yield Page("API, first page", API, True)


def _promised() -> Iterator[Page]:
    middle = _middle()
    for state in (State.DELIVERED, State.FAILED, State.CANCELLED, State.CHECKING):
        yield _list(f"list, tenant and {state}", True, tenant=_slug(0), state=state)
    yield _list("list, a tenant that left", True, tenant=_slug(LEFT), state=State.DELIVERED)
    yield _list("list, conversation id pasted", True, q=middle.conversation_id)
    yield Page("connection", f"{LIST}{middle.pk}/change/", True)
    failed = {"tenant": _slug(0), "state": State.FAILED}
    yield Page("API, tenant and state", f"{API}?{urlencode(failed)}", True)


def _lists() -> Iterator[Page]:
    middle = _middle()
    month_ago = datetime.now(UTC) - timedelta(days=30)
    yield _list("list, last page of those counted", p=str(min(20, _count() // 50)))
    yield _list("list, state", state=State.CANCELLED)
    yield _list("list, tenant", tenant=_slug(0))
    yield _list("list, reason", reason="genesys_credentials_refused")
    yield _list("list, tenant and reason", tenant=_slug(0), reason="stale_event")
    yield _list("list, a day of last month", since=_day(month_ago), until=_day(month_ago, 1))
    yield _list("list, queue name", queue=queue_name(0))
    yield _list("list, queue of a tenant", tenant=_slug(0), queue=middle.queue_id)
    yield _list("list, agent id", agent=middle.user_id)
    yield _list("list, a name begins", q=name_of(middle.tenant_id, 3).split(" ")[0])
    yield _list("list, a whole name", q=name_of(middle.tenant_id, 3))
    yield _list("list, session id", q=middle.session_id)
    yield _list("list, nothing found", q="no-such-thing")


def _changes() -> Iterator[Page]:
    month_ago = datetime.now(UTC) - timedelta(days=30)
    day = {"since": _day(month_ago), "until": _day(month_ago, 1)}
    half_way = datetime.now(UTC) - timedelta(days=DAYS / 2)
    asked: dict[str, dict[str, Any]] = {
        "tenant": {"tenant": _slug(0)},
        "by one person": {"who": someone(0)},
        "by nobody known": {"who": "nobody"},
        "a day of last month": day,
        "half way back": {"before": f"{int(half_way.timestamp())}000000.0.0"},
        "half way, to newer": {"after": f"{int(half_way.timestamp())}000000.0.0"},
    }
    for name, params in asked.items():
        yield Page(f"changes, {name}", f"{CHANGES}?{urlencode(params)}", True)


def _others() -> Iterator[Page]:
    event = _middle().events.order_by("received_at")[0]
    yield Page("events, refused of a tenant", f"{EVENTS}?outcome=refused&tenant={_slug(0)}")
    yield Page("events, conversation id", f"{EVENTS}?q={_middle().conversation_id}")
    yield Page("event", f"{EVENTS}{event.pk}/change/")
    yield Page("export, what would be in it", ADMIN + "export/")
    yield Page("tenant", f"{ADMIN}connector/tenant/{Tenant.objects.get(slug=_slug(0)).pk}/change/")


def _api() -> Iterator[Page]:
    middle = _middle()
    yield Page("API, page of 500", f"{API}?page_size=500")
    asked = {
        "reason": {"reason": "genesys_credentials_refused"},
        "conversation": {"conversation": middle.conversation_id},
        "agent": {"agent": middle.user_id},
        "queue": {"queue": queue_name(0)},
        "since": {"since": _day(datetime.now(UTC) - timedelta(days=30))},
        "until": {"until": _day(datetime.now(UTC) - timedelta(days=200))},
        "waiting": {"waiting": "true"},
    }
    for name, params in asked.items():
        yield Page(f"API, {name}", f"{API}?{urlencode(params)}")
    yield Page("API, one record", f"{API}/{middle.pk}")


def _list(name: str, has_goal: bool = False, **asked: str) -> Page:
    return Page(name, f"{LIST}?{urlencode(asked)}", has_goal)


def _slug(place: int) -> str:
    return f"tenant-{place + 1:02}"


def _middle() -> AgentConnection:
    """One of last month, of the busiest tenant."""
    rows = AgentConnection.objects.filter(tenant__slug=_slug(0), state=State.DELIVERED)
    return rows.filter(received_at__lt=datetime.now(UTC) - timedelta(days=29))[0]


def _count() -> int:
    return AgentConnection.objects.filter(tenant__slug=_slug(0)).order_by()[:1000].count()


def _day(moment: datetime, later: int = 0) -> str:
    return (moment + timedelta(days=later)).strftime("%Y-%m-%dT00:00:00Z")
