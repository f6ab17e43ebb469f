"""The seed is what it says, and each page of the benchmark opens for each reader."""

from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db.models import Count

from connector.models import AgentConnection, Attempt, Event, HourlyCount
from tests.benchmarks.volume.measure import measure
from tests.benchmarks.volume.pages import people
from tests.benchmarks.volume.report import report
from tests.benchmarks.volume.seed import seed
from tests.benchmarks.volume.year import DAYS, OPEN_NOW

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 28, 16, 0, tzinfo=UTC)


def test_each_connection_has_three_attempts_on_average_and_is_counted_once() -> None:
    seed(1000, NOW)

    final = AgentConnection.objects.filter(due_at=None).count()
    assert (1000 - OPEN_NOW, 3000) == (final, Attempt.objects.count())
    assert final == sum(HourlyCount.objects.values_list("count", flat=True))
    assert 1000 == Event.objects.filter(outcome="opened").count()


def test_it_is_spread_over_days_tenants_and_states() -> None:
    seed(1000, NOW)

    rows = AgentConnection.objects.order_by()
    days = {at.date() for at in rows.values_list("received_at", flat=True)}
    spread = rows.aggregate(
        tenants=Count("tenant", distinct=True), states=Count("state", distinct=True)
    )
    assert DAYS * 0.8 < len(days)
    assert 30 < spread["tenants"]
    assert 8 == spread["states"]


def test_every_page_opens_for_every_reader_and_is_told(settings, tmp_path) -> None:
    settings.STATIC_ROOT, settings.SECURE_SSL_REDIRECT = tmp_path, False
    call_command("createcachetable", verbosity=0)
    seed(1000, datetime.now(UTC))

    pages = [
        figures for words, user in people().items() for figures in measure(user, words, rounds=1)
    ]

    export = [{"form": "csv", "rows": 10, "seconds": 1.0, "memory": 0.5}]
    web = [{"page": "dashboard", "ready": 1.0, "first": 50.0, "next": 40.0}]
    told = report(
        {"database": "sqlite", "seconds": 1, "pages": pages, "export": export, "web": web}
    )
    assert all(name in told for name in ("list, first page", "API, one record", "auditor of 5"))
