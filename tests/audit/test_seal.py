"""Final connections are sealed, each in its tenant's chain."""

import time
from datetime import datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from pytest_django import DjangoAssertNumQueries, Settings

from connector import intervene
from connector.audit import chain, seal
from connector.domain import Evidence, Outcome, Reason, State, Trigger
from connector.errors import ChainNotOurs
from connector.models import AgentConnection, Attempt, AuditHead, AuditSeal, SealKind, Tenant
from tests.audit.trail import NOW, attempt, clean, delivered, ended, seal_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return NOW


def test_a_final_connection_gets_the_next_number(tenant: Tenant, now: datetime) -> None:
    row = delivered(tenant)
    other = ended(tenant, State.IGNORED, Reason.NO_QUEUE, received_at=now - timedelta(minutes=1))

    assert 2 == seal_all(now)

    seals = AuditSeal.objects.order_by("number")
    assert [(1, row.pk), (2, other.pk)] == list(seals.values_list("number", "connection_id"))
    row.refresh_from_db()
    assert now == row.sealed_at
    assert 2 == seals[0].attempts
    assert 84 == seals[0].told_after_ms


def test_what_is_sealed_is_not_sealed_twice(tenant: Tenant) -> None:
    delivered(tenant)
    seal_all()

    assert 0 == seal_all()
    assert 1 == AuditSeal.objects.count()


def test_an_open_connection_is_not_sealed(tenant: Tenant, now: datetime) -> None:
    ended(tenant, State.CHECKING, "", due_at=now, final_at=None)  # type: ignore[arg-type]

    assert 0 == seal_all()


def test_each_tenant_has_a_chain_of_its_own(tenant: Tenant) -> None:
    other = Tenant.objects.create(slug="otro", name="Otro")
    delivered(tenant)
    delivered(other)

    seal_all()

    assert [1, 1] == list(AuditSeal.objects.values_list("number", flat=True))
    assert clean(tenant).link != clean(other).link


def test_the_end_of_the_chain_is_signed(tenant: Tenant) -> None:
    delivered(tenant)
    seal_all()

    head = AuditHead.objects.get()

    assert 1 == head.number
    assert bytes(head.link) == bytes(AuditSeal.objects.get().link)
    assert chain.is_genuine(head)


@pytest.mark.parametrize(
    "facts",
    [
        {"outcome": Outcome.OPEN},
        {"outcome": Outcome.INTERRUPTED},
        {"reopened": True},
    ],
    ids=["under way", "its worker was lost", "checking again"],
)
def test_a_worker_that_was_lost_may_still_write(
    tenant: Tenant, now: datetime, facts: dict[str, object]
) -> None:
    row = delivered(tenant)
    late = {"reopened_at": now} if facts.pop("reopened", False) else {}
    attempt(row, started_at=now, last_at=now, **facts, **late)

    assert 0 == seal_all(now + timedelta(seconds=60))
    assert 1 == seal_all(now + timedelta(seconds=120))
    clean(tenant)


def test_what_is_still_under_way_when_it_is_sealed_was_interrupted(
    tenant: Tenant, now: datetime
) -> None:
    row = delivered(tenant)
    open_one = attempt(row, outcome=Outcome.OPEN)

    seal_all(now)

    open_one.refresh_from_db()
    assert Outcome.INTERRUPTED == open_one.outcome
    clean(tenant)


def test_a_cancelled_one_waits_for_the_worker_that_may_be_at_it(
    tenant: Tenant, now: datetime
) -> None:
    ended(tenant, State.CANCELLED, Reason.CANCELLED_BY_PERSON, final_at=now)

    assert 0 == seal_all(now + timedelta(seconds=60))
    assert 1 == seal_all(now + timedelta(seconds=91))


def test_one_that_was_reopened_is_sealed_again(tenant: Tenant, now: datetime) -> None:
    row = ended(tenant, State.NOT_ANSWERED, Reason.GAVE_UP)
    seal_all(now)

    row = intervene.check_again(row.pk, now)
    assert row.sealed_at is None
    assert 0 == seal_all(now)
    AgentConnection.objects.filter(pk=row.pk).update(
        state=State.NOT_ANSWERED, reason=Reason.RANG_OUT, due_at=None, final_at=now
    )
    seal_all(now)

    second = AuditSeal.objects.get(number=2)
    assert (row.pk, 1, Reason.RANG_OUT) == (second.connection_id, second.former, second.reason)
    assert (1, 1) == (clean(tenant).connections, clean(tenant).sealed_again)


def test_an_edit_cannot_be_hidden_by_having_it_sealed(tenant: Tenant) -> None:
    row = delivered(tenant)
    seal_all()

    AgentConnection.objects.filter(pk=row.pk).update(user_name="Ana", sealed_at=None)
    seal_all()

    assert 1 == AuditSeal.objects.count()


def test_taking_the_mark_away_changes_nothing(tenant: Tenant) -> None:
    row = ended(tenant, State.FAILED, Reason.LYNN_REFUSED, trigger=Trigger.PERSON)
    seal_all()

    AgentConnection.objects.filter(pk=row.pk).update(sealed_at=None)
    seal_all()

    assert 1 == AuditSeal.objects.count()
    assert 0 == clean(tenant).unsealed


def test_nothing_is_added_to_an_end_that_we_did_not_sign(tenant: Tenant) -> None:
    other = Tenant.objects.create(slug="otro", name="Otro")
    delivered(tenant)
    seal_all()
    AuditHead.objects.update(number=0, link=chain.beginning(tenant.pk))
    delivered(tenant)
    delivered(other)

    with pytest.raises(ChainNotOurs, match="“banco-sur” was signed with none of"):
        seal_all()

    assert {tenant.pk: 1, other.pk: 1} == {
        pk: AuditSeal.objects.filter(tenant=pk).count() for pk in (tenant.pk, other.pk)
    }


@pytest.mark.parametrize("seals_too", [False, True])
def test_a_chain_that_was_removed_does_not_begin_anew(tenant: Tenant, seals_too: bool) -> None:
    delivered(tenant)
    seal_all()
    AuditHead.objects.all().delete()
    if seals_too:
        AuditSeal.objects.all().delete()
    AgentConnection.objects.update(sealed_at=None, user_name="Ana")

    with pytest.raises(ChainNotOurs, match="was removed from the database"):
        seal_all()

    assert not AuditHead.objects.exists()


def test_any_of_the_keys_will_do_and_the_first_signs(tenant: Tenant, settings: Settings) -> None:
    delivered(tenant)
    seal_all()
    old, new = settings.FIELD_KEYS[0], Fernet.generate_key().decode()
    settings.FIELD_KEYS = [new, old]
    clean(tenant)

    assert 1 == seal.sign_again()

    settings.FIELD_KEYS = [new]
    clean(tenant)


def test_retention_stands_in_the_chain(tenant: Tenant, now: datetime) -> None:
    delivered(tenant)
    seal_all()

    entry = seal.append_retention(tenant, bodies_before=now, now=now)

    assert (2, SealKind.RETENTION) == (entry.number, entry.kind)
    assert 2 == AuditHead.objects.get().number


def test_it_stops_when_its_time_is_over(
    tenant: Tenant, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "SLICE", 2)
    for _ in range(5):
        delivered(tenant)

    assert (2, True) == seal.seal_due(now, time.monotonic())
    assert (3, False) == seal.seal_due(now, time.monotonic() + 60)


def test_those_that_have_to_wait_hold_up_nobody(
    tenant: Tenant, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "SLICE", 2)
    for number in range(4):
        row = delivered(tenant, final_at=now - timedelta(seconds=number // 2))
        attempt(row, outcome=Outcome.OPEN, started_at=now, last_at=now)
    last = delivered(tenant, final_at=now)

    assert 1 == seal_all(now)

    assert last.pk == AuditSeal.objects.get().connection_id


def test_signing_again_leaves_out_what_is_not_ours(tenant: Tenant, settings: Settings) -> None:
    other = Tenant.objects.create(slug="otro", name="Otro")
    for each in (tenant, other):
        delivered(each)
    seal_all()
    AuditHead.objects.filter(pk=tenant.pk).update(signature=b"forged")
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]

    with pytest.raises(ChainNotOurs, match="“banco-sur” was signed with none of"):
        seal.sign_again()

    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    clean(other)


def test_a_slice_costs_the_same_whatever_is_in_it(
    tenant: Tenant, now: datetime, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    delivered(tenant)
    seal_all()
    for _ in range(30):
        delivered(tenant)

    with django_assert_max_num_queries(12):  # savepoint and release among them
        assert (30, None) == seal.seal_slice(tenant.pk, now)


def test_a_proof_that_came_late_has_it_sealed_again(tenant: Tenant, now: datetime) -> None:
    row = ended(tenant, State.NOT_ANSWERED, Reason.GAVE_UP)
    seal_all()
    AgentConnection.objects.filter(pk=row.pk).update(
        state=State.DELIVERED,
        reason=Reason.DELIVERED,
        evidence=Evidence.ACD_END,
        answered_at=now,
        delivered_at=now,
        sealed_at=None,
    )
    Attempt.objects.filter(connection=row).update(detail="")

    seal_all()

    assert [None, 1] == list(AuditSeal.objects.order_by("number").values_list("former", flat=True))
