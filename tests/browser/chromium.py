"""Where the browser is."""

import os
import shutil

import pytest


def executable() -> str:
    """The path of chromium; without one the test is skipped, in CI failed."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
    if not path:
        reason = "no chromium: install it, or name its path in CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
