"""What concerns everybody stands on top of the dashboard, in both languages."""

import pytest

from tests.browser.conftest import copy_of, serve_pages, tabs

OTHER_KEY = "wA5dAnr3cFQxmG4Sg7kmNCq1Wl0x3mYIu9dJm9H1b1k="


@pytest.fixture(scope="module")
def in_trouble(portal, tmp_path_factory):
    """No worker lives, and the key with which secrets were stored is missing."""
    silence = ("DELETE FROM connector_heartbeat",)
    with copy_of(portal, tmp_path_factory.mktemp("trouble"), silence) as copy:
        serve_pages(copy, PORTAL_FIELD_KEYS=OTHER_KEY)
        yield copy


@pytest.fixture
def visit(browser, in_trouble, screenshots):
    with tabs(browser, in_trouble, screenshots) as open_tab:
        yield open_tab


@pytest.mark.parametrize(
    ("language", "no_worker", "no_key"),
    [
        ("en", "No worker is alive", "Stored secrets cannot be read"),
        ("es", "Ningún proceso de trabajo está activo", "PORTAL_FIELD_KEYS"),
    ],
)
def test_a_dead_worker_and_a_missing_key_are_said_on_top(visit, language, no_worker, no_key):
    reader = visit("root", language)

    reader.look("/admin/", f"dashboard-in-trouble-{language}", dark=language == "en")

    banners = reader.page.locator("#live-dashboard > .note-error").all_inner_texts()
    assert (2, True, True) == (len(banners), no_worker in banners[0], no_key in banners[1])


def test_the_tenants_page_says_which_secret_has_to_be_entered_again(visit, in_trouble):
    reader = visit("admin")

    reader.go(f"/admin/connector/tenant/{in_trouble.seeded.tenant}/change/")
    reader.examine("a secret that cannot be read")

    assert "cannot be read any more" in reader.page.locator(".field-client_secret").inner_text()
