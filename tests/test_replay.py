"""Bulk replays: at their rate, each connection once, whatever dies meanwhile."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from connector import intervene, replay
from connector.domain import Reason, State
from connector.errors import NotPossible
from connector.models import AgentConnection, ItemState, Replay, ReplayState
from tests.admin.conftest import START, make_connection

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture
def rows(tenant):
    return [
        make_connection(tenant, number, received_at=START + number * SECOND) for number in range(6)
    ]


@pytest.fixture
def begin(tenant, db):
    person = User.objects.create_user("olga")

    def start(**settings):
        values = {
            "tenant": tenant,
            "kind": "deliver_again",
            "why": "Lynn was down",
            "rate": 2,
            "by": person,
            "now": START,
            "wanted": {},
        }
        return replay.start(AgentConnection.objects.all(), **values | settings)

    return start


def taken_up():
    return AgentConnection.objects.filter(state=State.DELIVERING).count()


def test_it_keeps_to_its_rate_the_oldest_first(rows, begin):
    begin()

    counts = []
    for second in (0.4, 0.5, 1, 2):
        replay.advance(START + second * SECOND)
        counts.append(taken_up())

    assert counts == [0, 1, 2, 4]
    rows[3].refresh_from_db()
    rows[4].refresh_from_db()
    assert (State.DELIVERING, State.FAILED) == (rows[3].state, rows[4].state)


def test_what_was_not_used_of_the_rate_is_not_saved_up(rows, begin):
    begin()

    replay.advance(START + timedelta(hours=1))

    assert taken_up() == 5  # two seconds' worth, and the one that was due


def test_a_slow_rate_comes_to_its_turn(rows, begin):
    begin(rate=0.1)

    replay.advance(START + 9 * SECOND)
    before = taken_up()
    replay.advance(START + 10 * SECOND)

    assert (0, 1) == (before, taken_up())


def test_it_ends_when_all_have_had_their_turn(rows, begin):
    begun = begin(rate=50)

    assert replay.advance(START + SECOND) == (6, False)

    begun.refresh_from_db()
    assert (ReplayState.FINISHED, 6, 0, START + SECOND) == (
        begun.state,
        begun.done,
        begun.refused,
        begun.finished_at,
    )
    assert replay.advance(START + 2 * SECOND) == (0, False)


def test_it_says_whether_more_is_to_come(rows, begin):
    begin()

    assert replay.advance(START + SECOND) == (2, True)


def test_one_of_nothing_ends_at_once(begin):
    begin()

    assert replay.advance(START + SECOND) == (0, False)


def test_what_is_not_possible_is_noted_with_the_reason(tenant, begin):
    make_connection(tenant, 1, answered_at=None, evidence="", reason=Reason.NOT_WATCHED)
    begun = begin(rate=50)

    replay.advance(START + SECOND)

    item = begun.items.get()
    assert item.state == ItemState.REFUSED
    assert "Nothing shows" in item.why_not
    assert Replay.objects.get().refused == 1


def test_checking_again_is_the_other_kind(tenant, begin):
    row = make_connection(tenant, 1, answered_at=None, evidence="", reason=Reason.NOT_WATCHED)
    begin(kind="check_again")

    replay.advance(START + SECOND)

    row.refresh_from_db()
    assert row.state == State.CHECKING


def test_a_connection_is_taken_up_once_although_the_worker_dies_in_the_middle(
    rows, begin, monkeypatch
):
    begin(rate=50)
    done = []

    def die_after_two(pk, now):
        row = intervene.deliver_again(pk, now)
        done.append(pk)
        if len(done) == 3:
            raise KeyboardInterrupt
        return row

    monkeypatch.setitem(replay.ACTS, "deliver_again", die_after_two)
    with pytest.raises(KeyboardInterrupt):
        replay.advance(START + SECOND)
    assert taken_up() == 2

    replay.advance(START + 2 * SECOND)

    committed = done[:2] + done[3:]
    assert len(committed) == len(set(committed)) == 6
    assert Replay.objects.get().state == ReplayState.FINISHED
    assert Replay.objects.get().done == 6


def test_two_workers_share_the_rate(rows, begin):
    begun = begin()
    stale = Replay.objects.get()

    replay.advance(START + SECOND)

    assert replay._reserve(stale, START + SECOND) == 0
    begun.refresh_from_db()
    assert begun.done == 2


def test_a_stopped_one_takes_up_nothing_more(rows, begin):
    begun = begin()
    replay.advance(START + SECOND)

    assert replay.stop(begun, START + SECOND)
    assert replay.advance(START + 3 * SECOND) == (0, False)

    assert taken_up() == 2
    assert not replay.stop(begun, START + SECOND)
    assert Replay.objects.get().left == 4


def test_what_waits_in_a_running_one_is_not_taken_into_another(rows, begin):
    begin()
    replay.advance(START + SECOND)  # takes up two
    seen = replay.preview(AgentConnection.objects.all(), "deliver_again", START)

    second = begin(kind="check_again")

    assert {row.pk for row in rows[:2]} == {item.connection_id for item in second.items.all()}
    assert {"Waits its turn in a bulk replay that is running already.": 4} == seen.refused


def test_a_second_one_of_the_same_does_not_begin(rows, begin):
    first = begin()

    with pytest.raises(NotPossible, match="running already"):
        begin()
    replay.stop(first, START)

    assert 6 == begin().total


def test_it_holds_only_so_many(rows, begin, monkeypatch):
    monkeypatch.setattr(replay, "MOST_ITEMS", 4)

    assert begin().total == 4
    assert replay.preview(AgentConnection.objects.all(), "deliver_again", START).is_cut


def test_several_run_side_by_side(rows, tenant):
    person = User.objects.create_user("olga")
    for half in (rows[:3], rows[3:]):
        replay.start(
            AgentConnection.objects.filter(pk__in=[row.pk for row in half]),
            tenant=tenant,
            kind="deliver_again",
            why="Lynn was down",
            rate=2,
            by=person,
            now=START,
            wanted={},
        )

    replay.advance(START + SECOND)

    assert Replay.objects.filter(done=2).count() == 2
    assert taken_up() == 4
