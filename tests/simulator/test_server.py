"""The simulator as a process: where it listens, and how it ends."""

import asyncio
import signal
import socket
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from connector.management.commands.simulator import Command
from connector.simulator.server import Simulator, serve
from connector.simulator.thread import running, wait_until

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_it_listens_on_loopback_only(host):
    with pytest.raises(ValueError, match="loopback only"):
        asyncio.run(serve(host=host, port=0))


def test_it_has_no_address_before_it_is_started():
    with pytest.raises(RuntimeError, match="not been started"):
        _ = Simulator().url


def test_addresses_follow_from_the_names():
    with running() as simulator:
        assert f"{simulator.url}/genesys/banco" == simulator.genesys_url("banco")
        assert f"{simulator.url}/lynn/uno" == simulator.lynn_url("uno")


def test_the_command_says_what_to_enter_for_a_tenant_that_it_plays():
    said = StringIO()

    with running() as simulator:
        Command(stdout=said)._greet(simulator)

    played = simulator.organisation("demo").settings
    expected = (played.client_id, played.client_secret, "/genesys/demo", "/lynn/demo")
    assert [] == [each for each in expected if each not in said.getvalue()]
    assert "PORTAL_ALLOWED_UPSTREAMS=127.0.0.1" in said.getvalue()


def test_the_clock_can_be_given():
    with running(clock=lambda: 1000.0) as simulator:
        offer = simulator.add_offer("banco", simulator.agents("banco")[0].id, None)

    assert offer.started_at == 1000.0


def test_nothing_is_left_open_after_the_block():
    with running() as simulator:
        port = int(simulator.url.rpartition(":")[2])
        simulator.lynn_misbehaves("uno", "hang")
        waiting = socket.create_connection(("127.0.0.1", port), timeout=2)
        address = b"POST /lynn/uno/PureCloud/OpenMessaging_OnEvent HTTP/1.1\r\n\r\n"
        waiting.sendall(address)
        wait_until(lambda: simulator.lynn_calls("uno"))

    with waiting:
        assert waiting.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(number):
    command = [sys.executable, "-m", "connector.simulator", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "/genesys/" in process.stdout.readline()
        process.send_signal(number)

        assert process.wait(5) == 0


def test_waiting_for_what_does_not_come_ends():
    with pytest.raises(AssertionError, match=r"0\.01 s"):
        wait_until(lambda: False, seconds=0.01)
