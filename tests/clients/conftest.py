"""Loopback is open, limits are short, and no connection outlives its test."""

import ipaddress
import json
import socket
from pathlib import Path

import pytest

from connector.clients import base, guard

from .certificates import Authority

PAYLOADS = Path(__file__).parent.parent / "payloads"


@pytest.fixture(autouse=True)
def _no_connections_kept():
    base._adapter()  # made before any time is taken
    yield
    for adapter in base._adapters:
        adapter.close()


@pytest.fixture
def opened(settings):
    """Opens networks as PORTAL_ALLOWED_UPSTREAMS does."""

    def open_networks(*networks):
        settings.ALLOWED_UPSTREAMS = [ipaddress.ip_network(network) for network in networks]

    open_networks()
    return open_networks


@pytest.fixture
def loopback(opened):
    opened("127.0.0.0/8", "::1/128")


@pytest.fixture
def short_limits(monkeypatch):
    """Seconds; each stays apart from the others."""
    monkeypatch.setattr(guard, "CONNECT_SECONDS", 0.15)
    monkeypatch.setattr(guard, "READ_SECONDS", 0.2)
    monkeypatch.setattr(guard, "TOTAL_SECONDS", 0.3)


@pytest.fixture
def name_server(monkeypatch):
    """Answers by the table that it returns: name -> addresses, or a function that is called."""
    table = {}
    asked = []

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        if host not in table:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        known = table[host]
        addresses = known() if callable(known) else known
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port))
            for each in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return NameServer(table, asked)


class NameServer:
    def __init__(self, table, asked):
        self.table = table
        self.asked = asked


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def trusted(authority, monkeypatch):
    """The same authority, now trusted as those of the system are."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    monkeypatch.setattr(base, "_adapters", [])
    base._tls.cache_clear()
    base._adapter()
    yield authority
    base._tls.cache_clear()
    for adapter in base._adapters:
        adapter.close()


@pytest.fixture
def payload():
    """The text of an answer of Genesys, and with `parsed` what it says."""

    def read(name, *, parsed=False):
        text = (PAYLOADS / f"{name}.json").read_bytes()
        return json.loads(text) if parsed else text

    return read
