"""Following one offer from both ends while its story plays."""

import time
from typing import Any

from connector.demo.stage import House, Stage
from connector.demo.steps import Sight, Step, steps
from connector.demo.stories import play, truth_of
from connector.demo.verdicts import Found, Truth, complaints
from connector.models import AgentConnection
from connector.simulator.player import Run
from connector.simulator.server import Simulator


def begin(
    stage: Stage,
    house: House,
    story: str,
    *,
    automatic: bool = False,
    parameters: dict[str, Any] | None = None,
    failures: int = 0,
) -> list["Following"]:
    """Begins a story; returns its offers, ready to be followed."""
    calls_before = stage.simulator.lynn(house.slug).received
    run = play(stage, house, story, automatic=automatic, parameters=parameters or {})
    return [
        Following(
            stage.simulator,
            run,
            truth_of(run, part, failures),
            label=house.label(automatic=automatic),
            calls_before=calls_before,
        )
        for part in run.parts
    ]


class Following:
    """One offer of a story that is played for a tenant. `calls_before`: how many calls had come to
    the tenant's Lynn before the story began. `label` says where it plays."""

    def __init__(
        self,
        simulator: Simulator,
        run: Run,
        truth: Truth,
        *,
        label: str,
        calls_before: int,
    ) -> None:
        self.run = run
        self.truth = truth
        self.label = label
        self._simulator = simulator
        self._calls_before = calls_before
        self._told: set[str] = set()

    @property
    def title(self) -> str:
        return self.run.story.replace("_", " ")

    def look(self) -> Sight:
        """The row is read first: where it says that Lynn was told, Lynn's record shows it."""
        connection = self._connection()
        calls = self._simulator.lynn_calls(self.run.organisation, self._calls_before)
        return Sight(
            truth=self.truth,
            posts=tuple(self.run.posts),
            connection=connection,
            calls=tuple(call for call in calls if self.truth.is_about(call)),
            now=time.time(),
        )

    def _connection(self) -> AgentConnection | None:
        """By its session; one that an acd.end opened does not know it."""
        mine = AgentConnection.objects.filter(
            tenant__slug=self.run.organisation,
            conversation_id=self.truth.conversation_id,
            user_id=self.truth.user_id,
        )
        return mine.filter(session_id=self.truth.session_id).first() or mine.first()

    def news(self, sight: Sight) -> list[Step]:
        """What was not told before."""
        fresh = [step for step in steps(sight) if step.key not in self._told]
        self._told.update(step.key for step in fresh)
        return fresh

    def complaints(self) -> list[str]:
        """What is wrong by now; empty: all is right."""
        return complaints(self.truth, found(self.look()))

    def seconds(self, at: float) -> float:
        """Since the offer was made."""
        return at - self.truth.started_at


def found(sight: Sight) -> Found:
    row = sight.connection
    if row is None:
        return Found("", "", "", sight.calls)
    return Found(str(row.pk), row.state, row.reason, sight.calls)
