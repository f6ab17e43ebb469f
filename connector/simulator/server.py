"""The simulator as a whole: its state, its addresses, and everything one can ask of it."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any

from connector.simulator import control, genesys
from connector.simulator.client import Poster
from connector.simulator.events import Auth, Form
from connector.simulator.http import Listener, Reply, Request, json_reply, listen
from connector.simulator.lynn import answer as answer_for_lynn
from connector.simulator.player import Post, Run, Target, planned, play
from connector.simulator.script import KINDS, Cast
from connector.simulator.sides import NAME, Sides, locked
from connector.simulator.stories import STORIES, write

DEFAULT_PORT = 8900


class Simulator(Sides):
    """Organisations and Lynns, made when they are first named. Every method may be called from
    any thread. Times are seconds since 1970, as `clock` gives them.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.runs: dict[str, Run] = {}
        self._posts: list[Post] = []
        self._turns: dict[str, int] = {}
        self._stories_begun = 0
        self._poster = Poster()
        self._listener: Listener | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # Its life and its addresses

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Open the port (0: any free one); ValueError for a host that is not loopback."""
        self._listener = await listen(self.answer, host, port)
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        self.end_stories()
        await self._poster.close()
        if self._listener:
            await self._listener.close()

    @property
    def url(self) -> str:
        if self._listener is None:
            raise RuntimeError("The simulator has not been started.")
        host = self._listener.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._listener.port}"

    def genesys_url(self, name: str) -> str:
        """Both the API and the login of this organisation."""
        return f"{self.url}/genesys/{name}"

    def lynn_url(self, name: str) -> str:
        return f"{self.url}/lynn/{name}"

    @locked
    def answer(self, request: Request) -> Reply:
        """Answer one HTTP call, whomever it is for."""
        _, side, *more = request.path.split("/", 3)
        if side == "control":
            return control.answer(self, request)
        name, rest = more[0] if more else "", f"/{more[1]}" if len(more) > 1 else "/"
        if NAME.fullmatch(name) is None or side not in ("genesys", "lynn"):
            return json_reply({"error": "not_found"}, 404)
        if side == "lynn":
            return answer_for_lynn(self.lynn(name), request, rest, self.clock())
        return genesys.answer(self.organisation(name), request, rest, self.clock())

    # Stories

    @locked
    def play(
        self,
        story: str,
        *,
        organisation: str,
        webhook: str = "",
        token: str = "",
        auth: str = "bearer",
        form: str = "eventbridge",
        events: Sequence[str] = (),
        agents: Sequence[str] = (),
        queue: str | None = None,
        lynn: str = "",
        event_delay: float = 0.0,
        give_up_after: float = 60.0,
        leave_out: Sequence[str] = (),
        **parameters: Any,
    ) -> Run:
        """Begin a story and return at once; it plays on in the background. `lynn` is the Lynn
        that it may break (the one named like the organisation). Without a webhook nothing is
        sent, but the world plays and `Run.posts` holds the bodies.
        """
        target = Target(
            url=webhook,
            token=token,
            auth=Auth(auth),
            form=Form(form),
            event_delay=event_delay,
            give_up_after=give_up_after,
            leave_out=tuple(leave_out),
        )
        crew = self._cast(story, organisation, tuple(events), tuple(agents), queue)
        run = self._new_run(story, organisation, crew, target, parameters)
        for each in (*(part.offer for part in run.parts), *run.script.unseen):
            crew.world.add_offer(each)
        for wrong in run.script.lynn_rules:
            self.lynn(lynn or organisation).rules.add("lynn", wrong)
        self._begin(run)
        return run

    def _cast(
        self,
        story: str,
        name: str,
        events: tuple[str, ...],
        agents: tuple[str, ...],
        queue: str | None,
    ) -> Cast:
        if unknown := set(events) - set(KINDS):
            raise ValueError(f"No event is called {', '.join(sorted(unknown))}.")
        world = self.organisation(name).world
        usual = STORIES[story].kinds if story in STORIES else ()
        people = cycle(agents) if agents else self._next_agents(name)
        return Cast(world, self.clock(), events or usual, people, queue)

    def _next_agents(self, name: str) -> Iterator[str]:
        """The agents of the organisation in turns, from where the last story stopped."""
        people = [each.id for each in self.organisation(name).world.agents.values() if each.named]
        while True:
            turn = self._turns.get(name, 0)
            self._turns[name] = turn + 1
            yield people[turn % len(people)]

    def _new_run(
        self, story: str, name: str, crew: Cast, target: Target, parameters: dict[str, Any]
    ) -> Run:
        script = write(story, crew, parameters)
        self._stories_begun += 1
        number = f"story-{self._stories_begun}"
        posts = planned(script, target, crew.world, number, len(self._posts))
        self._posts += posts
        self.runs[number] = Run(number, story, name, crew.world, script, target, posts)
        return self.runs[number]

    def _begin(self, run: Run) -> None:
        if not run.target.url:
            run.finished = True
            return
        if self._loop is None:
            raise RuntimeError("The simulator has not been started.")
        self._loop.call_soon_threadsafe(self._begin_here, run)

    def _begin_here(self, run: Run) -> None:
        run.task = asyncio.ensure_future(play(run, self._poster, self.clock))

    @locked
    def story(self, number: str) -> Run:
        return self.runs[number]

    @locked
    def posts(self, since: int = 0) -> list[Post]:
        return list(islice(self._posts, since, None))

    @locked
    def end_stories(self) -> None:
        """Send nothing more of the stories that are on."""
        if self._loop:
            self._loop.call_soon_threadsafe(_end, tuple(self.runs.values()))

    @locked
    def reset(self) -> None:
        """As if just started: no organisation, no Lynn, no record."""
        self.end_stories()
        for memory in (self.organisations, self.lynns, self.runs, self._turns):
            memory.clear()
        self._posts.clear()


def _end(runs: Sequence[Run]) -> None:
    for run in runs:
        if run.task:
            run.task.cancel()


async def serve(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    simulator: Simulator | None = None,
    ready: Callable[[Simulator], None] | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or cancellation; `ready` is called once the port is open."""
    simulator = simulator or Simulator()
    await simulator.start(host, port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Signals reach the main thread only; elsewhere the caller cancels.
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, stopped.set)
    try:
        if ready:
            ready(simulator)
        await stopped.wait()
    finally:
        await simulator.stop()
