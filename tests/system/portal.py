"""The portal as its operators run it: processes, a database of its own, the command line."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psycopg
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests-only-0123456789"
SECRETS = {
    "PORTAL_SECRET_KEY": "only-for-the-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
    "PORTAL_FIELD_KEYS": "8Yq0yB8m7n0l3mQn2iZ0m1Yc3Wb6x5b7l9c0u1r2e3Q=",
}


class Portal:
    """One installation. `start` and `kill` may be called again and again on the same data."""

    def __init__(
        self, database_url: str, redis_url: str = "", output: IO[bytes] | None = None
    ) -> None:
        """`output` takes what the processes print; None: it is printed here."""
        self.port = free_port()
        self.output = output
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **os.environ,
            **SECRETS,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PORTAL_ALLOWED_UPSTREAMS": "127.0.0.0/8",
            "PORTAL_BASE_URL": f"http://127.0.0.1:{self.port}",
        }

    def run(self, *arguments: str, text: str | None = None) -> str:
        """A command of the portal, to its end; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def configure(self, *tenants: dict[str, Any]) -> None:
        content = yaml.safe_dump({"version": 1, "tenants": list(tenants)})
        self.run("applyconfig", "-", text=content)

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a role in a session of its own; everything below it is killed with kill()."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=self.environment | environment,
            start_new_session=True,
            stdout=self.output,
            stderr=self.output,
        )
        self.processes.append(process)
        return process

    def serve(self) -> subprocess.Popen[bytes]:
        process = self.start("serve", "--bind", f"127.0.0.1:{self.port}")
        self.wait_until_ready()
        return process

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.get("/readyz")[0] == 200, 90, "the portal is ready")

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        try:
            return request(self.port, "GET", path)
        except OSError:
            return 0, {}

    def post(self, slug: str, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return request(
            self.port, "POST", f"/api/v1/tenants/{slug}/events", event, token_header(slug)
        )

    def post_all(
        self, slug: str, events: Sequence[dict[str, Any]], connections: int
    ) -> list[float]:
        """Post as fast as so many connections can; returns the seconds each post took."""
        local = threading.local()
        opened: list[http.client.HTTPConnection] = []

        def one(event: dict[str, Any]) -> float:
            if not hasattr(local, "connection"):
                local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                opened.append(local.connection)
            started = time.monotonic()
            headers = {**token_header(slug), "Content-Type": "application/json"}
            local.connection.request(
                "POST", f"/api/v1/tenants/{slug}/events", json.dumps(event), headers
            )
            answer = local.connection.getresponse()
            body = answer.read()
            assert answer.status == 202, body
            return time.monotonic() - started

        with ThreadPoolExecutor(connections) as pool:
            took = list(pool.map(one, events))
        for connection in opened:
            connection.close()
        return took

    def audit(self) -> list[dict[str, Any]]:
        """Every connection's audit record."""
        return [json.loads(line) for line in self.run("exportaudit").splitlines()]

    def wait_for_states(
        self, wanted: Callable[[list[dict[str, Any]]], bool], seconds: float, what: str
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        def arrived() -> bool:
            found[:] = self.audit()
            return wanted(found)

        wait_until(arrived, seconds, what, every=0.5)
        return found

    def kill(self) -> None:
        """SIGKILL for every process of the portal, as if the machine had lost its power."""
        end(self.pids())
        for process in self.processes:
            process.wait()
        self.processes.clear()

    def pids(self) -> list[int]:
        """Whatever runs with this portal's own port in its environment."""
        return processes_with(f"PORTAL_BASE_URL=http://127.0.0.1:{self.port}")

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)
        self.processes.clear()


def processes_with(variable: str) -> list[int]:
    """Those that have `NAME=value` in the environment they were started with."""
    return [pid for pid in _all_pids() if variable.encode() in _environ(pid)]


def end(pids: Sequence[int]) -> None:
    """SIGKILL for each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _all_pids() -> list[int]:
    return [
        int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()
    ]


def _environ(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def request(
    port: int,
    method: str,
    path: str,
    content: object = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = None if content is None else json.dumps(content)
        sent = {"Content-Type": "application/json", **(headers or {})}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def token_header(slug: str) -> dict[str, str]:
    return {"X-Api-Key": f"{TOKEN}-{slug}"}


def wait_until(is_true: Callable[[], bool], seconds: float, what: str, every: float = 0.1) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, f"waited {seconds} s in vain until {what}"
        threading.Event().wait(every)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def postgres_database(server_url: str, template: str = "template1") -> Iterator[str]:
    """A database of this test's own on the server that TEST_POSTGRES_URL names."""
    name = f"portal_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield f"{server_url.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
