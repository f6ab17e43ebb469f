"""After the first round: another story every few seconds, so that the admin has much to show."""

import random
import time
from collections.abc import Callable

from connector.demo.follow import Following, begin, found
from connector.demo.screen import Screen
from connector.demo.stage import Stage
from connector.demo.stories import any_story
from connector.demo.verdicts import in_words
from connector.explain import explain

EVERY = 4.0  # seconds
LOOK_EVERY = 0.5  # seconds
LONGEST = 90.0  # seconds; more than `give_up_after` of the demo's tenants

Wait = Callable[[float], None]


class Season:
    def __init__(self, stage: Stage, screen: Screen) -> None:
        self.stage = stage
        self.screen = screen
        self.open: list[Following] = []

    def run(self, wait: Wait) -> None:
        """Until `wait` raises."""
        next_at = time.monotonic()
        while True:
            if time.monotonic() >= next_at:
                self.begin_one(any_story())
                next_at = time.monotonic() + EVERY
            self.tell_of_ended()
            wait(LOOK_EVERY)

    def begin_one(self, story: str) -> None:
        house = random.choice(list(self.stage.houses.values()))  # noqa: S311
        begun = begin(self.stage, house, story, automatic=story == "automatic")
        self.screen.step(0, begun[0].label, f"a new story: {begun[0].title}")
        self.open += begun

    def tell_of_ended(self) -> None:
        self.open = [each for each in self.open if not self._has_ended(each)]

    def _has_ended(self, following: Following) -> bool:
        sight = following.look()
        seconds = following.seconds(sight.now)
        if not sight.is_final and seconds < LONGEST:
            return False
        facts, wrong = found(sight), following.complaints()
        words = explain(sight.connection) if sight.connection else ""
        text = f"{following.title}: {in_words(facts.state, facts.reason)}. {words}"
        self.screen.step(seconds, following.label, text)
        for complaint in wrong:
            self.screen.step(seconds, following.label, f"WRONG: {complaint}")
        return True
