"""How a session with PostgreSQL is held: where a server tells nothing any more, it must end."""

import os
import socket

import pytest
from django.db import connection

pytestmark = pytest.mark.server


def test_a_database_whose_machine_vanishes_is_noticed_within_seconds(db: None) -> None:
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as session:
        unheard = session.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) / 1000
        idle, every, times = (
            session.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )

        assert session.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert 10 == unheard
    assert idle + every * times <= 15
