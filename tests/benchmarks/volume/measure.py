"""How long the server takes for each page, and what an export holds in memory.

Runs in a portal that was seeded, and prints its figures as JSON.
"""

import json
import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.benchmarks.ledger import percentile
from tests.benchmarks.volume.pages import ADMIN, Page, pages, people

ROUNDS = 20
FEW = 5  # for pages without a goal
EXPORTED = (10_000, 100_000)
SLOW_MS = 100.0

Figures = dict[str, Any]


def main() -> None:
    readers = people()
    print(
        json.dumps(
            {
                "pages": [
                    figures
                    for words, user in readers.items()
                    for figures in measure(user, words, rounds=ROUNDS)
                ],
                "export": list(exports(readers["superuser"])),
                "session": _client(readers["superuser"]).cookies["sessionid"].value,
            }
        )
    )


def measure(user: User, words: str, rounds: int) -> Iterator[Figures]:
    client = _client(user)
    for page in pages(user):
        yield {"reader": words, "page": page.name, "goal": page.has_goal} | _cost(
            client, page, rounds
        )


def _client(user: User) -> Client:
    client = Client(HTTP_HOST="127.0.0.1", headers={"accept-language": "es"})
    client.force_login(user)
    return client


def _cost(client: Client, page: Page, rounds: int) -> Figures:
    """The first answer is not timed, for what a process remembers from then on."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(page.path)
    if answer.status_code != 200:
        raise RuntimeError(f"{page.path} answered {answer.status_code}")
    slowest = max(captured.captured_queries, key=lambda query: float(query["time"]))
    with CaptureQueriesContext(connection) as captured:
        client.get(page.path)
    queries = len(captured)  # the next request empties the log of them
    times = [_milliseconds(client, page) for _ in range(rounds if page.has_goal else FEW)]
    took, cpu = zip(*times, strict=True)
    return {
        "median": median(took),
        "p95": percentile(took, 95),
        "cpu": median(cpu),
        "queries": queries,
        "rows": _rows(answer),
        **({"slowest": slowest} if median(took) > SLOW_MS else {}),
    }


def _milliseconds(client: Client, page: Page) -> tuple[float, float]:
    """On the clock and of CPU; the latter without that of a database server."""
    started, used = time.perf_counter(), time.process_time()
    client.get(page.path)
    return (time.perf_counter() - started) * 1000, (time.process_time() - used) * 1000


def _rows(answer: Any) -> int | None:
    """What a list shows; None for other pages."""
    if answer.headers["Content-Type"].startswith("application/json"):
        return len(answer.json().get("results", [answer]))
    shown = getattr(answer, "context_data", None) or {}
    return len(shown["cl"].result_list) if "cl" in shown else None


def exports(user: User) -> Iterator[Figures]:
    for form in ("csv", "jsonl"):
        for rows in EXPORTED:
            yield _export(_client(user), form, rows)


def _export(client: Client, form: str, rows: int) -> Figures:
    """The first so many rows, through the whole of Django; memory on top of what was held."""
    answer = client.post(ADMIN + "export/", {"form": form})
    assert isinstance(answer, StreamingHttpResponse)
    before = _forget_peak()
    started = time.perf_counter()
    count = sum(1 for _ in islice(iter(answer), rows))
    figures = {
        "form": form,
        "rows": count,
        "seconds": time.perf_counter() - started,
        "memory": _status("VmHWM") - before,
    }
    answer.close()
    return figures


def _forget_peak() -> float:
    """Resident memory now, in MB, from which the peak is counted anew (Linux, proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1024
