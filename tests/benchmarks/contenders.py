"""The three ways to do the job, each as processes that can be started, killed and measured."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from tests.system.portal import (
    ROOT,
    Portal,
    end,
    free_port,
    postgres_database,
    processes_with,
    wait_until,
)

WEB_PROCESSES = {"sqlite": 1, "postgres": 2, "": 1}
WEB_THREADS, WORKERS = 8, 4


class Contender(Protocol):
    """`start` and `kill` may be called again and again on the same data."""

    port: int
    comes_back_after: float  # seconds until work that a kill interrupted is taken up again

    def prepare(self, tenants: Sequence[dict[str, Any]]) -> None: ...
    def start(self) -> None: ...
    def pids(self) -> list[int]: ...
    def kill(self) -> None: ...


class Ours:
    """The portal as `./run serve` starts it."""

    comes_back_after = 15.0

    def __init__(self, database_url: str, folder: Path, output: IO[bytes]) -> None:
        self._portal = Portal(database_url, output=output)
        self._portal.environment |= {
            "PORTAL_WEB_PROCESSES": str(_web_processes(database_url)),
            "PORTAL_WEB_THREADS": str(WEB_THREADS),
            "PORTAL_WORKER_PROCESSES": str(WORKERS),
        }
        self.port = self._portal.port

    def prepare(self, tenants: Sequence[dict[str, Any]]) -> None:
        self._portal.run("migrate")
        self._portal.configure(*tenants)

    def start(self) -> None:
        self._portal.serve()

    def pids(self) -> list[int]:
        return self._portal.pids()

    def kill(self) -> None:
        self._portal.kill()

    def open_events(self) -> int:
        """How many connections have no final state."""
        return sum(each["state"] in ("checking", "delivering") for each in self._portal.audit())


class Processes:
    """Processes that are found again by a variable in their environment."""

    def __init__(self, folder: Path, output: IO[bytes]) -> None:
        self.port = free_port()
        self._output = output
        self._mark = f"BENCHMARK_PORT={self.port}"
        self._tenants = folder / "tenants.json"
        self._environment = {**os.environ, "BENCHMARK_PORT": str(self.port)}
        self._started: list[subprocess.Popen[bytes]] = []

    def prepare(self, tenants: Sequence[dict[str, Any]]) -> None:
        self._tenants.write_text(json.dumps(tenants), "utf-8")

    def pids(self) -> list[int]:
        return processes_with(self._mark)

    def kill(self) -> None:
        end(self.pids())
        for process in self._started:
            process.wait()
        self._started.clear()

    def _start(self, *arguments: str) -> None:
        self._started.append(
            subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=ROOT,
                env=self._environment,
                start_new_session=True,
                stdout=self._output,
                stderr=self._output,
            )
        )

    def _wait_for_port(self) -> None:
        wait_until(self._is_open, 30, "the port is open", every=0.02)

    def _is_open(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Floor(Processes):
    """tests/benchmarks/floor.py"""

    comes_back_after = 0.0

    def start(self) -> None:
        self._start("tests.benchmarks.floor", str(self.port), str(self._tenants))
        self._wait_for_port()


class Plain(Processes):
    """tests/benchmarks/plain/"""

    comes_back_after = 0.0

    def __init__(
        self, database_url: str, folder: Path, output: IO[bytes], workers: int = WORKERS
    ) -> None:
        super().__init__(folder, output)
        self._processes = _web_processes(database_url)
        self._environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.plain.settings",
            "DATABASE_URL": database_url,
            "PLAIN_TENANTS": str(self._tenants),
            "PLAIN_WORKERS": str(workers),
        }

    def prepare(self, tenants: Sequence[dict[str, Any]]) -> None:
        super().prepare(tenants)
        self.comes_back_after = max(each["timing"]["give_up_after"] for each in tenants) + 40
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
        subprocess.run(migrate, cwd=ROOT, env=self._environment, check=True)

    def start(self) -> None:
        self._start("django", "qcluster")
        self._start(
            "gunicorn",
            "tests.benchmarks.plain.wsgi",
            f"--bind=127.0.0.1:{self.port}",
            "--worker-class=gthread",
            f"--workers={self._processes}",
            f"--threads={WEB_THREADS}",
            "--keep-alive=75",
            "--log-level=warning",
            "--no-control-socket",
        )
        self._wait_for_port()


def _web_processes(database_url: str) -> int:
    return WEB_PROCESSES[database_url.partition(":")[0]]


NAMES = ("ours", "plain", "plain-16", "floor")
DATABASES = ("sqlite", "postgres")


@contextmanager
def contender(name: str, kind: str) -> Iterator[Contender]:
    """Not started yet, with a database of its own; all that is left of it is killed at the end.

    When something fails, what its processes printed last is printed.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        database(kind, folder) as url,
        open(Path(folder, "output"), "w+b") as output,
    ):
        made = _made(name, url, Path(folder), output)
        try:
            yield made
        except BaseException:
            print(_end_of(output), file=sys.stderr)
            raise
        finally:
            made.kill()


def _end_of(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode("utf-8", "replace")[-3000:]


def _made(name: str, url: str, folder: Path, output: IO[bytes]) -> Contender:
    if name == "ours":
        return Ours(url, folder, output)
    if name == "floor":
        return Floor(folder, output)
    return Plain(url, folder, output, workers=int(name.partition("-")[2] or WORKERS))


@contextmanager
def database(kind: str, folder: str) -> Iterator[str]:
    if kind == "postgres":
        with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
            yield url
    else:
        yield f"sqlite:///{folder}/database.sqlite3"
