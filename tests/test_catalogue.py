"""The queues of Genesys: all pages, within the budget, with the token that all share."""

import ipaddress

import pytest
from django.utils import timezone

from connector import catalogue
from connector.errors import CredentialsRefused, ServiceUnavailable
from connector.models import GenesysAccess, Tenant
from connector.simulator.thread import running

ORG = "banco"


@pytest.fixture(scope="module")
def _simulator():
    with running() as simulator:
        yield simulator


@pytest.fixture
def simulator(_simulator):
    _simulator.reset()
    return _simulator


@pytest.fixture
def tenant(db, simulator, settings):
    settings.ALLOWED_UPSTREAMS = [ipaddress.ip_network("127.0.0.0/8")]
    known = simulator.organisation(ORG).settings
    return Tenant.objects.create(
        slug="banco-sur",
        client_id=known.client_id,
        client_secret=known.client_secret,
        api_url=simulator.genesys_url(ORG),
        login_url=simulator.genesys_url(ORG),
        lynn_base_url=simulator.lynn_url(ORG),
    )


def fetch(tenant):
    return catalogue.fetch(tenant, timezone.now)


def test_all_pages_are_read_in_the_order_of_names(tenant, simulator):
    for number in range(120):
        simulator.add_queue(ORG, f"Cola {number}")

    queues, more = fetch(tenant)

    assert len(queues) == len(simulator.queues(ORG))
    assert sorted(queue.name.casefold() for queue in queues) == [
        queue.name.casefold() for queue in queues
    ]
    assert not more
    assert {"token": 1, "queues": 2} == {
        kind: simulator.calls(ORG)[kind] for kind in ("token", "queues")
    }


@pytest.mark.parametrize(
    ("limit", "value"),
    [("MOST_PAGES", 1), ("LONGEST", 0.0)],
    ids=["of very many queues", "of a slow Genesys"],
)
def test_there_is_an_end_to_the_pages(tenant, simulator, monkeypatch, limit, value):
    monkeypatch.setattr(catalogue, limit, value)
    for number in range(120):
        simulator.add_queue(ORG, f"Cola {number}")

    queues, more = fetch(tenant)

    assert (100, True) == (len(queues), more)


def test_the_token_is_that_of_the_workers(tenant, simulator):
    fetch(tenant)
    fetch(tenant)

    assert simulator.calls(ORG)["token"] == 1


def test_a_token_that_is_not_taken_any_more_is_replaced_once(tenant, simulator):
    fetch(tenant)
    simulator.misbehave(ORG, "queues", "status", status=401)

    with pytest.raises(CredentialsRefused):
        fetch(tenant)

    assert simulator.calls(ORG)["token"] == 2


def test_a_429_makes_the_whole_tenant_wait(tenant, simulator):
    simulator.misbehave(ORG, "queues", "status", status=429, retry_after=42)

    with pytest.raises(ServiceUnavailable):
        fetch(tenant)
    with pytest.raises(ServiceUnavailable, match="asked us to wait"):
        fetch(tenant)

    assert simulator.calls(ORG)["queues"] == 1


def test_where_the_budget_is_used_up_nothing_is_asked(tenant, simulator):
    GenesysAccess.objects.create(
        tenant=tenant, calls_left=0, refilled_at=timezone.now(), allowed_per_minute=1
    )

    with pytest.raises(ServiceUnavailable, match="used up"):
        fetch(tenant)

    assert simulator.calls(ORG)["queues"] == 0


def test_refused_credentials_are_said_so(tenant, simulator):
    simulator.configure(ORG, client_secret="another")

    with pytest.raises(CredentialsRefused):
        fetch(tenant)

    assert GenesysAccess.objects.get().trouble == "genesys_credentials_refused"
