"""Which pages are asked for, by whom. Runs in a portal that was seeded."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User

from connector.domain import State
from connector.models import AgentConnection, Tenant
from tests.benchmarks.volume.year import LEFT, name_of, queue_name

ADMIN, API = "/admin/", "/api/v1/connections"
LIST = ADMIN + "connector/agentconnection/"
EVENTS = ADMIN + "connector/event/"
SEEN = {"superuser": None, "auditor of 5 tenants": 5, "auditor of 1 tenant": 1}


@dataclass(frozen=True)
class Page:
    """`has_goal`: those that are promised to be quick; the others are shown beside them."""

    name: str
    path: str
    has_goal: bool = False


def people() -> dict[str, User]:
    """A person of each reach, made on the first call."""
    return {words: _person(words, tenants) for words, tenants in SEEN.items()}


def _person(words: str, tenants: int | None) -> User:
    name = words.replace(" ", "-")
    user, is_new = User.objects.get_or_create(
        username=name, defaults={"is_staff": True, "is_superuser": tenants is None}
    )
    if is_new and tenants:
        user.groups.set(Group.objects.filter(name__in=("Auditors", "Operators")))
        for tenant in Tenant.objects.order_by("pk")[:tenants]:
            tenant.people.add(user)
    return user


def pages() -> Iterator[Page]:
    """All that are of tenants which each of `people` sees, but for one that has left."""
    yield from _promised()
    yield from _lists()
    yield from _others()
    yield from _api()


def _promised() -> Iterator[Page]:
    middle = _middle()
    yield Page("dashboard", ADMIN, True)
    yield Page("list, first page", LIST, True)
    for state in (State.DELIVERED, State.FAILED, State.CANCELLED, State.CHECKING):
        yield _list(f"list, tenant and {state}", True, tenant=_slug(0), state=state)
    yield _list("list, a tenant that left", True, tenant=_slug(LEFT), state=State.DELIVERED)
    yield _list("list, conversation id pasted", True, q=middle.conversation_id)
    yield Page("connection", f"{LIST}{middle.pk}/change/", True)


def _lists() -> Iterator[Page]:
    middle = _middle()
    month_ago = datetime.now(UTC) - timedelta(days=30)
    yield _list("list, last page of those counted", p=str(min(20, _count() // 50)))
    yield _list("list, state", state=State.CANCELLED)
    yield _list("list, tenant", tenant=_slug(0))
    yield _list("list, reason", reason="genesys_credentials_refused")
    yield _list("list, tenant and reason", tenant=_slug(0), reason="stale_event")
    yield _list("list, needs a person", waiting="on")
    yield _list("list, a day of last month", since=_day(month_ago), until=_day(month_ago, 1))
    yield _list("list, queue name", queue=queue_name(0))
    yield _list("list, queue of a tenant", tenant=_slug(0), queue=middle.queue_id)
    yield _list("list, agent id", agent=middle.user_id)
    yield _list("list, a name begins", q=name_of(middle.tenant_id, 3).split(" ")[0])
    yield _list("list, a whole name", q=name_of(middle.tenant_id, 3))
    yield _list("list, session id", q=middle.session_id)
    yield _list("list, nothing found", q="no-such-thing")


def _others() -> Iterator[Page]:
    event = _middle().events.order_by("received_at")[0]
    yield Page("failed", ADMIN + "failed/")
    yield Page("events", EVENTS)
    yield Page("events, refused of a tenant", f"{EVENTS}?outcome=refused&tenant={_slug(0)}")
    yield Page("events, conversation id", f"{EVENTS}?q={_middle().conversation_id}")
    yield Page("event", f"{EVENTS}{event.pk}/change/")
    yield Page("export, what would be in it", ADMIN + "export/")
    yield Page("tenants", ADMIN + "connector/tenant/")
    yield Page("tenant", f"{ADMIN}connector/tenant/{Tenant.objects.get(slug=_slug(0)).pk}/change/")
    yield Page("changes", ADMIN + "changes/")


def _api() -> Iterator[Page]:
    middle = _middle()
    yield Page("API, first page", API)
    yield Page("API, page of 500", f"{API}?page_size=500")
    asked = {
        "tenant and state": {"tenant": _slug(0), "state": State.FAILED},
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
