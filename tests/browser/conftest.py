"""A real browser, the real web process, and a day's data; made once for all tests here.

The tests look at the same data: one that changes something takes an object of its own.
"""

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.chromium import executable
from tests.browser.reader import Reader, all_well
from tests.browser.seed import Seeded
from tests.system.portal import Portal, wait_until

SCREENSHOTS = Path(__file__).parents[2] / "var" / "screenshots"


def pytest_addoption(parser):
    words = "keep a picture of every page in var/screenshots"
    parser.addoption("--screenshots", action="store_true", help=words)


@pytest.fixture(scope="package")
def browser():
    path = executable()
    with sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        chromium = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def portal(browser, tmp_path_factory):
    """Served from a database of its own; `portal.seeded` says what is in it."""
    database = tmp_path_factory.mktemp("browser") / "portal.sqlite3"
    portal = Portal(f"sqlite:///{database}")
    portal.database = database
    try:
        portal.run("migrate")
        said = portal.run("shell", "-v0", "-c", "from tests.browser.seed import main; main()")
        portal.seeded = Seeded(**json.loads(said.splitlines()[-1]))
        serve_pages(portal)
        yield portal
    finally:
        portal.kill()


@pytest.fixture
def seeded(portal):
    return portal.seeded


@pytest.fixture(scope="session")
def screenshots(request):
    """Where pictures go; None where nobody wants any."""
    if not request.config.getoption("--screenshots", default=False):
        return None
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS


@pytest.fixture
def sign_in(browser, portal, screenshots):
    """A tab of a person: `sign_in("operator", language="es")`; without a role, of nobody.

    At the end of the test it fails with everything that was wrong with the pages they saw.
    """
    with tabs(browser, portal, screenshots) as open_tab:
        yield open_tab


@contextmanager
def tabs(browser, portal, screenshots):
    base = portal.environment["PORTAL_BASE_URL"]
    contexts, readers = [], []

    def open_tab(role="", language="en", zone="America/Bogota", knows_zone=True):
        context = browser.new_context(
            locale=language, timezone_id=zone, base_url=base, reduced_motion="reduce"
        )
        contexts.append(context)
        cookies = {"django_language": language} | ({"time_zone": zone} if knows_zone else {})
        if role:
            cookies["sessionid"] = portal.seeded.sessions[role]
        context.add_cookies([{"name": n, "value": v, "url": base} for n, v in cookies.items()])
        reader = Reader(context.new_page(), base, screenshots)
        readers.append(reader)
        return reader

    yield open_tab
    for context in contexts:
        context.close()
    for reader in readers:
        with all_well(reader):
            pass


@contextmanager
def copy_of(portal, folder, *changes):
    """The same data once more, for a portal of its own, after these statements in SQL."""
    file = Path(folder, "portal.sqlite3")
    with (
        closing(sqlite3.connect(portal.database)) as original,
        closing(sqlite3.connect(file)) as copied,
    ):
        original.backup(copied)
        for statement, *values in changes:
            copied.execute(statement, values)
        copied.commit()
    copy = Portal(f"sqlite:///{file}")
    copy.seeded = portal.seeded
    try:
        yield copy
    finally:
        copy.kill()


def serve_pages(portal, **environment):
    """Start web alone; returns when it answers."""
    portal.start("web", "--bind", f"127.0.0.1:{portal.port}", **environment)
    wait_until(lambda: portal.get("/healthz")[0] == 200, 30, "the portal is served")
