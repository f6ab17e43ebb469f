"""Users and groups: what an administrator sees and sets."""

import pytest
from django.contrib.auth.models import Group, User

from connector.permissions import GROUPS


@pytest.fixture
def operator(browser):
    browser("Operators")
    return User.objects.get(groups__name="Operators")


def form_of(root, path):
    """What the page's form would send as it is."""
    fields = root.get(path).context["adminform"].form
    return {name: fields[name].value() for name in fields.fields if fields[name].value()}


def test_a_new_user_may_log_in_at_once(root):
    password = "correct-horse-battery"
    root.post(
        "/admin/auth/user/add/",
        {
            "username": "ada",
            "usable_password": "true",
            "password1": password,
            "password2": password,
        },
    )

    assert User.objects.get(username="ada").is_staff


def test_groups_are_boxes_to_tick_and_are_kept(root, operator):
    path = f"/admin/auth/user/{operator.pk}/change/"
    auditors = Group.objects.get(name="Auditors")

    root.post(path, {**form_of(root, path), "groups": [auditors.pk]})

    assert [auditors] == list(operator.groups.all())


def test_a_user_page_shows_tenants_and_nothing_of_the_password(root, operator):
    operator.set_password("correct-horse-battery")
    operator.save()

    page = root.get(f"/admin/auth/user/{operator.pk}/change/").text

    assert "Banco del Sur</a>" in page
    assert "A password is set." in page
    assert "pbkdf2" not in page


def test_a_user_page_says_who_sees_all_tenants_and_who_sees_none(root):
    stranger = User.objects.create_user("stranger", is_staff=True)
    superuser = User.objects.get(is_superuser=True)

    assert "add this person under" in root.get(f"/admin/auth/user/{stranger.pk}/change/").text
    assert "all tenants" in root.get(f"/admin/auth/user/{superuser.pk}/change/").text


def test_whoever_makes_an_account_is_told_to_give_it_a_group(root):
    account = {"username": "oscar", "usable_password": "true"}
    passwords = {"password1": "correct-horse-battery", "password2": "correct-horse-battery"}

    answer = root.post("/admin/auth/user/add/", account | passwords, follow=True)

    assert "Next: choose a group below" in answer.text


def test_the_lists_say_who_is_in_which_group(root, operator):
    users = root.get("/admin/auth/user/").text
    groups = root.get("/admin/auth/group/").text

    assert "all rights" in users
    assert ">Operators</td>" in users
    assert operator.username in groups


def test_the_page_of_a_group_keeps_its_permissions(root):
    group = Group.objects.get(name="Operators")
    path = f"/admin/auth/group/{group.pk}/change/"
    ticked = form_of(root, path)["permissions"]

    root.post(path, {"name": group.name, "permissions": ticked})

    codenames = group.permissions.values_list("codename", flat=True)
    assert sorted(GROUPS["Operators"]) == sorted(codenames)


def test_only_permissions_that_change_something_are_offered(root):
    group = Group.objects.get(name="Operators")

    page = root.get(f"/admin/auth/group/{group.pk}/change/").text

    assert "Can deliver a connection again" in page
    assert "Can view worker" in page
    assert "Can add session" not in page
    assert "Can delete attempt" not in page


def test_the_rights_of_a_person_are_named_without_the_jargon_of_django(root):
    user = User.objects.create_user("ana")
    address = f"/admin/auth/user/{user.pk}/"

    english = root.get(f"{address}change/").text
    root.cookies["django_language"] = "es"
    spanish = root.get(f"{address}change/").text
    delete = root.get(f"{address}delete/").text

    assert "May enter the portal" in english
    assert "Puede entrar al portal" in spanish
    assert not [words for words in ("es staff", "superusuario") if words in spanish.lower()]
    assert "eliminar “ana” (usuario)" in delete
