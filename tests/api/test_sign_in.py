"""HTTP Basic at the audit API: passwords cannot be guessed there either."""

import base64

import pytest
from axes.models import AccessAttempt
from django.conf import settings as portal
from django.contrib.auth.models import Group, User
from django.test import Client

from connector import guesses

LIST = "/api/v1/connections"
PASSWORD = "correct-horse-battery"
LIMIT = portal.AXES_FAILURE_LIMIT


@pytest.fixture(autouse=True)
def _quick(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def robot(db):
    user = User.objects.create_user("robot", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="Auditors"))
    return user


def ask(password, name="robot", method="get", **options):
    sent = base64.b64encode(f"{name}:{password}".encode()).decode()
    return getattr(Client(), method)(LIST, headers={"Authorization": f"Basic {sent}"}, **options)


def guess(times=LIMIT, **options):
    return [ask("wrong", **options) for _ in range(times)][-1]


def test_too_many_wrong_passwords_lock_out(robot):
    answer = guess()

    assert (429, "throttled") == (answer.status_code, answer.json()["error"])
    assert "Too many wrong passwords" in answer.json()["detail"]
    assert 590 <= int(answer["Retry-After"]) <= 600
    assert 429 == ask(PASSWORD).status_code


def test_very_many_names_from_one_address_lock_it(robot, monkeypatch):
    monkeypatch.setattr(guesses, "MOST_FROM_ADDRESS", 7)
    for number in range(7):
        assert 401 == ask("wrong", name=f"name-{number}").status_code

    answer = ask(PASSWORD)

    assert (429, "throttled") == (answer.status_code, answer.json()["error"])
    assert "from this address" in answer.json()["detail"]
    assert 590 <= int(answer["Retry-After"]) <= 600


def test_the_right_password_forgives_what_was_wrong_before(robot):
    guess(LIMIT - 1)

    assert 200 == ask(PASSWORD).status_code
    assert 401 == guess(LIMIT - 1).status_code


def test_it_is_the_same_lock_as_at_the_admin(robot):
    guess()

    answer = Client().post("/admin/login/", {"username": "robot", "password": PASSWORD})

    assert 429 == answer.status_code


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param("application/json", "{", id="no JSON"),
        pytest.param("multipart/form-data", "nonsense", id="no boundary"),
        pytest.param("application/x-www-form-urlencoded", "a&" * 2000, id="too many fields"),
    ],
)
def test_a_body_that_cannot_be_read_does_not_keep_a_guess_from_counting(robot, content_type, body):
    answer = guess(method="post", data=body, content_type=content_type)

    assert 429 == answer.status_code


@pytest.mark.parametrize("name", ["a" * 151, "a\0b"])
def test_a_name_that_no_account_can_have_is_refused(robot, name):
    assert 401 == ask("wrong", name=name).status_code


def test_tokens_of_senders_are_no_passwords_of_people(robot, tenant):
    sent = base64.b64encode(b"robot:not-a-token").decode()
    for _ in range(LIMIT + 1):
        answer = Client().post(
            f"/api/v1/tenants/{tenant.slug}/events",
            "{}",
            "application/json",
            headers={"Authorization": f"Basic {sent}"},
        )

    assert 401 == answer.status_code
    assert not AccessAttempt.objects.exists()
    assert 200 == ask(PASSWORD).status_code
