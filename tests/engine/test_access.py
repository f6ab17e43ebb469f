"""A tenant's way into Genesys: one token for all, and never more calls than Genesys allows."""

import uuid
from datetime import timedelta

import pytest

from connector import access
from connector.clients.base import Call, Exchange
from connector.errors import CredentialsRefused, ServiceUnavailable, TokenOnItsWay
from connector.models import GenesysAccess, Tenant
from tests.engine.conftest import Clock, Desk

CALL = Call(method="GET", url="https://api.example.com", headers={})


def exchange(clock: Clock, status: int, body: bytes = b"{}", **headers: str) -> Exchange:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(call=CALL, started_at=clock.now, status=status, body=body, headers=named)


def fetch(tenant: Tenant, clock: Clock, lifetime: int = 3600, token: str = "a-token") -> None:
    body = f'{{"access_token": "{token}", "expires_in": {lifetime}}}'.encode()
    access.take(tenant, 1, clock.now)
    access.keep(tenant, exchange(clock, 200, body), uuid.uuid4(), clock.now)


def test_the_first_worker_renews_and_the_others_wait(tenant: Tenant, clock: Clock) -> None:
    assert access.take(tenant, 1, clock.now).renew

    with pytest.raises(TokenOnItsWay) as caught:
        access.take(tenant, 1, clock.now)

    assert 0.5 == caught.value.retry_after


def test_a_worker_that_died_while_renewing_is_replaced(tenant: Tenant, clock: Clock) -> None:
    access.take(tenant, 1, clock.now)

    assert access.take(tenant, 1, clock.forward(10)).renew


def test_everybody_uses_the_token_that_was_fetched(tenant: Tenant, clock: Clock) -> None:
    fetch(tenant, clock)

    assert access.Pass("a-token", check_every=2) == access.take(tenant, 1, clock.forward(3000))


def test_the_token_is_renewed_early_by_one_while_the_others_use_the_old_one(
    tenant: Tenant, clock: Clock
) -> None:
    fetch(tenant, clock, lifetime=1000)
    clock.forward(900)

    assert access.Pass("a-token", renew=True, check_every=2) == access.take(tenant, 1, clock.now)
    assert access.Pass("a-token", check_every=2) == access.take(tenant, 1, clock.now)


@pytest.mark.parametrize("column", ["client_id", "client_secret", "login_url", "region"])
def test_other_credentials_need_another_token(tenant: Tenant, clock: Clock, column: str) -> None:
    fetch(tenant, clock)
    tenant.login_url = ""
    fetch(tenant, clock, token="another")
    setattr(tenant, column, "https://other.example.com" if column == "login_url" else "other.com")
    tenant.save()
    tenant.refresh_from_db()

    assert access.Pass("", renew=True, check_every=2) == access.take(tenant, 1, clock.now)


def test_the_token_is_stored_encrypted(tenant: Tenant, clock: Clock) -> None:
    fetch(tenant, clock, token="a-very-secret-token")

    stored = GenesysAccess.objects.values_list("token", flat=True).get()
    assert "a-very-secret-token" not in stored.ciphertext
    assert "a-very-secret-token" == stored.reveal()


def test_refused_credentials_are_not_tried_again_at_once(tenant: Tenant, clock: Clock) -> None:
    access.take(tenant, 1, clock.now)
    assert "" == access.keep(tenant, exchange(clock, 400), uuid.uuid4(), clock.now)
    assert isinstance(access.token_error(exchange(clock, 400)), CredentialsRefused)

    with pytest.raises(CredentialsRefused):
        access.take(tenant, 1, clock.forward(5))
    assert access.take(tenant, 1, clock.forward(5)).renew


def test_a_refused_token_is_dropped_unless_another_has_it_already(
    tenant: Tenant, clock: Clock
) -> None:
    fetch(tenant, clock, token="newer")

    access.drop_token(tenant, "older")
    assert "newer" == access.take(tenant, 1, clock.now).token
    access.drop_token(tenant, "newer")
    assert access.take(tenant, 1, clock.now).renew


def test_those_who_wait_for_the_budget_do_not_all_come_back_at_once(
    tenant: Tenant, clock: Clock
) -> None:
    fetch(tenant, clock)
    GenesysAccess.objects.update(calls_left=0, refilled_at=clock.now, ringing=2000)

    waits = set()
    for _ in range(20):
        with pytest.raises(ServiceUnavailable) as caught:
            access.spend(tenant, 1, clock.now)
        waits.add(round(caught.value.retry_after or 0))

    assert len(waits) > 5
    assert max(waits) <= 11  # 40 calls at 4 a second


def test_calls_stay_within_eighty_percent_of_what_genesys_allows(
    tenant: Tenant, clock: Clock
) -> None:
    fetch(tenant, clock)
    made = 0
    for _ in range(6000):
        clock.forward(0.01)
        try:
            access.take(tenant, 1, clock.now)
        except ServiceUnavailable:
            continue
        made += 1

    assert 240 <= made <= 240 + 45


def test_the_limit_is_learnt_from_the_answers(tenant: Tenant, clock: Clock) -> None:
    fetch(tenant, clock)
    answer = exchange(clock, 200, inin_ratelimit_allowed="60")

    access.note(tenant, answer, None, None, clock.now)

    assert 60 == GenesysAccess.objects.get().allowed_per_minute


@pytest.mark.parametrize("nonsense", ["", "-1", "0", "many", "9" * 5000, "3.5"])
def test_a_limit_that_makes_no_sense_is_ignored(
    tenant: Tenant, clock: Clock, nonsense: str
) -> None:
    fetch(tenant, clock)

    access.note(
        tenant, exchange(clock, 200, inin_ratelimit_allowed=nonsense), None, None, clock.now
    )

    assert 300 == GenesysAccess.objects.get().allowed_per_minute


def test_retry_after_blocks_the_whole_tenant(tenant: Tenant, clock: Clock) -> None:
    fetch(tenant, clock)
    access.note(tenant, exchange(clock, 429, retry_after="42"), None, None, clock.now)

    with pytest.raises(ServiceUnavailable) as caught:
        access.take(tenant, 1, clock.forward(2))

    assert 40 == caught.value.retry_after
    assert access.take(tenant, 1, clock.forward(41)).token


def test_missing_names_are_noted_once_and_forgotten_when_they_come(
    tenant: Tenant, clock: Clock
) -> None:
    fetch(tenant, clock)
    access.note(tenant, exchange(clock, 200), None, False, clock.now)
    access.note(tenant, exchange(clock, 200), None, False, clock.forward(60))
    since = GenesysAccess.objects.get().names_missing_since
    assert clock.now - timedelta(seconds=60) == since

    access.note(tenant, exchange(clock, 200), None, True, clock.now)

    assert GenesysAccess.objects.get().names_missing_since is None


@pytest.mark.parametrize(
    ("ringing", "allowed", "seconds"),
    [(0, 300, 2), (400, 300, 2), (401, 300, 2.25), (600, 300, 3), (2000, 300, 10), (2000, 60, 50)],
)
def test_checks_are_as_far_apart_as_the_limit_needs(
    tenant: Tenant, clock: Clock, ringing: int, allowed: int, seconds: float
) -> None:
    fetch(tenant, clock)
    GenesysAccess.objects.update(
        ringing=ringing, allowed_per_minute=allowed, counted_at=clock.forward(60)
    )

    assert seconds == access.take(tenant, 1, clock.now).check_every


def test_who_is_ringing_is_counted_once_a_second(tenant: Tenant, clock: Clock) -> None:
    fetch(tenant, clock)
    desk = Desk(tenant, clock)
    for _ in range(3):
        desk.ring(userId="one-agent")
    desk.ring(userId="another")

    access.take(tenant, 1, clock.now)
    assert 0 == GenesysAccess.objects.get().ringing
    access.take(tenant, 1, clock.forward(1))

    assert 2 == GenesysAccess.objects.get().ringing
