"""A running release behind a desk: commands are taken for real, and the table decides on them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import httpx
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry

from controller.adapters.http.actions import build_actions
from controller.adapters.http.api import build_api
from controller.adapters.http.api_journal import build_journal
from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.http.docs_page import build_docs
from controller.adapters.http.kinds import Kind
from controller.adapters.http.page import build_page
from controller.adapters.http.problems import Trouble
from controller.adapters.http.slack_door import build_slack_door
from controller.adapters.http.stream import build_stream
from controller.adapters.http.stream_hub import Hub
from controller.adapters.recorder import dump
from controller.domain.lifecycle import Phase
from controller.domain.records import Intent, Ref
from controller.domain.snapshot import Scene
from controller.engine.commands import Desk
from controller.engine.ports import Conflict, Unavailable
from tests.adapters.http.bookshelf import ADA, Rights, Shelf, Somebody, on_trial
from tests.domain.tabletop import REF, Table

ONE = "/api/v1/canaries/exams/exam-api"
ALL = "/api/v1/canaries"
TOKEN = "a-token-of-ada"
REVISION = "B"


@dataclass
class Ward:
    """A cluster with one Deployment on a table, and its desk.

    `lazy`: commands wait until `act` is called. `away`: the cluster cannot be written to.
    """

    shelf: Shelf
    table: Table
    rights: Rights = field(default_factory=lambda: Rights(persons={TOKEN: ADA}))
    lazy: bool = False
    fault: Exception | None = None
    written: list[Intent] = field(default_factory=list)

    def scene(self, ref: Ref) -> Scene | None:
        return self.shelf.scenes.get(ref)

    async def ask(self, ref: Ref, intent: Intent, seen: Scene) -> None:
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        if self.scene(ref) != seen:
            raise Conflict("it was written to meanwhile")
        self.written.append(intent)
        self.table.intent = intent
        self.shelf.scenes[REF] = self.table.scene()
        if not self.lazy:
            self.act()

    def act(self) -> None:
        """The controller's next looks."""
        self.shelf.look(self.table, 2)

    @property
    def phase(self) -> Phase:
        return self.table.status.phase


class TokenDoor:
    """Asks who is behind a bearer token; the sessions of browsers are the doorway's."""

    def __init__(self, rights: Rights) -> None:
        self._rights = rights

    async def caller(self, request: Request) -> Somebody:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            person = await self._rights.person(token) if scheme == "Bearer" else None
        except Unavailable as error:
            raise Trouble(Kind.UNAVAILABLE, f"{error}: try again") from error
        if person is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            raise Trouble(Kind.UNAUTHENTICATED, "send a token", headers=challenge)
        return Somebody(person=person)


def ward() -> Ward:
    """A release of template B that is being compared at its first step."""
    shelf, table = on_trial()
    return Ward(shelf, table)


def hospital(ward: Ward) -> FastAPI:
    """The whole application over it."""
    door = TokenDoor(ward.rights)
    desk = Desk(ward, ward.rights)  # type: ignore[arg-type]
    health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
    hub = Hub(lambda: ward.shelf)
    app = build_app(
        health,
        CollectorRegistry(),
        build_api(lambda: ward.shelf, door, ward.rights),
        build_journal(lambda: ward.shelf, door, ward.rights, dump),
        build_actions(door, desk),
        build_docs(),
        build_page(lambda: ward.shelf, door, ward.rights),
        build_stream(hub, door, ward.rights),
        build_slack_door(lambda _headers, _body: (HTTPStatus.UNAUTHORIZED, "not signed")),
    )
    app.state.hub = hub
    return app


@asynccontextmanager
async def visited(ward: Ward, token: str | None = TOKEN) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the served application, with a token."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with (
        opened(ward) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False
        ) as client,
    ):
        yield client


@asynccontextmanager
async def opened(ward: Ward, *around: Any) -> AsyncIterator[int]:
    """The application, served; gives its port. `around` it are middlewares."""
    app = hospital(ward)
    for one in around:
        app.add_middleware(one)
    hub: Hub = app.state.hub
    async with asyncio.TaskGroup() as group:
        telling = group.create_task(hub.run())
        async with serve(app, "127.0.0.1", 0, ending=hub.close) as port:
            yield port
        telling.cancel()


def order(**fields: Any) -> dict[str, Any]:
    """A command's body."""
    return {"revision": REVISION, **fields}


def others(ward: Ward, *refs: Ref) -> None:
    """More Canaries, like the first."""
    for ref in refs:
        scene = ward.shelf.scenes[REF]
        ward.shelf.scenes[ref] = replace(scene, ref=ref)


def of(where: Ward, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """One request to the served application, with a token."""

    async def story() -> httpx.Response:
        async with visited(where) as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(story())
