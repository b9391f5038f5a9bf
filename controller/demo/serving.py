"""The demo's pages and its API, on loopback only."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry

from controller.adapters.http.actions import build_actions
from controller.adapters.http.api import build_api
from controller.adapters.http.api_journal import build_journal
from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.http.docs_page import build_docs
from controller.adapters.http.doorway import OpenDoorway
from controller.adapters.http.page import build_page
from controller.adapters.http.pagelive import paint
from controller.adapters.http.stream import build_stream
from controller.adapters.http.stream_hub import Hub
from controller.adapters.recorder import dump
from controller.demo.counter import YOU, Counter, Everybody
from controller.demo.view import View
from controller.engine.ports import Refused

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8080
ANY_PORT: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What is served: what is to be seen, who takes commands, and the word on every page."""

    view: Callable[[], View]
    counter: Counter
    note: str


@asynccontextmanager
async def served(stand: Stand, port: int) -> AsyncIterator[str]:
    """Within the block; gives the address. Raises Refused when the port cannot be had."""
    access = Everybody()
    door = OpenDoorway(YOU)
    hub = Hub(stand.view, paint)
    app = build_app(
        Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple),
        CollectorRegistry(),
        build_api(stand.view, door, access),
        build_journal(stand.view, door, access, dump),
        build_actions(door, stand.counter),
        build_docs(),
        build_stream(hub, door, access),
        build_page(stand.view, door, access, note=lambda: stand.note, sign_out=False),
    )
    async with serve(app, HOST, port, ending=hub.close) as bound, asyncio.TaskGroup() as group:
        live = group.create_task(hub.run(), name="live pages")
        try:
            yield f"http://{HOST}:{bound}"
        finally:
            live.cancel()


@asynccontextmanager
async def served_somewhere(
    stand: Stand, port: int | None, say: Callable[[str], None]
) -> AsyncIterator[str]:
    """On the port that was asked for; or, if none was, on the usual one or any that is free."""
    async with AsyncExitStack() as stack:
        try:
            wanted = DEFAULT_PORT if port is None else port
            address = await stack.enter_async_context(served(stand, wanted))
        except Refused as error:
            if port is not None:
                said = f"port {port} of {HOST} cannot be had: choose another one with --port"
                raise Refused(said) from error
            say(f"Port {DEFAULT_PORT} is taken: using another one")
            address = await stack.enter_async_context(served(stand, ANY_PORT))
        yield address
