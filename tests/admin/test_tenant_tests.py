"""Test connection, the test message, and the queues of Genesys: what a person sees and may do."""

import ipaddress

import pytest
from django.contrib.auth.models import Group

from connector.admin.tenant_pages import ROOM
from connector.domain import AnswerMode
from connector.models import AgentConnection, Probe, Queue, Secret, Tenant
from connector.simulator.names import QUEUE_AUTOMATIC, QUEUE_MANUAL, QUEUE_OPEN_ONLY
from connector.simulator.thread import running
from tests.admin.conftest import CLIENT_SECRET, HEADER_SECRET, permission_called

ORG = "banco"


@pytest.fixture(scope="module")
def _simulator():
    with running() as simulator:
        yield simulator


@pytest.fixture
def simulator(_simulator, tenant, settings):
    _simulator.reset()
    settings.ALLOWED_UPSTREAMS = [ipaddress.ip_network("127.0.0.0/8")]
    known = _simulator.organisation(ORG).settings
    Tenant.objects.filter(pk=tenant.pk).update(
        client_id=known.client_id,
        client_secret=Secret.hide(known.client_secret),
        api_url=_simulator.genesys_url(ORG),
        login_url=_simulator.genesys_url(ORG),
        lynn_base_url=_simulator.lynn_url(ORG),
    )
    return _simulator


@pytest.fixture
def client(browser):
    return browser("Tenant admins")


def at(tenant, page):
    return f"/admin/connector/tenant/{tenant.pk}/{page}/"


def test_a_test_is_kept_and_shown_with_times(client, tenant, simulator):
    before = client.get("/admin/connector/tenant/").text
    shown = client.post(at(tenant, "test"), follow=True).text

    [probe] = Probe.objects.all()
    assert ("connection", "good", "Tenant admins@example.com") == (
        probe.kind,
        probe.outcome,
        probe.by_name,
    )
    assert "accepted; Genesys gave the portal a token" in shown
    assert f"{probe.result['steps'][1]['ms']} ms" in shown
    assert "not tested yet" in before
    assert 'dot dot-good">OK' in client.get("/admin/connector/tenant/").text


def test_a_test_from_before_the_last_change_says_so(client, tenant, simulator):
    client.post(at(tenant, "test"))
    fresh = client.get(at(tenant, "change")).text
    Tenant.objects.get().save()

    old = client.get(at(tenant, "change")).text

    said = "Settings were saved after this test."
    assert (False, True) == (said in fresh, said in old)


def refused_by(tenant, host, said=""):
    """A test in which this host did."""
    step = {"name": "token", "tone": "bad", "finding": "credentials_refused", "ms": 90}
    step |= {"said": said, "facts": {"host": host}}
    now = "2026-10-12T14:00Z"
    Probe.objects.create(
        tenant=tenant, kind="connection", at=now, outcome="bad", result={"steps": [step]}
    )


@pytest.mark.parametrize("api_url", ["", "https://api.genesys.example.com"])
def test_a_refused_login_is_shown_with_the_regions_to_compare(client, tenant, api_url):
    Tenant.objects.update(api_url=api_url)
    refused_by(tenant, "login.mypurecloud.com")

    shown = client.get(at(tenant, "change")).text

    assert "A wrong region looks exactly like a wrong secret" in shown
    assert "The region here is mypurecloud.com" in shown
    assert "All regions, to compare" in shown


def test_where_a_login_address_is_entered_it_is_what_was_refused(client, tenant):
    Tenant.objects.update(login_url="https://login.genesys.example.com")
    refused_by(tenant, "login.genesys.example.com")

    shown = client.get(at(tenant, "change")).text

    assert "the client secret or the login address is wrong" in shown
    assert "The portal asked login.genesys.example.com" in shown
    assert "The region here is" not in shown
    assert "All regions, to compare" not in shown


def a_token_was_not_taken(tenant):
    step = {"name": "agent_state", "tone": "bad", "finding": "token_refused", "ms": 90}
    step |= {"said": "", "facts": {"host": "api.mypurecloud.com"}}
    now = "2026-10-12T14:00Z"
    Probe.objects.create(
        tenant=tenant, kind="connection", at=now, outcome="bad", result={"steps": [step]}
    )


def test_addresses_are_to_be_compared_where_one_is_entered_only(client, tenant):
    a_token_was_not_taken(tenant)
    without = client.get(at(tenant, "change")).text
    Tenant.objects.update(login_url="https://login.mypurecloud.ie")

    with_one = client.get(at(tenant, "change")).text

    assert "compare the API address and the login address" not in without
    assert "whether the client is still active there" in " ".join(without.split())
    came = "The token came from login.mypurecloud.ie and was shown to api.mypurecloud.com."
    assert came in with_one


def test_technical_detail_of_ours_is_told_in_the_readers_language(client, tenant):
    client.cookies["django_language"] = "es"
    said = "api.example.com is at 10.0.0.7, which is not a public address; if it is meant, add "
    refused_by(tenant, "x", said + "its network to PORTAL_ALLOWED_UPSTREAMS.")

    shown = client.get(at(tenant, "change")).text

    assert "api.example.com está en 10.0.0.7" in shown
    assert "public address" not in shown


def test_a_wrong_secret_stops_what_needs_it(client, tenant, simulator):
    Tenant.objects.update(client_secret=Secret.hide("wrong"))

    shown = client.post(at(tenant, "test"), follow=True).text

    assert "“Genesys: client id and secret” has to be mended first" in shown
    assert 'dot dot-bad">Failed' in client.get("/admin/connector/tenant/").text


@pytest.mark.parametrize(
    ("permission", "remedy"),
    [
        ("agent_state", "Analytics &gt; Agent State &gt; View"),
        ("names", "Analytics &gt; Agent State Names &gt; View"),
        ("queues", "Routing &gt; Queue &gt; View"),
    ],
)
def test_what_is_missing_comes_with_where_to_add_it(client, tenant, simulator, permission, remedy):
    simulator.configure(ORG, **{permission: False})

    assert remedy in client.post(at(tenant, "test"), follow=True).text


def test_every_finding_has_words(client, tenant, simulator):
    simulator.misbehave(ORG, "me", "html")
    simulator.misbehave(ORG, "queues", "status", status=503)
    simulator.lynn_misbehaves(ORG, "status", status=302)

    shown = client.post(at(tenant, "test"), follow=True).text

    assert "but not as Genesys Cloud does" in shown
    assert "answers, but is out of order" in shown
    assert "Redirects are never followed" in shown
    assert "%(" not in shown


def test_tests_beyond_the_last_fifty_are_forgotten(client, tenant, simulator):
    for _ in range(60):
        Probe.objects.create(
            tenant=tenant, kind="connection", at="2026-10-12T14:00Z", outcome="good", result={}
        )

    client.post(at(tenant, "test"))

    assert Probe.objects.count() == 50


def test_the_message_page_says_what_will_happen_before_it_does(client, tenant, simulator):
    shown = client.get(at(tenant, "message")).text

    assert simulator.lynn_url(ORG) in shown
    assert "eventAgentConnect" in shown
    assert "What the other side will see" in shown
    assert [] == simulator.lynn_calls(ORG)


def test_a_test_message_is_sent_and_kept_but_is_no_connection(client, tenant, simulator):
    shown = client.post(at(tenant, "message/send"), follow=True).text

    [call] = simulator.lynn_calls(ORG)
    assert call.acted
    assert call.body["conversationId"] in shown
    assert "Lynn took the test message" in shown
    assert ("message", "good") == Probe.objects.values_list("kind", "outcome").get()
    assert AgentConnection.objects.count() == 0


def test_a_test_message_that_is_refused_is_shown_with_the_answer(client, tenant, simulator):
    simulator.lynn_misbehaves(ORG, "status", status=401)

    shown = client.post(at(tenant, "message/send"), follow=True).text

    assert "Lynn did not take the test message" in shown
    assert "lynn_error" in shown


def test_a_test_message_in_shadow_mode_is_announced_as_an_exception(client, tenant, simulator):
    Tenant.objects.update(mode="shadow")

    assert "in shadow mode" in client.get(at(tenant, "message")).text


def test_without_readable_headers_no_message_is_sent(client, tenant, simulator):
    Tenant.objects.update(lynn_headers=Secret("broken"))

    shown = client.post(at(tenant, "message/send"), follow=True).text

    assert "Nothing was sent" in shown
    assert [] == simulator.lynn_calls(ORG)


def fetch(client, tenant):
    return client.post(at(tenant, "queues/fetch"), follow=True).text


def genesys_ids(simulator):
    return {queue.name: queue.id for queue in simulator.queues(ORG)}


def test_queues_are_fetched_page_by_page_with_how_they_answer(client, tenant, simulator):
    for number in range(150):
        simulator.add_queue(ORG, f"Cola {number}")

    shown = fetch(client, tenant)

    known = {each["name"]: each["auto"] for each in Probe.objects.get().result["queues"]}
    assert len(known) == len(simulator.queues(ORG))
    assert (False, True, True) == (
        known[QUEUE_MANUAL],
        known[QUEUE_AUTOMATIC],
        known[QUEUE_OPEN_ONLY],
    )
    assert "Adopt all" in shown


def test_the_subtype_open_goes_before_all_messages(client, tenant, simulator):
    simulator.add_queue(ORG, "Nur Open", auto_answer=True, auto_answer_open=False)

    fetch(client, tenant)

    known = {each["name"]: each["auto"] for each in Probe.objects.get().result["queues"]}
    assert known["Nur Open"] is False


def test_both_sides_stand_side_by_side(client, tenant, simulator):
    ids = genesys_ids(simulator)
    tenant.queues.create(genesys_id=ids[QUEUE_MANUAL], name=QUEUE_MANUAL, answer_mode="manual")
    tenant.queues.create(genesys_id=ids[QUEUE_AUTOMATIC], name="Sales", answer_mode="manual")
    tenant.queues.create(genesys_id="only-here", name="Old one")

    shown = fetch(client, tenant)

    assert ("the same", "differs", "only in Genesys", "only here") == tuple(
        word for word in ("the same", "differs", "only in Genesys", "only here") if word in shown
    )


def test_one_click_adopts_one_queue(client, tenant, simulator):
    ids = genesys_ids(simulator)
    fetch(client, tenant)

    client.post(at(tenant, "queues/adopt"), {"queue": ids[QUEUE_OPEN_ONLY]})

    [queue] = tenant.queues.all()
    tenant.refresh_from_db()
    assert (QUEUE_OPEN_ONLY, AnswerMode.AUTO, True) == (
        queue.name,
        queue.answer_mode,
        queue.enabled,
    )
    assert tenant.version == 2
    assert ["Tenant admins@example.com"] == [row.author for row in Queue.history.all()]


def test_adopting_all_again_changes_nothing(client, tenant, simulator):
    ids = genesys_ids(simulator)
    tenant.queues.create(genesys_id=ids[QUEUE_AUTOMATIC], answer_mode="manual", enabled=False)
    fetch(client, tenant)

    for _ in range(2):
        client.post(at(tenant, "queues/adopt"), {"queue": list(ids.values())})

    tenant.refresh_from_db()
    assert (len(ids), 2) == (tenant.queues.count(), tenant.version)
    adopted = tenant.queues.get(genesys_id=ids[QUEUE_AUTOMATIC])
    assert (AnswerMode.AUTO, False) == (adopted.answer_mode, adopted.enabled)


def test_adopting_needs_the_rights_to_add_and_to_change(client, tenant, simulator):
    ids = genesys_ids(simulator)
    fetch(client, tenant)
    group = Group.objects.get(name="Tenant admins")
    group.permissions.remove(permission_called("add_queue"))

    answer = client.post(at(tenant, "queues/adopt"), {"queue": list(ids.values())})

    assert (403, 0) == (answer.status_code, tenant.queues.count())
    assert "queues/adopt" not in client.get(at(tenant, "queues")).text


def test_only_what_was_fetched_can_be_adopted(client, tenant, simulator):
    fetch(client, tenant)

    client.post(at(tenant, "queues/adopt"), {"queue": "made-up"})

    assert tenant.queues.count() == 0


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ({"queues": False}, "Routing &gt; Queue &gt; View"),
        ({"client_secret": "other"}, "Check the region (or the login address"),
    ],
)
def test_a_fetch_that_fails_says_what_to_do(client, tenant, simulator, wrong, remedy):
    simulator.configure(ORG, **wrong)

    shown = fetch(client, tenant)

    assert "could not be fetched" in shown
    assert remedy in shown


def test_a_token_that_ended_meanwhile_is_replaced(client, tenant, simulator):
    fetch(client, tenant)
    simulator.revoke_tokens(ORG)

    fetch(client, tenant)

    assert ["good", "good"] == list(Probe.objects.values_list("outcome", flat=True))
    assert simulator.calls(ORG)["token"] == 2


def test_a_secret_that_cannot_be_read_is_said_so(client, tenant, simulator):
    Tenant.objects.update(client_secret=Secret("broken"))

    assert "PORTAL_FIELD_KEYS" in fetch(client, tenant)


def test_the_pages_say_what_to_do_before_anything_was_tried(client, tenant):
    assert "Not fetched yet" in client.get(at(tenant, "queues")).text
    assert "None has been sent yet" in client.get(at(tenant, "message")).text
    assert "has not been tested yet" in client.get(at(tenant, "change")).text


ACTS = ["test", "message/send", "queues/fetch", "queues/adopt", "pause", "resume", "preview"]


@pytest.mark.parametrize("role", ["Operators", "Auditors"])
def test_acting_needs_its_permission(browser, tenant, role):
    client = browser(role)

    assert {403} == {client.post(at(tenant, act)).status_code for act in ACTS}
    assert client.get(at(tenant, "message")).status_code == 403
    assert client.get(at(tenant, "queues")).status_code == 200
    assert Probe.objects.count() == 0


def test_foreign_tenants_are_out_of_reach(client, foreign):
    pages = ["message", "queues", "history"]

    assert {404} == {client.post(at(foreign, act)).status_code for act in ACTS}
    assert {404, 302} >= {client.get(at(foreign, each)).status_code for each in pages}
    assert Probe.objects.count() == 0


def test_nothing_is_done_by_looking(client, tenant, simulator):
    assert {302} == {client.get(at(tenant, act)).status_code for act in ACTS}

    tenant.refresh_from_db()
    assert (0, [], True) == (Probe.objects.count(), simulator.lynn_calls(ORG), tenant.enabled)
    assert 0 == sum(simulator.calls(ORG).values())


def test_no_secret_is_on_these_pages(client, tenant, simulator):
    Tenant.objects.update(client_secret=Secret.hide(CLIENT_SECRET))
    client.post(at(tenant, "test"))
    client.post(at(tenant, "message/send"))
    fetch(client, tenant)

    shown = "".join(client.get(at(tenant, each)).text for each in ("change", "message", "queues"))

    for secret in (CLIENT_SECRET, HEADER_SECRET):
        assert secret not in shown
        assert secret not in str(list(Probe.objects.values_list("result", flat=True)))


def test_hanging_hosts_do_not_take_all_threads(client, tenant, simulator):
    ROOM.acquire()
    ROOM.acquire()
    try:
        shown = client.post(at(tenant, "test"), follow=True).text
    finally:
        ROOM.release()
        ROOM.release()

    assert "Other tests are running" in shown
    assert Probe.objects.count() == 0
    assert "reached" in client.post(at(tenant, "test"), follow=True).text
