"""While Lynn does not answer, one delivery tries and the others wait."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from connector import breaker, intervene, trouble, work
from connector.claim import Claim, claim
from connector.domain import TroubleKind
from connector.explain import explain
from connector.models import AgentConnection, AgentName, Attempt, LynnAccess, Tenant, Trouble
from tests.engine.conftest import AUTO_QUEUE, OVERLOADED, Desk, Genesys, Lynn, _json

HANGS = requests.ReadTimeout("read timed out")
FINE = _json({"ok": True})


@pytest.fixture
def queue(desk: Desk, genesys: Genesys) -> Desk:
    """A desk whose automatic offers need nothing but Lynn."""
    AgentName.objects.create(
        tenant=desk.tenant, user_id="ana", name="Ana", learnt_at=desk.clock.now
    )
    return desk


def answered(desk: Desk, count: int = 1) -> list[AgentConnection]:
    """So many offers that Lynn is to be told of now."""
    AgentName.objects.update(learnt_at=desk.clock.now)
    return [desk.ring(AUTO_QUEUE, userId="ana")[1] for _ in range(count)]


def states() -> Counter[str]:
    return Counter(AgentConnection.objects.values_list("state", flat=True))


def break_off(desk: Desk, lynn: Lynn, count: int = 5) -> list[AgentConnection]:
    """Lynn fails until the breaker opens; these rows have been tried once."""
    lynn.answers = [OVERLOADED] * count
    rows = answered(desk, count)
    desk.work()
    assert access().is_open
    lynn.answers = [OVERLOADED] * 1000
    lynn.calls.clear()
    return rows


def access() -> LynnAccess:
    return LynnAccess.objects.get()


def test_a_healthy_lynn_leaves_no_row(queue: Desk, lynn: Lynn) -> None:
    answered(queue, 20)

    queue.work()

    assert {"delivered": 20} == states()
    assert not LynnAccess.objects.exists()


def test_five_failures_in_a_row_open_it(
    queue: Desk, lynn: Lynn, caplog: pytest.LogCaptureFixture
) -> None:
    for tried in range(5):
        lynn.answers = [OVERLOADED]
        answered(queue)
        assert not LynnAccess.objects.filter(opened_at__isnull=False).exists()
        with caplog.at_level("WARNING"):
            queue.work()
        AgentConnection.objects.update(due_at=queue.clock.now + timedelta(hours=1))
        assert tried + 1 == len(lynn.calls)

    assert queue.clock.now == access().opened_at
    begun = Trouble.objects.get()
    assert ("lynn_unreachable", None, 5) == (begun.kind, begun.until, begun.count)
    assert begun.detail == ("5 deliveries in a row failed; the last: lynn.example.com answered 503")
    assert "banco-sur: Lynn cannot be reached" in caplog.text


def one_by_one(desk: Desk, lynn: Lynn, *answers: Any) -> None:
    """A delivery of its own for each answer: of posts made side by side any may come back first."""
    for answer in answers:
        lynn.answers = [answer]
        answered(desk)
        desk.work()
        trying = AgentConnection.objects.filter(state="delivering")
        trying.update(due_at=desk.clock.now + timedelta(hours=1))


def test_seven_of_ten_open_it(queue: Desk, lynn: Lynn) -> None:
    one_by_one(queue, lynn, *[OVERLOADED] * 4, *[FINE] * 3, *[OVERLOADED] * 2)
    assert not access().is_open

    one_by_one(queue, lynn, OVERLOADED)

    assert access().is_open
    assert "7 of 10 deliveries within 5 minutes failed" in Trouble.objects.get().detail


def test_six_of_ten_do_not(queue: Desk, lynn: Lynn) -> None:
    one_by_one(queue, lynn, *[OVERLOADED] * 4, *[FINE] * 4, *[OVERLOADED] * 2)

    assert (6, 10) == (access().circuit.failures, access().circuit.counted)
    assert not access().is_open
    assert not Trouble.objects.exists()


def test_answers_are_counted_while_a_failure_is_fresh(queue: Desk, lynn: Lynn) -> None:
    lynn.answers = [OVERLOADED]
    answered(queue)
    queue.work()
    answered(queue, 30)
    queue.work()

    assert (1, 31) == (access().circuit.failures, access().circuit.counted)


@pytest.mark.parametrize(
    "answer",
    [_json({}, 404), _json({}, 429)],
    ids=["a refusal comes from a living Lynn", "so does a request to slow down"],
)
def test_what_does_not_open_it(queue: Desk, lynn: Lynn, answer: Any) -> None:
    lynn.answers = [answer] * 20
    answered(queue, 20)

    queue.work()

    assert not LynnAccess.objects.exists()


def test_what_waits_burns_no_attempt(queue: Desk, lynn: Lynn) -> None:
    tried = break_off(queue, lynn)
    attempts = Attempt.objects.count()
    waiting = answered(queue, 40)

    for _ in range(3):
        queue.work()

    assert [] == lynn.calls
    assert attempts == Attempt.objects.count()
    assert {(0, "lynn_unreachable", None)} == set(
        AgentConnection.objects.filter(pk__in=[row.pk for row in waiting]).values_list(
            "tries", "trouble", "lease"
        )
    )
    assert {1} == set(
        AgentConnection.objects.filter(pk__in=[row.pk for row in tried]).values_list(
            "tries", flat=True
        )
    )


def test_few_of_those_that_wait_come_back_for_the_next_probe(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    answered(queue, 200)
    for _ in range(8):
        queue.work()

    soon = queue.clock.now + timedelta(seconds=15)
    assert 3 <= AgentConnection.objects.filter(due_at__lte=soon).count() <= 8 * breaker.CANDIDATES
    far = AgentConnection.objects.filter(due_at__gt=soon)
    assert {True} == {row.due_at > soon + timedelta(seconds=100) for row in far if row.due_at}


def test_one_probe_every_fifteen_seconds(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    answered(queue, 50)
    probes = []
    for second in range(1, 64):
        queue.work(1)
        probes += [second] * len(lynn.calls)
        lynn.calls.clear()

    assert [15, 30, 45, 60] == probes
    assert access().is_open
    assert 9 == Trouble.objects.get().count


def test_two_workers_make_one_probe(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    answered(queue, 64)
    AgentConnection.objects.update(due_at=queue.clock.forward(15))
    both = claim(queue.clock.now, most=100, workers=3)
    both += claim(queue.clock.now, most=100, workers=3)
    assert 2 == len(both)

    for taken in both:
        work.work(taken.lease, taken.ids, queue.clock)

    assert 1 == len(lynn.calls)


def test_who_finds_another_at_the_breaker_waits_and_comes_back_soon(
    queue: Desk, lynn: Lynn, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(queue, lynn)
    waiting = [row.pk for row in answered(queue, 10)]
    queue.clock.forward(15)
    # What SKIP LOCKED finds on PostgreSQL while another holds the row.
    monkeypatch.setattr(
        LynnAccess.objects, "select_for_update", lambda **_: LynnAccess.objects.none()
    )

    queue.work()

    assert [] == lynn.calls
    due = AgentConnection.objects.filter(pk__in=waiting).values_list("due_at", flat=True)
    assert {queue.clock.now + timedelta(seconds=1)} == set(due)


def test_an_answer_closes_it_and_all_are_delivered_once(
    queue: Desk, lynn: Lynn, caplog: pytest.LogCaptureFixture
) -> None:
    break_off(queue, lynn)
    answered(queue, 100)
    for _ in range(4):
        queue.work()
    lynn.answers.clear()

    with caplog.at_level("INFO"):
        queue.work(15)
    assert 1 == len(lynn.calls)
    closed = access()
    assert (None, False, 0) == (closed.opened_at, closed.is_recall_due, closed.in_a_row)
    while states()["delivering"]:
        queue.work()

    assert {"delivered": 105} == states()
    keys = Counter(call.headers["Idempotency-Key"] for call in lynn.calls)
    assert (105, {1}) == (len(keys), set(keys.values()))
    over = Trouble.objects.get()
    assert (queue.clock.now, True) == (over.until, over.is_over)
    assert "banco-sur: over: Lynn cannot be reached" in caplog.text


def test_posts_that_were_on_their_way_when_it_closed_do_not_open_it_again(
    queue: Desk, lynn: Lynn
) -> None:
    during = queue.clock.now + timedelta(seconds=5)
    LynnAccess.objects.create(tenant=queue.tenant, closed_at=during)
    lynn.during_post.append(lambda: queue.clock.forward(8))
    lynn.answers = [OVERLOADED] * 32
    answered(queue, 32)

    queue.work()

    assert not access().is_open
    assert {1} == set(AgentConnection.objects.values_list("tries", flat=True))


def test_a_refused_probe_closes_it_too_since_lynn_is_there(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    lynn.answers = [_json({}, 401)]

    queue.work(15)
    queue.work()

    assert not access().is_open
    assert {"failed": 1, "delivered": 4} == states()


def test_a_probe_that_is_asked_to_slow_down_leaves_it_open(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    lynn.answers = [_json({}, 429, **{"Retry-After": "40"})]

    queue.work(15)

    assert access().is_open
    asked = AgentConnection.objects.get(tries=2)
    assert asked.due_at is not None
    assert asked.due_at >= queue.clock.now + timedelta(seconds=40)


def test_a_hanging_lynn_opens_it_after_one_batch(queue: Desk, lynn: Lynn) -> None:
    lynn.answers = [HANGS] * 1000
    answered(queue, 64)
    queue.work()
    assert 32 == len(lynn.calls)

    queue.work()

    assert 32 == len(lynn.calls)
    assert access().is_open


def test_a_killed_prober_holds_nobody_up(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)

    def power_cut() -> None:
        raise SystemExit

    lynn.during_post.append(power_cut)
    with pytest.raises(SystemExit):
        queue.work(15)
    lynn.during_post.clear()
    lynn.answers.clear()
    lynn.calls.clear()

    queue.work(14)
    assert [] == lynn.calls
    queue.work(1)
    queue.work(1)

    assert {"delivered": 5} == states()


def test_a_deadline_that_passes_meanwhile_ends_it_in_time_and_says_why(
    queue: Desk, lynn: Lynn
) -> None:
    Tenant.objects.update(deliver_within=40)
    queue.tenant.refresh_from_db()
    break_off(queue, lynn)
    (row,) = answered(queue)
    answered(queue, 10)
    queue.work()
    while states()["delivering"]:
        queue.look()
        row.refresh_from_db()
        if row.final_at is None:
            assert "Lynn cannot be reached at present" in explain(row)

    assert {"expired": 16} == states()
    assert ("too_late", row.deliver_by) == (row.reason, row.final_at)
    assert explain(row).startswith(
        "The queue answers automatically, but Lynn could not be reached within 40 s of the "
        "answer (“no answer since 2026-10-12 14:03:20 UTC; the last: lynn.example.com answered 503”"
    )


def test_it_is_explained_why_a_connection_waits(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    (row,) = answered(queue)
    queue.work()
    row.refresh_from_db()

    assert explain(row) == (
        "The queue answers automatically; Lynn cannot be reached at present (“no answer since "
        "2026-10-12 14:03:20 UTC; the last: lynn.example.com answered 503”). It is tried every "
        "15 s, and this delivery follows as soon as Lynn answers, until 10 min after the answer."
    )


def test_checks_go_on_and_what_is_found_answered_waits(
    queue: Desk, genesys: Genesys, lynn: Lynn
) -> None:
    break_off(queue, lynn)
    offer, row = queue.ring()
    genesys.agent_is(offer, "alert")
    queue.work(4)
    genesys.agent_is(offer, "interact")
    queue.work(4)

    row.refresh_from_db()
    assert ("delivering", 2, 0) == (row.state, row.checks, row.tries)
    assert [] == lynn.calls
    lynn.answers.clear()
    queue.work(7)
    queue.work()
    row.refresh_from_db()
    assert "delivered" == row.state


def test_an_offer_without_a_name_waits_too(queue: Desk, genesys: Genesys, lynn: Lynn) -> None:
    Tenant.objects.update(without_name="send")
    break_off(queue, lynn)
    _, row = queue.ring(AUTO_QUEUE, userId="nobody-knows")
    queue.work()

    row.refresh_from_db()
    assert ("delivering", "lynn_unreachable", 0) == (row.state, row.trouble, row.tries)
    queue.work(601)
    row.refresh_from_db()
    assert ("expired", "too_late") == (row.state, row.reason)


def test_a_shadow_tenant_asks_nobody(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    Tenant.objects.update(mode="shadow")
    (row,) = answered(queue)

    queue.work()

    row.refresh_from_db()
    assert "shadowed" == row.state
    assert [] == lynn.calls


def test_what_a_person_wants_delivered_waits_too_and_is_the_next_to_try(
    queue: Desk, lynn: Lynn
) -> None:
    lynn.answers = [_json({}, 404)]
    (refused,) = answered(queue)
    queue.work()
    break_off(queue, lynn)
    answered(queue, 20)

    intervene.deliver_again(refused.pk, queue.clock.now)
    queue.work()
    assert [] == lynn.calls
    queue.work(15)

    assert [str(refused.pk)] == [call.headers["Idempotency-Key"] for call in lynn.calls]


def test_a_change_of_the_tenant_lets_lynn_be_tried_at_once(
    queue: Desk, lynn: Lynn, django_capture_on_commit_callbacks: Any
) -> None:
    break_off(queue, lynn)
    lynn.answers.clear()
    with django_capture_on_commit_callbacks(execute=True):
        breaker.try_now(queue.tenant, queue.clock.now)

    queue.work(0.1)
    queue.work()

    assert {"delivered": 5} == states()


def test_a_change_of_the_tenant_changes_nothing_while_lynn_answers(
    queue: Desk, lynn: Lynn, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        breaker.try_now(queue.tenant, queue.clock.now)

    assert not LynnAccess.objects.exists()


def test_a_recall_that_a_crash_cut_short_is_made_up_for(
    queue: Desk, lynn: Lynn, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(queue, lynn)
    lynn.answers.clear()

    def power_cut(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("connector.breaker._wake", power_cut)
        with pytest.raises(SystemExit):
            queue.work(15)
    assert (False, True) == (access().is_open, access().is_recall_due)
    AgentConnection.objects.filter(state="delivering").update(
        due_at=queue.clock.now + timedelta(seconds=200), lease=None
    )
    answered(queue)
    queue.work()
    queue.work()

    assert {"delivered": 6} == states()


def test_an_answer_that_had_to_be_written_twice_closes_it(
    queue: Desk, lynn: Lynn, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(queue, lynn)
    lynn.answers.clear()
    monkeypatch.setattr("connector.tell.PAUSE", 0)
    monkeypatch.setattr("django.db.connection.close", lambda: None)
    failures = iter([True])

    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if lynn.calls and sql.startswith('UPDATE "connector_attempt"') and next(failures, False):
            raise OperationalError("the server closed the connection")
        return execute(sql, params, many, context)

    lynn.calls.clear()
    with connection.execute_wrapper(away):
        queue.work(15)

    assert [] == list(failures)
    assert not access().is_open


def test_a_result_that_had_to_be_written_twice_is_counted_once(
    queue: Desk, lynn: Lynn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.tell.PAUSE", 0)
    monkeypatch.setattr("django.db.connection.close", lambda: None)
    lynn.answers = [OVERLOADED] * 2
    answered(queue, 2)
    failures = iter([True])

    def away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith('UPDATE "connector_lynnaccess"') and next(failures, False):
            raise OperationalError("the server closed the connection")
        return result

    with connection.execute_wrapper(away):
        queue.work()

    assert 2 == access().circuit.failures


def test_a_healthy_lynn_costs_no_query(queue: Desk, lynn: Lynn) -> None:
    answered(queue, 32)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        queue.work()

    about_lynn = [each["sql"] for each in queries if "lynnaccess" in each["sql"]]
    assert {"delivered": 32} == states()
    assert 1 == len(about_lynn)
    assert about_lynn[0].startswith("SELECT")
    assert "connector_tenant" in about_lynn[0]


def test_a_fresh_failure_costs_a_read_and_a_write_a_batch(queue: Desk, lynn: Lynn) -> None:
    lynn.answers = [OVERLOADED]
    answered(queue)
    queue.work()
    AgentConnection.objects.update(due_at=queue.clock.now + timedelta(minutes=4))
    answered(queue, 32)
    with CaptureQueriesContext(connection) as queries:
        queue.work(1)

    about_lynn = [each["sql"].split()[0] for each in queries if "lynnaccess" in each["sql"]]
    assert ["SELECT", "SELECT", "UPDATE"] == about_lynn


def test_tenants_have_breakers_of_their_own(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    other = Tenant.objects.create(
        slug="other", name="Other", lynn_base_url=queue.tenant.lynn_base_url, queue_policy="all"
    )
    AgentName.objects.create(tenant=other, user_id="ana", name="A", learnt_at=queue.clock.now)
    lynn.answers.clear()
    desk = Desk(other, queue.clock)
    Tenant.objects.filter(pk=other.pk).update(answer_mode="auto")
    other.refresh_from_db()
    _, row = desk.ring(AUTO_QUEUE, userId="ana")

    desk.work()

    row.refresh_from_db()
    assert "delivered" == row.state
    assert breaker.status(other) is None
    known = breaker.status(queue.tenant)
    assert known is not None
    assert known.is_open


# Several workers at one moment; SQLite lets one write at a time


several = pytest.mark.server


@several
@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_another_who_holds_the_breaker(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    (row,) = answered(queue)
    holds, may_go = threading.Event(), threading.Event()

    def another() -> None:
        with transaction.atomic():
            LynnAccess.objects.select_for_update().get()
            holds.set()
            may_go.wait(10)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(another)
        holds.wait(10)
        queue.work(15)
        may_go.set()
        other.result()

    row.refresh_from_db()
    assert [] == lynn.calls
    assert ("lynn_unreachable", queue.clock.now + timedelta(seconds=1)) == (row.trouble, row.due_at)


@several
@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_one_moment_one_makes_the_probe(queue: Desk, lynn: Lynn) -> None:
    break_off(queue, lynn)
    answered(queue, 155)
    AgentConnection.objects.update(due_at=queue.clock.forward(15))
    batches = [claim(queue.clock.now, most=1, workers=9)[0] for _ in range(5)]

    _at_once(queue, batches)

    assert 1 == len(lynn.calls)
    assert access().is_open


@several
@pytest.mark.django_db(transaction=True)
def test_many_workers_open_it_once_and_close_it_once(queue: Desk, lynn: Lynn) -> None:
    lynn.answers = [OVERLOADED] * 160
    answered(queue, 160)
    _at_once(queue, [claim(queue.clock.now, most=1, workers=9)[0] for _ in range(5)])
    assert (1, None) == (Trouble.objects.count(), Trouble.objects.get().until)

    lynn.answers.clear()
    AgentConnection.objects.update(due_at=queue.clock.forward(15))
    while states()["delivering"]:
        taken = [claim(queue.clock.forward(0.1), most=1, workers=9) for _ in range(5)]
        _at_once(queue, [one for some in taken for one in some])

    assert {"delivered": 160} == states()
    assert {1} == set(Counter(c.headers["Idempotency-Key"] for c in lynn.calls[160:]).values())
    assert 1 == Trouble.objects.exclude(until=None).count() == Trouble.objects.count()


def _at_once(desk: Desk, batches: list[Claim]) -> None:
    def one(taken: Claim) -> None:
        work.work(taken.lease, taken.ids, desk.clock)
        connection.close()

    with ThreadPoolExecutor(len(batches) or 1) as pool:
        for _ in pool.map(one, batches):
            pass


# People are told


@pytest.fixture
def mailed(settings: Any, tenant: Tenant) -> Tenant:
    users = get_user_model().objects
    tenant.people.add(users.create_user("listed", "listed@example.com"))
    tenant.people.add(users.create_user("no-address"))
    users.create_user("stranger", "stranger@example.com")
    users.create_superuser("root", "root@example.com")
    users.create_superuser("gone", "gone@example.com", is_active=False)
    settings.BASE_URL = "https://portal.example.com"
    tenant.time_zone = "America/Bogota"
    tenant.save()
    return tenant


KIND = TroubleKind.LYNN_UNREACHABLE
NOW = datetime(2026, 10, 12, 14, 3, tzinfo=UTC)


def test_the_people_of_the_tenant_are_mailed_when_it_begins(mailed: Tenant, desk: Desk) -> None:
    trouble.begin(mailed, KIND, "HTTP 503", desk.clock.now)

    assert (1, False) == trouble.tell_people(desk.clock.now)
    assert (0, False) == trouble.tell_people(desk.clock.now)

    assert [["listed@example.com"], ["root@example.com"]] == [each.to for each in mail.outbox]
    message = mail.outbox[0]
    assert "Banco del Sur: Lynn cannot be reached" == message.subject
    assert "since Oct. 12, 2026, 9:03 a.m. (America/Bogota) (HTTP 503)" in message.body
    assert f"https://portal.example.com/admin/connector/tenant/{mailed.pk}/change/" in message.body
    assert desk.clock.now == Trouble.objects.get().told_at


def test_a_mail_is_in_one_language(mailed: Tenant, desk: Desk, settings: Any) -> None:
    settings.LANGUAGE_CODE = "es"
    trouble.begin(mailed, KIND, "5 deliveries in a row failed; the last: x.org answered 503", NOW)

    trouble.tell_people(NOW)

    assert "x.org respondió 503" in mail.outbox[0].body
    assert "in a row" not in mail.outbox[0].body


def test_a_name_of_several_lines_lets_the_mail_out(mailed: Tenant, desk: Desk) -> None:
    Tenant.objects.update(name="Banco\r\nBcc: somebody@example.com")
    mailed.refresh_from_db()
    trouble.begin(mailed, KIND, "HTTP 503", desk.clock.now)

    assert (1, False) == trouble.tell_people(desk.clock.now)

    subject = "Banco Bcc: somebody@example.com: Lynn cannot be reached"
    assert [subject, subject] == [message.subject for message in mail.outbox]


def test_that_it_is_over_is_mailed_when_the_pause_is(mailed: Tenant, desk: Desk) -> None:
    trouble.begin(mailed, KIND, "HTTP 503", desk.clock.now)
    trouble.tell_people(desk.clock.now)
    trouble.end(mailed, KIND, desk.clock.forward(60))

    assert (0, False) == trouble.tell_people(desk.clock.now)
    assert (1, False) == trouble.tell_people(desk.clock.forward(14 * 60))

    assert "Banco del Sur: over: Lynn cannot be reached" == mail.outbox[-1].subject
    assert "It is over." in mail.outbox[-1].body


def test_flapping_does_not_flood(mailed: Tenant, desk: Desk) -> None:
    mails = 0
    for _ in range(60):
        trouble.begin(mailed, KIND, "HTTP 503", desk.clock.forward(30))
        mails += trouble.tell_people(desk.clock.now)[0]
        trouble.end(mailed, KIND, desk.clock.forward(30))
        mails += trouble.tell_people(desk.clock.now)[0]

    assert 4 == mails
    assert 60 == Trouble.objects.count()
    assert mail.outbox[-1].body.count("It is over.") >= 10


def test_a_trouble_that_goes_on_is_one_row(mailed: Tenant, desk: Desk) -> None:
    trouble.begin(mailed, KIND, "first", desk.clock.now, count=5)
    trouble.begin(mailed, KIND, "again", desk.clock.forward(15))
    trouble.end(mailed, KIND, desk.clock.forward(15))
    trouble.end(mailed, KIND, desk.clock.forward(15))

    only = Trouble.objects.get()
    assert (6, "again") == (only.count, only.detail)
    assert timedelta(seconds=30) == (only.until or only.since) - only.since
    assert "Banco del Sur: Lynn cannot be reached" == str(only)


def test_a_mail_server_that_is_away_breaks_nothing_and_is_tried_later(
    mailed: Tenant, desk: Desk, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    trouble.begin(mailed, KIND, "HTTP 503", desk.clock.now)

    assert (0, False) == trouble.tell_people(desk.clock.now)
    assert "nobody could be mailed" in caplog.text
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert (0, False) == trouble.tell_people(desk.clock.now)
    assert (1, False) == trouble.tell_people(desk.clock.forward(15 * 60))


def test_without_a_mail_server_nothing_piles_up(mailed: Tenant, desk: Desk, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    trouble.begin(mailed, KIND, "HTTP 503", desk.clock.now)

    assert (0, False) == trouble.tell_people(desk.clock.now)
    assert [(False, None)] == list(Trouble.objects.values_list("is_news", "told_at"))


def test_nobody_to_mail_is_no_error(tenant: Tenant, desk: Desk) -> None:
    trouble.begin(tenant, KIND, "HTTP 503", desk.clock.now)

    assert (0, False) == trouble.tell_people(desk.clock.now)
    assert [] == mail.outbox


def test_a_chore_that_has_to_stop_says_that_more_is_to_be_told(mailed: Tenant, desk: Desk) -> None:
    trouble.begin(mailed, KIND, "HTTP 503", desk.clock.now)

    assert (0, True) == trouble.tell_people(desk.clock.now, stop_at=0)
    assert (1, False) == trouble.tell_people(desk.clock.now)
