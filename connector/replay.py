"""Many connections are delivered or checked again, so many a second; it survives a crash.

What is to be done stands in the database, item by item. Workers advance it: each reserves some of
the rate, then takes up one item after the other, each in a transaction of its own that marks the
item too. So a worker that dies costs time, and no connection is taken up twice by one replay.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext as _

from connector import decide, intervene
from connector.attention import Person, name_of
from connector.decide import Policy
from connector.errors import NotPossible
from connector.models import (
    AgentConnection,
    ItemState,
    Replay,
    ReplayItem,
    ReplayKind,
    ReplayState,
    Tenant,
)

MOST_ITEMS = 10_000
MOST_AT_ONCE = 25  # items that one run takes up: short, so that other chores get their turn
BURST = timedelta(seconds=2)  # what was not used of the rate is good for so long
SLOWEST, FASTEST = 0.1, 50.0  # connections a second
EXAMPLES = 5

ACTS: dict[str, Callable[[UUID, datetime], AgentConnection]] = {
    ReplayKind.DELIVER_AGAIN: intervene.deliver_again,
    ReplayKind.CHECK_AGAIN: intervene.check_again,
}
ASKS: dict[str, Callable[[AgentConnection, Policy, datetime], object]] = {
    ReplayKind.DELIVER_AGAIN: decide.deliver_again,
    ReplayKind.CHECK_AGAIN: decide.check_again,
}


@dataclass
class Preview:
    """What a replay would do: how many could be taken up, some of them, and why others not."""

    total: int = 0
    possible: int = 0
    examples: list[AgentConnection] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def is_cut(self) -> bool:
        return self.total > MOST_ITEMS


def preview(connections: QuerySet[AgentConnection], kind: str, now: datetime) -> Preview:
    """Of one tenant's connections, the oldest first; looks at no more than a replay can hold."""
    seen = Preview()
    rows = connections.select_related("tenant").order_by("received_at", "id")
    rows = rows.annotate(waits=_waits_already())
    for row in rows[: MOST_ITEMS + 1].iterator(chunk_size=500):
        seen.total += 1
        if seen.is_cut:
            break
        if row.waits:
            seen.refused[_in_another()] += 1
            continue
        try:
            ASKS[kind](row, row.tenant.policy, now)
        except NotPossible as why:
            seen.refused[str(why)] += 1
            continue
        seen.possible += 1
        if len(seen.examples) < EXAMPLES:
            seen.examples.append(row)
    return seen


def start(
    connections: QuerySet[AgentConnection],
    *,
    tenant: Tenant,
    kind: str,
    why: str,
    rate: float,
    by: Person,
    now: datetime,
    wanted: Mapping[str, Any],
) -> Replay:
    """Writes down what is to be done, of one tenant, the oldest first; workers then do it.

    What waits its turn in another replay is left to that; raises NotPossible where nothing else
    was asked for.
    """
    wanted_rows = connections.order_by("received_at", "id").values_list("pk", flat=True)
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=tenant.pk)  # two clicks begin one
        ids = list(wanted_rows.exclude(_waits_already())[:MOST_ITEMS])
        if not ids and wanted_rows.exists():
            raise NotPossible(_in_another())
        replay = Replay.objects.create(
            tenant=tenant,
            kind=ReplayKind(kind),
            wanted=dict(wanted),
            why=why,
            rate=min(max(rate, SLOWEST), FASTEST),
            by_id=by.pk,
            by_name=name_of(by),
            started_at=now,
            paced_at=now,
        )
        items = [ReplayItem(replay=replay, connection_id=pk) for pk in ids]
        ReplayItem.objects.bulk_create(items, batch_size=500)
        replay.total = len(items)
        replay.save(update_fields=["total"])
    return replay


def _waits_already() -> Exists:
    """Whether a connection waits its turn in a replay that goes on."""
    items = ReplayItem.objects.filter(connection=OuterRef("pk"), state=ItemState.WAITING)
    return Exists(items.filter(replay__state=ReplayState.RUNNING))


def _in_another() -> str:
    return _("Waits its turn in a bulk replay that is running already.")


def stop(replay: Replay, now: datetime) -> bool:
    """What has not been taken up stays as it is; False if it had ended already."""
    running = Replay.objects.filter(pk=replay.pk, state=ReplayState.RUNNING)
    return bool(running.update(state=ReplayState.STOPPED, finished_at=now))


def advance(now: datetime) -> tuple[int, bool]:
    """Take up what the rates of the running replays allow by now; returns how many that was, and
    whether more are to come. Any number of workers may do this at the same time."""
    done = 0
    for replay in Replay.objects.filter(state=ReplayState.RUNNING):
        for _turn in range(_reserve(replay, now)):
            if not _take_up_next(replay, now):
                break
            done += 1
    return done, Replay.objects.filter(state=ReplayState.RUNNING).exists()


def _reserve(replay: Replay, now: datetime) -> int:
    """How many items this worker may take up now; nobody else gets the same share of the rate."""
    since = max(replay.paced_at, now - BURST - timedelta(seconds=1 / replay.rate))
    share = min(int((now - since).total_seconds() * replay.rate), MOST_AT_ONCE)
    if share < 1:
        return 0
    paced_at = since + timedelta(seconds=share / replay.rate)
    mine = Replay.objects.filter(pk=replay.pk, paced_at=replay.paced_at, state=ReplayState.RUNNING)
    return share if mine.update(paced_at=paced_at) else 0


def _take_up_next(replay: Replay, now: datetime) -> bool:
    """One item, and the replay's end after the last; False when nothing is left for us."""
    with transaction.atomic():
        waiting = ReplayItem.objects.filter(
            replay=replay, state=ItemState.WAITING, replay__state=ReplayState.RUNNING
        )
        skip = database.features.has_select_for_update_skip_locked
        item = waiting.select_for_update(of=("self",), skip_locked=skip).order_by("id").first()
        if item is None:
            _finish(replay, now)
            return False
        _take_up(replay, item, now)
        return True


def _take_up(replay: Replay, item: ReplayItem, now: datetime) -> None:
    try:
        ACTS[replay.kind](item.connection_id, now)
        item.state = ItemState.DONE
    except NotPossible as why:
        item.state, item.why_not = ItemState.REFUSED, str(why)
    item.at = now
    item.save(update_fields=["state", "why_not", "at"])
    column = "done" if item.state == ItemState.DONE else "refused"
    Replay.objects.filter(pk=replay.pk).update(**{column: F(column) + 1})


def _finish(replay: Replay, now: datetime) -> None:
    """Unless another worker holds the last items this moment."""
    ended = Replay.objects.filter(pk=replay.pk, state=ReplayState.RUNNING)
    if not replay.items.filter(state=ItemState.WAITING).exists():
        ended.update(state=ReplayState.FINISHED, finished_at=now)
