"""Headers that keep a browser from doing with an answer what it is not meant for."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

# An answer that is no page needs nothing; pages bring a policy of their own.
POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# A day: long enough to matter, short enough to take TLS back off a test.
TRANSPORT: Final = "max-age=86400"
STRICT: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": POLICY,
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
_BYTES: Final = [(name.encode(), value.encode()) for name, value in STRICT.items()]

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class SafetyHeaders:
    """Adds them to an answer that does not say otherwise."""

    def __init__(self, send: Send, *, secure: bool) -> None:
        self._send = send
        self._secure = secure

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            said = list(message.get("headers", ()))
            names = {name.lower() for name, _ in said}
            said += [(name, value) for name, value in _BYTES if name not in names]
            if self._secure and b"strict-transport-security" not in names:
                said.append((b"strict-transport-security", TRANSPORT.encode()))
            message = {**message, "headers": said}
        await self._send(message)
