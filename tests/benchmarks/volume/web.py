"""The same through a real web process that has just started: its first answer, and those after."""

import http.client
import time
from statistics import median
from typing import Any

from tests.system.portal import Portal

PATHS = {"dashboard": "/admin/", "list, first page": "/admin/connector/agentconnection/"}
ROUNDS = 20


def first_and_next(portal: Portal, session: str) -> list[dict[str, Any]]:
    """Each page is the first that its process answers, but for one look at whether it is ready."""
    return [_of(portal, name, path, session) for name, path in PATHS.items()]


def _of(portal: Portal, name: str, path: str, session: str) -> dict[str, Any]:
    started = time.perf_counter()
    portal.start("web", "--bind", f"127.0.0.1:{portal.port}", PORTAL_WEB_PROCESSES="1")
    portal.wait_until_ready()
    ready = time.perf_counter() - started
    try:
        took = [_milliseconds(portal.port, path, session) for _ in range(1 + ROUNDS)]
    finally:
        portal.stop()
    return {"page": name, "ready": ready, "first": took[0], "next": median(took[1:])}


def _milliseconds(port: int, path: str, session: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    started = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": f"sessionid={session}"})
    answer = connection.getresponse()
    answer.read()
    took = (time.perf_counter() - started) * 1000
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return took
