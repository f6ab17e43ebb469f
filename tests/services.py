"""Servers that some tests need."""

import os

import pytest


def service(name: str) -> str:
    """The address in this environment variable; without it the test is skipped, in CI failed."""
    url = os.environ.get(name, "")
    if not url:
        reason = f"{name} names no server"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return url
