"""Every page, wide and narrow, light and dark, English and Spanish: nothing is wrong with it."""

import pytest

from tests.browser.pages import PAGES


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("shown", PAGES, ids=lambda shown: shown.name)
def test_a_page_is_whole_and_without_barriers(sign_in, seeded, shown, language):
    reader = sign_in(shown.role, language)

    # Colours are the same in every language.
    dark = language == "en"
    reader.look(shown.path(seeded), f"{shown.name}-{language}", status=shown.status, dark=dark)


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_login_page_is_whole_and_without_barriers(sign_in, language):
    sign_in("", language).look("/admin/login/", f"login-{language}")
