"""The dashboard in use: figures lead to lists, it refreshes itself and can be paused."""

import pytest

SOON = "document.querySelector('#live-dashboard')?.setAttribute('data-live', '0.3')"


@pytest.fixture
def dashboard(sign_in):
    reader = sign_in("operator")
    # It would wait 15 s; said before live.js reads it, which runs when all is parsed.
    reader.page.add_init_script(
        f"document.addEventListener('readystatechange', () => {{ {SOON}; }}, {{ once: true }});"
    )
    reader.go("/admin/")
    return reader


def mark(page):
    page.evaluate("document.querySelector('#live-dashboard').dataset.old = 'yes'")


def wait_for_fresh(page):
    page.wait_for_selector("#live-dashboard:not([data-old])", timeout=20_000)


def test_each_figure_leads_to_a_list_with_as_many(dashboard):
    page = dashboard.page
    figure = page.locator("a.figure", has_text="failed")
    number = int(figure.locator("strong").inner_text())

    figure.click()

    assert page.get_by_role("heading", level=1).inner_text() == "Connections"
    assert number == page.locator("#result_list tbody tr").count()


@pytest.mark.parametrize(
    "place",
    [
        "a.figure >> nth=1",
        "a.figure >> nth=4",  # leads to the same list as the one before
        "#chart-table summary",
        "[aria-labelledby=tenants-heading][tabindex]",
    ],
)
def test_it_refreshes_itself_and_what_was_unfolded_and_focused_stays(dashboard, place):
    page = dashboard.page
    page.locator("#chart-table summary").click()
    page.locator(place).focus()
    page.evaluate("window.scrollTo(0, 120)")
    mark(page)

    wait_for_fresh(page)

    assert page.locator("#chart-table").get_attribute("open") is not None
    assert page.locator(place).evaluate("element => element === document.activeElement")
    assert page.evaluate("scrollY") == 120


def test_it_can_be_paused_and_goes_on(dashboard):
    page = dashboard.page
    page.get_by_role("button", name="Pause refreshing").click()
    mark(page)
    page.wait_for_timeout(1500)
    assert page.locator("#live-dashboard[data-old]").count() == 1

    page.get_by_role("button", name="Refresh again").click()

    wait_for_fresh(page)


def test_it_says_when_it_could_not_be_refreshed(dashboard):
    page = dashboard.page
    page.route("**/admin/", lambda route: route.fulfill(status=503, body=""))

    page.get_by_text("Could not be refreshed").wait_for()

    assert page.locator("#live-dashboard").is_visible()
    page.unroute("**/admin/")
    dashboard.problems.clear()  # the browser reports each 503
