"""Two people at one page: who saves later reads what the other one did."""


def save_with(reader, seconds):
    reader.page.get_by_label("Give up after").fill(seconds)
    reader.page.get_by_role("button", name="Save", exact=True).click()


def test_who_saves_later_is_told_what_was_changed_meanwhile(sign_in, seeded):
    path = f"/admin/connector/tenant/{seeded.unused}/change/"
    first, second = sign_in("root"), sign_in("root")
    for reader in (first, second):
        reader.go(path)
    assert not second.page.locator(".field-seen").is_visible()

    save_with(first, "90")
    save_with(second, "60")

    told = second.page.locator(".errorlist.nonfield").inner_text()
    assert "This was changed after you opened the page" in told
    assert "Give up after" in told
    second.examine("changed meanwhile")
    second.page.get_by_role("link", name="Open it anew").click()
    assert second.page.get_by_label("Give up after").input_value() == "90"
