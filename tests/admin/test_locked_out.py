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

from connector import chores, guesses

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


def test_what_is_no_user_name_is_not_in_the_log(ana, caplog):
    sign_in("wrong", name="a-password-in-the-wrong-box")
    guess()

    assert "no account at 203.0.113.7" in caplog.text
    assert "ana at 203.0.113.7" in caplog.text
    assert "a-password-in-the-wrong-box" not in caplog.text


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


# Many names from one address


@pytest.fixture
def few_from_address(monkeypatch):
    """So few that a test can send them."""
    monkeypatch.setattr(guesses, "MOST_FROM_ADDRESS", 7)


def spray(count=7, **options):
    return [sign_in("wrong", name=f"name-{n}", **options) for n in range(count)][-1]


def test_an_office_may_err_more_often_than_one_person():
    assert guesses.MOST_FROM_ADDRESS >= 10 * portal.AXES_FAILURE_LIMIT


def test_very_many_names_from_one_address_lock_it(ana, few_from_address):
    before = spray()
    answer = sign_in(PASSWORD)

    assert 200 == before.status_code
    assert 429 == answer.status_code
    assert "7 wrong passwords or more were sent from where you are" in answer.text
    assert "Try again in 10 minutes." in answer.text
    assert "“ana”" not in answer.text
    assert 302 == sign_in(PASSWORD, address=ELSEWHERE).status_code


def test_what_people_get_wrong_who_then_get_in_does_not_lock_their_address(ana, few_from_address):
    for _ in range(3):
        guess(4)
        assert 302 == sign_in(PASSWORD).status_code

    assert 200 == spray(6).status_code
    assert 302 == sign_in(PASSWORD).status_code


def test_getting_in_oneself_does_not_forgive_what_was_tried_for_others(ana, few_from_address):
    spray(6)
    sign_in(PASSWORD)
    sign_in("wrong", name="one-more")

    assert 429 == sign_in(PASSWORD).status_code


def test_the_lock_of_an_address_ends_as_soon_as_enough_is_forgotten(ana, few_from_address):
    spray()
    first = AccessAttempt.objects.order_by("attempt_time").first()
    first.attempt_time -= timedelta(minutes=7)
    first.save()

    assert "Try again in 3 minutes." in sign_in(PASSWORD).text
    first.attempt_time -= timedelta(minutes=3)
    first.save()
    assert 302 == sign_in(PASSWORD).status_code


def test_a_superuser_lifts_the_lock_of_an_address_on_any_users_page(root, ana, few_from_address):
    spray()
    page = f"/admin/auth/user/{ana.pk}/"

    before = root.get(f"{page}change/").text
    nothing = root.post(f"{page}unlock/", {"address": ELSEWHERE}, follow=True).text
    after = root.post(f"{page}unlock/", {"address": HERE}, follow=True).text

    assert f"7 wrong passwords came from {HERE}" in before
    assert f"7 wrong passwords came from {HERE}" in nothing
    assert f"Everybody may sign in again from {HERE}." in after
    assert "wrong passwords came from" not in after
    assert 302 == sign_in(PASSWORD).status_code


def test_a_command_lifts_the_lock_of_an_address(ana, few_from_address):
    spray()

    call_command("axes_reset_ip", HERE)

    assert 302 == sign_in(PASSWORD).status_code


# The old password, where one changes one's own

CHANGE = "/admin/password_change/"
NEW = {"new_password1": "another-horse-9", "new_password2": "another-horse-9"}


@pytest.fixture
def session(ana):
    client = Client(REMOTE_ADDR=HERE)
    client.force_login(ana)
    return client


def change(session, old, **options):
    return session.post(CHANGE, {"old_password": old, **NEW}, **options)


def is_signed_in(session):
    return 200 == session.get(CHANGE).status_code


def test_a_stolen_session_cannot_be_used_to_guess_the_password(ana, session):
    answers = [change(session, "wrong").status_code for _ in range(5)]

    assert [200, 200, 200, 200, 429] == answers
    assert not is_signed_in(session)
    assert 429 == sign_in(PASSWORD).status_code
    assert 302 == sign_in(PASSWORD, address=ELSEWHERE).status_code


def test_a_session_ends_also_where_it_wanders_from_address_to_address(ana, session):
    for number in range(5):
        answer = change(session, "wrong", REMOTE_ADDR=f"198.51.100.{number}", follow=True)

    assert "so you were signed out" in answer.text
    assert not is_signed_in(session)


def test_who_is_locked_out_cannot_go_on_guessing_there(ana, session):
    guess()

    assert 429 == change(session, PASSWORD).status_code
    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)


def test_the_right_old_password_forgives_what_was_wrong_before(ana, session):
    for _ in range(4):
        change(session, "wrong")

    assert 302 == change(session, PASSWORD).status_code
    ana.refresh_from_db()
    assert ana.check_password(NEW["new_password1"])
    assert not AccessAttempt.objects.exists()
    assert 200 == change(session, "wrong").status_code
    assert is_signed_in(session)


def test_a_new_password_that_is_refused_is_no_guess(ana, session):
    for _ in range(6):
        session.post(CHANGE, {"old_password": PASSWORD, "new_password1": "a", "new_password2": "b"})

    assert is_signed_in(session)
    assert not AccessAttempt.objects.exists()
