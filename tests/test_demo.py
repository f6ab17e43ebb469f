"""The demo: what it says is right is compared with what came, and nothing of it stays behind."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import OutputWrapper
from django.core.management.color import no_style
from django.utils import timezone

from connector.demo import environment, first_round, ports, season, stories
from connector.demo import portal as demo_portal
from connector.demo.follow import begin
from connector.demo.portal import Portal, PortalDied
from connector.demo.screen import Row, Screen, step_line, table_lines
from connector.demo.season import Season
from connector.demo.show import Show
from connector.demo.stage import BANCO, make_admin, set_up
from connector.demo.steps import Sight, steps
from connector.demo.stop import Stopped, Stopper
from connector.demo.verdicts import Found, Truth, complaints, in_words, when_told
from connector.domain import Evidence, State
from connector.management.commands.demo import insist
from connector.models import AgentConnection, Tenant
from connector.simulator.lynn import Call
from connector.simulator.player import Attempt, Post
from connector.simulator.thread import running

ROOT = Path(__file__).resolve().parent.parent
START = 1_790_000_000.0
DELIVERED = ("delivered", "delivered")
RANG_OUT = ("not_answered", "rang_out")


def truth(**changes):
    facts = {
        "conversation_id": "c-1",
        "session_id": "s-1",
        "user_id": "u-1",
        "agent": "Sofía Ibáñez",
        "started_at": START,
        "answered_at": START + 4,
        "outcomes": (DELIVERED,),
    }
    return Truth(**facts | changes)


def call(at=4.2, *, status=200, acted=True, key="row-1", index=0):
    body = {"conversationId": "c-1", "userId": "u-1", "userName": "Sofía Ibáñez"}
    return Call(index, START + at, "POST", "/", {}, body, key, status, acted)


def found(*calls, outcome=DELIVERED, row="row-1"):
    return Found(row, *outcome, calls)


NEVER = truth(answered_at=None, outcomes=(RANG_OUT,))
FAILS_FIRST = truth(failures=2)
FAILED = call(4.1, status=503, acted=False)

RIGHT = {
    "told after the answer": (truth(), found(call())),
    "automatic: told at once": (truth(answered_at=START), found(call(0.05))),
    "nobody answered, nobody told": (NEVER, found(outcome=RANG_OUT)),
    "told after two failures": (FAILS_FIRST, found(FAILED, FAILED, call(7))),
    "either outcome": (truth(outcomes=(RANG_OUT, DELIVERED)), found(call())),
    "acd.end comes 8 ms before the answer": (truth(by_event=True), found(call(3.995))),
}

WRONG = {
    "another outcome": (
        (NEVER, found(outcome=("not_answered", "gave_up"))),
        "expected not answered (rang out), but the portal says not answered (gave up)",
    ),
    "the portal knows nothing": (
        (truth(), found(outcome=("", ""), row="")),
        "expected delivered, but the portal says nothing: it knows no such offer",
    ),
    "still open": (
        (truth(), found(outcome=("checking", ""))),
        "expected delivered, but the portal says checking",
    ),
    "told twice": (
        (truth(), found(call(), call(5))),
        "expected Lynn to be told once, but it was told twice",
    ),
    "said to be delivered, but Lynn knows nothing": (
        (truth(), found()),
        "expected Lynn to be told once, but it was told not at all",
    ),
    "told although nobody answered": (
        (NEVER, found(call(), outcome=RANG_OUT)),
        "nobody answered, but Lynn was called once",
    ),
    "told although it is not delivered": (
        (truth(outcomes=(("expired", "answered_and_over"),)), found(call(), outcome=RANG_OUT)),
        "expected Lynn not to be told, but it was told once",
    ),
    "too early": (
        (truth(), found(call(3.5))),
        "expected nothing to leave before the answer, but Lynn was called 500 ms before it",
    ),
    "tried too early": (
        (FAILS_FIRST, found(call(2, acted=False), FAILED, call())),
        "expected nothing to leave before the answer, but Lynn was called 2.0 s before it",
    ),
    "no failure": (
        (FAILS_FIRST, found(call())),
        "expected Lynn to fail twice first, but it failed not at all",
    ),
    "another key": (
        (FAILS_FIRST, found(call(4.1, acted=False, key="row-2"), FAILED, call())),
        "expected the Idempotency-Key row-1, but row-1, row-2 came",
    ),
}


@pytest.mark.parametrize(("expected", "came"), RIGHT.values(), ids=RIGHT)
def test_what_is_right_gets_no_complaint(expected, came):
    assert complaints(expected, came) == []


@pytest.mark.parametrize(("facts", "complaint"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_says_what_was_expected_and_what_came(facts, complaint):
    assert complaint in complaints(*facts)


def test_a_wrong_outcome_is_exit_code_1():
    rows = [row(), row(complaints=["expected delivered, but the portal says checking"])]

    was_right = first_round.all_right(rows)

    with pytest.raises(CommandError, match="Not every outcome") as wrong:
        insist(was_right, once=False)
    assert wrong.value.returncode == 1


@pytest.mark.parametrize(
    ("was_right", "once", "fails"),
    [(True, True, False), (True, False, False), (None, False, False), (None, True, True)],
)
def test_a_single_round_has_to_come_to_its_end(was_right, once, fails):
    if fails:
        with pytest.raises(CommandError, match="before the round was over"):
            insist(was_right, once=once)
    else:
        insist(was_right, once=once)


def row(**changes):
    cells = {
        "story": "A manual queue",
        "expected": "delivered",
        "happened": "delivered",
        "told": "84 ms after the answer",
    }
    return Row(**cells | changes)


def test_the_table_has_a_line_a_story_and_the_complaints_below():
    lines = table_lines([row(), row(story="Lynn fails first", complaints=["it came twice"])])

    assert lines == [
        "  Story             Expected   What happened  Lynn was told",
        "  A manual queue    delivered  delivered      84 ms after the answer  right",
        "  Lynn fails first  delivered  delivered      84 ms after the answer  WRONG",
        "      it came twice",
    ]


def test_a_long_step_goes_on_below_itself():
    first, second = step_line(4.04, "Banco del Sur · Ventas", "word " * 20).splitlines()

    assert first.startswith("   +4.0 s  Banco del Sur · Ventas ")
    assert second.index("word") == first.index("word")


@pytest.mark.parametrize(
    ("facts", "calls", "words"),
    [
        (truth(), [FAILED, call(7)], "3.0 s after the answer"),
        (truth(answered_at=START), [call(0.096)], "96 ms after the offer"),
        (NEVER, [], "never"),
    ],
)
def test_when_lynn_was_told_is_seen_from_the_answer(facts, calls, words):
    assert when_told(facts, calls) == words


def test_a_reason_that_repeats_the_state_is_left_out():
    assert in_words(*DELIVERED) == "delivered"
    assert in_words(*RANG_OUT) == "not answered (rang out)"


# The steps of one look


def post(*attempts, kind="user.start", accepted=None):
    made = Post(0, "story-1", kind, "c-1", "s-1", START, {}, attempts=list(attempts))
    made.accepted_at = accepted
    return made


def connection(**changes):
    facts = {"state": State.CHECKING, "checks": 2, "user_id": "u-1", "user_name": "Sofía Ibáñez"}
    return AgentConnection(**facts | changes)


def told(*, facts=None, posts=(), row=None, calls=(), after=5.0):
    sight = Sight(facts or truth(), tuple(posts), row, tuple(calls), START + after)
    return [step.text for step in steps(sight)]


def test_a_post_says_how_long_the_portal_took():
    accepted = post(Attempt(START, 202), accepted=START + 0.009)

    assert told(posts=[accepted], after=0.1) == ["user.start posted, answered 202 in 9 ms"]


def test_a_refused_post_says_why():
    refused = post(Attempt(START, 503), Attempt(START + 1, None, "no answer within 5 s"))

    assert told(posts=[refused], after=2) == [
        "user.start: answered 503",
        "user.start: no answer within 5 s",
    ]


def test_ringing_counts_the_checks():
    assert told(row=connection(), after=2) == ["still ringing (2 checks)"]
    assert told(row=connection(checks=1), after=2) == ["still ringing (1 check)"]


def test_a_check_that_failed_says_so():
    blind = connection(trouble="genesys_unavailable", trouble_detail="Genesys answered 503")

    assert told(row=blind, after=2) == ["Genesys could not be asked: Genesys answered 503"]


def test_a_delivery_that_waits_for_lynn_says_so():
    waits = connection(state=State.DELIVERING, trouble="lynn_unreachable")

    assert told(row=waits, after=2) == ["Lynn does not answer; this delivery waits for it"]


def test_the_answer_the_evidence_and_lynn_come_in_the_order_of_time():
    seen = connection(state=State.DELIVERING, evidence=Evidence.STATUS, checks=3)

    assert told(row=seen, calls=[FAILED, call(4.9, index=1)]) == [
        "Sofía Ibáñez answers; now the portal must see it",
        "Genesys shows that the agent has answered (3 checks)",
        "Lynn answers 503; the portal will try again",
        "Lynn told: “Sofía Ibáñez is with you” (900 ms after the answer)",
    ]


def test_an_automatic_queue_is_measured_from_the_202():
    accepted = post(Attempt(START, 202), accepted=START + 0.01)
    row = connection(state=State.DELIVERING, evidence=Evidence.AUTO, checks=0)

    lines = told(
        facts=truth(answered_at=START), posts=[accepted], row=row, calls=[call(0.106)], after=0.2
    )

    assert lines[1:] == [
        "an automatic queue, so nobody has to be asked",
        "Lynn told: “Sofía Ibáñez is with you” (96 ms after the 202)",
    ]


def test_other_evidence_and_a_silent_lynn_have_their_words():
    row = connection(state=State.DELIVERING, evidence=Evidence.ACD_END)

    assert told(row=row, calls=[call(4.5, status=None, acted=False)])[1:] == [
        "the answer is known from the acd.end event",
        "Lynn was called and does not answer",
    ]


# Apart from anything real


def test_the_environment_keeps_nothing_of_the_callers_portal():
    outside = {
        "PATH": "/bin",
        "DATABASE_URL": "postgres://real",
        "DATABASE_URL_FILE": "/real",
        "PORTAL_SECRET_KEY_FILE": "/real",
        "PORTAL_METRICS_TOKEN": "real",
        "REDIS_URL": "redis://real",
        "EMAIL_URL": "smtp://real",
    }

    own = environment.own(outside, Path("/tmp/a b"), 8123)

    assert "real" not in " ".join(own.values())
    assert own["PATH"] == "/bin"
    assert own["DATABASE_URL"] == "sqlite:////tmp/a%20b/demo.sqlite3"
    assert own["PORTAL_BASE_URL"] == "http://127.0.0.1:8123"


def test_it_begins_again_in_the_same_process(monkeypatch, tmp_path):
    begun = mock.Mock()
    monkeypatch.setattr(os, "execve", begun)
    monkeypatch.setattr(environment.tempfile, "tempdir", str(tmp_path))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        environment.enter(8123)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    (place,) = tmp_path.iterdir()
    assert begun.call_args.args[2][environment.MARK] == f"{os.getpid()}:{place}"


def test_only_the_process_that_entered_owns_the_directory(monkeypatch):
    monkeypatch.setenv(environment.MARK, f"{os.getpid()}:/tmp/mine")
    assert environment.directory() == Path("/tmp/mine")

    monkeypatch.setenv(environment.MARK, "1:/tmp/someone-elses")
    assert environment.directory() is None


def test_a_wrong_environment_is_set_aside():
    with mock.patch.dict(os.environ, {"DATABASE_URL": "nonsense", "PORTAL_TIME_ZONE": "Moon"}):
        environment.set_aside()

        assert os.environ["DATABASE_URL"] == "sqlite:////dev/null"
        assert "PORTAL_TIME_ZONE" not in os.environ
        assert environment.directory() is None


@contextmanager
def taken_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        yield door.getsockname()[1]


def free_port():
    with taken_port() as port:
        return port


def test_a_port_that_was_asked_for_and_is_taken_is_refused():
    with taken_port() as port, pytest.raises(ports.PortNotUsable) as refused:
        ports.choose(port)

    assert str(refused.value) == f"Port {port} is already in use; choose another one with --port."


def test_a_port_that_does_not_exist_is_refused():
    with pytest.raises(ports.PortNotUsable, match="Port 65536 does not exist"):
        ports.choose(65536)


def test_the_usual_port_gives_way_to_a_free_one(monkeypatch):
    with taken_port() as port:
        monkeypatch.setattr(ports, "USUAL", port)

        assert ports.choose(None) not in (0, port)


def test_a_free_port_is_taken_as_asked(monkeypatch):
    port = free_port()
    monkeypatch.setattr(ports, "USUAL", port)

    assert [ports.choose(None), ports.choose(port)] == [port, port]
    assert ports.choose(0) > 0


# The parts in this process


def screen():
    out = io.StringIO()
    return out, Screen(OutputWrapper(out), no_style())


@pytest.fixture
def stage(db):
    """With a simulator, but nobody at the portal's address."""
    with running() as simulator:
        yield set_up(simulator, f"http://127.0.0.1:{free_port()}", timezone.now())


def test_the_tenants_use_the_simulator(stage):
    tenant = Tenant.objects.get(slug=BANCO)

    assert tenant.genesys_api == stage.simulator.genesys_url(BANCO)
    assert tenant.client_secret.reveal() == "secret-of-banco-del-sur"
    assert len(stage.houses[BANCO].token) >= 24
    assert {queue.answer_mode for queue in tenant.queues.all()} == {"auto", "manual"}


def test_the_admin_gets_a_password_that_can_be_read_aloud(django_user_model, db):
    password = make_admin()

    assert re.fullmatch(r"([a-z]{4}-){3}\d{3}", password)
    admin = django_user_model.objects.get(username="admin")
    assert admin.is_superuser
    assert admin.check_password(password)


@pytest.mark.parametrize("story", stories.VARIETY)
def test_every_story_can_be_begun(stage, story):
    begun = begin(stage, stage.houses[BANCO], story, automatic=story == "automatic")

    assert all(each.truth.outcomes for each in begun)


def test_a_story_that_never_ends_is_called_wrong(stage, monkeypatch):
    monkeypatch.setattr(season, "LONGEST", 0)
    out, lines = screen()
    later = Season(stage, lines)

    later.begin_one("manual")
    later.tell_of_ended()

    assert later.open == []
    assert "a new story: manual" in out.getvalue()
    assert "WRONG: expected delivered" in " ".join(out.getvalue().split())


def test_a_season_goes_on_until_someone_asks(stage):
    out, lines = screen()
    stopper = Stopper()
    stopper.is_asked = True

    with pytest.raises(Stopped):
        Season(stage, lines).run(stopper.sleep)

    assert out.getvalue().count("a new story") == 1


def test_an_act_without_end_counts_as_wrong(stage, monkeypatch):
    monkeypatch.setattr(first_round, "LONGEST", 0)
    out, lines = screen()

    rows = first_round.play_all(stage, lines, lambda seconds: None)

    assert not first_round.all_right(rows)
    assert out.getvalue().count("WRONG") == len(stories.ACTS)
    assert "expected delivered, but the portal says nothing" in out.getvalue()


def test_a_portal_that_ended_is_reported_with_its_last_words(tmp_path):
    log = tmp_path / "portal.log"
    log.write_text("one\nport is gone\n")
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    portal = Portal(free_port(), log, child)
    portal.insist_that_it_lives()
    child.wait()

    with pytest.raises(PortalDied, match=r"exit code 3(?s:.*)port is gone"):
        portal.insist_that_it_lives()
    assert not portal.says_ok("/healthz")


class Child:
    """A portal's process that ends when it is asked to, or only when it is killed."""

    def __init__(self, patience=0):
        self.patience = patience
        self.was_killed = False
        self.code = None

    def poll(self):
        return self.code

    def terminate(self):
        self.code = None if self.patience else 0

    def kill(self):
        self.was_killed, self.patience = True, 0

    def wait(self, seconds=None):
        if self.patience:
            raise subprocess.TimeoutExpired("serve", seconds)


@pytest.mark.parametrize("patience", [0, 1])
def test_the_portal_ends_with_its_block(monkeypatch, tmp_path, patience):
    child = Child(patience)
    monkeypatch.setattr(demo_portal, "_start", lambda port, log: child)

    with demo_portal.running(8123, tmp_path) as portal:
        assert portal.url == "http://127.0.0.1:8123"

    assert child.was_killed == bool(patience)


@pytest.fixture
def show(db, monkeypatch, settings, tmp_path):
    """Of a portal that says it is ready but takes nothing, so that every act is wrong."""
    settings.BASE_URL = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setattr(demo_portal, "_start", lambda port, log: Child())
    monkeypatch.setattr(Portal, "says_ok", lambda self, path: True)
    monkeypatch.setattr(first_round, "LONGEST", 0)
    monkeypatch.setattr(first_round, "SETTLE", 0)
    out, lines = screen()
    show = Show(tmp_path, lines, Stopper())
    show.out = out
    return show


def test_one_round_is_judged(show):
    show.run(once=True)

    assert show.was_right is False
    assert "Password  " in show.out.getvalue()


def test_the_show_goes_on_until_someone_asks(show, monkeypatch):
    monkeypatch.setattr(Season, "tell_of_ended", lambda season: setattr(*ask))
    ask = (show.stopper, "is_asked", True)

    with pytest.raises(Stopped):
        show.run(once=False)

    assert "It goes on" in show.out.getvalue()
    assert show.out.getvalue().endswith("Ending the demo ...\n")


def test_a_portal_that_does_not_get_ready_is_not_waited_for_for_ever(show, monkeypatch, tmp_path):
    (tmp_path / "portal.log").write_text("no such table\n")
    monkeypatch.setattr("connector.demo.show.READY_WITHIN", 0.1)
    monkeypatch.setattr(Portal, "says_ok", lambda self, path: False)

    with pytest.raises(PortalDied, match=r"not ready within 0.1 s(?s:.*)no such table"):
        show.run(once=True)


@pytest.fixture
def _own_signals():
    handlers = {number: signal.getsignal(number) for number in environment.STOPPING}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_own_signals")
def test_a_signal_ends_the_waiting():
    stopper = Stopper()
    stopper.listen()
    stopper.sleep(0)

    signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped):
        stopper.sleep(60)


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (None, "Not every outcome was the right one"),
        (Stopped(), "Stopped before the round was over"),
        (PortalDied("The portal ended by itself"), "The portal ended by itself"),
    ],
)
def test_the_command_fails_with_a_sentence_and_cleans_up(monkeypatch, tmp_path, ending, words):
    place = tmp_path / "portal-demo-1"
    place.mkdir()
    monkeypatch.setenv(environment.MARK, f"{os.getpid()}:{place}")

    def run(show, *, once):
        show.was_right = None if ending else False
        if ending:
            raise ending

    monkeypatch.setattr(Show, "run", run)

    with pytest.raises(CommandError, match=words):
        call_command("demo", "--once")
    assert not place.exists()


def test_the_command_says_which_port_it_takes_instead(monkeypatch, capsys):
    entered = mock.Mock()
    monkeypatch.setattr(environment, "enter", entered)
    with taken_port() as port:
        monkeypatch.setattr(ports, "USUAL", port)

        call_command("demo")

    taken = entered.call_args.args[0]
    assert capsys.readouterr().out == f"Port {port} is in use, so the portal takes {taken}.\n"


# All of it


def start(tmp_path, *arguments, **variables):
    return subprocess.Popen(
        [sys.executable, "-u", "manage.py", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(demo, words):
    said = ""
    for line in demo.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"“{words}” was never said:\n{said}")


def children_of(pid):
    path = Path(f"/proc/{pid}/task/{pid}/children")
    pids = [int(each) for each in path.read_text().split()] if path.exists() else []
    return [below for each in pids for below in (each, *children_of(each))]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids, seconds=15):
    give_up_at = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return [pid for pid in pids if is_alive(pid)]


def test_one_round_ends_well_whatever_the_caller_has_set(tmp_path):
    place, real = tmp_path / "tmp of ñ", tmp_path / "real.sqlite3"
    place.mkdir()
    foreign = {"DATABASE_URL": f"sqlite:///{real}", "PORTAL_ALLOWED_HOSTS": "portal.example.com"}
    begun = time.monotonic()

    demo = start(place, "--once", "--port", str(free_port()), **foreign)
    said, _ = demo.communicate(timeout=120)

    assert demo.returncode == 0, said
    assert time.monotonic() - begun < 80, "40 s on a machine that has nothing else to do"
    assert [line.rpartition("  ")[2] for line in said.splitlines()[-4:]] == ["right"] * 4
    assert said.count("Lynn told: “") == 3
    assert "still ringing (2 checks)" in said
    assert list(place.iterdir()) == []
    assert not real.exists()


def test_sigterm_in_the_middle_leaves_nothing_behind(tmp_path):
    demo = start(tmp_path, "--port", str(free_port()))
    said = read_until(demo, "still ringing")
    children = children_of(demo.pid)
    begun = time.monotonic()

    demo.terminate()
    said += demo.communicate(timeout=60)[0]

    assert demo.returncode == 0, said
    assert time.monotonic() - begun < 15
    assert len(children) >= 4
    assert wait_until_gone(children, 0) == []
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_killed_takes_its_portal_along(tmp_path):
    demo = start(tmp_path, "--port", str(free_port()))
    read_until(demo, "the portal is ready")
    children = children_of(demo.pid)

    demo.kill()
    demo.communicate(timeout=60)

    assert len(children) >= 4
    assert wait_until_gone(children) == []


def test_a_portal_that_dies_ends_the_demo_with_exit_code_1(tmp_path):
    demo = start(tmp_path, "--port", str(free_port()))
    said = read_until(demo, "the portal is ready")
    children = children_of(demo.pid)

    os.kill(children[0], signal.SIGTERM)
    said += demo.communicate(timeout=60)[0]

    assert demo.returncode == 1
    assert "The portal ended by itself" in said
    assert wait_until_gone(children) == []
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_one_clear_sentence(tmp_path):
    with taken_port() as port:
        demo = start(tmp_path, "--port", str(port))
        said, _ = demo.communicate(timeout=60)

    assert demo.returncode == 1
    assert said == f"CommandError: Port {port} is already in use; choose another one with --port.\n"


def test_nobody_reading_ends_it_too(tmp_path):
    demo = start(tmp_path, "--port", str(free_port()))
    read_until(demo, "The portal starts")
    demo.stdout.close()

    assert demo.wait(60) == 0
    assert list(tmp_path.iterdir()) == []
