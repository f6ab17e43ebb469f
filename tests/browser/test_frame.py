"""The frame in use: signing in, finding one's way by keyboard and on a phone, theme, language."""

from tests.browser.seed import PASSWORD

LIST = "/admin/connector/agentconnection/"


def test_a_person_signs_in_and_out(sign_in):
    reader = sign_in()
    reader.go("/admin/")
    page = reader.page

    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Dashboard"

    page.locator("details.account summary").click()
    page.get_by_role("button", name="Log out").click()

    page.get_by_role("heading", name="Logged out").wait_for()


def test_a_wrong_password_is_answered_in_words(sign_in):
    reader = sign_in()
    reader.go("/admin/login/")

    reader.page.get_by_label("Username").fill("operator")
    reader.page.get_by_label("Password").fill("wrong")
    reader.page.get_by_role("button", name="Log in").click()

    assert "correct username and password" in reader.page.get_by_role("alert").inner_text()
    reader.examine("login refused")


def test_the_keyboard_reaches_the_content_first(sign_in):
    reader = sign_in("operator")
    reader.go("/admin/")
    page = reader.page

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "content-start"


def test_everything_that_has_the_focus_shows_it(sign_in):
    reader = sign_in("operator")
    reader.go(LIST)
    page = reader.page

    for _ in range(25):
        page.keyboard.press("Tab")
        shown = page.evaluate(
            "() => { const style = getComputedStyle(document.activeElement);"
            " return parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== 'none'; }"
        )
        where = page.evaluate("document.activeElement.outerHTML.slice(0, 120)")
        assert shown, where


def test_the_menu_of_a_phone_opens_and_leads_on(sign_in):
    reader = sign_in("operator")
    page = reader.page
    page.set_viewport_size({"width": 390, "height": 844})
    reader.go("/admin/")
    menu = page.get_by_role("button", name="Menu")
    assert menu.get_attribute("aria-expanded") == "false"
    assert not page.locator("#sidebar").is_visible()

    menu.click()
    reader.examine("open menu")
    assert menu.get_attribute("aria-expanded") == "true"
    page.locator("#sidebar").get_by_role("link", name="Connections").click()

    assert page.get_by_role("heading", level=1).inner_text() == "Connections"


def test_the_account_menu_closes_with_escape(sign_in):
    reader = sign_in("operator")
    reader.go("/admin/")
    account = reader.page.locator("details.account")

    account.locator("summary").click()
    reader.examine("open account menu")
    reader.page.keyboard.press("Escape")

    assert account.get_attribute("open") is None


def test_a_pasted_conversation_id_is_found_from_every_page(sign_in, seeded):
    reader = sign_in("operator")
    page = reader.page
    reader.go(f"{LIST}{seeded.failed}/change/")
    pasted = page.locator("dd code").filter(has_text="603c-4ba7").first.inner_text()

    reader.go("/admin/")
    page.get_by_label("Find a conversation by its id").fill(pasted)
    page.keyboard.press("Enter")

    page.wait_for_url("**/agentconnection/?q=*")
    assert page.locator("#result_list tbody tr").count() == 1


def test_a_question_back_is_opened_and_closed_by_keyboard(sign_in, seeded):
    reader = sign_in("operator")
    page = reader.page
    reader.go(f"{LIST}{seeded.failed}/change/")
    question = page.locator("#confirm-deliver_again")

    question.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert question.locator("button").evaluate("button => button === document.activeElement")
    page.keyboard.press("Escape")

    assert question.get_attribute("open") is None
    assert question.locator("summary").evaluate("summary => summary === document.activeElement")


def test_the_theme_is_chosen_and_stays(sign_in):
    reader = sign_in("operator")
    page = reader.page
    page.emulate_media(color_scheme="light")
    reader.go("/admin/")

    page.locator("button.theme-toggle").click()
    reader.go(LIST)

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 27, 34)"


def test_the_language_is_chosen_and_stays(sign_in):
    reader = sign_in("operator")
    reader.go(f"{LIST}?state=failed")

    reader.page.get_by_role("button", name="Español").click()

    reader.page.get_by_role("button", name="English").wait_for()
    assert reader.page.url.endswith("?state=failed")
    assert reader.page.evaluate("document.documentElement.lang") == "es"


def test_times_are_shown_in_the_browsers_zone_unless_another_is_chosen(sign_in):
    reader = sign_in("operator", zone="Europe/Madrid", knows_zone=False)
    page = reader.page

    reader.go("/admin/")  # tells the portal
    reader.go("/admin/")
    assert "Europe/Madrid" in page.locator("#footer").inner_text()

    reader.go("/admin/preferences/")
    page.get_by_label("Show times in").select_option("America/Bogota")
    page.locator("form:has(#time-zone) button").click()

    assert "America/Bogota" in page.locator("#footer").inner_text()


def test_the_connection_page_can_be_printed(sign_in, seeded):
    reader = sign_in("operator")
    page = reader.page
    reader.go(f"{LIST}{seeded.failed}/change/")

    page.emulate_media(media="print")

    assert not page.locator("#header").is_visible()
    assert not page.locator("#sidebar").is_visible()
    assert not page.locator("#footer a").is_visible()
    assert "Times in America/Bogota" in page.locator("#footer").inner_text()
    assert page.get_by_role("heading", name="What happened").is_visible()
