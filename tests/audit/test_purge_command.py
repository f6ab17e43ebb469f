"""./run purge, as a person calls it."""

import io
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.utils import timezone

from connector.audit import retention, seal
from connector.models import AgentConnection, Event
from tests.audit.aged import event, everything, new_tenant, stored

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _nobody_else_writes(monkeypatch):
    monkeypatch.setattr(retention, "LONGEST_REST", 0.0)


@pytest.fixture
def tenant():
    return new_tenant("banco-sur")


@pytest.fixture
def now():
    return timezone.now()


def purged(*options, out=None):
    out = out or io.StringIO()
    call_command("purge", *options, stdout=out)
    return out.getvalue()


def test_a_dry_run_says_what_would_go_and_changes_nothing(tenant, now):
    stored(tenant, now - 500 * DAY)
    event(tenant, now - 100 * DAY).save()
    stored(tenant, now - 31 * DAY)
    before = everything()

    said = purged("--dry-run").splitlines()

    old, new = f"{now - 500 * DAY:%Y-%m-%d}", f"{now - 31 * DAY:%Y-%m-%d}"
    assert said == [
        "banco-sur:",
        f"  1 connection with 2 calls would be removed (kept for 400 days; the oldest is of {old})",
        f"  2 events would be removed (kept for 90 days; the oldest is of {old})",
        f"  3 bodies would be removed (kept for 30 days; the oldest is of {new})",
        "This was a dry run: nothing was changed.",
    ]
    assert everything() == before


def test_it_removes_what_the_dry_run_named(tenant, now):
    stored(tenant, now - 500 * DAY)
    stored(tenant, now - 31 * DAY)

    said = purged().splitlines()

    assert said == [
        "banco-sur:",
        "  1 connection with 2 calls removed (kept for 400 days)",
        "  1 event removed (kept for 90 days)",
        "  3 bodies removed (kept for 30 days)",
        "Done.",
    ]
    assert AgentConnection.objects.count() == 1


def test_it_finds_what_was_behind_an_earlier_run_in_the_same_hour(tenant, now):
    purged()
    stored(tenant, now - 40 * DAY)

    assert "3 bodies removed" in purged()


def test_nothing_to_do_is_said(tenant, now):
    stored(tenant, now - DAY)

    assert purged() == "banco-sur: nothing is old enough.\nDone: nothing was old enough.\n"
    assert purged("--dry-run").startswith("banco-sur: nothing is old enough.\n")


def test_without_tenants_there_is_nothing_to_say_of_them():
    assert purged() == "There are no tenants.\n"


def test_one_tenant_alone(tenant, now):
    other = new_tenant("banco-norte")
    stored(tenant, now - 500 * DAY)
    stored(other, now - 500 * DAY)

    said = purged("--tenant", "banco-norte")

    assert "banco-sur" not in said
    assert AgentConnection.objects.get().tenant == tenant


def test_an_unknown_tenant_is_a_mistake_in_one_sentence(tenant):
    with pytest.raises(CommandError, match="There is no tenant “banco-este”"):
        purged("--tenant", "banco-este")


def test_somebody_who_looks_on_sees_it_go(tenant, now):
    stored(tenant, now - 500 * DAY)

    said = purged(out=Terminal())

    assert "\r\x1b[Kbanco-sur: 1 connection, 1 event, 0 bodies ..." in said
    assert "1 connection with 2 calls removed" in said


def test_it_can_be_stopped_and_started_again(tenant, now, monkeypatch):
    stored(tenant, now - 500 * DAY)
    event(tenant, now - 100 * DAY).save()

    def stop(**_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retention.Event.objects, "filter", stop)
        with pytest.raises(CommandError, match=r"Stopped\. What was removed is gone"):
            purged()

    assert not AgentConnection.objects.exists()
    assert "1 event removed" in purged()
    assert not Event.objects.exists()


def test_a_chain_that_somebody_else_wrote_is_named_and_others_go_on(tenant, now, settings):
    seal.append_retention(tenant, now=now)
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    other = new_tenant("banco-norte")
    stored(tenant, now - 500 * DAY)
    stored(other, now - 500 * DAY)

    with pytest.raises(CommandError, match="audit chain of “banco-sur”"):
        purged()

    assert AgentConnection.objects.get().tenant == tenant
