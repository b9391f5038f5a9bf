"""One HTTP request on one fresh connection: what a probe and an impatient user send."""

from __future__ import annotations

import asyncio


async def status(host: str, port: int, path: str, *, method: str = "GET", seconds: float) -> int:
    """The status code of the whole answer; `OSError` or `TimeoutError` when there is none."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            writer.write(f"{head}Connection: close\r\nContent-Length: 0\r\n\r\n".encode())
            answer = await reader.read()
        finally:
            writer.close()
    line = answer.partition(b"\r\n")[0].split()
    if len(line) < 2 or not line[1].isdigit():
        raise ConnectionResetError(f"{host}:{port}{path}: the connection ended without an answer")
    return int(line[1])
