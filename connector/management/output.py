"""What a command prints when that is the content of a file."""

import sys
from io import TextIOWrapper


def in_utf8() -> None:
    """From now on, whatever letters the terminal has."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
