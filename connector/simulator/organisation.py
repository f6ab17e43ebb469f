"""One Genesys Cloud organisation: its world, its client, permissions, call limit and records."""

from collections import Counter, deque
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from connector.simulator.behaviour import Rules
from connector.simulator.names import new_id, stable_id
from connector.simulator.world import Json, World, furnished

KINDS = ("token", "status", "query", "users", "queues", "me", "other")
CALLS_KEPT = 20_000


@dataclass(frozen=True)
class Settings:
    """What can be configured. Permissions: `agent_state`, `names`, `users`, `queues`.

    `limit` is in calls per token and window of `window_seconds`; None switches it off.
    `lag_ms`: the agent status shows the world as it was that long ago.
    """

    client_id: str
    client_secret: str
    token_seconds: int = 86399
    limit: int | None = 300
    window_seconds: float = 60.0
    lag_ms: float = 0.0
    agent_state: bool = True
    names: bool = True
    users: bool = True
    queues: bool = True


@dataclass
class Window:
    """The calls of one token in the running minute."""

    ends_at: float
    count: int = 0


@dataclass(frozen=True)
class Call:
    """A call that came in; `user_ids` are the agents it asked about."""

    at: float
    kind: str
    status: int | None
    user_ids: tuple[str, ...] = ()


@dataclass
class Organisation:
    """Everything that lasts between two calls."""

    name: str
    settings: Settings
    world: World
    rules: Rules = field(default_factory=Rules)
    tokens: dict[str, float] = field(default_factory=dict)  # when each one ends
    windows: dict[str, Window] = field(default_factory=dict)
    counts: Counter[tuple[str, int | None]] = field(default_factory=Counter)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))

    def configure(self, **changes: Any) -> None:
        """TypeError names a setting that does not exist."""
        self.settings = replace(self.settings, **changes)

    def new_token(self, now: float) -> str:
        token = f"{new_id()}-{new_id()}"
        self.tokens[token] = now + self.settings.token_seconds
        return token

    def revoke_tokens(self) -> None:
        self.tokens.clear()
        self.windows.clear()

    def knows_token(self, token: str, now: float) -> bool:
        return self.tokens.get(token, 0) > now

    def spend(self, token: str, now: float) -> Window:
        """Count one call of this token; the window says whether it was one too many."""
        window = self.windows.get(token)
        if window is None or window.ends_at <= now:
            window = self.windows[token] = Window(now + self.settings.window_seconds)
        window.count += 1
        return window

    def record(self, call: Call) -> None:
        self.counts[call.kind, call.status] += 1
        self.calls.append(call)

    def counted(self) -> dict[str, int]:
        """Calls by kind of endpoint, kinds that were never called included."""
        totals = dict.fromkeys(KINDS, 0)
        for (kind, _), count in self.counts.items():
            totals[kind] += count
        return totals

    def forget_calls(self) -> None:
        self.counts.clear()
        self.calls.clear()
        self.windows.clear()

    def as_json(self) -> Json:
        return {
            "name": self.name,
            "id": self.world.id,
            "settings": asdict(self.settings),
            "agents": [asdict(each) for each in self.world.agents.values()],
            "queues": [asdict(each) for each in self.world.queues.values()],
            "calls": self.counted(),
        }


def new_organisation(name: str) -> Organisation:
    """With the usual people and queues, and a client whose id and secret follow from the name."""
    settings = Settings(stable_id(name, "client"), f"secret-of-{name}")
    return Organisation(name, settings, furnished(name))
