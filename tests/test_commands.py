"""The commands that serve: where they listen, what they start, and what they do when it dies."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.template import engines
from django.utils import timezone

from connector.heartbeat import own_name
from connector.management.address import Address, address, port_number
from connector.management.commands import serve, worker
from connector.management.commands.serve import Role, Tree
from connector.management.commands.web import Server, warm
from connector.management.commands.worker import Supervisor
from connector.models import Heartbeat


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8000", Address("127.0.0.1", 8000)),
        ("0.0.0.0:1", Address("0.0.0.0", 1)),
        ("[::1]:65535", Address("::1", 65535)),
        ("portal.example.com:443", Address("portal.example.com", 443)),
    ],
)
def test_where_to_listen_is_read(text: str, expected: Address) -> None:
    assert expected == address(text)
    assert text == str(expected)


@pytest.mark.parametrize(
    "text", ["", "foo", ":8000", "127.0.0.1", "127.0.0.1:", "a:b", "a:0", "a:65536", "a:-1", "a:٣"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Exception, match=r"no HOST:PORT|no port from 1 to 65535"):
        address(text)


@pytest.mark.parametrize("text", ["0", "70000", "http", "-5", ""])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="no port from 1 to 65535"):
        port_number(text)


def test_a_taken_port_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = Address("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(CommandError, match="cannot be listened on: Address already in use"):
            bind.ensure_free()
    bind.ensure_free()


def test_serve_says_so_before_it_touches_the_database() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        for command in ("serve", "web"):
            with pytest.raises(CommandError, match="cannot be listened on"):
                call_command(command, "--bind", bind)


@pytest.mark.django_db
def test_serve_says_how_to_make_the_first_account() -> None:
    said = StringIO()
    command = serve.Command(stdout=said)

    command._greet(Address("127.0.0.1", 8000))
    assert "createsuperuser" in said.getvalue()

    User.objects.create_superuser("root")
    said.truncate(0)
    command._greet(Address("127.0.0.1", 8000))
    assert "createsuperuser" not in said.getvalue()


def test_web_is_served_where_and_as_the_settings_say(settings: Any) -> None:
    settings.WEB_PROCESSES, settings.WEB_THREADS = 3, 5

    served = Server(Address("::1", 8123)).cfg

    assert (["[::1]:8123"], 3, 5) == (served.bind, served.workers, served.threads)


def test_a_web_process_has_read_its_templates_before_the_first_request() -> None:
    engine = engines["django"].engine  # type: ignore[attr-defined]
    loader = engine.template_loaders[0]
    loader.reset()

    warm()

    known = {str(template.name) for template in loader.get_template_cache.values()}
    assert {"admin/connector/dashboard.html", "admin/change_list.html", "404.html"} <= known


def sleeps() -> None:
    time.sleep(60)


def dies() -> None:
    return


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Role]]:
    """Roles for a Tree; whatever they started is gone afterwards, and our signals are our own."""
    monkeypatch.setattr("connector.management.commands.serve.LOOK_EVERY", 0.01)
    monkeypatch.setattr("connector.management.commands.serve.PAUSE", 0)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    roles: list[Role] = []
    yield roles
    for number, handler in before.items():
        signal.signal(number, handler)
    for role in roles:
        role.clear_away()


def when(is_true: Any, then: Any) -> threading.Thread:
    def watch() -> None:
        for _ in range(1000):
            if is_true():
                then()
                return
            threading.Event().wait(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_tree_ends_with_all_its_roles_when_it_is_told_to(tree: list[Role]) -> None:
    tree += [Role("web", sleeps), Role("worker", sleeps)]
    watch = when(lambda: tree[1].process, lambda: os.kill(os.getpid(), signal.SIGTERM))

    assert "" == Tree(tree).run()

    watch.join()
    assert [True, True] == [role.has_died for role in tree]


def test_a_role_that_dies_once_is_started_again(tree: list[Role]) -> None:
    tree += [Role("web", sleeps), Role("worker", sleeps)]

    def kill_then_stop() -> None:
        first = tree[0].process
        assert first is not None
        first.kill()
        when(lambda: tree[0].process is not first, lambda: os.kill(os.getpid(), signal.SIGINT))

    watch = when(lambda: tree[1].process, kill_then_stop)

    assert "" == Tree(tree).run()

    watch.join()
    assert [2, 1] == [len(role.starts) for role in tree]


def test_a_role_that_cannot_live_ends_the_tree(tree: list[Role]) -> None:
    tree += [Role("web", dies), Role("worker", sleeps)]

    assert "web" == Tree(tree).run()

    assert tree[1].has_died


@pytest.mark.django_db
def test_a_cluster_is_silent_when_its_last_sign_of_life_is_long_ago() -> None:
    supervisor = Supervisor()
    now = timezone.now()
    assert not supervisor._is_silent()  # it may still be starting

    supervisor.started_at = time.monotonic() - 20
    assert supervisor._is_silent()
    beat = Heartbeat.objects.create(name=own_name(), started_at=now, seen_at=now)
    assert not supervisor._is_silent()
    Heartbeat.objects.filter(pk=beat.pk).update(seen_at=now - timedelta(seconds=13))
    assert supervisor._is_silent()


@pytest.mark.django_db
def test_nobody_is_blamed_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.management.commands.worker.connections.close_all", lambda: None)
    supervisor = Supervisor()
    supervisor.started_at = time.monotonic() - 60

    def away(*args: object) -> object:
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        assert not supervisor._is_silent()

    assert not supervisor._is_silent()  # the next sign of life is waited for


def test_a_cluster_that_has_lost_its_supervisor_is_told_to_end_and_then_made_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story: list[object] = []
    parents = iter([7, 7, 1])
    monkeypatch.setattr(worker.os, "getppid", lambda: next(parents))
    monkeypatch.setattr(worker.time, "sleep", story.append)
    monkeypatch.setattr(worker.os, "kill", lambda pid, number: story.append(number))
    monkeypatch.setattr(worker.os, "killpg", lambda group, number: story.append(number))

    worker._end_with(7)

    assert [1.0, 1.0, signal.SIGTERM, worker.STOPS_WITHIN, signal.SIGKILL] == story


def test_the_description_of_the_webhook_is_up_to_date(tmp_path: Path, settings: Any) -> None:
    call_command("checkdocuments")

    settings.BASE_DIR = tmp_path
    with pytest.raises(CommandError, match=r"openapi\.yaml is out of date"):
        call_command("checkdocuments")
    call_command("checkdocuments", "--write")
    call_command("checkdocuments")
