"""The frame of all pages: sidebar, language, time zone, refusals, what browsers may load."""

import pytest

from tests.admin.conftest import START, make_connection

LIST = "/admin/connector/agentconnection/"


def sidebar(client, path="/admin/"):
    page = client.get(path).text
    return page.split('id="sidebar"')[1].split("</nav>")[0]


def test_the_sidebar_shows_where_one_is(root):
    [current] = [line for line in sidebar(root, LIST).splitlines() if "aria-current" in line]

    assert f'href="{LIST}"' in current


def test_the_sidebar_holds_what_the_reader_may_see(browser, root):
    auditor, operator = sidebar(browser("Auditors")), sidebar(browser("Operators"))

    assert "/admin/connector/event/" in operator
    assert "/admin/auth/user/" not in operator
    assert "/admin/auth/user/" in sidebar(root)
    assert "/admin/export/" in auditor
    assert "/admin/export/" not in operator


def test_the_sidebar_says_how_many_of_ones_own_tenants_need_a_person(
    browser, root, tenant, foreign, monkeypatch
):
    assert "badge" not in sidebar(root)
    make_connection(tenant)
    make_connection(foreign)

    assert ">1<span" in sidebar(browser("Operators"))
    assert ">2<span" in sidebar(root)

    monkeypatch.setattr("connector.attention.MOST_COUNTED", 1)
    assert ">1+<span" in sidebar(root)


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/nothing", "/api/v1/schema"])
def test_browsers_load_nothing_but_our_own_files(client, path):
    policy = client.get(path).headers["Content-Security-Policy"]

    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert {"'none'", "'self'"} == set(parts.values())
    assert parts["default-src"] == parts["frame-ancestors"] == parts["base-uri"] == "'none'"


def test_times_are_shown_in_the_readers_zone_with_utc(browser, tenant):
    make_connection(tenant)
    client = browser("Operators")
    client.cookies["time_zone"] = "America/Bogota"

    page = client.get(LIST).text

    assert "America/Bogota, UTC−05:00" in page
    assert START.strftime("%Y-%m-%d %H:%M:%S") in page
    assert "09:03:21</time>" in page


@pytest.mark.parametrize("zone", ["nonsense", "../../etc/passwd", "/etc/passwd", "America", "\x00"])
def test_a_zone_that_does_not_exist_is_as_none(root, zone):
    root.cookies["time_zone"] = zone

    assert "Times in UTC" in root.get("/admin/").text


def test_a_zone_can_be_chosen_and_left_to_the_browser_again(root):
    answer = root.post("/admin/preferences/", {"time_zone": "America/Bogota"}, follow=True)
    assert "America/Bogota" in answer.text
    assert root.cookies["time_zone"].value == "America/Bogota"

    root.post("/admin/preferences/", {"time_zone": ""})

    assert root.cookies["time_zone"].value == ""


def test_a_zone_that_does_not_exist_cannot_be_chosen(root):
    answer = root.post("/admin/preferences/", {"time_zone": "Mars/Base"}, follow=True)

    assert "There is no such time zone." in answer.text
    assert "time_zone" not in root.cookies


def test_the_language_can_be_switched_and_stays(client):
    client.post("/admin/language/", {"language": "es", "next": "/admin/login/"})

    assert 'lang="es"' in client.get("/admin/login/").text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [("/nothing", 404, "There is no such page"), ("/admin/auth/user/", 403, "You may not see")],
)
def test_refusals_look_like_the_rest(browser, path, status, words):
    answer = browser("Operators").get(path)

    assert status == answer.status_code
    assert words in answer.text
    assert 'id="sidebar"' in answer.text


def test_a_form_that_was_open_too_long_says_so(client):
    client.handler.enforce_csrf_checks = True

    answer = client.post("/admin/login/", {"username": "x"})

    assert answer.status_code == 403
    assert "Your form could not be accepted" in answer.text


def test_a_defect_is_admitted_in_the_same_look(root, monkeypatch):
    monkeypatch.setattr("connector.admin.dashboard._looked_at", lambda *args: 1 / 0)
    root.raise_request_exception = False

    answer = root.get("/admin/")

    assert answer.status_code == 500
    assert "The portal has failed" in answer.text


def test_a_page_of_ones_own_is_for_staff_with_its_permission(client, browser):
    assert client.get("/admin/preferences/").status_code == 302
    assert browser("Operators").get("/admin/export/").status_code == 403
