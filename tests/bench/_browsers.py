"""Open dashboards, in a process of their own: they read their streams and say how much came."""

import asyncio
import sys
from typing import Final

LIST: Final = "/api/v1/stream?form=html"
PAGE: Final = "/api/v1/stream?form=html&namespace={}&name={}"
READ_BYTES_MAX: Final = 65_536


async def browse(port: int, path: str) -> None:
    """One open page. Whatever comes is read and dropped."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head, head
    sys.stdout.write("open\n")
    sys.stdout.flush()
    read = 0
    while chunk := await reader.read(READ_BYTES_MAX):
        read += len(chunk)
    raise EOFError(f"{path} was ended after {read} bytes")


async def main(port: int, number: int, names: list[str]) -> None:
    """Half of them on the list, half on releases; until the process is ended."""
    async with asyncio.TaskGroup() as group:
        for page in range(number):
            namespace, _, name = names[page // 2 % len(names)].partition("/")
            path = LIST if page % 2 else PAGE.format(namespace, name)
            group.create_task(browse(port, path))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")))
