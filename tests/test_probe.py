"""Test connection: each step against a Genesys and a Lynn that are right, and that are not."""

import ipaddress
import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from connector import probe
from connector.domain import Reason
from connector.models import AgentConnection, GenesysAccess, Secret, Tenant
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
    tenant = Tenant(
        slug="banco-sur",
        name="Banco del Sur",
        client_id=known.client_id,
        client_secret=known.client_secret,
        api_url=simulator.genesys_url(ORG),
        login_url=simulator.genesys_url(ORG),
        lynn_base_url=simulator.lynn_url(ORG),
    )
    tenant.extra_headers = {"X-Lynn-Key": "header-secret"}
    tenant.save()
    return tenant


def run(tenant):
    tenant.refresh_from_db()
    return {step.name: step for step in probe.run(tenant, timezone.now)}


def found(steps):
    return {name: (step.tone, step.finding) for name, step in steps.items()}


def test_where_all_is_right_every_step_is_good(tenant, simulator):
    steps = run(tenant)

    assert {
        "genesys_host": ("good", "reached_plainly"),
        "token": ("good", "issued"),
        "agent_state": ("good", "agents_seen"),
        "agent_names": ("good", "named"),
        "queues": ("good", "queues_seen"),
        "lynn_host": ("good", "reached_plainly"),
        "lynn_answer": ("good", "answered"),
    } == found(steps)
    assert steps["queues"].facts == {"queues": len(simulator.queues(ORG))}
    assert "good" == probe.worst(steps.values())
    assert all(steps[name].ms is not None for name in ("genesys_host", "token", "lynn_answer"))


def test_lynn_is_told_of_nobody(tenant, simulator):
    run(tenant)

    [call] = simulator.lynn_calls(ORG)
    assert ("OPTIONS", False, "") == (call.method, call.acted, call.body)
    assert call.headers["x-lynn-key"] == "header-secret"


def test_a_wrong_secret_ends_the_steps_of_genesys(tenant):
    Tenant.objects.update(client_secret=Secret.hide("wrong"))

    steps = run(tenant)

    assert ("bad", "credentials_refused") == found(steps)["token"]
    for name in ("agent_state", "agent_names", "queues"):
        assert ("still", "not_tried") == found(steps)[name]
        assert {"because": "token"} == steps[name].facts
    assert ("good", "answered") == found(steps)["lynn_answer"]
    assert GenesysAccess.objects.get().trouble == Reason.GENESYS_CREDENTIALS_REFUSED


def test_a_test_that_succeeds_takes_the_note_of_the_trouble_away(tenant):
    GenesysAccess.objects.create(tenant=tenant, trouble=Reason.GENESYS_CREDENTIALS_REFUSED)

    run(tenant)

    assert GenesysAccess.objects.get().trouble == ""


@pytest.mark.parametrize(
    ("secret", "finding"), [("", "no_secret"), (Secret("broken"), "secret_unreadable")]
)
def test_a_secret_that_is_not_there_is_not_sent(tenant, simulator, secret, finding):
    Tenant.objects.update(client_secret=secret)

    assert ("bad", finding) == found(run(tenant))["token"]
    assert simulator.calls(ORG)["token"] == 0


@pytest.mark.parametrize(
    ("permission", "step", "expected"),
    [
        ("agent_state", "agent_state", ("bad", "permission_missing")),
        ("agent_state", "agent_names", ("still", "not_tried")),
        ("agent_state", "queues", ("good", "queues_seen")),
        ("names", "agent_state", ("good", "agents_seen")),
        ("names", "agent_names", ("warn", "names_missing")),
        ("queues", "queues", ("warn", "permission_missing")),
    ],
)
def test_each_missing_permission_is_named(tenant, simulator, permission, step, expected):
    simulator.configure(ORG, **{permission: False})

    assert expected == found(run(tenant))[step]


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("is_known", [True, False])
def test_where_only_the_query_for_several_is_refused_one_agent_is_asked_for(
    tenant, simulator, status, is_known
):
    simulator.misbehave(ORG, "query", "status", status=status)
    if is_known:
        AgentConnection.objects.create(
            tenant=tenant,
            user_id=simulator.agents(ORG)[0].id,
            received_at=timezone.now(),
            offered_at=timezone.now(),
            give_up_at=timezone.now(),
            state="ignored",
            reason="no_queue",
        )

    steps = run(tenant)

    assert ("warn", "one_by_one") == found(steps)["agent_state"]
    expected = ("good", "named") if is_known else ("still", "not_tried")
    assert expected == found(steps)["agent_names"]
    assert GenesysAccess.objects.get().trouble == ""


def test_the_missing_names_are_noted_for_the_portal_too(tenant, simulator):
    simulator.configure(ORG, names=False)

    run(tenant)

    assert GenesysAccess.objects.get().names_missing_since


def test_names_that_are_given_for_some_agents_only_are_counted(tenant, simulator):
    simulator.add_agents(ORG, "Itzel", named=False)

    step = run(tenant)["agent_names"]

    assert ("warn", "some_names_missing") == (step.tone, step.finding)
    assert step.facts["named"] == step.facts["agents"] - 1


def test_an_organisation_that_shows_no_agents_gets_a_remark(tenant, simulator):
    simulator.organisation(ORG).world.agents.clear()

    steps = run(tenant)

    assert ("warn", "no_agents") == found(steps)["agent_state"]
    assert ("still", "not_tried") == found(steps)["agent_names"]


def test_an_organisation_that_shows_no_queues_gets_a_remark(tenant, simulator):
    simulator.organisation(ORG).world.queues.clear()

    assert ("warn", "no_queues") == found(run(tenant))["queues"]


def test_something_else_at_the_address_is_not_taken_for_genesys(tenant, simulator):
    simulator.misbehave(ORG, "me", "html")

    assert ("warn", "not_genesys") == found(run(tenant))["genesys_host"]


@pytest.mark.parametrize(
    ("status", "kind", "step", "finding"),
    [
        (503, "token", "token", "out_of_order"),
        (429, "token", "token", "busy"),
        (401, "query", "agent_state", "token_refused"),
        (504, "query", "agent_state", "out_of_order"),
    ],
)
def test_what_genesys_answers_instead_is_told_apart(tenant, simulator, status, kind, step, finding):
    simulator.misbehave(ORG, kind, "status", status=status)

    assert ("bad", finding) == found(run(tenant))[step]


@pytest.mark.parametrize(
    ("address", "finding"),
    [
        ("https://nothing.invalid", "name"),
        ("http://127.0.0.1:1", "connection"),
        ("http://10.1.2.3", "not_allowed"),
    ],
)
def test_an_address_where_nothing_is(tenant, address, finding):
    Tenant.objects.update(api_url=address, lynn_base_url=address)

    steps = run(tenant)

    assert ("bad", finding) == found(steps)["genesys_host"]
    assert ("still", "not_tried") == found(steps)["token"]
    assert ("bad", finding) == found(steps)["lynn_host"]
    assert ("still", "not_tried") == found(steps)["lynn_answer"]


def test_headers_that_cannot_be_read_are_not_sent(tenant, simulator):
    Tenant.objects.update(lynn_headers=Secret("broken"))

    assert ("bad", "secret_unreadable") == found(run(tenant))["lynn_host"]
    assert [] == simulator.lynn_calls(ORG)


@pytest.mark.parametrize(
    ("status", "tone", "finding"),
    [
        (200, "good", "answered"),
        (501, "good", "answered"),
        (401, "warn", "not_let_in"),
        (404, "warn", "not_found"),
        (429, "warn", "busy"),
        (302, "bad", "redirected"),
        (502, "bad", "out_of_order"),
    ],
)
def test_what_lynn_answers_to_the_question(tenant, simulator, status, tone, finding):
    simulator.lynn_misbehaves(ORG, "status", status=status)

    assert (tone, finding) == found(run(tenant))["lynn_answer"]


def test_calls_come_out_of_the_budget(tenant):
    run(tenant)
    access = GenesysAccess.objects.get()
    most = access.allowed_per_minute * 0.15

    assert access.calls_left == pytest.approx(most - 4, abs=1)


def test_where_genesys_asked_to_wait_nothing_is_asked(tenant, simulator):
    GenesysAccess.objects.create(
        tenant=tenant, blocked_until=timezone.now() + timedelta(seconds=42)
    )

    steps = run(tenant)

    assert ("still", "no_budget") == found(steps)["genesys_host"]
    assert 42 <= steps["genesys_host"].facts["wait"] <= 43
    assert 0 == sum(simulator.calls(ORG).values())
    assert ("good", "answered") == found(steps)["lynn_answer"]


def test_no_secret_is_in_what_is_kept(tenant, simulator):
    kept = json.dumps([step.as_json() for step in probe.run(tenant, timezone.now)])

    assert "header-secret" not in kept
    assert simulator.organisation(ORG).settings.client_secret not in kept


def test_a_test_message_says_of_itself_that_it_is_one(tenant, simulator):
    key = uuid.uuid4()

    outcome, kept = probe.message(tenant, key)

    [call] = simulator.lynn_calls(ORG)
    assert ("good", True, str(key)) == (outcome, call.acted, call.idempotency_key)
    assert set(call.body) == {
        "conversationId",
        "userId",
        "userName",
        "type",
        "provider",
        "externalId",
    }
    assert all(
        value.lower().startswith("test") for name, value in call.body.items() if name != "type"
    )
    assert "header-secret" not in json.dumps(kept)
    assert json.loads(kept["request_body"]) == call.body


def test_a_test_message_that_lynn_refuses_is_kept_with_its_answer(tenant, simulator):
    simulator.lynn_misbehaves(ORG, "status", status=401)

    outcome, kept = probe.message(tenant, uuid.uuid4())

    assert ("bad", 401) == (outcome, kept["status"])
    assert "lynn_error" in kept["body"]
