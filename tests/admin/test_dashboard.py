"""The dashboard: what it counts, whom it shows what, and what it costs."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from connector import attention
from connector.admin.chart import SERIES, stacked
from connector.audit import counts
from connector.audit.counts import Ending
from connector.domain import REASONS, Reason, State
from connector.models import AgentConnection, GenesysAccess, Heartbeat, Secret, Trouble
from tests.admin.conftest import make_connection, make_tenant

DASHBOARD = "/admin/"


@pytest.fixture
def worker():
    now = timezone.now()
    return Heartbeat.objects.create(name="portal-1/1", started_at=now, seen_at=now)


def count(tenant, state, reason, times=1, told_after_ms=None):
    ending = Ending(timezone.now(), state, reason, told_after_ms)
    counts.note(tenant.pk, [ending] * times)


def shown(client):
    return " ".join(client.get(DASHBOARD).text.split())


def test_the_figures_count_what_ended_and_what_is_still_open(root, tenant, worker):
    count(tenant, State.DELIVERED, Reason.DELIVERED, 4, told_after_ms=80)
    count(tenant, State.NOT_ANSWERED, Reason.GAVE_UP, 3)
    count(tenant, State.FAILED, Reason.LYNN_REFUSED, 2)
    opened = timezone.now()
    make_connection(
        tenant,
        received_at=opened,
        state=State.CHECKING,
        reason="",
        answered_at=None,
        final_at=None,
        due_at=opened,
    )

    page = shown(root)

    assert "<strong>10</strong> <span>received, 1 still open</span>" in page
    assert "<strong>4</strong> <span>delivered</span>" in page
    assert "<strong>3</strong> <span>not answered</span>" in page
    assert "<strong>2</strong> <span>failed</span>" in page
    assert "median time to tell Lynn" in page


def test_large_numbers_are_written_in_groups_everywhere(root, tenant, worker):
    count(tenant, State.DELIVERED, Reason.DELIVERED, 123_456, told_after_ms=80)

    assert shown(root).count("123,456") == 4  # two figures, the tenant, the hour
    assert "123456" not in shown(root)


def test_each_figure_leads_to_its_list(root, tenant, worker):
    for state in ("delivered", "not_answered", "failed"):
        count(tenant, State.DELIVERED, Reason.DELIVERED)
        page = shown(root)
        link = page.split(f"state={state}&amp;since=")[1].split('"')[0]

        answer = root.get(f"/admin/connector/agentconnection/?state={state}&since={link}")

        assert answer.status_code == 200


def test_what_was_only_shadowed_is_a_figure_of_its_own(root, tenant, worker):
    assert "shadowed" not in shown(root)

    count(tenant, State.SHADOWED, Reason.WOULD_DELIVER, 3)
    count(tenant, State.DELIVERED, Reason.DELIVERED, 2)

    page = shown(root)
    assert "<strong>2</strong> <span>delivered</span>" in page
    assert "<strong>3</strong> <span>shadowed</span>" in page
    assert "state=shadowed&amp;since=" in page


def test_what_a_person_opened_again_after_days_was_not_received_today(root, tenant, worker):
    columns = {"state": State.DELIVERING, "reason": "", "final_at": None}
    now = timezone.now()
    make_connection(tenant, received_at=now - timedelta(days=3), due_at=now, **columns)

    assert "<strong>0</strong> <span>received</span>" in shown(root)


def test_the_numbers_of_a_tenant_lead_to_their_lists(root, tenant, worker):
    count(tenant, State.FAILED, Reason.LYNN_REFUSED, 2)
    made = make_connection(tenant, received_at=timezone.now())
    make_connection(make_tenant("other"), received_at=timezone.now())

    link = shown(root).split("?tenant=banco-sur&amp;state=failed&amp;")[1].split('"')[0]
    rows = root.get(f"/admin/connector/agentconnection/?tenant=banco-sur&state=failed&{link}")

    assert [made] == list(rows.context["cl"].result_list)


@pytest.mark.parametrize("tenants", [1, 12])
def test_it_costs_the_same_however_much_there_is(
    browser, tenant, worker, tenants, django_assert_num_queries
):
    client = browser("Operators")
    for number in range(tenants):
        other = make_tenant(f"tenant-{number}")
        other.people.add(User.objects.get(groups__name="Operators"))
        count(other, State.FAILED, Reason.LYNN_REFUSED, 3)
        make_connection(other, number)

    # session, user, permissions (2), tenants (2), counts per tenant (2), what waits (2), troubles,
    # totals, open, times, per hour, workers, oldest work
    with django_assert_num_queries(17):
        client.get(DASHBOARD)


def test_nothing_of_foreign_tenants_is_counted_or_named(browser, tenant, foreign, worker):
    count(foreign, State.FAILED, Reason.LYNN_REFUSED, 7777)
    make_connection(foreign)
    Trouble.objects.create(tenant=foreign, kind="lynn_unreachable", since=timezone.now())

    page = shown(browser("Operators"))

    assert "Banco del Sur" in page
    assert "Clínica Andina" not in page
    assert "7,777" not in page
    assert "Nothing waits for a person." in page


def test_whoever_may_see_all_tenants_sees_all_on_it(browser, tenant, foreign, worker):
    count(foreign, State.FAILED, Reason.LYNN_REFUSED, 7777)

    page = shown(browser("Auditors", "view_all_tenants"))

    assert "Clínica Andina" in page
    assert "7,777" in page


def test_the_worst_tenant_comes_first_and_says_why(root, tenant, foreign, worker):
    count(tenant, State.DELIVERED, Reason.DELIVERED, 20)
    count(foreign, State.FAILED, Reason.LYNN_REFUSED, 2)
    make_connection(foreign)

    page = shown(root)

    assert page.index("Clínica Andina</a>") < page.index("Banco del Sur</a>")
    assert "2 of 2 failed or came too late: Lynn refused the message" in page


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"trouble": Reason.GENESYS_CREDENTIALS_REFUSED}, "Genesys refused the credentials"),
        ({"names_missing_since": datetime(2026, 10, 12, tzinfo=UTC)}, "names are missing"),
    ],
)
def test_trouble_with_genesys_is_a_reason(root, tenant, worker, columns, words):
    GenesysAccess.objects.create(tenant=tenant, **columns)

    assert words in shown(root)


def test_trouble_with_lynn_is_a_reason_until_it_is_over(root, tenant, worker):
    trouble = Trouble.objects.create(
        tenant=tenant, kind="lynn_unreachable", since=timezone.now() - timedelta(hours=1)
    )
    assert "Lynn cannot be reached" in shown(root)

    trouble.until = timezone.now()
    trouble.save()

    assert "Lynn cannot be reached" not in shown(root)


def test_a_tenant_whose_lynn_is_gone_comes_before_one_where_some_failed(
    root, tenant, foreign, worker
):
    count(foreign, State.FAILED, Reason.LYNN_REFUSED, 2)
    Trouble.objects.create(tenant=tenant, kind="lynn_unreachable", since=timezone.now())

    page = shown(root)

    assert page.index("Banco del Sur</a>") < page.index("Clínica Andina</a>")


def test_all_that_hinders_a_tenant_is_named(root, tenant, worker):
    Trouble.objects.create(tenant=tenant, kind="bulk_query_refused", since=timezone.now())
    assert "Look</span><p>Genesys refuses the query for several agents</p>" in shown(root)

    Trouble.objects.create(tenant=tenant, kind="lynn_unreachable", since=timezone.now())
    GenesysAccess.objects.create(tenant=tenant, trouble=Reason.GENESYS_CREDENTIALS_REFUSED)

    assert "Lynn cannot be reached; Genesys refused the credentials" in shown(root)


def test_what_failed_yesterday_and_still_waits_is_a_reason(root, tenant, worker):
    make_connection(tenant)

    assert "1 from before waits for a person: Lynn refused the message" in shown(root)


def test_a_tenant_that_is_off_quiet_or_in_shadow_mode_says_so(root, tenant, worker):
    make_tenant("off", enabled=False)
    count(make_tenant("shadow", mode="shadow"), State.SHADOWED, Reason.WOULD_DELIVER)

    page = shown(root)

    assert "Switched off: its events are refused" in page
    assert "Nothing received" in page
    assert "Shadow mode: Lynn is not told" in page


def test_what_needs_a_person_is_grouped(root, tenant, worker):
    make_connection(tenant, 1)
    make_connection(tenant, 2)

    page = shown(root)

    assert "2 × Lynn refused the message" in page
    assert f"tenant={tenant.slug}&amp;reason=lynn_refused&amp;waiting=on" in page


@pytest.mark.parametrize("state", [state for state in State if not state.is_open])
def test_whatever_waits_for_a_person_is_in_its_groups(tenant, state):
    for number, reason in enumerate(REASONS[state]):
        make_connection(tenant, number, state=state, reason=reason)
    make_connection(tenant, 99, acknowledged_at=timezone.now())
    rows = AgentConnection.objects.all()

    grouped = {group.reason: group.count for group in attention.groups(rows)}

    assert grouped == Counter(attention.waiting(rows).values_list("reason", flat=True))


def test_everybody_is_told_when_no_worker_lives(browser, tenant, worker):
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=1))

    assert "No worker is alive" in shown(browser("Auditors"))


def test_everybody_is_told_when_work_is_late(browser, tenant, worker):
    make_connection(
        tenant,
        state=State.CHECKING,
        reason="",
        answered_at=None,
        final_at=None,
        due_at=timezone.now() - timedelta(minutes=5),
    )

    assert "Work is late" in shown(browser("Auditors"))


def test_everybody_is_told_when_a_stored_secret_cannot_be_read(browser, tenant, worker):
    tenant.client_secret = Secret("nothing-that-a-key-of-ours-has-made")
    tenant.save()

    page = shown(browser("Auditors"))

    assert "Stored secrets cannot be read (Banco del Sur)" in page
    assert "enter it again" in page


def test_names_of_machines_are_for_those_who_may_see_workers(root, browser, tenant, worker):
    assert "portal-1/1" in shown(root)
    assert "portal-1/1" not in shown(browser("Operators"))


def test_a_new_portal_says_how_to_begin(root):
    assert "Add a tenant" in shown(root)


def test_whoever_may_see_nothing_is_told_whom_to_ask(tenant):
    client = Client()
    client.force_login(User.objects.create_user("new@example.com", is_staff=True))

    page = shown(client)

    assert "Ask an administrator" in page
    assert "Banco" not in page


def test_bars_stand_on_each_other_and_reach_the_top():
    hour = datetime(2026, 10, 12, 14, tzinfo=UTC)

    chart = stacked([hour], {hour: {State.DELIVERED: 3, State.NOT_ANSWERED: 1, State.FAILED: 1}})

    [bar] = chart.bars
    assert [3, 1, 0, 1] == list(bar.numbers)
    assert ["good", "warn", "bad"] == [piece.tone for piece in bar.pieces]
    assert chart.floor == bar.pieces[0].y + bar.pieces[0].height
    assert chart.ceiling == bar.pieces[-1].y
    assert chart.top == 5


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (3, 3), (7, 8), (9, 10), (11, 20), (201, 300)]
)
def test_the_axis_ends_in_a_number_that_one_can_read(most, top):
    hour = datetime(2026, 10, 12, 14, tzinfo=UTC)

    assert top == stacked([hour], {hour: {State.DELIVERED: most}}).top


def test_every_final_state_has_its_place_in_the_bars():
    drawn = [state for series in SERIES for state in series.states]

    assert sorted(state for state in State if not state.is_open) == sorted(drawn)
