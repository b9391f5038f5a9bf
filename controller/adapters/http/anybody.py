"""Bodies of those who are not known yet: few at once, and not for long.

Each holds one of the places in which everybody's requests are served. Were there no bound, whoever
sends slowly would keep those out who want to roll back.
"""

import asyncio
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from controller.adapters.http.kinds import Kind
from controller.adapters.http.problems import Trouble

AT_ONCE_MAX: Final = 12
BODY_SECONDS: Final = 3.0


class Anybody:
    """Reads bodies of at most so many bytes; `what` is how they are spoken of."""

    def __init__(self, bytes_max: int, what: str) -> None:
        self._bytes_max = bytes_max
        self._what = what
        self._reading = 0

    async def body(self, request: Request) -> bytes:
        """All of it. Raises Trouble: 413, 408, or 503 when too many are being read."""
        said = request.headers.get("content-length", "")
        if said.isascii() and said.isdecimal() and int(said[:20]) > self._bytes_max:
            raise self._too_large()
        if self._reading >= AT_ONCE_MAX:
            detail = f"too many are sending at once: send the {self._what} again in a moment"
            raise Trouble(Kind.OVERLOADED, detail, headers={"Retry-After": "2"})
        self._reading += 1
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read(request)
        except (TimeoutError, ClientDisconnect):
            detail = f"the {self._what} did not arrive within {BODY_SECONDS:g} s: send it again"
            raise Trouble(Kind.TOO_SLOW, detail, headers={"Connection": "close"}) from None
        finally:
            self._reading -= 1

    async def _read(self, request: Request) -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._bytes_max:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> Trouble:
        detail = f"the {self._what} is larger than {self._bytes_max} bytes"
        return Trouble(Kind.TOO_LARGE, detail)
