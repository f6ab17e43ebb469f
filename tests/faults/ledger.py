"""The ledger: what was posted, what became of it, and what Lynn was told must agree to the unit."""

import http.client
import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from connector.simulator.lynn import Call
from connector.simulator.server import Simulator
from tests.faults.offers import Case, End
from tests.system.portal import ROOT, Portal, request, token_header, wait_until

TRY_AGAIN = 0.25  # seconds before a sender posts again what was not accepted
KEEP_TRYING = 300  # seconds; longer than any fault lasts


@dataclass(frozen=True)
class Accepted:
    """A 202 and what stood in it."""

    slug: str
    event: dict[str, Any]
    receipt: dict[str, Any]


@dataclass
class Books:
    """The sender's side: posts as Genesys does, again and again until it is accepted."""

    portal: Portal
    cases: list[Case] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    unsure: int = 0  # posts without a 202: stored or not, the sender cannot know
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, case: Case) -> Accepted:
        with self._lock:
            self.cases.append(case)
        return self.tell(case.slug, case.event)

    def post_all(self, cases: Sequence[Case], connections: int = 16) -> None:
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(self.post, cases))

    def tell(self, slug: str, event: dict[str, Any]) -> Accepted:
        """Post an event that opens no case of its own, such as a duplicate or an end."""
        give_up_at = time.monotonic() + KEEP_TRYING
        while (answer := self._try(slug, event)) is None:
            assert time.monotonic() < give_up_at, f"not accepted within {KEEP_TRYING} s"
            threading.Event().wait(TRY_AGAIN)
        done = Accepted(slug, event, answer)
        with self._lock:
            self.accepted.append(done)
        return done

    def _try(self, slug: str, event: dict[str, Any]) -> dict[str, Any] | None:
        path = f"/api/v1/tenants/{slug}/events"
        try:
            status, body = request(self.portal.port, "POST", path, event, token_header(slug))
        except (OSError, ValueError, http.client.HTTPException):
            status, body = 0, {}
        if status == 202:
            return body
        assert status in (0, 429, 503), f"{status}: {body}"
        with self._lock:
            self.unsure += 1
        return None

    @contextmanager
    def pouring(
        self, make: Callable[[int], Case], per_second: float, connections: int = 4
    ) -> Iterator[None]:
        """Post cases all the time while the block lasts; at its end all of them are accepted."""
        stop, numbers = threading.Event(), iter(range(10**9))

        def pour() -> None:
            while not stop.wait(connections / per_second):
                self.post(make(next(numbers)))

        with ThreadPoolExecutor(connections) as pool:
            pourers = [pool.submit(pour) for _ in range(connections)]
            try:
                yield
            finally:
                stop.set()
            for each in pourers:
                each.result()


# The portal's side --------------------------------------------------------------------------------


def query(portal: Portal, sql: str) -> list[tuple[Any, ...]]:
    """What the database says, asked without the portal."""
    url = portal.environment["DATABASE_URL"]
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=20)) as connection:
            return connection.execute(sql).fetchall()
    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode()).fetchall()


def count(portal: Portal, table: str, condition: str = "1 = 1") -> int:
    sql = f"SELECT count(*) FROM connector_{table} WHERE {condition}"  # noqa: S608
    return int(query(portal, sql)[0][0])


def wait_until_final(portal: Portal, seconds: float) -> None:
    wait_until(
        lambda: count(portal, "agentconnection", "due_at IS NOT NULL") == 0,
        seconds,
        "every connection is final",
        every=0.25,
    )


@dataclass
class Ledger:
    """Both sides laid beside each other. Every method names all that is wrong at once."""

    portal: Portal
    simulator: Simulator | Mapping[str, Simulator]  # one for all tenants, or one for each
    books: Books
    records: dict[str, dict[str, Any]] = field(init=False)
    of_case: dict[str, dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        exported = self.portal.audit()
        self.records = {record["id"]: record for record in exported}
        assert len(self.records) == len(exported), "a connection is exported twice"
        named = {(each.event["sessionId"], each.receipt["id"]) for each in self.books.accepted}
        ids = {session: name for session, name in named if name}
        assert len(ids) == sum(1 for _, name in named if name), "a session has two connections"
        self.of_case = {case.key: self.records[ids[case.key]] for case in self.books.cases}

    def balance(self) -> None:
        self.everything_accepted_is_on_record()
        self.nothing_is_left_open()
        self.sums_agree()
        self.every_case_ended_right()
        self.lynn_was_told_what_is_on_record()
        self.trail_is_whole()

    def everything_accepted_is_on_record(self) -> None:
        named = {each.receipt["id"] for each in self.books.accepted if each.receipt["id"]}

        assert named == set(self.records)
        assert len({record["id"] for record in self.of_case.values()}) == len(self.books.cases)

    def nothing_is_left_open(self) -> None:
        final = {
            "delivered",
            "shadowed",
            "not_answered",
            "ignored",
            "expired",
            "failed",
            "cancelled",
        }
        states = Counter(record["state"] for record in self.records.values())
        open_attempts = (
            "SELECT c.id, a.kind, c.state, c.reason FROM connector_attempt a"
            " JOIN connector_agentconnection c ON c.id = a.connection_id"
            " WHERE a.outcome = 'open' OR a.reopened_at IS NOT NULL"
        )

        assert set(states) <= final
        assert sum(states.values()) == count(self.portal, "agentconnection")
        assert 0 == count(self.portal, "agentconnection", "due_at IS NOT NULL")
        assert 0 == count(self.portal, "agentconnection", "lease IS NOT NULL")
        left = [
            (self.records[str(uuid.UUID(str(pk)))]["tenant"], *more)
            for pk, *more in query(self.portal, open_attempts)
        ]
        assert [] == left

    def sums_agree(self) -> None:
        """Accepted = opened + evidence + ignored + duplicates; and so say the rows themselves."""
        stored = Counter[str]()
        counted = 0
        rows = "SELECT outcome, reason, count(*) FROM connector_event GROUP BY 1, 2"
        for outcome, reason, number in query(self.portal, rows):
            stored[outcome] += number
            # An end that is told twice before its beginning has no connection to count it.
            counted += number if outcome == "duplicate" and reason != "before_user_start" else 0
        accepted, unsure = len(self.books.accepted), self.books.unsure

        assert stored["opened"] == len(self.records)
        assert counted == sum(record["duplicates"] for record in self.records.values())
        assert 0 == stored["refused"]
        assert accepted <= sum(stored.values()) <= accepted + unsure
        told_as_duplicates = sum(1 for each in self.books.accepted if each.receipt["duplicate"])
        assert told_as_duplicates <= stored["duplicate"] <= told_as_duplicates + unsure

    def every_case_ended_right(self) -> None:
        wrong = [
            f"{case.slug} {self._end(case)} instead of {case.ends}: {self.of_case[case.key]}"
            for case in self.books.cases
            if self._end(case) not in case.ends
        ]

        assert not wrong, "\n".join(wrong)

    def _end(self, case: Case) -> End:
        record = self.of_case[case.key]
        return record["state"], record["reason"]

    def lynn_was_told_what_is_on_record(self) -> None:
        told, calls = self._told()
        wrong = []
        for case in self.books.cases:
            record = self.of_case[case.key]
            usual = (1, 1) if record["state"] == "delivered" else (0, 0)
            least, most = case.told or usual
            if not least <= told[record["id"]] <= most:
                wrong.append(f"{case.slug} told {told[record['id']]} times: {record}")
            made = [each for each in record["attempts"] if each["kind"] == "delivery"]
            answered = sum(each["status_code"] is not None for each in made)
            if not answered <= calls[record["id"]] <= len(made):
                wrong.append(f"{case.slug} {calls[record['id']]} calls: {record}")

        assert not wrong, "\n".join(wrong)
        assert sum(told.values()) == sum(told[record] for record in self.records)

    def _told(self) -> tuple[Counter[str], Counter[str]]:
        """How often Lynn acted, and how often it was called, by the key of idempotency."""
        told, calls = Counter[str](), Counter[str]()
        by_id = {self.of_case[case.key]["id"]: case for case in self.books.cases}
        for slug in {case.slug for case in self.books.cases}:
            for call in self._lynn_calls(slug):
                key = call.idempotency_key or ""
                record, case = self.records[key], by_id[key]
                said = (slug, call.body["conversationId"], call.body["userId"])
                assert said == (record["tenant"], record["conversation_id"], record["user_id"])
                assert case.answered_at is not None, f"told, though nobody answered: {record}"
                assert case.answered_at <= call.at, f"told before the answer: {record}"
                calls[key] += 1
                told[key] += call.acted
        return told, calls

    def _lynn_calls(self, slug: str) -> list[Call]:
        simulator = self.simulator
        return (simulator[slug] if isinstance(simulator, Mapping) else simulator).lynn_calls(slug)

    def trail_is_whole(self) -> None:
        if (ROOT / "connector/management/commands/verifyaudit.py").exists():
            self.portal.run("verifyaudit")
