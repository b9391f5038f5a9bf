"""A connection that says nothing does not stay open, and none waits for an acknowledgement."""

import asyncio
import socket
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

# From the first byte of a request, or the connection's beginning, to the end of its head.
HEAD_SECONDS: Final = 10.0
# Of a stream that is not read, or whose reader is gone without a word, the kernel lets go.
UNREAD_SECONDS: Final = 30.0
# Connections that ask nothing, of all servers of the process. Whoever opens more of them closes the
# oldest: there is always room for one that asks, a probe above all.
SILENT_MAX: Final = 300


class Connection(H11Protocol):
    """As uvicorn's, which waits for the head of a request for as long as it takes."""

    head_seconds = HEAD_SECONDS
    unread_seconds = UNREAD_SECONDS
    silent: ClassVar[dict["Connection", None]] = {}

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does it for sockets that it made itself. Without it a body waits for 40 ms until
        # the other side has acknowledged the head.
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Where it is not there (not on Linux) a reader that stopped holds what it has.
            milliseconds = int(self.unread_seconds * 1000)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_asked():
            self._calm()
        elif self.timeout_keep_alive_task is None:
            self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._be_silent()

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        super().connection_lost(exc)

    def _is_asked(self) -> bool:
        # uvicorn says that there is always one; before the first request there is none.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _be_silent(self) -> None:
        self.silent[self] = None
        if len(self.silent) > SILENT_MAX:
            oldest = next(iter(self.silent))
            del self.silent[oldest]
            oldest.close_if_silent()

    def close_if_silent(self) -> None:
        """Let go of it, unless a request is being answered."""
        if not self._is_asked() and not self.transport.is_closing():
            self.transport.close()

    def _wait(self) -> None:
        self._be_silent()
        if self._patience is None:
            self._patience = self.loop.call_later(self.head_seconds, self._give_up)

    def _calm(self) -> None:
        self.silent.pop(self, None)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        self.close_if_silent()
