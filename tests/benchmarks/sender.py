"""Posts events as fast as so many connections can, from a process of its own.

    python -m tests.benchmarks.sender PORT PATH TOKEN CONNECTIONS < events.jsonl

Prints the milliseconds that each post took, as a JSON list.
"""

import asyncio
import json
import sys
import time


async def send(port: int, path: str, token: str, waiting: list[bytes], took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: {token}\r\n".encode()
    head += b"Content-Type: application/json\r\nContent-Length: "
    while waiting:
        body = waiting.pop()
        started = time.perf_counter()
        writer.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 202 " in answer[:20], answer
        length = answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        took.append((time.perf_counter() - started) * 1000)
    writer.close()


async def main(port: int, path: str, token: str, connections: int) -> None:
    waiting = [line.strip().encode() for line in sys.stdin]
    took: list[float] = []
    senders = [send(port, path, token, waiting, took) for _ in range(connections)]
    await asyncio.gather(*senders)
    print(json.dumps(took))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
