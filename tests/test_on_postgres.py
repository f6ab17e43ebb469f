"""PostgreSQL locks and compares differently, so what touches the database passes there too."""

import os
import subprocess
import sys
from pathlib import Path

from tests.services import service
from tests.system.portal import ROOT, SECRETS

NOT_AGAIN = {"test_on_postgres.py", "test_demo.py", "test_environment.py"}


def test_the_tests_that_use_the_database_pass_on_postgresql_too() -> None:
    files = [
        str(path) for path in Path(ROOT, "tests").glob("test_*.py") if path.name not in NOT_AGAIN
    ]
    command = [sys.executable, "-m", "pytest", "-q", "--create-db", *sorted(files)]
    done = subprocess.run(
        [*command, "tests/engine", "tests/admin", "tests/audit", "tests/api"],
        cwd=ROOT,
        env={**os.environ, **SECRETS, "DATABASE_URL": service("TEST_POSTGRES_URL")},
        capture_output=True,
        text=True,
    )

    assert 0 == done.returncode, done.stdout[-5000:] + done.stderr[-2000:]
