"""The words: every state, every move, every reason."""

import time
import uuid

import pytest

from connector.domain import FINAL, MOVES, OPEN, REASONS, Reason, State, new_id

STAYS = (State.DELIVERED, State.SHADOWED, State.IGNORED)


def test_two_states_are_open_and_all_others_final():
    assert OPEN == (State.CHECKING, State.DELIVERING)
    assert set(OPEN) | set(FINAL) == set(State)
    assert [state.is_open for state in State] == [state in OPEN for state in State]


def test_every_state_has_its_moves():
    assert set(MOVES) == set(State)
    assert all(len(set(moves)) == len(moves) for moves in MOVES.values())


@pytest.mark.parametrize("state", STAYS)
def test_what_is_done_stays_done(state):
    assert MOVES[state] == ()


@pytest.mark.parametrize("state", [state for state in FINAL if state not in STAYS])
def test_what_ended_otherwise_can_only_be_opened_again(state):
    assert MOVES[state] == OPEN


@pytest.mark.parametrize("state", OPEN)
def test_what_is_open_can_stay_as_it_is_and_can_end(state):
    assert state in MOVES[state]
    assert {State.NOT_ANSWERED, State.EXPIRED, State.FAILED, State.CANCELLED} < set(MOVES[state])


def test_lynn_is_told_only_after_the_answer_is_known():
    before = {state for state, moves in MOVES.items() if State.DELIVERED in moves}

    assert before == {State.DELIVERING}
    assert {state for state, moves in MOVES.items() if State.SHADOWED in moves} == before


def test_delivering_never_goes_back_to_checking():
    assert State.CHECKING not in MOVES[State.DELIVERING]


def test_what_is_ignored_is_so_from_the_start():
    assert not any(State.IGNORED in moves for moves in MOVES.values())


def test_every_final_state_has_reasons_and_no_open_one():
    assert set(REASONS) == set(FINAL)
    assert all(REASONS.values())


def test_every_reason_belongs_to_exactly_one_state():
    belonging = [reason for reasons in REASONS.values() for reason in reasons]

    assert sorted(belonging) == sorted(Reason)


@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        ("delivered", ["delivered"]),
        ("shadowed", ["would_deliver"]),
        ("not_answered", ["gave_up", "rang_out", "superseded"]),
        ("expired", ["too_late", "answered_and_over", "stale_event"]),
        ("ignored", ["queue_not_listed", "queue_disabled", "no_queue", "media_type_not_used"]),
        (
            "failed",
            [
                "genesys_credentials_refused",
                "genesys_permission_missing",
                "genesys_unavailable",
                "not_watched",
                "lynn_refused",
                "address_not_allowed",
                "name_unavailable",
                "internal_error",
            ],
        ),
        ("cancelled", ["cancelled_by_person"]),
    ],
)
def test_the_audit_knows_these_reasons(state, reasons):
    assert [reason.value for reason in REASONS[State(state)]] == reasons


@pytest.mark.parametrize("word", [*State, *Reason])
def test_every_word_has_a_label_for_people(word):
    assert str(word.label)
    assert str(word.label) != word.value


def test_an_id_is_a_uuid_of_version_7():
    made = new_id()

    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_an_id_holds_the_time_of_its_birth():
    before, made, after = time.time(), new_id(), time.time()

    assert before - 0.001 <= (made.int >> 80) / 1000 <= after


def test_ids_sort_by_birth():
    made = []
    for _ in range(5):
        made.append(new_id())
        time.sleep(0.002)

    assert made == sorted(made)
    assert [str(each) for each in made] == sorted(str(each) for each in made)


def test_no_two_ids_are_the_same():
    assert len({new_id() for _ in range(10_000)}) == 10_000
