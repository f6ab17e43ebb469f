"""Names as long as they may be, without spaces, from right to left: nothing is cut or spills."""

import pytest

from tests.browser.conftest import copy_of, serve_pages, tabs

LONG = "Supercalifragilisticoespialidoso" * 3
QUEUE = "Atención de reclamos por tarjetas de crédito y débito, zona norte y oriente, de noche " * 2
AGENTS = ("مريم الزهراء 🎧", "María " * 33, LONG)
SPILLS = """
[...document.querySelectorAll(".table-scroll, .results")]
    .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.innerText.slice(0, 80))
"""
FAILED = "/admin/connector/agentconnection/?state=failed"


@pytest.fixture(scope="module")
def crowded(portal, tmp_path_factory):
    name = "UPDATE connector_agentconnection SET user_name=?, queue_name=? WHERE checks % 3 = ?"
    changes = [("UPDATE connector_tenant SET name=? WHERE slug='banco-sur'", LONG)]
    changes += [(name, agent, QUEUE, number) for number, agent in enumerate(AGENTS)]
    with copy_of(portal, tmp_path_factory.mktemp("crowded"), *changes) as copy:
        serve_pages(copy)
        yield copy


@pytest.fixture
def visit(browser, crowded, screenshots):
    with tabs(browser, crowded, screenshots) as open_tab:
        yield open_tab


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("dashboard", "/admin/"),
        ("connections", FAILED),
        ("tenants", "/admin/connector/tenant/"),
        ("failed", "/admin/failed/"),
    ],
)
def test_long_names_are_broken_and_cut_nothing_off(visit, name, path):
    reader = visit("root", "es")

    reader.look(path, f"long-names-{name}", dark=False)
    for width in (1400, 1280):
        reader.page.set_viewport_size({"width": width, "height": 900})
        assert [] == reader.page.evaluate(SPILLS), width


def test_a_token_of_a_tenant_with_a_long_name_is_shown_whole(visit, crowded):
    reader = visit("admin")
    page = reader.page
    reader.go(f"/admin/connector/tenant/{crowded.seeded.tenant}/change/")

    page.locator("summary", has_text="Make a token").click()
    page.get_by_role("button", name="Make a token").click()
    page.locator("#token").wait_for()

    reader.study("token-made")
