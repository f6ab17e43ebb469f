"""`./run`: what it says and does before the portal itself is started."""

import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("run", str(ROOT / "run"))
    module = ModuleType("run")
    module.__file__ = str(ROOT / "run")
    loader.exec_module(module)
    for name, path in {"VENV": ".venv", "PYTHON": ".venv/bin/python", "MADE": ".venv/made"}.items():
        monkeypatch.setattr(module, name, str(tmp_path / path))
    return module


def test_an_old_python_is_explained_in_one_sentence(
    run: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "OLDEST", (99, 1))

    with pytest.raises(SystemExit) as caught:
        run.main(["serve"])

    assert 1 == caught.value.code
    said = capsys.readouterr().err
    assert said.startswith("The portal needs Python 99.1 or newer; ")
    assert 1 == said.count("\n")


def test_a_missing_venv_module_is_explained_in_one_sentence(
    run: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)

    with pytest.raises(SystemExit):
        run.make_venv()

    said = capsys.readouterr().err
    assert "apt install python3-venv" in said
    assert 1 == said.count("\n")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_without_a_command_it_says_what_there_is(
    run: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    run.main(arguments)

    assert "./run demo" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["test", "check"])
def test_its_own_commands_explain_themselves_too(
    run: ModuleType, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    run.main([command, "--help"])

    assert capsys.readouterr().out.startswith(f"usage: ./run {command}")


def test_check_takes_no_arguments(run: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["check", "connector"])

    assert "./run check takes no arguments; it looks at everything.\n" == capsys.readouterr().err


def test_a_file_is_looked_for_where_the_command_was_called(
    run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr(run, "prepare", lambda lock_file: None)
    monkeypatch.setattr(run.os, "execv", lambda program, command: begun.append(command))
    monkeypatch.chdir(tmp_path)

    run.main(["applyconfig", "tenants.yaml"])

    assert tmp_path == Path.cwd()
    assert [str(ROOT / "manage.py"), "applyconfig", "tenants.yaml"] == begun[0][1:]


def test_an_environment_that_is_half_made_or_of_another_python_is_made_anew(
    run: ModuleType, tmp_path: Path
) -> None:
    assert not run.is_made()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").touch()
    assert not run.is_made()

    (tmp_path / ".venv/made").write_text("2.7.18")
    assert not run.is_made()
    (tmp_path / ".venv/made").write_text(sys.version.split()[0])
    assert run.is_made()


def test_the_stamp_of_the_test_requirements_is_enough_for_both(
    run: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / ".venv").mkdir()
    assert not run.is_installed("requirements.txt")

    stamp = Path(run.stamp("requirements-test.txt"))
    stamp.write_text(run.fingerprint("requirements-test.txt"))

    assert run.is_installed("requirements.txt")
    assert run.is_installed("requirements-test.txt")


def test_the_lock_files_name_no_index_and_carry_hashes() -> None:
    for name in ("requirements.txt", "requirements-test.txt"):
        text = (ROOT / name).read_text()
        pinned = [line for line in text.splitlines() if "==" in line and not line.startswith(" ")]
        assert all(line.endswith("\\") for line in pinned)
        assert "http" not in text
        assert text.count("--hash=") >= len(pinned)


def test_the_test_requirements_pin_the_same_versions() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {
            line.rstrip(" \\").partition(" ;")[0]
            for line in lines
            if "==" in line and not line.startswith(" ")
        }

    assert pins("requirements.txt") <= pins("requirements-test.txt")
