"""One tenant, its token, the payloads, and a sender who posts."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import translation
from hypothesis import configuration, settings

from connector import directory, wake
from connector.domain import AnswerMode, QueuePolicy
from connector.models import Tenant, WebhookToken

PAYLOADS = Path(__file__).parent / "payloads"
MANUAL_QUEUE = "a40c5e8b-93d1-47f6-b2e0-6d18f7c9053a"
AUTO_QUEUE = "0e7b3c95-d16a-4f20-87b4-c2a9e5d8f601"

configuration.set_hypothesis_home_dir(PAYLOADS.parent.parent / "var" / "hypothesis")
settings.register_profile("portal", deadline=None, database=None, print_blob=True)
settings.load_profile("portal")


@pytest.fixture(autouse=True)
def _fresh_directory():
    """Every test starts as after a restart: ids of tenants come back, what was kept must not."""
    directory.forget()


@pytest.fixture(autouse=True)
def _english():
    """A page that a test asks for in Spanish leaves its thread in Spanish."""
    yield
    translation.deactivate()


@pytest.fixture
def now():
    """Half a second after the payloads' agent began to ring."""
    return datetime(2026, 10, 12, 14, 3, 22, tzinfo=UTC)


@pytest.fixture
def tenant(db):
    tenant = Tenant.objects.create(
        slug="banco-sur",
        name="Banco del Sur",
        enabled=True,
        client_id="5b1e0c9a-0000-4000-8000-000000000000",
        client_secret="the-client-secret",
        api_url="https://api.genesys.example.com",
        login_url="https://login.genesys.example.com",
        lynn_base_url="https://lynn.example.com/eu",
        queue_policy=QueuePolicy.LISTED,
    )
    tenant.queues.create(genesys_id=MANUAL_QUEUE, name="Soporte", answer_mode=AnswerMode.MANUAL)
    tenant.queues.create(genesys_id=AUTO_QUEUE, name="Ventas", answer_mode=AnswerMode.AUTO)
    return tenant


@pytest.fixture
def token(tenant, now):
    """The plain text of a live token."""
    _, plain = WebhookToken.make(tenant, now)
    return plain


@pytest.fixture
def payload():
    """Reads one of tests/payloads, anew each time."""

    def load(name):
        return json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))

    return load


@pytest.fixture
def post(client, token):
    """Posts as the tenant's sender does: bytes as they are, anything else as JSON."""

    def send(body, *, slug="banco-sur", content_type="application/json", **options):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}"} | options.pop("headers", {})
        address = f"/api/v1/tenants/{slug}/events"
        options = {"CONTENT_TYPE": content_type} | options  # of an empty body too
        return client.post(address, content, content_type, headers=headers, **options)

    return send


def pytest_collection_modifyitems(config, items):
    """What only a database server can do is tested in test_on_postgres.py's run."""
    if not wake.CAN_CALL:
        others = [item for item in items if item.get_closest_marker("server")]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
