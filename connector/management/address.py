"""Where a server is to listen: read from the command line, and tried before anything starts."""

import argparse
import socket
from dataclasses import dataclass

from django.core.management.base import CommandError


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def ensure_free(self) -> None:
        """Raises CommandError where nobody can listen."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as exc:
                raise CommandError(
                    f"{self} cannot be listened on: {exc.strerror or exc}."
                ) from None


def add_bind(parser: argparse.ArgumentParser) -> None:
    """The option that says where to listen; gives an Address."""
    parser.add_argument(
        "--bind",
        type=address,
        default=Address("127.0.0.1", 8000),
        metavar="HOST:PORT",
        help="default %(default)s",
    )


def address(text: str) -> Address:
    """HOST:PORT, for argparse."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit():
        raise argparse.ArgumentTypeError(f"“{text}” is no HOST:PORT such as 127.0.0.1:8000")
    return Address(host.strip("[]"), port_number(port))


def port_number(text: str) -> int:
    """A port, for argparse."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"“{text}” is no port from 1 to 65535")
    return int(text)
