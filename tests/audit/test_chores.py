"""Background chores: each is run by one worker at a time, and comes due again whatever happens."""

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from pytest_django import DjangoAssertNumQueries

from connector import chores, tasks
from connector.chores import CHORES, Duty
from connector.models import AgentConnection, AgentName, Chore, Heartbeat, Tenant
from tests.audit.trail import delivered
from tests.engine.conftest import Clock

pytestmark = pytest.mark.django_db

Runs = list[float]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """One chore alone, due every 10 s; what each run returns is popped from here, if anything."""
    answers: Runs = []

    def run(now: datetime, stop_at: float) -> tuple[int, bool]:
        return 3, bool(answers and answers.pop(0))

    only(monkeypatch, Duty(timedelta(seconds=10), run))
    return answers


def only(monkeypatch: pytest.MonkeyPatch, duty: Duty) -> None:
    monkeypatch.setattr(chores, "CHORES", {"sweep": duty})


def failing(now: datetime, stop_at: float) -> tuple[int, bool]:
    raise RuntimeError("the broom broke")


def test_a_chore_is_due_until_it_was_run(runs: Runs, clock: Clock) -> None:
    assert chores.is_due(clock())

    assert ["sweep"] == chores.run_due(clock)

    assert not chores.is_due(clock())
    assert [] == chores.run_due(clock)
    assert chores.is_due(clock.forward(10))


def test_a_run_is_on_record(runs: Runs, clock: Clock) -> None:
    chores.run_due(clock)

    chore = Chore.objects.get()
    assert (3, "", None, 10) == (chore.done, chore.problem, chore.lease, chore.every)
    assert clock() == chore.started_at == chore.finished_at
    assert chore.took_ms is not None


def test_with_more_to_do_it_is_due_at_once(runs: Runs, clock: Clock) -> None:
    runs.append(True)

    chores.run_due(clock)

    assert chores.is_due(clock())


def test_the_chore_that_was_due_first_is_run_first(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    duty = Duty(timedelta(seconds=10), lambda now, stop_at: (0, False))
    monkeypatch.setattr(chores, "CHORES", {"one": duty, "two": duty})
    chores.run_due(clock)
    Chore.objects.filter(name="two").update(due_at=clock() - timedelta(seconds=1))
    Chore.objects.filter(name="one").update(due_at=clock())

    assert ["two", "one"] == chores.run_due(clock)


def test_one_that_has_more_to_do_leaves_room_for_others(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    endless = Duty(timedelta(seconds=10), lambda now, stop_at: (1, True))
    monkeypatch.setattr(chores, "CHORES", {"one": endless, "two": endless})

    assert ["one", "two"] == sorted(chores.run_due(clock))
    assert ["one", "two"] == sorted(chores.run_due(clock))


def test_a_run_that_took_all_the_time_is_the_last(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(chores, "RUN", 0)
    duty = Duty(timedelta(seconds=10), lambda now, stop_at: (1, True))
    monkeypatch.setattr(chores, "CHORES", {"one": duty, "two": duty})

    assert 1 == len(chores.run_due(clock))


def test_nobody_else_takes_one_that_is_being_run(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    meanwhile = []

    def run(now: datetime, stop_at: float) -> tuple[int, bool]:
        meanwhile.append((chores.is_due(clock()), chores.run_due(clock)))
        return 0, False

    only(monkeypatch, Duty(timedelta(seconds=10), run))
    chores.run_due(clock)

    assert [(False, [])] == meanwhile


def test_of_two_that_saw_it_due_one_takes_it(runs: Runs, clock: Clock) -> None:
    Chore.objects.create(name="sweep", every=10, due_at=clock())
    seen = Chore.objects.get()
    assert chores._take(clock()) is not None

    assert not Chore.objects.filter(pk=seen.pk, due_at__lte=clock()).exists()
    assert chores._take(clock()) is None


def test_one_whose_worker_died_comes_due_again(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    class Killed(BaseException):
        pass

    def die(now: datetime, stop_at: float) -> tuple[int, bool]:
        raise Killed

    only(monkeypatch, Duty(timedelta(seconds=10), die))
    with pytest.raises(Killed):
        chores.run_due(clock)

    assert not chores.is_due(clock.forward(59))
    assert chores.is_due(clock.forward(1))


def test_whoever_lost_its_lease_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    def be_slow(now: datetime, stop_at: float) -> tuple[int, bool]:
        clock.forward(61)
        assert chores._take(clock()) is not None
        return 7, False

    only(monkeypatch, Duty(timedelta(seconds=10), be_slow))
    chores.run_due(clock)

    chore = Chore.objects.get()
    assert chore.lease is not None
    assert (0, None) == (chore.done, chore.finished_at)


def test_one_that_fails_is_recorded_logged_and_due_again(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    only(monkeypatch, Duty(timedelta(seconds=10), failing))

    chores.run_due(clock)

    assert "RuntimeError: the broom broke" == Chore.objects.get().problem
    (entry,) = caplog.records
    assert logging.ERROR == entry.levelno
    assert "The chore “sweep” failed: RuntimeError: the broom broke" == entry.getMessage()
    assert entry.exc_info
    assert chores.is_due(clock.forward(10))


def test_the_same_failure_is_logged_again_in_one_line(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    only(monkeypatch, Duty(timedelta(seconds=10), failing))
    chores.run_due(clock)
    clock.forward(10)
    chores.run_due(clock)

    assert [True, False] == [bool(entry.exc_info) for entry in caplog.records]


def test_a_good_run_wipes_the_problem_out(
    monkeypatch: pytest.MonkeyPatch, runs: Runs, clock: Clock
) -> None:
    good = chores.CHORES["sweep"]
    only(monkeypatch, Duty(timedelta(seconds=10), failing))
    chores.run_due(clock)
    clock.forward(10)
    only(monkeypatch, good)
    chores.run_due(clock)

    assert "" == Chore.objects.get().problem


def test_a_chore_of_another_version_is_left_alone(runs: Runs, clock: Clock) -> None:
    Chore.objects.create(name="from_the_future", every=1, due_at=clock() - timedelta(days=1))

    assert ["sweep"] == chores.run_due(clock)
    assert [] == chores.run_due(clock)
    assert not chores.is_due(clock())


def test_a_new_interval_is_shown(monkeypatch: pytest.MonkeyPatch, runs: Runs, clock: Clock) -> None:
    chores.run_due(clock)
    only(monkeypatch, Duty(timedelta(seconds=30), CHORES["seal"].run))
    chores.run_due(clock)

    assert 30 == Chore.objects.get().every


def test_looking_costs_one_query(
    clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        chores.is_due(clock())


def test_all_chores_run_one_after_another(tenant: Tenant, clock: Clock) -> None:
    delivered(tenant)

    for _ in CHORES:
        chores.run_due(clock)

    assert set(CHORES) == set(Chore.objects.values_list("name", flat=True))
    assert not Chore.objects.filter(finished_at=None).exists()
    assert {""} == set(Chore.objects.values_list("problem", flat=True))
    assert AgentConnection.objects.get().sealed_at


def test_workers_run_them(tenant: Tenant) -> None:
    delivered(tenant)

    for _ in CHORES:
        tasks.chore()

    assert AgentConnection.objects.get().sealed_at


def test_what_nobody_needs_any_more_is_removed_a_few_at_a_time(
    tenant: Tenant, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "AT_ONCE", 2)
    task = apps.get_model("django_q", "Task")
    now = clock()
    for number in range(5):
        old, fresh = now - timedelta(days=30 + number), now - timedelta(minutes=number)
        for name, at in (("old", old), ("fresh", fresh)):
            key = f"{name}-{number}"
            Heartbeat.objects.create(name=key, started_at=at, seen_at=at)
            AgentName.objects.create(tenant=tenant, user_id=key, name="María", learnt_at=at)
            task.objects.create(id=key, name=key, func="f", started=at, stopped=at, success=False)
            Session.objects.create(
                session_key=key, expire_date=at + timedelta(hours=1), session_data=""
            )

    for _ in CHORES:
        chores.run_due(clock)

    kept = {f"fresh-{number}" for number in range(5)}
    assert kept == set(Heartbeat.objects.values_list("name", flat=True))
    assert kept == set(AgentName.objects.values_list("user_id", flat=True))
    assert kept == set(task.objects.values_list("id", flat=True))
    assert kept == set(Session.objects.values_list("session_key", flat=True))
    assert 5 == Chore.objects.get(name="forget_names").done


@pytest.mark.parametrize("name", ["forget_workers", "purge", "seal"])
def test_a_chore_stops_when_its_time_is_over(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(chores, "AT_ONCE", 1)
    now = datetime(2026, 10, 12, tzinfo=UTC)
    long_ago = now - timedelta(days=9999)
    for number in range(2):
        Heartbeat.objects.create(name=str(number), started_at=long_ago, seen_at=long_ago)
        delivered(tenant, received_at=long_ago)
    delivered(Tenant.objects.create(slug="otro", name="Otro"))

    _, is_more = CHORES[name].run(now, time.monotonic())

    assert is_more
