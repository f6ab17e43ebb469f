"""The small client against servers that answer in every allowed way, and in others."""

import asyncio

import pytest

from connector.simulator import client
from connector.simulator.client import Answer, NoAnswerError, Poster

OK = b"HTTP/1.1 200 OK\r\n"


async def post_to(answers: list[bytes], *, close: bool = False, times: int = 1) -> list[Answer]:
    """Post some times to a server that gives these answers, one per connection if it closes."""
    waiting = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"{}"):
                writer.write(next(waiting))
                if close:
                    break
        except (EOFError, StopIteration, RuntimeError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    poster = Poster()
    try:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x?y=1"
        got = []
        for _ in range(times):
            got.append(await poster.post(url, {}, b"{}"))
            await asyncio.sleep(0.01)
        return got
    finally:
        await poster.close()
        server.close()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (OK + b"Content-Length: 2\r\n\r\nhi", 200, b"hi"),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;x=1\r\n ho\r\n0\r\n\r\n",
            200,
            b"hi ho",
        ),
        (OK + b"Connection: close\r\n\r\nhi", 200, b"hi"),
        (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    ],
    ids=["length", "chunks", "until the end", "length and close", "nothing"],
)
def test_every_way_to_end_a_body_is_read(answer, status, body):
    (got,) = asyncio.run(post_to([answer], close=b"close" in answer))

    assert (got.status, got.body) == (status, body)


def test_a_connection_is_used_again():
    good = OK + b"Content-Length: 2\r\n\r\nhi"

    assert [each.status for each in asyncio.run(post_to([good] * 3, times=3))] == [200] * 3


def test_a_connection_that_was_closed_meanwhile_is_replaced():
    good = OK + b"Content-Length: 2\r\n\r\nhi"

    got = asyncio.run(post_to([good] * 2, close=True, times=2))

    assert [each.status for each in got] == [200] * 2


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", OK + b"Content-Length: 9\r\n\r\nhi"])
def test_what_is_not_an_answer_is_said_to_be_none(answer):
    with pytest.raises(NoAnswerError):
        asyncio.run(post_to([answer], close=True))


def test_one_who_does_not_answer_is_not_waited_for_forever(monkeypatch):
    monkeypatch.setattr(client, "TIMEOUT", 0.05)

    with pytest.raises(NoAnswerError, match=r"0\.05 s"):
        asyncio.run(post_to([b""]))
