"""Whoever edits, removes or reorders the trail is found out; what happens honestly is not."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from connector import intervene
from connector.audit import chain, digest, seal, verify
from connector.domain import Reason, State
from connector.errors import ChainNotOurs
from connector.models import (
    AgentConnection,
    Attempt,
    AuditHead,
    AuditSeal,
    OutcomeTotal,
    Tenant,
)
from tests.audit.trail import NOW, RECEIVED, attempt, clean, delivered, ended, fault_of, seal_all

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def rows(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> list[AgentConnection]:
    """Five sealed ones, in the order of their seals."""
    monkeypatch.setattr(verify, "BATCH", 2)
    rows = [
        delivered(
            tenant,
            received_at=RECEIVED + timedelta(seconds=number),
            conversation_id=f"c-{number + 1}",
        )
        for number in range(5)
    ]
    seal_all()
    return rows


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("verifyaudit", *arguments, stdout=out)
    return out.getvalue()


def the_seal_of(row: AgentConnection) -> "Any":
    return AuditSeal.objects.filter(connection_id=row.pk)


def the_attempts_of(row: AgentConnection) -> "Any":
    return Attempt.objects.filter(connection=row)


def swap(one: AgentConnection, other: AgentConnection) -> None:
    first, second = the_seal_of(one).get(), the_seal_of(other).get()
    first.number, second.number = second.number, first.number
    for each, number in ((first, 1000), (second, second.number), (first, first.number)):
        AuditSeal.objects.filter(pk=each.pk).update(number=number)


def cut_off(row: AgentConnection) -> None:
    the_seal_of(row).delete()
    row.delete()


def rewrite(tenant: Tenant) -> None:
    """The whole chain anew, as one can who knows the portal but not its keys."""
    link = chain.beginning(tenant.pk)
    AgentConnection.objects.update(user_name="Ana")
    for each in AuditSeal.objects.order_by("number"):
        row = AgentConnection.objects.filter(pk=each.connection_id)
        values = row.values(*verify.CONNECTION_COLUMNS).get()
        attempts = seal.attempts_of([each.connection_id])[each.connection_id]
        each.digest = verify.digests(values, attempts, each.covered).connection
        each.link = link = chain.link_of(each, link)
        each.save()
    AuditHead.objects.update(link=link)


Tamper = Callable[[list[AgentConnection]], object]

TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "a connection edited": (
        lambda rows: AgentConnection.objects.filter(pk=rows[2].pk).update(user_name="Ana"),
        "conversation c-3, connection {2}, seal 3: the connection was edited",
    ),
    "a late fact edited": (
        lambda rows: AgentConnection.objects.filter(pk=rows[2].pk).update(queue_id="q-2"),
        "seal 3: the connection was edited",
    ),
    "the customer's address edited": (
        lambda rows: AgentConnection.objects.filter(pk=rows[2].pk).update(external_id="57301"),
        "seal 3: the connection was edited",
    ),
    "a connection edited, its mark taken away": (
        lambda rows: AgentConnection.objects.filter(pk=rows[2].pk).update(
            user_id="u-2", sealed_at=None
        ),
        "seal 3: the connection was edited",
    ),
    "a connection moved to another state": (
        lambda rows: AgentConnection.objects.filter(pk=rows[2].pk).update(
            state=State.CANCELLED, reason=Reason.CANCELLED_BY_PERSON, sealed_at=None
        ),
        "seal 3: the connection was edited",
    ),
    "an attempt edited": (
        lambda rows: the_attempts_of(rows[1]).update(status_code=503),
        "connection {1}, seal 2: an attempt was edited",
    ),
    "a body edited": (
        lambda rows: the_attempts_of(rows[1]).filter(kind="delivery").update(request_body="{}"),
        "seal 2: what was sent or answered in an attempt was edited",
    ),
    "bodies removed": (
        lambda rows: the_attempts_of(rows[1]).update(request_body="", response_body=""),
        "seal 2: the bodies of its attempts were removed",
    ),
    "an attempt removed": (
        lambda rows: the_attempts_of(rows[4]).filter(kind="status").delete(),
        "seal 5: an attempt was removed: there are 1 and should be 2",
    ),
    "an attempt added": (
        lambda rows: attempt(rows[4]),
        "seal 5: an attempt was added: there are 3 and should be 2",
    ),
    "an attempt moved to another connection": (
        lambda rows: the_attempts_of(rows[3]).filter(kind="status").update(connection=rows[4]),
        "connection {3}, seal 4: an attempt was removed",
    ),
    "a connection removed": (
        lambda rows: rows[3].delete(),
        "connection {3}, seal 4: the connection was removed",
    ),
    "a seal edited": (
        lambda rows: the_seal_of(rows[1]).update(reason="other"),
        "seal 2: the chain is broken here",
    ),
    "a seal removed in the middle": (
        lambda rows: the_seal_of(rows[1]).delete(),
        "seal 2: the seal is missing",
    ),
    "a seal removed at the end": (
        lambda rows: the_seal_of(rows[4]).delete(),
        "seal 5: the chain should go on to seal 5, but its end was cut off",
    ),
    "a seal removed at the end together with its connection": (
        lambda rows: cut_off(rows[4]),
        "seal 5: the chain should go on to seal 5, but its end was cut off",
    ),
    "two seals swapped": (
        lambda rows: swap(rows[1], rows[3]),
        "seal 2: the chain is broken here",
    ),
    "the end cut off, and the head with it": (
        lambda rows: (
            cut_off(rows[4]),
            AuditHead.objects.update(number=4, link=the_seal_of(rows[3]).get().link),
        ),
        "seal 4: the end of the chain was signed with none of PORTAL_FIELD_KEYS",
    ),
    "the whole chain rewritten without the key": (
        lambda rows: rewrite(rows[0].tenant),
        "seal 5: the end of the chain was signed with none of PORTAL_FIELD_KEYS",
    ),
    "the head's link changed": (
        lambda rows: AuditHead.objects.update(link=b"0" * 32),
        "seal 5: the signed end of the chain is not the link of its last seal",
    ),
    "the head removed": (
        lambda rows: AuditHead.objects.all().delete(),
        "the signed end of the chain is missing",
    ),
    "a seal added": (
        lambda rows: AuditSeal(
            tenant=rows[0].tenant, number=6, kind="connection", sealed_at=RECEIVED, link=b"1"
        ).save(),
        "seal 6: the seals from here on were added by somebody else",
    ),
    "a connection put in": (
        lambda rows: delivered(rows[0].tenant, conversation_id="c-9", sealed_at=RECEIVED),
        "its seal is missing",
    ),
    "the whole chain removed": (
        lambda rows: (AuditSeal.objects.all().delete(), AuditHead.objects.all().delete()),
        "the signed end of the chain is missing",
    ),
    "the whole chain and the counts removed": (
        lambda rows: (
            AuditSeal.objects.all().delete(),
            AuditHead.objects.all().delete(),
            OutcomeTotal.objects.all().delete(),
        ),
        "conversation c-1, connection {0}: its seal is missing",
    ),
}


@pytest.mark.parametrize(("tamper", "words"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_it_is_found_out(
    rows: list[AgentConnection], tenant: Tenant, tamper: Tamper, words: str
) -> None:
    ids = [row.pk for row in rows]
    clean(tenant)

    tamper(rows)

    assert words.format(*ids) in str(fault_of(tenant))
    with pytest.raises(CommandError):
        run()


def test_it_stays_found_out_after_the_sealer_has_run(
    rows: list[AgentConnection], tenant: Tenant
) -> None:
    AgentConnection.objects.filter(pk=rows[2].pk).update(user_name="Ana", sealed_at=None)
    delivered(tenant)
    seal_all()

    assert "the connection was edited" == fault_of(tenant).what


def test_the_first_bad_row_is_named_first(rows: list[AgentConnection], tenant: Tenant) -> None:
    AgentConnection.objects.filter(pk__in=[rows[1].pk, rows[3].pk]).update(user_name="Ana")

    assert rows[1].pk == fault_of(tenant).connection_id


def test_another_tenants_chain_does_not_explain_anything(
    rows: list[AgentConnection], tenant: Tenant, now: datetime
) -> None:
    other = Tenant.objects.create(slug="otro", name="Otro")
    seal.append_retention(other, connections_before=now, now=now)
    rows[0].delete()

    assert "the connection was removed" == fault_of(tenant).what
    clean(other)


# What happens honestly --------------------------------------------------------------------------


def test_duplicates_and_late_facts_change_nothing_that_is_sealed(
    tenant: Tenant, now: datetime
) -> None:
    row = delivered(
        tenant, offer_key="w:1:c:u", session_id="", queue_id="", event_time=None, external_id=""
    )
    joined = delivered(tenant, offer_key="acd:1:c:u", session_id="", external_id="")
    seal_all()

    for each in (row, joined):
        AgentConnection.objects.filter(pk=each.pk).update(
            duplicates=3,
            ended_at=now,
            interacted=True,
            session_id=f"session-{each.pk}",
            offer_key=f"s:session-{each.pk}",
            external_id="57301",
            acknowledged_at=now,
        )
    AgentConnection.objects.filter(pk=row.pk).update(queue_id="q-1", event_time=RECEIVED)
    AgentConnection.objects.filter(pk=joined.pk).update(
        offered_at=RECEIVED - timedelta(seconds=8), event_time=RECEIVED - timedelta(seconds=8)
    )

    assert 2 == clean(tenant).connections


def test_a_seal_stays_valid_when_more_facts_are_sealed_than_were_then(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(digest, "LATE_FACTS", digest.LATE_FACTS[:-1])
        delivered(tenant)
        seal_all()

    assert 1 == clean(tenant).connections


def test_a_replay_is_told_of_and_is_no_fault(tenant: Tenant, now: datetime) -> None:
    row = ended(
        tenant,
        State.FAILED,
        Reason.LYNN_REFUSED,
        answered_at=RECEIVED,
        evidence="status",
    )
    seal_all(now)
    intervene.deliver_again(row.pk, now)
    report = clean(tenant)
    assert (1, 1) == (report.connections, report.unsealed)

    attempt(row, kind="delivery")
    AgentConnection.objects.filter(pk=row.pk).update(
        state=State.DELIVERED, reason="delivered", delivered_at=now, final_at=now, due_at=None
    )
    clean(tenant)
    seal_all(now)

    report = clean(tenant)
    assert (1, 1, 0) == (report.connections, report.sealed_again, report.unsealed)
    assert "1 sealed again after they were reopened" in run()


def test_retention_explains_what_is_gone(
    rows: list[AgentConnection], tenant: Tenant, now: datetime
) -> None:
    second = RECEIVED + timedelta(seconds=1)
    seal.append_retention(
        tenant, bodies_before=now, connections_before=second, now=now + timedelta(days=30)
    )
    AgentConnection.objects.filter(received_at__lt=second).delete()
    Attempt.objects.update(request_body="", response_body="")

    report = clean(tenant)

    assert (5, 1, 4) == (report.connections, report.removed, report.without_bodies)
    assert "1 removed by retention, 4 without bodies by retention" in run()


def test_retention_explains_nothing_that_is_younger(
    rows: list[AgentConnection], tenant: Tenant, now: datetime
) -> None:
    seal.append_retention(tenant, connections_before=rows[2].received_at, now=now)
    rows[3].delete()

    assert "the connection was removed" == fault_of(tenant).what


def test_retention_explains_nothing_that_was_sealed_after_it(tenant: Tenant, now: datetime) -> None:
    seal.append_retention(tenant, connections_before=now, now=now)
    row = delivered(tenant)
    seal_all(now)
    row.delete()

    assert "the connection was removed" == fault_of(tenant).what


def test_retention_of_bodies_explains_no_edit(
    rows: list[AgentConnection], tenant: Tenant, now: datetime
) -> None:
    seal.append_retention(tenant, bodies_before=now, now=now)
    the_attempts_of(rows[2]).update(request_body="{}")

    assert "edited" in fault_of(tenant).what


def test_a_new_key_is_put_before_the_old_one(
    rows: list[AgentConnection], tenant: Tenant, settings: Settings
) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    clean(tenant)

    delivered(tenant)
    seal_all()

    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    clean(tenant)


def test_without_the_key_that_signed_it_nothing_is_proven(
    rows: list[AgentConnection], tenant: Tenant, settings: Settings
) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]

    assert "or the key that signed it was taken out of the list" in fault_of(tenant).what


def test_what_is_purged_while_we_read_is_no_fault(
    rows: list[AgentConnection],
    tenant: Tenant,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = verify.attempts_of

    def purge_meanwhile(ids: Any) -> Any:
        if AgentConnection.objects.filter(pk=rows[3].pk).exists() and rows[3].pk in ids:
            seal.append_retention(tenant, connections_before=now, now=now)
            AgentConnection.objects.filter(pk=rows[3].pk).delete()
        return read(ids)

    monkeypatch.setattr(verify, "attempts_of", purge_meanwhile)

    clean(tenant)


def test_what_is_purged_and_sealed_again_while_we_read_is_no_fault(
    tenant: Tenant, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ended(tenant, State.NOT_ANSWERED, Reason.GAVE_UP)
    seal_all()
    read, happenings = verify.attempts_of, [seal_again, purge_bodies]

    def read_while_things_happen(ids: Any) -> Any:
        if happenings:
            happenings.pop()(row, now)
        return read(ids)

    monkeypatch.setattr(verify, "attempts_of", read_while_things_happen)

    clean(tenant)
    assert not happenings
    clean(tenant)


def purge_bodies(row: AgentConnection, now: datetime) -> None:
    seal.append_retention(row.tenant, bodies_before=now, now=now)
    the_attempts_of(row).update(request_body="", response_body="")


def seal_again(row: AgentConnection, now: datetime) -> None:
    intervene.check_again(row.pk, now)
    AgentConnection.objects.filter(pk=row.pk).update(
        state=State.NOT_ANSWERED, reason=Reason.RANG_OUT, due_at=None, final_at=now
    )
    seal_all(now)


# The command --------------------------------------------------------------------------------------


def test_one_line_a_tenant(rows: list[AgentConnection], tenant: Tenant) -> None:
    Tenant.objects.create(slug="otro", name="Otro")
    ended(tenant, State.CHECKING, "", due_at=RECEIVED, final_at=None)  # type: ignore[arg-type]
    link = bytes(AuditHead.objects.get().link).hex()

    first, second = run().splitlines()

    span = "from 2026-10-12T14:03:21Z to 2026-10-12T14:03:25Z"
    end = f"1 not sealed yet, chain ends with 5:{link}"
    assert f"banco-sur: ok: 5 connections {span}, {end}" == first
    assert "otro: ok: 0 connections, 0 not sealed yet, no chain yet" == second


def test_only_the_tenant_that_is_asked_for(rows: list[AgentConnection]) -> None:
    Tenant.objects.create(slug="otro", name="Otro")

    assert run("--tenant", "otro").startswith("otro: ok: 0 connections")


def test_a_tenant_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="There is no tenant “nobody”"):
        run("--tenant", "nobody")


def test_what_was_noted_down_must_still_be_there(
    rows: list[AgentConnection], tenant: Tenant
) -> None:
    link = bytes(the_seal_of(rows[2]).get().link).hex()
    delivered(tenant)
    seal_all()

    assert ": ok: " in run("--tenant", "banco-sur", "--noted", f"3:{link[:16]}")
    for noted in (f"9:{link}", f"4:{link}"):
        with pytest.raises(CommandError):
            run("--tenant", "banco-sur", "--noted", noted)


def test_a_portal_that_was_put_back_to_an_older_copy_is_found_by_what_was_noted(
    rows: list[AgentConnection], tenant: Tenant
) -> None:
    copy = AuditHead.objects.get()
    row = delivered(tenant)
    seal_all()
    noted = clean(tenant)
    cut_off(row)
    copy.save()
    clean(tenant)

    with pytest.raises(CommandError):
        run("--tenant", "banco-sur", "--noted", f"{noted.number}:{noted.link}")


@pytest.mark.parametrize("text", ["", "5", "5:", "x:0123456789abcdef", "5:0123"])
def test_a_note_that_cannot_be_read(tenant: Tenant, text: str) -> None:
    with pytest.raises(CommandError, match="--noted"):
        run("--tenant", "banco-sur", "--noted", text or " ")


def test_a_note_is_about_one_tenant(tenant: Tenant) -> None:
    with pytest.raises(CommandError, match="name it with --tenant"):
        run("--noted", "5:0123456789abcdef")


def test_rows_are_read_in_batches(tenant: Tenant, django_assert_max_num_queries: Any) -> None:
    for _ in range(20):
        delivered(tenant)
    seal_all()

    with django_assert_max_num_queries(10):
        clean(tenant)


def test_a_lost_key_is_replaced_when_a_person_says_so(
    rows: list[AgentConnection], tenant: Tenant, settings: Settings
) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    delivered(tenant)
    with pytest.raises(ChainNotOurs):
        seal_all()

    assert "banco-sur: ok: 5 connections" in run("--tenant", "banco-sur", "--sign-anew")

    assert 1 == seal_all()
    clean(tenant)
    assert ": ok: " in run("--tenant", "banco-sur", "--sign-anew")


def test_nothing_else_is_mended_by_that(
    rows: list[AgentConnection], tenant: Tenant, settings: Settings
) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    AgentConnection.objects.filter(pk=rows[2].pk).update(user_name="Ana")

    with pytest.raises(CommandError, match="not as the portal wrote it"):
        run("--tenant", "banco-sur", "--sign-anew")
    with pytest.raises(CommandError, match="name it with --tenant"):
        run("--sign-anew")

    assert not chain.is_genuine(AuditHead.objects.get())


def test_only_the_end_that_was_looked_at_is_accepted(
    rows: list[AgentConnection], tenant: Tenant
) -> None:
    link = bytes(AuditHead.objects.get().link)

    assert not seal.accept_end(tenant, 4, link)
    assert not seal.accept_end(tenant, 5, b"other")
    assert seal.accept_end(tenant, 5, link)
