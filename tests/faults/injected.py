"""Faults inside of the portal's processes, asked for by environment variables.

FAULT_FOLDER   where is noted what has happened, one empty file each: `<name>.<number>`
FAULT_KILLS    JSON, slug of a tenant to [label, number]: the process that reaches the point with
               this label for this tenant for the so many-th time dies there, as by SIGKILL
FAULT_SCOPE    `process` (the one at the point) or `cluster` (with all of its process group)
FAULT_BEFORE   the share of writes that fail before they are done
FAULT_AFTER    the share of writes that are done, and look failed to whoever made them
FAULT_CLOCK    seconds by which the clock of this machine is ahead
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone

KINDS = {
    "/oauth/token": "token",
    "/analytics/agents/": "status",
    "/api/v2/users/": "name",
    "/PureCloud/OpenMessaging_OnEvent": "post",
}
WRITES = ("INSERT", "UPDATE", "DELETE")


class Injected(AppConfig):
    name = "tests.faults"
    label = "faults"

    def ready(self) -> None:
        if os.environ.get("FAULT_KILLS"):
            _label_points()
        if os.environ.get("FAULT_BEFORE") or os.environ.get("FAULT_AFTER"):
            _let_writes_fail()


def note(name: str) -> int:
    """Write down that something happened; returns how often it has, in all processes."""
    number = 1
    while True:
        file = Path(os.environ["FAULT_FOLDER"], f"{name}.{number}")
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            number += 1
        else:
            return number


# The clock ----------------------------------------------------------------------------------------


def set_clock() -> None:
    ahead = float(os.environ.get("FAULT_CLOCK", "0"))
    if not ahead:
        return
    true_now, true_time, true_time_ns = timezone.now, time.time, time.time_ns
    timezone.now = lambda: true_now() + timedelta(seconds=ahead)
    time.time = lambda: true_time() + ahead
    time.time_ns = lambda: true_time_ns() + int(ahead * 1e9)


# Dying at labelled points -------------------------------------------------------------------------


class _Here:
    """Where this process is: at a batch of this tenant, after this step."""

    tenant = ""
    step = "take"


def _label_points() -> None:
    from connector import queue, tasks
    from connector.clients.base import GuardedAdapter

    queue.claim = _claiming(queue.claim)
    tasks.work = _working(tasks.work)
    GuardedAdapter.send = _calling(GuardedAdapter.send)  # type: ignore[method-assign]
    BaseDatabaseWrapper.commit = _committing(BaseDatabaseWrapper.commit)  # type: ignore[method-assign]


def _claiming(claim: Callable[..., Any]) -> Callable[..., Any]:
    def claims(*args: Any, **kwargs: Any) -> Any:
        taken = claim(*args, **kwargs)
        for each in taken:
            _reach("after claim", _slug(each.ids))
        return taken

    return claims


def _working(work: Callable[..., None]) -> Callable[..., None]:
    def works(lease: str, ids: list[str], *args: Any) -> None:
        tenant = _slug(ids)
        _Here.tenant, _Here.step = tenant, "take"
        _reach("before work", tenant)
        work(lease, ids, *args)
        _Here.tenant = ""
        _reach("before acknowledgement", tenant)

    return works


def _calling(send: Callable[..., Any]) -> Callable[..., Any]:
    def sends(adapter: Any, request: Any, **kwargs: Any) -> Any:
        kind = next(kind for part, kind in KINDS.items() if part in request.url)
        _reach(f"before {kind}", _Here.tenant)
        response = send(adapter, request, **kwargs)
        _Here.step = kind
        _reach(f"after {kind}", _Here.tenant)
        return response

    return sends


def _committing(commit: Callable[..., None]) -> Callable[..., None]:
    def commits(connection: Any) -> None:
        _reach(f"before commit of {_Here.step}", _Here.tenant)
        commit(connection)
        _reach(f"after commit of {_Here.step}", _Here.tenant)

    return commits


def _slug(ids: Sequence[Any]) -> str:
    from connector.models import AgentConnection

    slugs = AgentConnection.objects.filter(pk__in=list(ids)[:1]).values_list("tenant__slug")
    return next(iter(slugs), ("",))[0]


def _reach(label: str, tenant: str) -> None:
    wanted, number = json.loads(os.environ["FAULT_KILLS"]).get(tenant, ("", 0))
    if label == wanted and note(f"reached-{tenant}") == number:
        if os.environ.get("FAULT_SCOPE") == "cluster":
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


# Writes that fail ---------------------------------------------------------------------------------


def _let_writes_fail() -> None:
    connection_created.connect(_wrap, weak=False)
    BaseDatabaseWrapper.commit = _unreliable(BaseDatabaseWrapper.commit)  # type: ignore[method-assign]


def _wrap(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if _statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_statement)


def _statement(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    if not sql.lstrip().upper().startswith(WRITES):
        return execute(sql, params, many, context)
    _maybe_fail("before", "the write")
    result = execute(sql, params, many, context)
    if not context["connection"].in_atomic_block:
        _maybe_fail("after", "the write")
    return result


def _unreliable(commit: Callable[..., None]) -> Callable[..., None]:
    def commits(connection: Any) -> None:
        _maybe_fail("before", "the commit")
        commit(connection)
        _maybe_fail("after", "the commit")

    return commits


def _maybe_fail(when: str, what: str) -> None:
    if random.SystemRandom().random() < float(os.environ.get(f"FAULT_{when.upper()}") or 0):
        note(f"failed-{when}")
        raise OperationalError(f"{what} was made to fail, {when} it was done")
