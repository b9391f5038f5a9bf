"""A way through TCP that can be cut: refused at once, or swallowed without a word; and mended."""

from __future__ import annotations

import contextlib
import socket
import threading
from enum import StrEnum
from typing import Final

PIECE_BYTES: Final = 65536


class Way(StrEnum):
    """What becomes of what goes through."""

    OPEN = "open"
    REFUSED = "refused"
    """New connections are closed at once, those that are there are broken."""
    SWALLOWED = "swallowed"
    """Nothing arrives any more, in neither direction, and nobody is told."""


class Proxy:
    """Between the processes that dial `port` and a server on this machine."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._way = Way.OPEN
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, way: Way) -> None:
        """From now on, until it is mended."""
        with self._changed:
            self._way = way
            if way is Way.REFUSED:
                self._break()
            self._changed.notify_all()

    def mend(self) -> None:
        """Connections that were swallowed are broken: what was lost in them does not come back."""
        with self._changed:
            self._break()
            self._way = Way.OPEN
            self._changed.notify_all()

    def close(self) -> None:
        self._listener.close()
        with self._changed:
            self._way = Way.REFUSED
            self._break()
            self._changed.notify_all()

    def _break(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            if self._way is Way.REFUSED:
                return
            with socket.create_connection(self._target) as server:
                with self._changed:
                    self._open |= {client, server}
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                self._pump(client, server)
                back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                with self._changed:
                    while self._way is Way.SWALLOWED and source in self._open:
                        self._changed.wait()
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
