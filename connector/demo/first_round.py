"""The first round: four acts, one after the other, and the table that closes it."""

import time
from collections.abc import Callable, Sequence

from connector.demo.follow import Following, begin, found
from connector.demo.screen import Row, Screen
from connector.demo.stage import Stage
from connector.demo.stories import ACTS, Act
from connector.demo.verdicts import complaints, in_words, times, when_told

LONGEST = 30.0  # seconds; a story that has not ended by then is wrong
LOOK_EVERY = 0.05  # seconds
SETTLE = 1.0  # seconds in which Lynn might still be told once too often

Wait = Callable[[float], None]


def play_all(stage: Stage, screen: Screen, wait: Wait) -> list[Row]:
    """Shows the acts and the table, whose rows it returns."""
    played = [(act, _play(act, stage, screen, wait)) for act in ACTS]
    wait(SETTLE)
    rows = [row(act, following) for act, following in played]
    screen.heading("What came of it")
    screen.table(rows)
    return rows


def all_right(rows: Sequence[Row]) -> bool:
    return not any(each.complaints for each in rows)


def _play(act: Act, stage: Stage, screen: Screen, wait: Wait) -> Following:
    screen.heading(f"{ACTS.index(act) + 1}. {act.title}")
    screen.paragraph(act.watch_for)
    [following] = begin(
        stage,
        stage.houses[act.slug],
        act.story,
        automatic=act.automatic,
        parameters=act.parameters,
        failures=act.failures,
    )
    _show(following, screen, wait)
    return following


def _show(following: Following, screen: Screen, wait: Wait) -> None:
    """Returns when the portal is done with it, or `LONGEST` is over."""
    give_up_at = time.monotonic() + LONGEST
    while True:
        sight = following.look()
        for step in following.news(sight):
            screen.step(following.seconds(step.at), following.label, step.text)
        if sight.is_final:
            return
        if time.monotonic() > give_up_at:
            text = f"no end after {LONGEST:g} s; the show goes on"
            screen.step(LONGEST, following.label, text)
            return
        wait(LOOK_EVERY)


def row(act: Act, following: Following) -> Row:
    truth, facts = following.truth, found(following.look())
    failed = f" (Lynn failed {times(len(facts.failed))})" if facts.failed else ""
    return Row(
        story=act.title,
        expected=" or ".join(in_words(*each) for each in truth.outcomes),
        happened=in_words(facts.state, facts.reason),
        told=when_told(truth, facts.calls) + failed,
        complaints=complaints(truth, facts),
    )
