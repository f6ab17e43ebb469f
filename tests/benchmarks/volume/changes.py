"""What people changed and did meanwhile: the history of settings, and the logs of their acts."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from connector.domain import AnswerMode, State
from connector.models import (
    AgentConnection,
    ExportLog,
    Queue,
    Replay,
    ReplayKind,
    ReplayState,
    Tenant,
    WebhookToken,
)
from tests.benchmarks.volume.year import DAYS, Row

PEOPLE = 12
LISTED = 3  # people on a tenant
BATCH = 5000
# Of so many connections: with one act for each that failed and was looked after, 100 changes.
THOUSAND = 1000
QUEUES_CHANGED, TENANTS_CHANGED, TOKENS_MADE, REPLAYED, USERS_CHANGED, EXPORTED = 44, 12, 4, 1, 1, 1

LISTED_ON: Any = Tenant.history.model.people.model


class Changes:
    """Made while the connections are: `add` takes what people did to them."""

    def __init__(self, tenants: Sequence[int], connections: int, now: datetime) -> None:
        self.luck = random.Random(13)
        self.now, self.connections = now, connections
        self.tenants = list(Tenant.objects.filter(pk__in=tenants).order_by("pk"))
        self.shares = [1 / (place + 1) for place in range(len(self.tenants))]
        self.people = [
            User.objects.create(username=someone(number), is_staff=True) for number in range(PEOPLE)
        ]
        self.acts: list[tuple[datetime, Any]] = []
        self._list_people()

    def add(self, rows: Iterable[Row]) -> None:
        self.acts += [
            (row["acknowledged_at"], row["id"])
            for row in rows
            if row["state"] == State.FAILED and row["acknowledged_at"]
        ]

    def store(self) -> None:
        self._store_settings(Queue, QUEUES_CHANGED, _queue_rows(self._queues()))
        self._store_settings(Tenant, TENANTS_CHANGED, _tenant_rows(self._tenants()))
        self._store_settings(WebhookToken, TOKENS_MADE, _token_rows(self._tenants()))
        _in_batches(LogEntry, sorted(self._log(), key=lambda entry: entry.action_time))
        _in_batches(ExportLog, self._exports())

    def _list_people(self) -> None:
        """On tenants, which stand in the history from its first day on."""
        for place, tenant in enumerate(self.tenants):
            tenant.people.set(self.people[(place + more) % PEOPLE] for more in range(LISTED))
        for model in (Tenant, Queue):
            model.history.update(history_date=self.now - timedelta(days=DAYS))

    def _store_settings(self, model: Any, share: int, rows: Iterator[Any]) -> None:
        made = []
        for at, row in zip(self._times(share), rows, strict=False):
            who = self._someone()
            row.history_date, row.history_user, row.author = at, who, who.username
            made.append(row)
        _in_batches(model.history.model, made)
        if model is Tenant:
            _in_batches(LISTED_ON, self._listed(made))

    def _listed(self, rows: Sequence[Any]) -> Iterator[Any]:
        for row in rows:
            for more in range(LISTED):
                who = self.people[(row.id + more) % PEOPLE]
                yield LISTED_ON(id=more, history_id=row.pk, tenant_id=row.id, user_id=who.pk)

    def _log(self) -> Iterator[LogEntry]:
        """With what the page leaves out, since the history of settings says it better."""
        connection, replay, tenant, user = (
            ContentType.objects.get_for_model(model)
            for model in (AgentConnection, Replay, Tenant, User)
        )
        for at, pk in self.acts:
            yield self._entry(at, connection, pk)
        for each in self._replays():
            yield self._entry(each.started_at, replay, each.pk)
        for at in self._times(USERS_CHANGED):
            yield self._entry(at, user, self._someone().pk)
        for at in self._times(TENANTS_CHANGED):
            yield self._entry(at, tenant, self._some_tenant().pk)

    def _entry(self, at: datetime, kind: ContentType, pk: Any) -> LogEntry:
        return LogEntry(
            action_time=at,
            user=self._someone(),
            content_type=kind,
            object_id=str(pk),
            object_repr=str(pk),
            action_flag=CHANGE,
            change_message="Acknowledged: told the agents by telephone",
        )

    def _replays(self) -> Sequence[Replay]:
        return _in_batches(
            Replay,
            [
                Replay(
                    tenant=self._some_tenant(),
                    kind=ReplayKind.DELIVER_AGAIN,
                    why="Lynn works again",
                    rate=5,
                    state=ReplayState.FINISHED,
                    started_at=at,
                    paced_at=at,
                    finished_at=at,
                    by_name=self._someone().username,
                )
                for at in self._times(REPLAYED)
            ],
        )

    def _exports(self) -> Iterator[ExportLog]:
        for at in self._times(EXPORTED):
            who, tenant = self._someone(), self._some_tenant()
            yield ExportLog(at=at, form="csv", tenant=tenant, rows=1200, by=who, by_name=str(who))

    def _times(self, share: int) -> list[datetime]:
        seconds = DAYS * 86_400
        count = share * self.connections // THOUSAND
        back = sorted((self.luck.uniform(0, seconds) for _ in range(count)), reverse=True)
        return [self.now - timedelta(seconds=each) for each in back]

    def _tenants(self) -> Iterator[Tenant]:
        while True:
            yield self._some_tenant()

    def _queues(self) -> Iterator[Queue]:
        by_tenant = {tenant.pk: list(tenant.queues.all()) for tenant in self.tenants}
        for tenant in self._tenants():
            yield self.luck.choice(by_tenant[tenant.pk])

    def _some_tenant(self) -> Tenant:
        return self.luck.choices(self.tenants, self.shares)[0]

    def _someone(self) -> User:
        return self.luck.choice(self.people)


def someone(place: int) -> str:
    """How they sign in."""
    return f"person-{place + 1:02}"


def _queue_rows(queues: Iterator[Queue]) -> Iterator[Any]:
    for queue in queues:
        is_auto = queue.answer_mode == AnswerMode.AUTO
        queue.answer_mode = AnswerMode.MANUAL if is_auto else AnswerMode.AUTO
        yield _row_of(queue)


def _tenant_rows(tenants: Iterator[Tenant]) -> Iterator[Any]:
    for tenant in tenants:
        tenant.check_every += 1
        yield _row_of(tenant)


def _token_rows(tenants: Iterator[Tenant]) -> Iterator[Any]:
    """Each is made, and ended after that."""
    for number, tenant in enumerate(tenants, 1):
        pk, has_ended = (number + 1) // 2, number % 2 == 0
        slot = None if has_ended else 1
        made = {"created_at": tenant.created_at, "last4": f"{pk % 10_000:04}"}
        token = WebhookToken(pk=pk, tenant=tenant, slot=slot, **made)
        yield _row_of(token, "~" if has_ended else "+")


def _row_of(thing: Any, kind: str = "~") -> Any:
    model = type(thing).history.model
    facts = {field.attname: getattr(thing, field.attname) for field in model.tracked_fields}
    return model(**facts, history_type=kind)


def _in_batches(model: Any, rows: Iterable[Any]) -> Sequence[Any]:
    return list(model._default_manager.bulk_create(rows, batch_size=BATCH))
