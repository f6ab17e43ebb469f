"""`./run worker`: a django-q2 cluster, watched here and replaced when it stands still."""

import contextlib
import logging
import os
import signal
import time
import uuid
from datetime import timedelta
from functools import partial
from multiprocessing.process import BaseProcess
from threading import Thread
from types import FrameType
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django_q.cluster import Cluster

from connector import clock, schema
from connector.clients import base
from connector.heartbeat import own_name
from connector.management.help import PortalCommand
from connector.models import Heartbeat
from connector.processes import fork, kill_group

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds
SILENT_AFTER = timedelta(seconds=12)  # even a batch in which all hangs beats every 8 s
STARTS_WITHIN = 15.0  # seconds
STOPS_WITHIN = 12.0  # seconds; whatever is not done then comes due again elsewhere
PAUSE_AFTER_DEATH = 1.0  # seconds


NOTES = """\
Start as many as you like, on as many machines as you like. PORTAL_WORKER_PROCESSES says how many
processes each has. SIGTERM or Ctrl-C lets running work finish and ends within 15 seconds; what is
not done by then is done by another worker, or by the next one.

Where the database cannot be reached, or is not up to date (./run migrate), the worker waits until
it is.
"""


class Command(PortalCommand):
    help = "Ask Genesys, and tell Lynn, what is due."
    notes = NOTES

    def handle(self, *args: Any, **options: Any) -> None:
        Supervisor().run()


class Supervisor:
    """Keeps one cluster running. A cluster whose processes live but get nothing done (one killed
    while it held the task queue) gives no heartbeats, and is replaced."""

    def __init__(self) -> None:
        self.is_stopping = False
        self.cluster: BaseProcess | None = None
        self.started_at = time.monotonic()

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        base.prepare()
        self._wait_for_database()
        while not self.is_stopping:
            if self.cluster is None:
                self._start()
            elif not self.cluster.is_alive():
                self._replace("has died")
            elif self._is_silent():
                self._replace("gets nothing done")
            time.sleep(LOOK_EVERY)
        self._end()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True
        self._stop_cluster()

    def _stop_cluster(self) -> None:
        if self.cluster and self.cluster.pid and self.cluster.is_alive():
            os.kill(self.cluster.pid, signal.SIGTERM)

    def _wait_for_database(self) -> None:
        """Until it can be reached and is up to date; says once what it waits for."""
        told: set[str] = set()
        while not self.is_stopping:
            words, details = f"{schema.BEHIND} Work waits for that.", ""
            try:
                if not schema.waiting():
                    return
            except (OperationalError, InterfaceError) as exc:
                connections.close_all()
                words, details = "The database cannot be reached, trying again:", str(exc)
            if words not in told:
                logger.error("%s %s", words, details)
            told.add(words)
            time.sleep(LOOK_EVERY)

    def _start(self) -> None:
        os.environ["PORTAL_CLUSTER"] = uuid.uuid4().hex[:8]
        self.started_at = time.monotonic()
        self.cluster = fork(partial(_run_cluster, os.getpid()), "portal-cluster")
        if self.is_stopping:  # the signal came before there was anybody to hand it on to
            self._stop_cluster()
        logger.info("Worker %s started", own_name())

    def _is_silent(self) -> bool:
        if time.monotonic() < self.started_at + STARTS_WITHIN:
            return False
        try:
            since = clock.now() - SILENT_AFTER
            return not Heartbeat.objects.filter(name=own_name(), seen_at__gt=since).exists()
        except (DatabaseError, InterfaceError):
            connections.close_all()
            self.started_at = time.monotonic()  # nobody could give a sign; wait for the next
            return False

    def _replace(self, why: str) -> None:
        logger.error("Worker %s %s; it is replaced", own_name(), why)
        self._kill()
        time.sleep(PAUSE_AFTER_DEATH)

    def _end(self) -> None:
        if self.cluster:
            self.cluster.join(STOPS_WITHIN)
            self._kill()
        with contextlib.suppress(DatabaseError, InterfaceError):  # it is seen to be silent then
            Heartbeat.objects.filter(name=own_name()).delete()

    def _kill(self) -> None:
        """The cluster leads a process group of its own, so nothing of it is left behind."""
        if self.cluster:
            kill_group(self.cluster)
        self.cluster = None


def _end_with(supervisor: int) -> None:
    """A cluster is deaf to SIGTERM while it starts, so who loses its supervisor in that moment is
    told again, and ended for good where that is of no use."""
    while os.getppid() == supervisor:
        time.sleep(LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOPS_WITHIN)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _run_cluster(supervisor: int) -> None:
    cluster = Cluster()
    cluster.start()
    Thread(target=_end_with, args=(supervisor,), daemon=True).start()
    cluster.sentinel.join()
