"""The stories that are shown: four acts, and what may follow them."""

import random
from dataclasses import dataclass, field
from typing import Any

from connector.demo.stage import BANCO, CLINICA, House, Stage
from connector.demo.verdicts import Truth, times
from connector.simulator.player import Run
from connector.simulator.script import Part


@dataclass(frozen=True)
class Act:
    """A story of the first round, and the words that introduce it."""

    title: str
    watch_for: str
    slug: str
    story: str
    automatic: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)
    failures: int = 0


ANSWER_AFTER = 4.0  # seconds
RING_FOR = 6.0  # seconds
FAILURES = 2

ACTS = (
    Act(
        "An automatic queue",
        "The queue answers by itself, so nothing has to be checked: "
        "Lynn must be told at once, with the agent's name.",
        BANCO,
        "automatic",
        automatic=True,
    ),
    Act(
        "A manual queue, answered",
        f"It rings for {ANSWER_AFTER:g} seconds. Lynn must hear nothing while it rings, "
        "and be told soon after the agent has answered.",
        BANCO,
        "manual",
        parameters={"answer_after": ANSWER_AFTER},
    ),
    Act(
        "A manual queue, never answered",
        f"Genesys takes the conversation away after {RING_FOR:g} seconds. Lynn must never be told.",
        CLINICA,
        "never",
        parameters={"ring_for": RING_FOR},
    ),
    Act(
        "Lynn fails first",
        f"The agent answers, but Lynn answers 503 {times(FAILURES)}. The portal must try "
        "again, with the same Idempotency-Key, until Lynn has understood: once.",
        CLINICA,
        "lynn_fails_first",
        parameters={"answer_after": 1.0, "failures": FAILURES},
        failures=FAILURES,
    ),
)

# What may come after the first round, and how often.
VARIETY = {
    "automatic": 6,
    "manual": 6,
    "never": 3,
    "acd_end": 3,
    "transfer": 2,
    "refused_then_next": 2,
    "hold": 2,
    "parked": 2,
    "duplicates": 2,
    "out_of_order": 2,
    "quick_wrapup": 2,
    "lynn_fails_first": 2,
    "only_acd_end": 1,
    "supervisor": 1,
    "lynn_hangs": 1,
}


def play(
    stage: Stage, house: House, story: str, *, automatic: bool, parameters: dict[str, Any]
) -> Run:
    """Begins the story; its events go to the portal."""
    return stage.simulator.play(
        story,
        organisation=house.slug,
        webhook=f"{stage.portal_url}/api/v1/tenants/{house.slug}/events",
        token=house.token,
        queue=house.queue(automatic=automatic).genesys_id,
        **parameters,
    )


def any_story() -> str:
    return random.choices(list(VARIETY), list(VARIETY.values()))[0]  # noqa: S311


def truth_of(run: Run, part: Part, failures: int = 0) -> Truth:
    """What the simulator knows of this offer."""
    offer = part.offer
    return Truth(
        conversation_id=offer.conversation_id,
        session_id=offer.session_id,
        user_id=offer.user_id,
        agent=run.world.agents[offer.user_id].name,
        started_at=offer.started_at,
        answered_at=offer.answered_at,
        outcomes=tuple((each.state, each.reason) for each in part.expected),
        by_event=any(post.kind == "acd.end" for post in run.posts),
        failures=failures,
    )
