"""Each role walks its main path, with a worker, and with the simulator as Genesys and Lynn."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from urllib.parse import urlsplit

import pytest

from connector.models.token import digest_of
from connector.simulator.names import QUEUE_MANUAL
from connector.simulator.server import Simulator
from connector.simulator.thread import running, wait_until
from tests.browser.conftest import copy_of, tabs
from tests.browser.seed import CLIENT_ID, CLIENT_SECRET
from tests.system.portal import Portal

TENANTS = "/admin/connector/tenant/"
CONNECTIONS = "/admin/connector/agentconnection/"
SOON = 20_000  # milliseconds, far more than anything here takes
BANK = "banco-sur"
TOKEN = "a-token-for-the-simulators-page"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def working(portal, simulator, tmp_path_factory) -> Iterator[Portal]:
    """The seeded portal with workers; Banco del Sur is played, so that its Lynn answers."""
    folder = tmp_path_factory.mktemp("working")
    with copy_of(portal, folder, *_played(simulator, portal.seeded.tenant)) as copy:
        _set_the_stage(copy, simulator, folder)
        copy.environment["PORTAL_DEMO"] = f"test:{folder}"
        copy.serve()
        yield copy


def _played(simulator, tenant):
    url = simulator.genesys_url(BANK)
    addresses = (url, url, simulator.lynn_url(BANK))
    return [
        ("DELETE FROM connector_heartbeat",),
        # The workers seal what has ended, and count it then.
        ("DELETE FROM connector_outcometotal",),
        ("DELETE FROM connector_hourlycount",),
        (
            "UPDATE connector_tenant SET api_url=?, login_url=?, lynn_base_url=? WHERE slug=?",
            *addresses,
            BANK,
        ),
        (
            "UPDATE connector_queue SET genesys_id=? WHERE genesys_id=?",
            _manual(simulator, BANK),
            f"{BANK}-0",
        ),
        (
            "UPDATE connector_webhooktoken SET digest=? WHERE tenant_id=?",
            digest_of(TOKEN),
            tenant,
        ),
    ]


def _manual(simulator, organisation):
    named = {queue.name: queue.id for queue in simulator.queues(organisation)}
    return named[QUEUE_MANUAL]


def _set_the_stage(portal, simulator, folder):
    """What the demo writes down for the simulator's page."""
    simulator.configure(BANK, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    house = {"token": TOKEN, "manual": _manual(simulator, BANK), "automatic": ""}
    stage = {
        "simulator": simulator.url,
        "portal": portal.environment["PORTAL_BASE_URL"],
        "houses": {BANK: house},
    }
    (folder / "stage.json").write_text(json.dumps(stage), "utf-8")


@pytest.fixture
def visit(browser, working, screenshots):
    with tabs(browser, working, screenshots) as open_tab:
        yield open_tab


def button(page, name):
    return page.get_by_role("button", name=name)


def test_an_administrator_sets_up_a_tenant_to_the_first_delivery(visit, working, simulator):
    reader = visit("admin")

    its_page = add_tenant(reader, simulator)
    try_connection(reader)
    adopt_queues(reader)
    address, token = make_token(reader)
    send_test_message(reader)
    conversation = let_an_agent_answer(simulator, address, token)

    reader.go(f"{CONNECTIONS}?q={conversation}")
    reader.page.locator("#result_list tbody a").first.click()
    reader.page.locator(".story .badge-delivered").wait_for(timeout=SOON)
    reader.examine("the first delivery")
    reader.go(its_page)
    assert "First set-up" not in reader.page.locator("main").inner_text()


def add_tenant(reader, simulator):
    page, client = reader.page, simulator.organisation("nuevo").settings
    reader.go(TENANTS)
    page.get_by_role("link", name="Add tenant").click()
    page.get_by_label("Name:", exact=True).fill("Banco Nuevo")
    page.get_by_label("Client id").fill(client.client_id)
    page.get_by_label("Client secret").fill(client.client_secret)
    page.get_by_label("API address").fill(simulator.genesys_url("nuevo"))
    page.get_by_label("Login address").fill(simulator.genesys_url("nuevo"))
    page.get_by_label("Lynn base URL").fill(simulator.lynn_url("nuevo"))
    page.get_by_label("Slug").fill("nuevo")
    button(page, "Save").click()
    page.get_by_text("Next: test the connection").wait_for()
    reader.examine("a tenant just added")
    return urlsplit(page.url).path


def try_connection(reader):
    button(reader.page, "Test connection").click()
    reader.page.locator(".checks").wait_for()
    reader.examine("a connection test")
    assert [] == reader.page.locator(".check-bad").all_inner_texts()


def adopt_queues(reader):
    page = reader.page
    button(page, "Fetch the queues").click()
    page.get_by_text("Adopt all 4 queues").click()
    reader.examine("queues to adopt")
    button(page, "Adopt all").click()
    page.get_by_text("Adopted 4 queues").wait_for()
    page.get_by_role("link", name="Back to the tenant").click()


def make_token(reader):
    page = reader.page
    page.locator("summary", has_text="Make a token").click()
    button(page, "Make a token").click()
    token = page.get_by_label("Token of Banco Nuevo").input_value()
    address = page.get_by_label("Webhook address").input_value()
    reader.examine("a new token")
    page.get_by_role("link", name="I have copied it").click()
    return address, token


def send_test_message(reader):
    page = reader.page
    page.get_by_role("link", name="Send a test message to Lynn").click()
    button(page, "Send the test message").click()
    page.get_by_text("Lynn took the test message").wait_for()
    reader.examine("a test message sent")


def let_an_agent_answer(simulator, address, token):
    run = simulator.play(
        "manual",
        organisation="nuevo",
        webhook=address,
        token=token,
        queue=_manual(simulator, "nuevo"),
        answer_after=1.0,
    )
    wait_until(lambda: run.posts[0].accepted_at)
    return run.posts[0].conversation_id


def test_an_operator_finds_what_failed_and_has_it_delivered(visit, working, simulator):
    reader = visit("operator")
    page = reader.page

    reader.go("/admin/")
    page.locator("#sidebar").get_by_role("link", name="Failed").click()
    group = page.locator("section.waiting", has_text="Banco del Sur")
    group = group.filter(has=page.get_by_role("heading", name="Lynn refused"))
    group.get_by_role("link", name="Look at them").click()
    page.locator(f"#result_list a[href*='{working.seeded.failed}']").first.click()
    reader.examine("a failed connection")
    page.locator("summary", has_text="Deliver again").click()
    page.locator("details.confirm[open] button").click()

    page.locator(".story .badge-delivered").wait_for(timeout=SOON)
    reader.examine("delivered again")
    assert working.seeded.failed in [call.idempotency_key for call in simulator.lynn_calls(BANK)]


def test_an_auditor_reads_a_conversation_of_last_month_and_exports_it(visit, working):
    reader = visit("auditor")
    page = reader.page

    reader.go("/admin/")
    page.get_by_label("Find a conversation by its id").fill(working.seeded.last_month)
    page.keyboard.press("Enter")
    page.wait_for_url("**/agentconnection/?q=*")
    assert 1 == page.locator("#result_list tbody tr").count()
    page.locator("#result_list tbody a").first.click()
    assert "Lynn was told" in page.locator("main").inner_text()
    reader.examine("a conversation of last month")

    reader.go(f"{CONNECTIONS}?q={working.seeded.last_month}")
    page.get_by_role("link", name="Export these").click()
    reader.examine("export of one conversation")
    with page.expect_download() as download:
        button(page, "Download CSV for Excel").click()
    rows = list(csv.DictReader(StringIO(download.value.path().read_text("utf-8-sig"))))
    assert [working.seeded.last_month] == [row["conversation_id"] for row in rows]


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_simulators_page_is_whole_and_without_barriers(visit, language):
    visit("root", language).look(
        "/admin/simulator/", f"simulator-{language}", dark=language == "en"
    )


def test_a_story_is_begun_with_a_button_and_its_timeline_grows(visit):
    reader = visit("root")
    page = reader.page

    reader.go("/admin/simulator/")
    button(page, "Answered after some seconds").click()
    page.wait_for_url(f"**{CONNECTIONS}*/change/", timeout=SOON)
    steps = page.locator(".timeline .step")
    before = steps.count()
    page.locator(".story .badge-delivered").wait_for(timeout=SOON)

    assert before < steps.count()
    reader.examine("a story that was played")
