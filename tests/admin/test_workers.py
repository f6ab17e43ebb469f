"""Workers and timetable: read-only, for superusers."""

from datetime import timedelta

import pytest
from django.utils import timezone

from connector import chores
from connector.admin.workers import CHORES as WORDS
from connector.models import Chore, GenesysAccess, Heartbeat, LynnAccess
from tests.admin.conftest import START, make_connection

PAGE = "/admin/workers/"
RINGING = {"state": "checking", "reason": "", "answered_at": None, "final_at": None}


def test_nothing_yet_says_what_to_do(root):
    shown = root.get(PAGE).text

    assert "Start one with ./run worker" in shown
    assert "Nothing has run yet" in shown


def test_it_shows_who_works_and_what_is_overdue(root, tenant):
    now = timezone.now()
    Heartbeat.objects.create(name="one/1", started_at=now, seen_at=now)
    Heartbeat.objects.create(name="two/1", started_at=now, seen_at=now - timedelta(minutes=5))
    make_connection(tenant, due_at=now - timedelta(seconds=90), **RINGING)

    shown = root.get(PAGE).text

    assert "Working" in shown
    assert "Silent" in shown
    assert "90" in shown


def test_it_shows_whose_agents_wait_for_the_limit_of_genesys(root, tenant):
    make_connection(tenant, due_at=timezone.now() - timedelta(seconds=90), **RINGING)
    GenesysAccess.objects.create(tenant=tenant, short_until=timezone.now(), ringing=2000)

    shown = root.get(PAGE).text

    assert "All calls used: agents take turns" in shown
    assert "90" not in shown


def test_it_shows_the_timetable(root):
    now = timezone.now()
    later = now + timedelta(minutes=1)
    Chore.objects.create(name="seal", every=5, due_at=later, finished_at=now, took_ms=12, done=3)
    Chore.objects.create(name="purge", every=3600, due_at=later, problem="disk full")
    Chore.objects.create(name="replay", every=5, due_at=later, lease="0" * 32)
    Chore.objects.create(name="forget_names", every=5, due_at=later)
    Chore.objects.create(name="something_new", every=5, due_at=later)

    shown = root.get(PAGE).text

    assert "Seal the audit trail" in shown
    assert "disk full" in shown
    assert "Running" in shown
    assert "Not yet run" in shown
    assert "Something new" in shown
    assert "1 h" in shown


def test_every_chore_has_its_words():
    assert set(chores.CHORES) == set(WORDS)


def test_it_shows_how_genesys_and_lynn_of_each_tenant_are(root, tenant, foreign):
    now = timezone.now()
    GenesysAccess.objects.create(tenant=tenant, blocked_until=now + timedelta(minutes=1))
    GenesysAccess.objects.create(tenant=foreign, trouble="genesys_credentials_refused")
    LynnAccess.objects.create(
        tenant=tenant, opened_at=START, next_probe_at=START, last_failure="HTTP 503"
    )

    shown = root.get(PAGE).text

    assert "Waits, as Genesys asked" in shown
    assert "Genesys refused the credentials" in shown
    assert "Unreachable" in shown
    assert "HTTP 503" in shown


def test_a_tenant_that_was_never_asked_says_so(root, tenant):
    assert "Not asked yet" in root.get(PAGE).text


@pytest.mark.parametrize("role", ["Tenant admins", "Operators", "Auditors"])
def test_it_is_for_superusers_alone(browser, role):
    assert browser(role).get(PAGE).status_code == 403


@pytest.mark.parametrize("count", [1, 20])
def test_it_costs_the_same_however_many_there_are(
    root, tenant, count, django_assert_max_num_queries
):
    now = timezone.now()
    for number in range(count):
        Heartbeat.objects.create(name=f"one/{number}", started_at=now, seen_at=now)

    with django_assert_max_num_queries(12):
        root.get(PAGE)
