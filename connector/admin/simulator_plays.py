"""The stories that the simulator's page offers, in words."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy


@dataclass(frozen=True)
class Play:
    """A story of the simulator. `wrong`: what Genesys does meanwhile (see its control API)."""

    name: str
    title: Any
    about: Any
    story: str = "manual"
    parameters: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Any] = field(default_factory=dict)

    @property
    def is_automatic(self) -> bool:
        return self.story == "automatic"


def _tale(story: str, title: Any, about: Any, **parameters: Any) -> Play:
    return Play(story, title, about, story, parameters)


def _trouble(name: str, title: Any, about: Any, **wrong: Any) -> Play:
    return Play(name, title, about, parameters={"answer_after": 4.0}, wrong=wrong)


AGENTS = (
    _tale(
        "manual",
        gettext_lazy("Answered after some seconds"),
        gettext_lazy("It rings for five seconds, then the agent answers."),
        answer_after=5.0,
    ),
    _tale(
        "automatic",
        gettext_lazy("An automatic queue"),
        gettext_lazy("The queue answers by itself; Lynn is told at once."),
    ),
    _tale(
        "never",
        gettext_lazy("Never answered"),
        gettext_lazy("It rings out after ten seconds; Lynn must not be told."),
        ring_for=10.0,
    ),
    _tale(
        "transfer",
        gettext_lazy("Handed over"),
        gettext_lazy("One agent answers and hands over to another one, who answers too."),
    ),
    _tale(
        "refused_then_next",
        gettext_lazy("The second agent answers"),
        gettext_lazy("The first agent lets it ring out."),
    ),
    _tale(
        "same_conversation_twice",
        gettext_lazy("The same conversation twice"),
        gettext_lazy("The same agent gets it again during after-call work."),
    ),
    _tale(
        "hold",
        gettext_lazy("On hold"),
        gettext_lazy("Answered, then on hold and back by turns."),
    ),
    _tale(
        "parked",
        gettext_lazy("Parked"),
        gettext_lazy("Answered, then parked and back by turns."),
    ),
    _tale(
        "quick_wrapup",
        gettext_lazy("Over in a moment"),
        gettext_lazy("Answered and at once over: told only if someone looked in that moment."),
    ),
    _tale(
        "supervisor",
        gettext_lazy("A supervisor listens in"),
        gettext_lazy("Nobody answers; that somebody listens must not count."),
        ring_for=12.0,
    ),
)
EVENTS = (
    _tale(
        "acd_end",
        gettext_lazy("Genesys tells of the answer"),
        gettext_lazy("An acd.end follows the user.start, so nobody has to be asked."),
    ),
    _tale(
        "only_acd_end",
        gettext_lazy("Only acd.end is sent"),
        gettext_lazy("The sender has configured nothing else."),
    ),
    _tale(
        "duplicates",
        gettext_lazy("Everything twice"),
        gettext_lazy("Each event arrives twice; Lynn is told once."),
    ),
    _tale(
        "out_of_order",
        gettext_lazy("In the wrong order"),
        gettext_lazy("The end of each offer arrives before its beginning, after four seconds."),
    ),
)
TROUBLES = (
    _tale(
        "lynn_fails_first",
        gettext_lazy("Lynn fails first"),
        gettext_lazy("Lynn answers 503 twice before it understands."),
    ),
    _tale(
        "lynn_hangs",
        gettext_lazy("Lynn hangs"),
        gettext_lazy("Lynn takes the call and never answers; the portal tries again."),
    ),
    Play(
        "lynn_refuses",
        gettext_lazy("Lynn refuses"),
        gettext_lazy("Lynn answers 403, which only a person can put right: see “Failed”."),
        story="lynn_fails_first",
        parameters={"failures": 1, "status": 403},
    ),
    _tale(
        "names_permission_missing",
        gettext_lazy("No name"),
        gettext_lazy("Genesys' agent view does not give the name; it is looked up elsewhere."),
    ),
    _trouble(
        "genesys_429",
        gettext_lazy("Genesys wants less"),
        gettext_lazy("429 with Retry-After: the portal waits for five seconds."),
        act="status",
        status=429,
        retry_after=5,
        times=1,
    ),
    _trouble(
        "genesys_503",
        gettext_lazy("Genesys fails"),
        gettext_lazy("503 for three calls, then it works again."),
        act="status",
        status=503,
        times=3,
    ),
    _trouble(
        "genesys_401",
        gettext_lazy("The token is not valid any more"),
        gettext_lazy("401 in mid-life: the portal gets a new one."),
        act="status",
        status=401,
        times=1,
    ),
    _trouble(
        "genesys_html",
        gettext_lazy("Genesys answers in HTML"),
        gettext_lazy("As a broken gateway does, twice."),
        act="html",
        times=2,
    ),
    _trouble(
        "genesys_hangs",
        gettext_lazy("Genesys hangs"),
        gettext_lazy("One call is never answered."),
        act="hang",
        times=1,
    ),
    _trouble(
        "genesys_drips",
        gettext_lazy("Genesys answers byte by byte"),
        gettext_lazy("One answer comes so slowly that the portal gives it up."),
        act="drip_body",
        times=1,
    ),
    _trouble(
        "genesys_resets",
        gettext_lazy("Genesys breaks off"),
        gettext_lazy("Two calls end with a reset connection."),
        act="reset",
        times=2,
    ),
)
PLAYS = {play.name: play for play in (*AGENTS, *EVENTS, *TROUBLES)}
