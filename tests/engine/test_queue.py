"""The broker: what is due becomes tasks; a database that is away is waited for."""

import socket
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone, translation
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from connector import chores, clock, heartbeat, tasks
from connector.models import AgentConnection, Heartbeat, Tenant
from connector.queue import OrmBroker, RedisBroker


@pytest.fixture
def broker(db: None, monkeypatch: pytest.MonkeyPatch) -> OrmBroker:
    monkeypatch.setattr("connector.queue.time.sleep", lambda seconds: None)
    monkeypatch.setattr("connector.queue.wake.wait", lambda seconds: None)
    # Within a test's transaction there is only one.
    monkeypatch.setattr("connector.queue.close_old_connections", lambda: None)
    return OrmBroker("portal")


def due_row(tenant: Tenant | None = None, key: str = "s:1") -> AgentConnection:
    now = timezone.now()
    return AgentConnection.objects.create(
        tenant=tenant or Tenant.objects.create(slug="a", name="A"),
        offer_key=key,
        conversation_id="c",
        user_id="u",
        answer_mode="auto",
        received_at=now,
        offered_at=now,
        give_up_at=now,
        answered_at=now,
        evidence="auto",
        state="delivering",
        due_at=now,
    )


def next_tasks(broker: OrmBroker | RedisBroker) -> list[tuple[str, tuple[Any, ...]]]:
    """What is handed out now, signs of life left out."""
    by_itself = ("connector.tasks.beat", "connector.tasks.chore")
    return [each for each in unpacked(broker.dequeue()) if each[0] not in by_itself]


def unpacked(packed: Any) -> list[tuple[str, tuple[Any, ...]]]:
    content = [SignedPackage.loads(payload) for _, payload in packed or []]
    return [(task["func"], task["args"]) for task in content]


def test_a_sign_of_life_goes_the_way_of_real_work(broker: OrmBroker) -> None:
    (function, arguments), _ = unpacked(broker.dequeue())
    assert "connector.tasks.beat" == function

    tasks.beat(*arguments)
    first = Heartbeat.objects.get()
    tasks.beat(*arguments)

    again = Heartbeat.objects.get()
    assert heartbeat.own_name() == again.name
    assert (first.started_at, True) == (again.started_at, again.seen_at > first.seen_at)


def test_what_is_due_is_handed_to_a_worker(broker: OrmBroker) -> None:
    row = due_row()

    ((function, (lease, ids)),) = next_tasks(broker)

    row.refresh_from_db()
    assert ("connector.tasks.work", [str(row.pk)]) == (function, ids)
    assert lease == str(row.lease)


def test_nothing_is_handed_out_twice(broker: OrmBroker) -> None:
    due_row()
    next_tasks(broker)

    assert [] == next_tasks(broker)


class Waits:
    """Notes how long the broker would wait, on a clock that stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, can_call: bool) -> None:
        self.seconds: list[float] = []
        monkeypatch.setattr("connector.queue.time.sleep", self.note)
        monkeypatch.setattr("connector.queue.wake.wait", self.note)
        monkeypatch.setattr("connector.queue.wake.CAN_CALL", can_call)

    def note(self, seconds: float) -> None:
        self.seconds.append(round(seconds, 3))

    def of(self, broker: OrmBroker) -> float:
        self.seconds.clear()
        broker.dequeue()
        return sum(self.seconds)


@pytest.mark.parametrize(("can_call", "idle", "busy"), [(True, 0.25, 0.1), (False, 0.1, 0.02)])
def test_polling_is_fast_only_while_there_is_work_and_nobody_can_call(
    broker: OrmBroker, monkeypatch: pytest.MonkeyPatch, can_call: bool, idle: float, busy: float
) -> None:
    waits = Waits(monkeypatch, can_call=can_call)
    assert idle == waits.of(broker)

    row = due_row()
    waits.of(broker)
    row.delete()

    waits.of(broker)
    assert busy == waits.of(broker)


def test_the_more_was_taken_the_longer_the_next_are_gathered(
    broker: OrmBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits(monkeypatch, can_call=True)
    tenant = due_row().tenant
    for number in range(9):
        due_row(tenant, f"s:{number + 2}")

    broker.dequeue()

    assert 0.03 == pytest.approx(waits.seconds and broker._gather)
    assert waits.of(broker) >= 0.03


def test_what_comes_due_soon_is_not_slept_over(
    broker: OrmBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits(monkeypatch, can_call=True)
    row = due_row()
    AgentConnection.objects.update(due_at=row.received_at + timedelta(seconds=10))
    broker.dequeue()
    assert row.received_at + timedelta(seconds=10) == broker._next_due

    monkeypatch.setattr(
        "connector.queue.clock.now", lambda: row.received_at + timedelta(seconds=9.96)
    )

    assert 0.04 == waits.of(broker)


def test_chores_are_handed_out_while_any_is_due(
    broker: OrmBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    chore = ("connector.tasks.chore", ())
    assert chore in unpacked(broker.dequeue())
    assert chore not in unpacked(broker.dequeue())  # not within the same second

    tasks.chore()
    while chores.is_due(clock.now()):
        tasks.chore()
    monkeypatch.setattr(broker, "_last_chore", 0.0)
    assert chore not in unpacked(broker.dequeue())


def test_ordinary_tasks_are_served_too(broker: OrmBroker) -> None:
    async_task("connector.tasks.beat", "by-hand", broker=broker)

    ((ack_id, payload),) = [each for each in broker.dequeue() or [] if each[0]]

    assert [("connector.tasks.beat", ("by-hand",))] == unpacked([(ack_id, payload)])
    broker.acknowledge(ack_id)
    assert 0 == broker.queue_size() + broker.lock_size()


def test_a_redis_that_never_answers_holds_up_nothing_for_long(
    broker: OrmBroker, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes connections and says nothing, as behind a firewall; what is due goes out."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        on_redis = RedisBroker("portal")
        row = due_row()

        ((_, (_, ids)),) = next_tasks(on_redis)

        assert [str(row.pk)] == ids
        assert "Ordinary tasks wait until Redis is back" in caplog.text
        patience = on_redis.connection.get_connection_kwargs()
        assert {1.5} == {patience["socket_connect_timeout"], patience["socket_timeout"]}
        on_redis.connection.close()


def test_a_database_that_is_away_is_waited_for_and_said_once(
    broker: OrmBroker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.queue.connections.close_all", lambda: None)
    row = due_row()

    def away(*args: object) -> object:
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(away), caplog.at_level("ERROR"):
        assert [None, None] == [broker.dequeue(), broker.dequeue()]

    assert 1 == caplog.text.count("Due work cannot be claimed")
    ((_, (_, ids)),) = next_tasks(broker)
    assert [str(row.pk)] == ids


def test_after_an_outage_those_with_answers_to_write_down_go_first(
    broker: OrmBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.queue.connections.close_all", lambda: None)
    row, slept = due_row(), list[float]()

    def away(*args: Any) -> Any:
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        broker.dequeue()
    monkeypatch.setattr("connector.queue.HARMLESS", 0.0)
    monkeypatch.setattr("connector.queue.time.sleep", slept.append)

    assert [] == next_tasks(broker)

    assert 2.0 == slept[-1]
    ((_, (_, ids)),) = next_tasks(broker)
    assert [str(row.pk)] == ids


@pytest.mark.parametrize(
    ("task", "arguments", "does"),
    [
        (tasks.work, (str(uuid.uuid4()), []), "connector.tasks.story.work"),
        (tasks.chore, (), "connector.tasks.chores.run_due"),
    ],
)
def test_what_a_worker_writes_down_is_english_whatever_the_portal_speaks(
    monkeypatch: pytest.MonkeyPatch, task: Any, arguments: Any, does: str
) -> None:
    spoken = []
    monkeypatch.setattr(does, lambda *args: spoken.append(translation.get_language()))

    with translation.override("es"):
        task(*arguments)

    assert ["en"] == spoken


def test_a_worker_takes_the_task_as_it_was_packed(db: None) -> None:
    row = due_row()

    tasks.work("00000000-0000-4000-8000-000000000000", [str(row.pk)])

    row.refresh_from_db()
    assert "delivering" == row.state
