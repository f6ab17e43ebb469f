"""What one automatic event costs at each step, in batches of one and of fifty, and what a claim
costs where many tenants are due at once: CPU of the one process that does it, by database.

TEST_POSTGRES_URL=... .venv/bin/python -m tests.benchmarks.unit_costs [sqlite] [postgres]
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector.simulator.server import Simulator
from connector.simulator.thread import running
from tests.faults.offers import automatic
from tests.services import service
from tests.system.conftest import tenant_of
from tests.system.portal import Portal, postgres_database

STEPS = ("receive", "claim", "work", "seal")
SIZES = (1, 50)
EVENTS = 500  # for each size
WARM_UP = 50
CROWDS = ((50, 20), (1000, 5), (1000, 20))  # tenants, and rows due of each
CLAIMS = 20  # of two tenants each
ROW = "{:<34} {:>9} {:>7} {:>7} {:>7}"


@contextmanager
def prepared(kind: str, simulator: Simulator, folder: str) -> Iterator[Portal]:
    """A migrated portal with one tenant; its processes are not started."""
    if kind == "sqlite":
        yield _configured(Portal(f"sqlite:///{folder}/portal.sqlite3"), simulator)
        return
    with postgres_database(service("TEST_POSTGRES_URL")) as url:
        yield _configured(Portal(url), simulator)


def _configured(portal: Portal, simulator: Simulator) -> Portal:
    portal.run("migrate")
    portal.configure(tenant_of(simulator))
    return portal


def run(kind: str, events: int, crowds: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The figures in ms, measured in a process of their own."""
    with (
        running() as simulator,
        TemporaryDirectory() as folder,
        prepared(kind, simulator, folder) as portal,
    ):
        count = WARM_UP + events * len(SIZES)
        bodies = [automatic(simulator, "banco", number).event for number in range(count)]
        Path(folder, "events.json").write_text(json.dumps(bodies))
        asked = f"measure({folder + '/events.json'!r}, {crowds!r})"
        said = portal.run(
            "shell", "-v0", "-c", f"from tests.benchmarks.unit_costs import measure; {asked}"
        )
        return dict(json.loads(said.splitlines()[-1]))


def measure(path: str, crowds: Sequence[tuple[int, int]]) -> None:
    """Runs inside of the portal's settings; prints the figures as one line of JSON."""
    bodies = json.loads(Path(path).read_text())
    for body in bodies[:WARM_UP]:
        advance([body])
    each = (len(bodies) - WARM_UP) // len(SIZES)
    figures: dict[str, Any] = {}
    for place, size in enumerate(SIZES):
        begin = WARM_UP + place * each
        spent: Counter[str] = Counter()
        for first in range(begin, begin + each, size):
            spent.update(advance(bodies[first : min(first + size, begin + each)]))
        figures[f"batches of {size}"] = {name: took / each for name, took in spent.items()}
    for tenants, rows in crowds:
        figures[f"{tenants} tenants, {rows} due of each"] = {
            "claim": claim_in_a_crowd(tenants, rows)
        }
    print(json.dumps(figures))


def advance(bodies: Sequence[dict[str, Any]]) -> dict[str, float]:
    """These events through all steps; returns the ms of CPU that each step took."""
    from connector import claim, clock, events, receive, work
    from connector.audit import seal
    from connector.models import Tenant

    marks = [time.process_time()]
    tenant = Tenant.objects.get(slug="banco")
    for body in bodies:
        text = json.dumps(body)
        receive.receive(tenant, events.parse(text.encode()), text, clock.now())
    marks.append(time.process_time())
    claims = claim.claim(clock.now(), most=2, workers=4)
    marks.append(time.process_time())
    for each in claims:
        work.work(each.lease, each.ids)
    marks.append(time.process_time())
    seal.seal_due(clock.now(), time.monotonic() + 5)
    marks.append(time.process_time())
    took = [(end - begin) * 1000 for begin, end in pairwise(marks)]
    return dict(zip(STEPS, took, strict=True))


def claim_in_a_crowd(tenants: int, rows: int) -> float:
    """ms of CPU for one claim of two batches, while so many are due."""
    from connector import claim, clock
    from connector.models import AgentConnection, Tenant

    AgentConnection.objects.all().delete()
    names = [f"crowd-{number}" for number in range(tenants)]
    Tenant.objects.bulk_create(
        [Tenant(slug=name, name=name) for name in names], ignore_conflicts=True
    )
    crowd = Tenant.objects.filter(slug__in=names)
    AgentConnection.objects.bulk_create(
        [_due(tenant, number) for tenant in crowd for number in range(rows)], batch_size=500
    )
    begin = time.process_time()
    for _ in range(CLAIMS):
        assert len(claim.claim(clock.now(), most=2, workers=4)) == 2
    return (time.process_time() - begin) / CLAIMS * 1000


def _due(tenant: Any, number: int) -> Any:
    from connector import clock
    from connector.models import AgentConnection

    now = clock.now()
    return AgentConnection(
        tenant=tenant,
        offer_key=f"s:{tenant.pk}-{number}",
        conversation_id=f"conversation-{number}",
        user_id=f"agent-{number}",
        answer_mode="auto",
        evidence="auto",
        state="delivering",
        received_at=now,
        offered_at=now,
        answered_at=now,
        due_at=now - timedelta(seconds=1),
        give_up_at=now + timedelta(seconds=120),
        deliver_by=now + timedelta(seconds=600),
    )


def main(kinds: Sequence[str]) -> None:
    print(ROW.format("ms of CPU an event", "receive", "claim", "work", "seal"))
    for kind in kinds or ("sqlite", "postgres"):
        for name, figures in run(kind, EVENTS, CROWDS).items():
            shown = [f"{figures[step]:.2f}" if step in figures else "" for step in STEPS]
            print(ROW.format(f"{kind}, {name}", *shown))


if __name__ == "__main__":
    main(sys.argv[1:])
