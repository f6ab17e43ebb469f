"""What every load does: arrange, send, wait, read the ledger; with the meter running."""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from typing import IO

from tests.benchmarks import machine
from tests.benchmarks.contenders import Contender, Ours
from tests.benchmarks.ledger import Figures, Key, Ledger, Sent, key_of, ledger
from tests.benchmarks.upstream import Planned, Told, Upstream
from tests.system.portal import ROOT

TIMING = {"first_check_after": 2, "check_every": 2, "give_up_after": 120, "deliver_within": 600}
LOOK_EVERY = 0.25  # seconds
WEIGH_EVERY = 5.0  # seconds
WARM = 10  # agents whose names every contender has learnt before the load begins
STARTS_AFTER = 1.5  # seconds until the sender can send its first post
READS = 2000  # posts a second that are made up, handed over and read before the first is sent


class Meter:
    """CPU from `start` on, and the most memory that was seen."""

    def __init__(self, contender: Contender, database: str) -> None:
        self._contender = contender
        self._has_server = database == "postgres"
        self._weighed = 0.0
        self._before: dict[str, float] = {}
        self.memory = self.worker_memory = 0.0

    def start(self) -> None:
        self._before = self._read()
        self.weigh()

    def weigh(self) -> None:
        if time.monotonic() - self._weighed < WEIGH_EVERY:
            return
        pids = self._contender.pids()
        self.memory = max(self.memory, machine.memory_mb(pids))
        workers = machine.workers(pids, self._contender.port)
        self.worker_memory = max(self.worker_memory, machine.memory_mb(workers))
        self._weighed = time.monotonic()

    def cpu(self) -> dict[str, float]:
        """Seconds since the start: `all` processes of the contender, of these those of the `web`,
        and beside them the `database` server."""
        return {name: seconds - self._before[name] for name, seconds in self._read().items()}

    def _read(self) -> dict[str, float]:
        pids = self._contender.pids()
        workers = machine.workers(pids, self._contender.port)
        seconds = {
            "all": machine.cpu_seconds(pids),
            "web": machine.cpu_seconds(set(pids) - set(workers)),
        }
        if self._has_server:
            seconds["database"] = machine.cpu_seconds(machine.named("postgres"))
        return seconds


class Stage:
    """One contender beside a simulator of its own."""

    def __init__(self, contender: Contender, upstream: Upstream, database: str) -> None:
        self.contender = contender
        self.upstream = upstream
        self.meter = Meter(contender, database)
        self.told: list[Told] = []
        self.sender_late = 0.0
        self._reached: set[Key] = set()
        self._asked: Counter[tuple[str, int | None]] = Counter()

    # Arrange

    def open(
        self,
        slugs: Sequence[str] = ("banco",),
        *,
        agents: int = WARM,
        limit: int | None = 300,
        **timing: float,
    ) -> None:
        """Start the contender with these tenants, and let it tell Lynn of a first event or two."""
        settings = {"timing": TIMING | timing}
        self.contender.prepare(
            [self.upstream.tenant(slug, agents, limit, **settings) for slug in slugs]
        )
        self.contender.start()
        warm = min(agents, max(1, 2 * WARM // len(slugs)), WARM)
        first = [
            each for slug in slugs for each in self.upstream.automatic(slug, warm, [None] * warm)
        ]
        sent = self.send(first, connections=4)
        self.wait(first, 60)
        failed = ledger(first, sent, self.told).missing
        if failed:
            raise RuntimeError(f"{failed} of the first {len(first)} events did not arrive.")
        time.sleep(1)
        self.begin()

    def begin(self) -> None:
        """What happened until now is not part of the figures."""
        self._look()
        self.told.clear()
        self.sender_late = 0.0
        self._asked = self.upstream.asked()
        self.meter.start()

    def clock(self, events: int = 0) -> float:
        """When the first of so many events can be posted, in Unix time."""
        return time.time() + STARTS_AFTER + events / READS

    # Send and wait

    def send(self, planned: Sequence[Planned], connections: int = 32) -> list[Sent]:
        """Post all of it; returns when all is answered."""
        with tempfile.TemporaryFile("w+") as printed:
            sender = self._begin_to_send(planned, connections, printed)
            while sender.poll() is None:
                self._watch()
            if sender.returncode:
                raise RuntimeError("The sender failed; its own words are above.")
            printed.seek(0)
            result = json.load(printed)
        self.sender_late = max(self.sender_late, result["late"])
        return [Sent(*each) for each in result["posts"]]

    def _begin_to_send(
        self, planned: Sequence[Planned], connections: int, printed: IO[str]
    ) -> subprocess.Popen[str]:
        command = (sys.executable, "-m", "tests.benchmarks.sender", str(self.contender.port))
        sender = subprocess.Popen(
            [*command, str(connections)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=printed,
            text=True,
        )
        assert sender.stdin
        for each in planned:
            post = {"at": each.at, "path": each.path, "token": each.token, "body": each.body}
            sender.stdin.write(json.dumps(post) + "\n")
        sender.stdin.close()
        return sender

    def wait(self, planned: Sequence[Planned], patience: float) -> None:
        """Until Lynn was told of all that is to be told, or `patience` seconds are over."""
        wanted = {key_of(each) for each in planned if each.answers}
        stop_at = time.monotonic() + patience
        while not wanted <= self._reached and time.monotonic() < stop_at:
            self._watch()

    def sleep(self, seconds: float) -> None:
        stop_at = time.monotonic() + seconds
        while time.monotonic() < stop_at:
            self._watch()

    def _watch(self) -> None:
        time.sleep(LOOK_EVERY)
        self._look()
        self.meter.weigh()

    def _look(self) -> None:
        news = self.upstream.news()
        self.told += news
        self._reached.update(key_of(each) for each in news if each.acted)

    # The ledger

    def ledger(self, planned: Sequence[Planned], sent: Sequence[Sent]) -> Ledger:
        self._look()
        return ledger(planned, sent, self.told)

    def costs(self, delivered: int) -> Figures:
        """Of all that was done since `begin`."""
        asked = self.upstream.asked() - self._asked
        cpu = {key: each * 1000 / max(1, delivered) for key, each in self.meter.cpu().items()}
        calls = sum(count for (kind, _), count in asked.items() if kind != "token")
        return {
            "Genesys calls per delivered event": calls / max(1, delivered),
            "Genesys calls refused with 429": sum(
                count for (_, status), count in asked.items() if status == 429
            ),
            "CPU per delivered event (ms)": cpu["all"],
            "of which web (ms)": cpu["web"],
            **({"PostgreSQL's own CPU (ms)": cpu["database"]} if "database" in cpu else {}),
            "memory, all (MB)": self.meter.memory,
            "memory, worker (MB)": self.meter.worker_memory,
            "sender late, most (ms)": self.sender_late * 1000,
        }

    def undecided(self) -> Figures:
        """Events without a final state; only our portal has such a thing."""
        if not isinstance(self.contender, Ours):
            return {}
        return {"undecided": float(self.contender.open_events())}
