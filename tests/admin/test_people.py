"""Users and groups: what an administrator sees and sets."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from connector.permissions import GROUPS
from tests.admin.conftest import permission_called


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

    root.post(path, {**form_of(root, path), "permissions": ticked})

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


def test_what_another_person_changed_meanwhile_is_not_undone_unseen(root, operator):
    """Or an account that was switched off would come back."""
    path = f"/admin/auth/user/{operator.pk}/change/"
    shown = form_of(root, path)
    root.post(path, {**shown, "is_active": "", "last_name": "Gone"})

    answer = root.post(path, {**shown, "first_name": "Olga"})

    operator.refresh_from_db()
    assert (False, "") == (operator.is_active, operator.first_name)
    assert "This was changed after you opened the page" in answer.text
    assert "root@example.com, <time" in answer.text
    assert re.search("Changed .*Active", answer.text)


def test_signing_in_meanwhile_does_not_keep_an_account_from_being_saved(root, operator):
    path = f"/admin/auth/user/{operator.pk}/change/"
    shown = form_of(root, path)
    operator.set_password("correct-horse-battery")
    operator.save()
    Client().force_login(operator)

    root.post(path, {**shown, "first_name": "Olga"})

    operator.refresh_from_db()
    assert operator.first_name == "Olga"
    assert operator.check_password("correct-horse-battery")


def test_a_group_that_was_changed_meanwhile_keeps_the_change(root):
    group = Group.objects.get(name="Operators")
    path = f"/admin/auth/group/{group.pk}/change/"
    shown = form_of(root, path)
    root.post(path, {**shown, "permissions": shown["permissions"][1:]})

    answer = root.post(path, {**shown, "name": "People"})

    assert "This was changed after you opened the page" in answer.text
    assert len(shown["permissions"]) - 1 == group.permissions.count()


# Nobody hands on more than they have


@pytest.fixture
def helper(db):
    """May look after accounts and groups, and look at the connections of their own tenants."""
    user = User.objects.create_user("hugo", is_staff=True)
    people = Permission.objects.filter(content_type__app_label="auth")
    user.user_permissions.add(*people.filter(content_type__model__in=["user", "group"]))
    user.user_permissions.add(permission_called("view_agentconnection"))
    return user


@pytest.fixture
def help_desk(helper):
    client = Client()
    client.force_login(helper)
    return client


def at(account, page="change"):
    return f"/admin/auth/user/{account.pk}/{page}/"


NEW_PASSWORD = {
    "usable_password": "true",
    "password1": "another-horse-9",
    "password2": "another-horse-9",
}


def test_nobody_gives_themselves_all_rights(help_desk, helper):
    posted = form_of(help_desk, at(helper))

    help_desk.post(at(helper), {**posted, "is_superuser": "on", "last_name": "Soto"})

    helper.refresh_from_db()
    assert ("Soto", False) == (helper.last_name, helper.is_superuser)


def test_nobody_gives_a_right_or_a_group_that_they_do_not_have(help_desk, helper):
    ana = User.objects.create_user("ana")
    posted = form_of(help_desk, at(ana))
    right = permission_called("view_all_tenants")
    group = Group.objects.get(name="Operators")

    page = help_desk.get(at(ana)).text
    for more in ({"user_permissions": [right.pk]}, {"groups": [group.pk]}):
        assert 200 == help_desk.post(at(ana), {**posted, **more}).status_code

    assert (0, 0) == (ana.user_permissions.count(), ana.groups.count())
    assert "Can see all tenants" not in page
    assert "Can view connection" in page


def test_who_has_a_right_may_hand_it_on(help_desk, helper):
    ana = User.objects.create_user("ana")
    group = Group.objects.create(name="Lookers")
    group.permissions.add(permission_called("view_agentconnection"))

    help_desk.post(at(ana), {**form_of(help_desk, at(ana)), "groups": [group.pk]})

    assert [group] == list(ana.groups.all())


@pytest.mark.parametrize("is_active", [True, False])
@pytest.mark.parametrize("who", ["root", "operator", "elsewhere"])
def test_nobody_takes_over_an_account_that_may_see_or_do_more(
    help_desk, root, operator, tenant, who, is_active
):
    elsewhere = User.objects.create_user("elsewhere")
    tenant.people.add(elsewhere)
    accounts = {"root": User.objects.get(is_superuser=True), "operator": operator}
    account = {**accounts, "elsewhere": elsewhere}[who]
    User.objects.filter(pk=account.pk).update(is_active=is_active)
    before = User.objects.values().get(pk=account.pk)

    codes = {
        page: help_desk.post(at(account, page), content).status_code
        for page, content in {
            "change": {"username": "mine", "is_active": "on"},
            "password": NEW_PASSWORD,
            "delete": {"post": "yes"},
            "unlock": {},
        }.items()
    }
    help_desk.post(
        "/admin/auth/user/",
        {"action": "delete_selected", "_selected_action": account.pk, "post": "yes"},
    )

    assert {403} == set(codes.values()), codes
    assert before == User.objects.values().get(pk=account.pk)
    assert "since it may see or do more than you" in help_desk.get(at(account)).text


def test_accounts_within_ones_authority_are_looked_after(help_desk, helper, tenant):
    tenant.people.add(helper)
    ana = User.objects.create_user("ana")
    tenant.people.add(ana)

    help_desk.post(at(ana, "password"), NEW_PASSWORD)

    ana.refresh_from_db()
    assert ana.check_password("another-horse-9")
    assert "more than you" not in help_desk.get(at(ana)).text


def test_a_group_that_gives_more_is_not_changed(help_desk, helper):
    group = Group.objects.get(name="Operators")
    mine = Group.objects.create(name="Mine")
    right = permission_called("view_all_tenants")

    for page in ("change", "delete"):
        address = f"/admin/auth/group/{group.pk}/{page}/"
        assert 403 == help_desk.post(address, {"name": "Mine, too", "post": "yes"}).status_code
    address = f"/admin/auth/group/{mine.pk}/change/"
    posted = form_of(help_desk, address)
    assert 200 == help_desk.post(address, {**posted, "permissions": [right.pk]}).status_code

    assert Group.objects.filter(name="Operators").exists()
    assert not mine.permissions.exists()


def test_tenants_that_the_reader_may_not_see_are_not_named_on_a_users_page(
    help_desk, helper, tenant, foreign
):
    ana = User.objects.create_user("ana")
    ana.tenants.add(tenant, foreign)
    helper.tenants.add(tenant)

    both = help_desk.get(at(ana)).text
    helper.tenants.clear()
    none = help_desk.get(at(ana)).text

    assert "Banco del Sur</a>, others that you may not see" in both
    assert "others that you may not see" in none
    assert "Banco del Sur" not in none
    assert "Clínica" not in both + none


def test_an_account_whose_deeds_are_on_record_is_not_deleted(root, browser, operator, connection):
    client = Client()
    client.force_login(operator)
    client.post(f"/admin/connector/agentconnection/{connection.pk}/deliver-again/")
    chosen = {"action": "delete_selected", "_selected_action": operator.pk, "post": "yes"}

    alone = root.post(at(operator, "delete"), {"post": "yes"}).text
    root.post("/admin/auth/user/", chosen)

    assert "take the tick away from “Active” instead" in alone
    assert User.objects.filter(pk=operator.pk).exists()
    assert LogEntry.objects.filter(user=operator).exists()
