"""A stream that is served and read, and clients of a hub without a server."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.http.pagelive import paint
from controller.adapters.http.sight import Sight
from controller.adapters.http.stream import KEEP_ALIVE_SECONDS, build_stream
from controller.adapters.http.stream_hub import Hub
from controller.adapters.http.stream_wish import Client, Wish
from tests.adapters.http.bookshelf import OpenDoor, Rights, Shelf, on_trial

EVERYTHING = Sight(everywhere=True)
PATIENCE_SECONDS = 20.0


@dataclass
class Event:
    """One event as it came."""

    name: str
    data: Any
    id: str = ""


@dataclass
class Told:
    """What a stream tells, as far as it was read."""

    response: httpx.Response
    comments: list[str] = field(default_factory=list)

    async def next(self) -> Event:
        """The next event; comments and the time to wait before coming back are not events."""
        said: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._lines():
                if line.startswith(":"):
                    self.comments.append(line)
                elif not line and "event" in said:
                    return Event(said["event"], json.loads(said["data"]), said.get("id", ""))
                elif line:
                    name, _, value = line.partition(": ")
                    said[name] = value
        raise EOFError

    def _lines(self) -> AsyncIterator[str]:
        if not hasattr(self, "_reading"):
            self._reading = self.response.aiter_lines()
        return self._reading


@dataclass
class Place:
    """A hub that is served, over a shelf."""

    shelf: Shelf
    hub: Hub
    rights: Rights
    client: httpx.AsyncClient

    @asynccontextmanager
    async def follow(self, query: str = "", **headers: str) -> AsyncIterator[Told]:
        async with self.client.stream("GET", f"/api/v1/stream{query}", headers=headers) as answer:
            answer.raise_for_status()
            yield Told(answer)


def in_place(
    story: Callable[[Place], Awaitable[None]],
    shelf: Shelf | None = None,
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
) -> None:
    """Play a story at a served hub."""

    async def play() -> None:
        filled = shelf or on_trial()[0]
        hub, rights = Hub(lambda: filled, paint), Rights()
        app = _app(hub, rights, keep_alive_seconds)
        async with (
            serve(app, "127.0.0.1", 0, ending=hub.close) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        ):
            live = asyncio.create_task(hub.run())
            try:
                await story(Place(filled, hub, rights, client))
            finally:
                live.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await live

    asyncio.run(play())


def _app(hub: Hub, rights: Rights, keep_alive_seconds: float) -> FastAPI:
    health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
    stream = build_stream(hub, OpenDoor(), rights, keep_alive_seconds=keep_alive_seconds)
    return build_app(health, CollectorRegistry(), stream)


def script(sight: Sight = EVERYTHING, namespace: str | None = None) -> Client:
    """A stream as a script opens it."""
    return Client(Wish(sight=sight, namespace=namespace))


def page() -> Client:
    """A stream as the dashboard's list opens it."""
    return Client(Wish(sight=EVERYTHING, html=True))


def taken(client: Client) -> bytes:
    """All that waits to be sent, in one; there has to be something."""
    said = b""
    while not client.queue.empty():
        said += client.queue.get_nowait() or b""
    assert said
    return said
