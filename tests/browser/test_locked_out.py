"""Who has sent too many wrong passwords: what they read, and what the superuser reads of them."""

import pytest


def guess(reader, name):
    for _ in range(5):
        reader.go("/admin/login/", status=429)
        reader.page.locator("#id_username").fill(name)
        reader.page.locator("#id_password").fill("wrong")
        reader.page.locator("#login-form [type=submit]").click()


@pytest.mark.parametrize("language", ["en", "es"])
def test_too_many_wrong_passwords_are_answered_with_a_page_of_ours(sign_in, language):
    reader, name = sign_in("", language), f"guesser-{language}"

    guess(reader, name)

    assert name in reader.page.get_by_role("alert").inner_text()
    reader.study(f"locked-out-{language}")


def test_a_superuser_reads_it_on_the_users_page_and_lifts_it(sign_in, seeded):
    guess(sign_in(), "stranger")
    reader = sign_in("root")

    reader.look(f"/admin/auth/user/{seeded.users['stranger']}/change/", "user-locked-out")
    reader.page.get_by_role("button", name="Let this person sign in again").click()

    said = reader.page.get_by_role("status").inner_text()
    assert said == "“stranger” may sign in again from everywhere."
