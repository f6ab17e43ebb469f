"""The commands around the configuration file and the audit trail, as a person calls them."""

import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command

from connector.domain import Evidence, Reason, State
from connector.models import AgentConnection, Tenant

ROOT = Path(__file__).parent.parent
FILE = """
version: 1
tenants:
  - slug: banco-sur
    name: Banco del Sur
    genesys: {client_id: abc, client_secret: hush-hush}
    lynn: {base_url: https://lynn.example.com}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tenants.yaml"
    path.write_text(FILE)
    return path


def run(*command):
    """What the command prints."""
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def received(slug, moment):
    tenant, _ = Tenant.objects.get_or_create(slug=slug, defaults={"name": slug})
    return AgentConnection.objects.create(
        tenant=tenant,
        offer_key=moment.isoformat(),
        conversation_id=f"{slug} {moment:%d %H:%M}",
        user_id="u-1",
        answer_mode="auto",
        received_at=moment,
        offered_at=moment,
        answered_at=moment,
        delivered_at=moment,
        give_up_at=moment,
        state=State.DELIVERED,
        reason=Reason.DELIVERED,
        evidence=Evidence.AUTO,
    )


def conversations(*options):
    told = run("exportaudit", *options).splitlines()
    return [json.loads(line)["conversation_id"] for line in told]


# applyconfig


@pytest.mark.django_db
def test_applyconfig_tells_what_it_changed(file):
    assert run("applyconfig", str(file)) == "+ banco-sur: tenant Banco del Sur\n"
    assert Tenant.objects.get().name == "Banco del Sur"


@pytest.mark.django_db
def test_a_second_time_there_is_nothing_to_change(file):
    run("applyconfig", str(file))

    assert run("applyconfig", str(file)) == "nothing to change\n"


@pytest.mark.django_db
def test_a_plan_is_shown_and_not_carried_out(file):
    assert run("applyconfig", str(file), "--plan") == "+ banco-sur: tenant Banco del Sur\n"
    assert not Tenant.objects.exists()


@pytest.mark.django_db
def test_a_dash_reads_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FILE.encode())))

    run("applyconfig", "-")

    assert Tenant.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [", "The file is not YAML: line 1, column 5: "),
        (b"\xff\xfe\xff", "tenants.yaml is not a text file in UTF-8."),
        (b"version: 1", "tenants: This field is required."),
    ],
)
def test_a_wrong_file_is_one_sentence(file, content, sentence):
    file.write_bytes(content)

    with pytest.raises(CommandError) as caught:
        run("applyconfig", str(file))

    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_sentence():
    with pytest.raises(CommandError, match=r"no/where.yaml cannot be read: No such file"):
        run("applyconfig", "no/where.yaml")


# exportconfig


@pytest.mark.django_db
def test_exportconfig_prints_what_applyconfig_reads(file):
    run("applyconfig", str(file))
    file.write_text(run("exportconfig"))

    assert run("applyconfig", str(file)) == "nothing to change\n"


@pytest.mark.django_db
def test_exportconfig_prints_one_tenant_alone(file):
    run("applyconfig", str(file))
    Tenant.objects.create(slug="otro", name="Otro")

    entries = yaml.safe_load(run("exportconfig", "--tenant", "otro"))["tenants"]

    assert [entry["slug"] for entry in entries] == ["otro"]


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["exportconfig", "exportaudit", "verifyaudit", "purge"])
@pytest.mark.parametrize("slug", ["nobody", ""])
def test_an_unknown_tenant_is_one_sentence(command, slug):
    with pytest.raises(CommandError, match=f"There is no tenant “{slug}”"):
        run(command, "--tenant", slug)


# exportaudit


@pytest.mark.django_db
def test_exportaudit_chooses_by_tenant():
    received("banco-sur", datetime(2026, 10, 12, tzinfo=UTC))
    received("otro", datetime(2026, 10, 12, tzinfo=UTC))

    assert conversations("--tenant", "otro") == ["otro 12 00:00"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "days"),
    [
        ([], ["11", "12", "13"]),
        (["--since", "2026-10-12"], ["12", "13"]),
        (["--until", "2026-10-12"], ["11"]),
        (["--since", "2026-10-12T00:00:00Z", "--until", "2026-10-13T00:00"], ["12"]),
        (["--since", "2026-10-12T01:00+02:00"], ["12", "13"]),
        (["--since", "2026-10-12T00:00:00-05:00"], ["13"]),
    ],
)
def test_exportaudit_chooses_by_time(options, days):
    for day in (11, 12, 13):
        received("banco-sur", datetime(2026, 10, day, tzinfo=UTC))

    assert conversations(*options) == [f"banco-sur {day} 00:00" for day in days]


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01", "0001-01-01T00:00+05:00", ""])
def test_a_wrong_time_is_one_sentence(wrong):
    with pytest.raises(
        CommandError, match=f"--since: “{wrong}” is no date or time".replace("+", r"\+")
    ):
        run("exportaudit", "--since", wrong)


@pytest.mark.django_db
def test_exportaudit_speaks_english_whatever_the_language(settings):
    settings.LANGUAGE_CODE = "es"
    received("banco-sur", datetime(2026, 10, 12, tzinfo=UTC))

    assert "The queue answers automatically; Lynn was told 0 ms" in run("exportaudit")


@pytest.mark.django_db
def test_exportaudit_writes_csv():
    assert run("exportaudit", "--format", "csv").startswith("id,tenant,")


# As processes

COMMANDS = (
    *("demo", "serve", "web", "worker", "simulator", "applyconfig", "exportconfig"),
    *("exportaudit", "verifyaudit", "rotatesecrets", "purge"),
)
MARIA = """
from django.utils import timezone
from connector.models import AgentConnection, Tenant

now = timezone.now()
tenant = Tenant.objects.create(slug="banco", name="María")
AgentConnection.objects.create(
    tenant=tenant, offer_key="1", conversation_id="María", user_id="u-1", answer_mode="auto",
    state="delivering", evidence="auto", answered_at=now, received_at=now, offered_at=now,
    give_up_at=now, due_at=now,
)
"""


@pytest.fixture
def manage(tmp_path):
    """Runs manage.py on a database of its own."""
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/portal.sqlite3"}

    def start(*arguments, stdout=subprocess.PIPE):
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True
        )

    return start


def test_a_mistake_ends_with_one_line_and_exit_code_1(manage):
    ended = manage("applyconfig", "no/where.yaml")

    assert ended.returncode == 1
    assert (
        ended.stderr == "CommandError: no/where.yaml cannot be read: No such file or directory.\n"
    )


def test_a_reader_that_goes_away_is_no_mistake(manage):
    manage("migrate")
    reader, writer = os.pipe()
    os.close(reader)

    ended = manage("exportaudit", "--format", "csv", stdout=writer)

    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("form", ["exportconfig", "exportaudit"])
def test_what_is_exported_is_utf8_whatever_letters_the_terminal_has(manage, monkeypatch, form):
    manage("migrate")
    manage("shell", "-c", MARIA)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")

    ended = manage(form)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "María" in ended.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_shows_what_the_command_is_for_and_nothing_of_djangos(manage, command):
    ended = manage(command, "--help")

    assert ended.stdout.startswith(f"usage: ./run {command} [-h]")
    assert "examples:\n  " in ended.stdout or command in ("worker", "rotatesecrets")
    assert "--pythonpath" not in ended.stdout


@pytest.fixture
def _heard():
    """Where tests run in the background, a shell has it ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize(
    ("command", "place", "code"),
    [("exportconfig", "DATABASE_URL_FILE", -signal.SIGINT), ("applyconfig", "", 130)],
    ids=["while it loads", "while it works"],
)
def test_ctrl_c_says_nothing(manage, tmp_path, command, place, code):
    manage("migrate")
    os.mkfifo(tmp_path / "waits")
    environment = {name: text for name, text in os.environ.items() if name != "DATABASE_URL"}
    environment |= {place or "DATABASE_URL": f"sqlite:///{tmp_path}/portal.sqlite3"}
    arguments = [] if place else [str(tmp_path / "waits")]
    if place:
        environment[place] = str(tmp_path / "waits")
    started = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), command, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with open(tmp_path / "waits", "w"):  # opens as soon as the command reads it
        started.send_signal(signal.SIGINT)
        said = started.communicate(timeout=60)

    assert (code, ("", "")) == (started.returncode, said)


@pytest.mark.django_db
def test_an_export_that_ends_before_it_begins_is_said_to_do_so():
    with pytest.raises(CommandError, match="--since 2026-12-01 is not before --until 2026-11-01"):
        run("exportaudit", "--since", "2026-12-01", "--until", "2026-11-01")
