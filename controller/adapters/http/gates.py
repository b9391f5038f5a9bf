"""What every request passes: safety headers, HEAD where GET is, and a limit on work at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from controller.adapters.http.kinds import Kind
from controller.adapters.http.problems import MEDIA_TYPE, Trouble, problem
from controller.adapters.http.safety import SafetyHeaders

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Counted = Callable[[str, str, int], None]
"""Told of each answer: method, route (as it was declared) and status."""

# Each takes milliseconds. A stream is not counted: its own room is limited where it is served.
REQUESTS_AT_ONCE_MAX: Final = 100
# After a restart all browsers come back at once: they wait in line, and not for long.
TURN_SECONDS_MAX: Final = 2.0
# The largest is what Slack posts about a long message; a command has a limit of its own.
BODY_BYTES_MAX: Final = 1_048_576
PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
NO_ROUTE: Final = "none"
_STREAM: Final = b"text/event-stream"


class Gate:
    """Around the whole application. Probes are always let through."""

    def __init__(self, app: Asgi, counted: Counted) -> None:
        self._app = app
        self._counted = counted
        self._room = asyncio.Semaphore(REQUESTS_AT_ONCE_MAX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = SafetyHeaders(send, secure=scope.get("scheme") == "https")
        turn = _Turn(scope, send, None if scope["path"] in PROBES else self._room)
        if not await turn.begin():
            await _refuse(scope, send)
            return
        receive = _Bounded(receive)
        if scope["method"] == "HEAD":
            head = _Head(receive, turn)
            await self._run(turn, {**scope, "method": "GET"}, head.receive, head)
        else:
            await self._run(turn, scope, receive, turn)

    async def _run(self, turn: "_Turn", scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            turn.end()
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            self._counted(turn.method, route, turn.status)


class _Turn:
    """One request that is being served; it takes room as long as it is at work."""

    def __init__(self, scope: Scope, send: Send, room: asyncio.Semaphore | None) -> None:
        self._send = send
        self._room = room
        self.method: str = scope["method"]
        self.status = 500

    async def begin(self) -> bool:
        """Whether there was room in time."""
        if self._room is None:
            return True
        try:
            async with asyncio.timeout(TURN_SECONDS_MAX):
                await self._room.acquire()
        except TimeoutError:
            return False
        return True

    def end(self) -> None:
        if self._room is not None:
            self._room.release()
        self._room = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            if _is_stream(message["headers"]):
                self.end()
        await self._send(message)


class _Bounded:
    """Reads no more of a body than there may be."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > BODY_BYTES_MAX:
            detail = f"the body is larger than {BODY_BYTES_MAX} bytes: send less"
            raise Trouble(Kind.TOO_LARGE, detail)
        return message


class _Head:
    """Sends what GET would be answered, without the body; ends a stream at once."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._over = False

    async def receive(self) -> Message:
        return {"type": "http.disconnect"} if self._over else await self._receive()

    async def __call__(self, message: Message) -> None:
        if self._over:
            return
        await self._send(message)
        if message["type"] == "http.response.start":
            self._over = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _is_stream(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-type" and value.startswith(_STREAM) for name, value in headers)


async def _refuse(scope: Scope, send: Send) -> None:
    detail = f"{REQUESTS_AT_ONCE_MAX} requests are being served, no more at once: try again"
    body = problem(Kind.OVERLOADED, detail, scope["path"])
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"retry-after", b"1"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
