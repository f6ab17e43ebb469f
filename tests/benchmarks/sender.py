"""Posts events from a process of its own, so that it does not slow down what it measures.

    python -m tests.benchmarks.sender PORT CONNECTIONS < posts.jsonl

A line is `{"at": ..., "path": ..., "token": ..., "body": ...}`. Without `at` the posts go out as
fast as so many connections can. With `at` (Unix time) each goes out at its time, whether or not
those before it have been answered: a slow answer slows nothing down and is charged from the time
that was planned. Prints `{"late": ..., "posts": [[planned or sent at, answered at, status], ...]}`
in the order of the lines; status 0: no answer; `late`: seconds that the sender itself was late.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass

PATIENCE = 60.0  # seconds for one answer
TOO_LATE = 2.0  # seconds


@dataclass
class Post:
    message: bytes
    at: float | None
    started: float = 0.0
    ended: float = 0.0
    status: int = 0


class Connection(asyncio.Protocol):
    """One connection that is kept alive; one post at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self._buffer = b""
        if self._answer and not self._answer.done():
            self._answer.set_result(int(head[9:12]))
        if b"connection: close" in head.lower():
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(0)

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    async def post(self, message: bytes) -> int:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            return await asyncio.wait_for(self._answer, PATIENCE)
        except TimeoutError:
            self._transport.abort()
            return 0


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)


class Sender:
    def __init__(self, port: int) -> None:
        self.port = port
        self.idle: list[Connection] = []
        self.late = 0.0

    async def send(self, post: Post) -> None:
        now = time.time()
        post.started = post.at or now
        self.late = max(self.late, now - post.started)
        try:
            connection = await self._connection()
            post.status = await connection.post(post.message)
        except OSError:
            return
        finally:
            post.ended = time.time()
        if connection.is_open:
            self.idle.append(connection)

    async def _connection(self) -> Connection:
        while self.idle:
            connection = self.idle.pop()
            if connection.is_open:
                return connection
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
        return connection

    async def as_fast_as_can_be(self, posts: list[Post], connections: int) -> None:
        waiting = list(reversed(posts))

        async def one_after_another() -> None:
            while waiting:
                await self.send(waiting.pop())

        await asyncio.gather(*(one_after_another() for _ in range(connections)))

    async def each_at_its_time(self, posts: list[Post]) -> None:
        posts = sorted(posts, key=lambda each: each.at or 0)
        late = time.time() - (posts[0].at or 0) if posts else 0
        if late > TOO_LATE:
            sys.exit(f"The first post was to go out {late:.1f} s ago: the machine is too busy.")
        under_way = set()
        for post in posts:
            await asyncio.sleep(max(0.0, (post.at or 0) - time.time()))
            task = asyncio.create_task(self.send(post))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.gather(*under_way)


def _post(line: str) -> Post:
    wanted = json.loads(line)
    body = wanted["body"].encode()
    head = (
        f"POST {wanted['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: {wanted['token']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Post(head.encode() + body, wanted["at"])


async def main(port: int, connections: int) -> None:
    posts = [_post(line) for line in sys.stdin]
    sender = Sender(port)
    if posts and posts[0].at is None:
        await sender.as_fast_as_can_be(posts, connections)
    else:
        await sender.each_at_its_time(posts)
    results = [[each.started, each.ended, each.status] for each in posts]
    json.dump({"late": sender.late, "posts": results}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
