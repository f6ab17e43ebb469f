"""Wrong passwords: who sends too many is locked out for a while, and a superuser can lift it."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.conf import settings as portal
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from connector import chores

LOGIN = "/admin/login/"
PASSWORD = "correct-horse-battery"
HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture(autouse=True)
def _quick(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ana(db):
    return User.objects.create_user("ana", password=PASSWORD, is_staff=True)


def sign_in(password, *, name="ana", address=HERE, **options):
    content = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address, **options).post(LOGIN, content)


def guess(times=portal.AXES_FAILURE_LIMIT, **options):
    return [sign_in("wrong", **options) for _ in range(times)][-1]


def later(minutes):
    moved = AccessAttempt.objects.get()
    moved.attempt_time -= timedelta(minutes=minutes)
    moved.save()


def test_some_wrong_passwords_are_forgiven(ana):
    answer = guess(portal.AXES_FAILURE_LIMIT - 1)

    assert "Please enter the correct username and password" in answer.text
    assert 302 == sign_in(PASSWORD).status_code
    assert not AccessAttempt.objects.exists()


def test_too_many_lock_out_and_say_so(ana):
    answer = guess()

    assert 429 == answer.status_code
    assert "Too many wrong passwords</h1>" in answer.text
    assert "“ana”" in answer.text
    assert "Try again in 10 minutes." in answer.text
    assert 590 <= int(answer["Retry-After"]) <= 600


def test_the_page_speaks_spanish(ana):
    answer = guess(headers={"Accept-Language": "es"})

    assert "Vuelva a intentarlo en 10 minutos." in answer.text


def test_the_right_password_does_not_help_then(ana):
    guess()

    answer = sign_in(PASSWORD)

    assert 429 == answer.status_code
    assert "sessionid" not in answer.cookies


def test_a_name_without_an_account_is_treated_alike(ana):
    assert 429 == guess(name="nobody").status_code


def test_a_name_that_is_too_long_is_counted_too(ana):
    assert 429 == guess(name="a" * 5000).status_code


def test_who_guesses_elsewhere_locks_nobody_out_here(ana):
    guess(address=ELSEWHERE)

    assert 302 == sign_in(PASSWORD).status_code


def test_another_address_cannot_be_pretended(ana):
    answers = [
        sign_in("wrong", headers={"X-Forwarded-For": f"198.51.100.{number}"})
        for number in range(portal.AXES_FAILURE_LIMIT)
    ]

    assert 429 == answers[-1].status_code


def test_another_browser_does_not_help(ana):
    answers = [
        sign_in("wrong", headers={"User-Agent": f"browser {number}"})
        for number in range(portal.AXES_FAILURE_LIMIT)
    ]

    assert 429 == answers[-1].status_code


def test_it_ends_by_itself_and_is_not_prolonged_by_trying(ana):
    guess()
    later(minutes=6)

    assert "Try again in 4 minutes." in sign_in("wrong").text
    later(minutes=4)
    assert 302 == sign_in(PASSWORD).status_code


def test_no_password_is_kept(ana):
    sign_in("a-wrong-password")

    kept = AccessAttempt.objects.values().get()
    assert "a-wrong-password" not in repr(kept)
    assert "ana" == kept["username"]


def test_a_superuser_sees_it_and_lifts_it(root, ana):
    guess()
    page = f"/admin/auth/user/{ana.pk}/change/"

    before = root.get(page).text
    after = root.post(f"/admin/auth/user/{ana.pk}/unlock/", follow=True).text

    assert f"5 wrong passwords from {HERE}" in before
    assert "“ana” may sign in again from everywhere." in after
    assert "wrong passwords from" not in after
    assert "Lifted the lock after wrong passwords." == LogEntry.objects.get().get_change_message()
    assert 302 == sign_in(PASSWORD).status_code


def test_an_account_that_is_not_there_cannot_be_unlocked(root):
    assert 404 == root.post("/admin/auth/user/999999/unlock/").status_code


def test_nothing_is_said_of_a_lock_that_is_not_there(root, ana):
    guess(portal.AXES_FAILURE_LIMIT - 1)

    assert "Locked out" not in root.get(f"/admin/auth/user/{ana.pk}/change/").text


def test_a_command_lifts_it_where_nobody_can_sign_in_any_more(ana):
    guess()

    call_command("axes_reset_username", "ana")

    assert 302 == sign_in(PASSWORD).status_code


def test_what_counts_no_more_is_forgotten(ana):
    guess(name="old")
    later(minutes=11)
    AccessAttempt.objects.create(username="new", failures_since_start=1)

    chores.run_due(timezone.now)

    assert ["new"] == list(AccessAttempt.objects.values_list("username", flat=True))
