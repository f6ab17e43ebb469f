"""The environment is right, or the start ends with a sentence for every variable that is not."""

import multiprocessing
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from portal import environment, keys

ROOT = Path(__file__).resolve().parent.parent
SECRET_KEY = "a-secret-key-of-more-than-32-characters"
POSTGRES = "postgres://portal:hidden-password@db.example.com:5432/portal"
OURS = re.compile(r"(PORTAL_.*|FORWARDED_ALLOW_IPS|DATABASE_URL|REDIS_URL|EMAIL_URL)(_FILE)?\Z")


@pytest.fixture(autouse=True)
def environ():
    """An environment in which nothing of ours is set; what is set in it ends with the test."""
    with mock.patch.dict(os.environ):
        for name in filter(OURS.match, list(os.environ)):
            del os.environ[name]
        yield os.environ


@pytest.fixture
def read(tmp_path, environ):
    """Reads an environment in which only these variables are set."""

    def set_and_read(**variables):
        environ.update(variables)
        return environment.read(tmp_path)

    return set_and_read


def complaints(read, **variables):
    """The lines of the complaint, without its first."""
    with pytest.raises(ImproperlyConfigured) as refused:
        read(**variables)
    first, *lines = str(refused.value).splitlines()
    assert first == "The environment is wrong."
    return lines


def test_an_empty_environment_is_enough(read, tmp_path):
    values = read()

    assert values["database"]["NAME"] == str(tmp_path / "var" / "portal.sqlite3")
    assert values["allowed_hosts"] == ["localhost", "127.0.0.1", "[::1]"]
    assert (values["base_url"], values["log_format"]) == ("http://127.0.0.1:8000", "plain")
    assert (values["redis_url"], values["metrics_token"], values["debug"]) == ("", "", False)
    assert (values["language"], values["time_zone"]) == ("en", "UTC")
    assert values["trusted_proxies"] == ["127.0.0.1", "::1"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", []),
        ("*", ["*"]),
        ("10.20.0.1, 10.30.0.0/16,2001:db8::1", ["10.20.0.1", "10.30.0.0/16", "2001:db8::1"]),
    ],
)
def test_proxies_are_named_as_gunicorn_wants_them(read, written, expected):
    assert expected == read(FORWARDED_ALLOW_IPS=written)["trusted_proxies"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTAL_SECRET_KEY", "short"),
        ("PORTAL_FIELD_KEYS", "short"),
        ("PORTAL_FIELD_KEYS", Fernet.generate_key().decode() + ",ñ"),
        ("PORTAL_FIELD_KEYS", Fernet.generate_key().decode() + ","),
        ("PORTAL_BASE_URL", ""),
        ("PORTAL_BASE_URL", "portal.example.com"),
        ("PORTAL_ALLOWED_HOSTS", "https://portal.example.com"),
        ("PORTAL_ALLOWED_HOSTS", "portal.example.com:8000"),
        ("PORTAL_ALLOWED_HOSTS", "portal.example.com/,localhost"),
        ("PORTAL_ALLOWED_HOSTS", "localhost portal.example.com"),
        ("PORTAL_ALLOWED_HOSTS", "*.example.com"),
        ("PORTAL_BASE_URL", "ftp://portal.example.com"),
        ("PORTAL_BASE_URL", "http://["),
        ("PORTAL_BASE_URL", "https://portal.example.com:https"),
        ("PORTAL_BASE_URL", "https://portal.example.com/ admin"),
        ("PORTAL_BASE_URL", "https://portal.example.com/?language=es"),
        ("PORTAL_BASE_URL", "https://portal.example.com/#top"),
        ("PORTAL_BASE_URL", "https://user:hidden-password@portal.example.com"),
        ("PORTAL_METRICS_TOKEN", "two words"),
        ("PORTAL_METRICS_TOKEN", "mañana"),
        ("PORTAL_ALLOWED_UPSTREAMS", "10.20.0.1/16"),
        ("PORTAL_ALLOWED_UPSTREAMS", "10.20.0.0/16,lynn.example.com"),
        ("FORWARDED_ALLOW_IPS", "proxy.example.com"),
        ("FORWARDED_ALLOW_IPS", "10.20.0.1/16"),
        ("PORTAL_WEB_PROCESSES", "0"),
        ("PORTAL_WEB_PROCESSES", "many"),
        ("PORTAL_WEB_THREADS", "257"),
        ("PORTAL_WEB_THREADS", ""),
        ("PORTAL_WORKER_PROCESSES", "1.5"),
        ("PORTAL_WORKER_PROCESSES", "-1"),
        ("PORTAL_LOG_FORMAT", "xml"),
        ("PORTAL_LANGUAGE", "fr"),
        ("PORTAL_TIME_ZONE", ""),
        ("PORTAL_TIME_ZONE", "America/Atlantis"),
        ("PORTAL_TIME_ZONE", "../../etc/passwd"),
        ("PORTAL_TIME_ZONE", "America"),
        ("PORTAL_DEBUG", "perhaps"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "portal.sqlite3"),
        ("DATABASE_URL", "sqlite://:memory:"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///file:portal%3Fmode=memory"),
        ("DATABASE_URL", "sqlite://var/portal.sqlite3"),
        ("DATABASE_URL", "sqlite:////tmp/portal.sqlite3?timeout=5"),
        ("DATABASE_URL", "mysql://portal:hidden-password@db.example.com/portal"),
        ("DATABASE_URL", "postgres://portal:hidden-password@db.example.com:port/portal"),
        ("DATABASE_URL", "postgres://portal:hidden-password[@db.example.com/portal"),
        ("REDIS_URL", "http://cache.example.com"),
        ("REDIS_URL", "redis://["),
        ("REDIS_URL", "redis://:hidden-password@cache.example.com/main"),
        ("EMAIL_URL", "pigeon://:hidden-password@example.com"),
        ("EMAIL_URL", "smtp://user:hidden-password@example.com:port"),
        ("EMAIL_URL", ""),
    ],
)
def test_a_wrong_value_is_named_and_no_secret_shown(read, name, value):
    (line,) = complaints(read, **{name: value})

    assert line.startswith(f"{name}: ")
    assert line.endswith((".", '"'))
    assert "hidden-password" not in line


def test_all_mistakes_are_told_at_once(read):
    lines = complaints(
        read,
        DATABASE_URL=POSTGRES,
        PORTAL_FIELD_KEYS="short",
        PORTAL_TIME_ZONE="America/Atlantis",
        PORTAL_WEB_THREADS="0",
        EMAIL_URL="nowhere",
        PORTAL_METRICS_TOKEN_FILE="/no/such/file",
    )

    assert sorted(line.partition(":")[0] for line in lines) == [
        "EMAIL_URL",
        "PORTAL_FIELD_KEYS",
        "PORTAL_METRICS_TOKEN_FILE",
        "PORTAL_SECRET_KEY",
        "PORTAL_TIME_ZONE",
        "PORTAL_WEB_THREADS",
    ]


@pytest.mark.parametrize(
    ("name", "value", "key", "expected"),
    [
        ("PORTAL_ALLOWED_HOSTS", "a.example.com, b.example.com,", "allowed_hosts",
         ["a.example.com", "b.example.com"]),
        ("PORTAL_ALLOWED_HOSTS", "*", "allowed_hosts", ["*"]),
        ("PORTAL_ALLOWED_HOSTS", ".example.com,[::1]", "allowed_hosts", [".example.com", "[::1]"]),
        ("PORTAL_ALLOWED_HOSTS", "", "allowed_hosts", environment.DEVELOPMENT_HOSTS),
        ("PORTAL_BASE_URL", "https://[::1]:8443/portal", "base_url", "https://[::1]:8443/portal"),
        ("PORTAL_WEB_THREADS", "256", "web_threads", 256),
        ("PORTAL_TIME_ZONE", "America/Bogota", "time_zone", "America/Bogota"),
        ("PORTAL_DEBUG", "yes", "debug", True),
        ("REDIS_URL", "rediss://cache.example.com:6380/1", "redis_url",
         "rediss://cache.example.com:6380/1"),
        ("REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
        ("PORTAL_SECRET_KEY", SECRET_KEY, "secret_key", SECRET_KEY),
    ],
)  # fmt: skip
def test_a_right_value_is_taken(read, name, value, key, expected):
    assert read(**{name: value})[key] == expected


def test_the_folder_of_the_portal_may_be_called_anything(environ, tmp_path):
    values = environment.read(tmp_path / "agents? 100%")

    assert values["database"]["NAME"] == str(tmp_path / "agents? 100%" / "var" / "portal.sqlite3")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://portal.example.com/portal", "https://portal.example.com"),
        ("HTTPS://Portal.Example.com:443", "https://portal.example.com"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_an_origin_is_what_browsers_send(address, expected):
    assert environment.origin(address) == expected


def test_postgresql_is_taken_with_keys_of_its_own(read, tmp_path):
    first, second = Fernet.generate_key().decode(), Fernet.generate_key().decode()

    values = read(
        DATABASE_URL=POSTGRES,
        PORTAL_SECRET_KEY=SECRET_KEY,
        PORTAL_FIELD_KEYS=f"{first},{second}",
    )

    assert values["database"]["ENGINE"] == "django.db.backends.postgresql"
    assert values["database"]["PASSWORD"] == "hidden-password"
    assert values["field_keys"] == [first, second]
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("path", ["", "/", "/" + "a" * 64])
def test_postgresql_needs_the_name_of_a_database(read, path):
    lines = complaints(
        read,
        DATABASE_URL=f"postgres://portal:hidden-password@db.example.com{path}",
        PORTAL_SECRET_KEY=SECRET_KEY,
        PORTAL_FIELD_KEYS=Fernet.generate_key().decode(),
    )

    example = "postgres://user:password@host:5432/name"
    assert [f"DATABASE_URL: names no database; an example is {example}."] == lines


def test_postgresql_needs_keys(read, tmp_path):
    lines = complaints(read, DATABASE_URL=POSTGRES)

    assert lines == [
        "PORTAL_SECRET_KEY: required with this database.",
        "PORTAL_FIELD_KEYS: required with this database.",
    ]
    assert not (tmp_path / "var").exists()


# NAME_FILE ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", environment.SECRETS)
def test_a_secret_may_stand_in_a_file(read, environ, tmp_path, name):
    values = {
        "DATABASE_URL": "sqlite:////tmp/other.sqlite3",
        "REDIS_URL": "redis://cache.example.com",
        "EMAIL_URL": "smtp://mail.example.com:587",
        "PORTAL_SECRET_KEY": SECRET_KEY,
        "PORTAL_FIELD_KEYS": Fernet.generate_key().decode(),
        "PORTAL_METRICS_TOKEN": "a-metrics-token",
    }
    (tmp_path / "secret").write_text(values[name] + "\n")

    from_file = read(**{f"{name}_FILE": str(tmp_path / "secret")})

    assert environ[name] == values[name]
    assert from_file == read(**{name: values[name]})


def test_the_variable_comes_before_its_file(read):
    values = read(PORTAL_METRICS_TOKEN="here", PORTAL_METRICS_TOKEN_FILE="/no/such/file")

    assert values["metrics_token"] == "here"


def test_an_editor_that_marks_its_files_as_utf8_does_no_harm(read, tmp_path):
    (tmp_path / "secret").write_text(SECRET_KEY, "utf-8-sig")

    assert read(PORTAL_SECRET_KEY_FILE=str(tmp_path / "secret"))["secret_key"] == SECRET_KEY


@pytest.mark.parametrize("name", environment.SECRETS)
def test_an_empty_file_is_a_mistake_and_no_key_is_made_in_its_place(read, tmp_path, name):
    (tmp_path / "secret").write_text("\n")

    lines = complaints(read, **{f"{name}_FILE": str(tmp_path / "secret")})

    assert f"{name}_FILE: {tmp_path / 'secret'} is empty." in lines
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["absent", "not UTF-8"])
def test_a_file_that_cannot_be_read_is_named(read, tmp_path, content):
    path = tmp_path / "secret"
    if content:
        path.write_bytes(content)

    (line,) = complaints(read, PORTAL_SECRET_KEY_FILE=str(path))

    assert line.startswith(f"PORTAL_SECRET_KEY_FILE: {path} cannot be read (")


def test_what_stands_in_a_file_is_examined_like_any_value(read, tmp_path):
    (tmp_path / "secret").write_text("short")

    (line,) = complaints(read, PORTAL_SECRET_KEY_FILE=str(tmp_path / "secret"))

    assert line == "PORTAL_SECRET_KEY: needs at least 32 characters."


# Keys of the first start --------------------------------------------------------------------------


def test_the_first_start_on_sqlite_makes_its_keys(read, tmp_path):
    values = read()

    made = {path.name: path for path in (tmp_path / "var").iterdir()}
    assert set(made) == {"secret_key", "field_keys"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.values()} == {0o600}
    assert values["secret_key"] == made["secret_key"].read_text().strip()
    assert Fernet(values["field_keys"][0])
    assert values["secret_key"] != values["field_keys"][0]


def test_every_later_start_uses_the_same_keys(read):
    first, second = read(), read()

    assert first == second


def test_a_key_that_is_given_is_not_made(read, tmp_path):
    read(PORTAL_SECRET_KEY=SECRET_KEY)

    assert [path.name for path in (tmp_path / "var").iterdir()] == ["field_keys"]


def test_a_key_file_that_is_damaged_is_named(read, tmp_path):
    read()
    (tmp_path / "var" / "field_keys").write_text("half a ke")

    with pytest.raises(ImproperlyConfigured, match="field_keys: key 1 is not 32 bytes"):
        read()


def test_keys_that_cannot_be_kept_stop_the_start(read, tmp_path):
    (tmp_path / "var").write_text("a file where a folder should be")

    with pytest.raises(ImproperlyConfigured, match=r"The key .*secret_key can be neither read"):
        read()


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777], ids=oct)
def test_no_umask_opens_or_closes_a_key(tmp_path, mask):
    before = os.umask(mask)
    try:
        keys.read_or_make(tmp_path / "key")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) & 0o077 == 0


def test_several_processes_at_once_make_one_key(tmp_path):
    paths = [tmp_path / "var" / "key"] * 16

    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = set(pool.map(keys.read_or_make, paths, chunksize=1))

    assert len(made) == 1
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["key"]


def test_who_comes_second_leaves_the_key_alone(tmp_path):
    first = keys.read_or_make(tmp_path / "key")

    keys._make(tmp_path / "key")

    assert keys.read_or_make(tmp_path / "key") == first
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


# manage.py ----------------------------------------------------------------------------------------


def manage(*arguments, **variables):
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["check", "migrate", "serve", "--help"])
def test_a_command_with_a_wrong_variable_ends_with_sentences(command):
    ended = manage(command, PORTAL_TIME_ZONE="America/Atlantis", PORTAL_WEB_THREADS="0")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines() == [
        "The environment is wrong.",
        "PORTAL_WEB_THREADS: must be between 1 and 256.",
        "PORTAL_TIME_ZONE: “America/Atlantis” is no time zone; an example is America/Bogota.",
    ]


def test_a_database_file_that_cannot_be_made_ends_with_a_sentence(tmp_path):
    (tmp_path / "file").write_text("no directory")
    path = tmp_path / "file" / "portal.sqlite3"

    ended = manage("exportaudit", DATABASE_URL=f"sqlite:///{path}")

    said = f"DATABASE_URL: {path} cannot be made ([Errno 17] File exists: '{path.parent}')."
    assert (1, "") == (ended.returncode, ended.stdout)
    assert ["The environment is wrong.", said] == ended.stderr.splitlines()


@pytest.mark.parametrize("command", ["serve", "web", "worker", "migrate", "exportaudit"])
def test_a_database_in_memory_is_refused(command):
    ended = manage(command, DATABASE_URL="sqlite://:memory:")

    said = "a database in memory ends with its process, so nobody else sees it; an example is"
    assert (1, "") == (ended.returncode, ended.stdout)
    assert f"DATABASE_URL: {said} sqlite:////var/lib/portal.sqlite3." in ended.stderr.splitlines()


def test_a_relative_file_is_the_same_from_every_folder(tmp_path, environ):
    command = [sys.executable, ROOT / "manage.py", "diffsettings"]
    environ["DATABASE_URL"] = "sqlite:///var/relative.sqlite3"
    try:
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    finally:
        (ROOT / "var" / "relative.sqlite3").unlink()

    assert f"'NAME': '{ROOT / 'var' / 'relative.sqlite3'}'" in ended.stdout


@pytest.mark.parametrize("command", ["exportaudit", "verifyaudit", "serve"])
def test_a_file_that_is_no_database_ends_with_a_sentence(tmp_path, command):
    path = tmp_path / "tenants.yaml"
    path.write_text("version: 1\ntenants: []\n" * 100)

    ended = manage(command, DATABASE_URL=f"sqlite:///{path}")

    said = "The database that DATABASE_URL names cannot be used: file is not a database\n"
    assert (1, "", said) == (ended.returncode, ended.stdout, ended.stderr)


def test_a_command_with_a_right_environment_runs(tmp_path):
    database = f"sqlite:///{tmp_path / 'portal.sqlite3'}"

    ended = manage("check", DATABASE_URL=database, PORTAL_TIME_ZONE="America/Bogota")

    assert (ended.returncode, ended.stderr) == (0, "")
