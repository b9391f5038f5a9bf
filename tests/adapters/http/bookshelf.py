"""Releases to be read: decisions made on a table, kept as the engine's journal keeps them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from controller.adapters.http.api import build_api
from controller.adapters.http.app import Health, build_app
from controller.adapters.http.page import build_page
from controller.adapters.http.releases import Releases
from controller.domain.records import Ref
from controller.domain.snapshot import Scene, Snapshot
from controller.domain.status import Crash
from controller.engine.journal import Entry, Journal
from tests.domain.tabletop import REF, START, Table, settled

LAST_WORDS = "TypeError: cannot read <b>launch</b> of undefined\n    at /app/lti.js:7"


@dataclass
class Shelf:
    """A view of some releases."""

    scenes: dict[Ref, Scene] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def refs(self) -> tuple[Ref, ...]:
        return tuple(self.scenes)

    def scene(self, ref: Ref) -> Scene | None:
        return self.scenes.get(ref)

    def entries(self, ref: Ref) -> tuple[Entry, ...]:
        return self.journal.of(ref)

    def look(self, table: Table, count: int = 1) -> None:
        """Decisions about one Deployment, each written down."""
        for _ in range(count):
            before = table.scene()
            plan = table.look()
            self.journal.record(REF, Snapshot(scene=before, now=table.now), plan)
        self.at = table.now
        self.scenes[REF] = table.scene()

    def copy(self, ref: Ref, **status: object) -> None:
        """Another Canary, like the first."""
        scene = self.scenes[REF]
        fields = replace(scene.status, **status)  # type: ignore[arg-type]
        self.scenes[ref] = replace(scene, ref=ref, status=fields)


def watching() -> tuple[Shelf, Table]:
    """A Canary that watches; no release runs."""
    shelf, table = Shelf(), settled()
    shelf.look(table)
    return shelf, table


def on_trial() -> tuple[Shelf, Table]:
    """A release that is being compared."""
    shelf, table = watching()
    table.apply_template("B")
    shelf.look(table, 5)
    return shelf, table


def rolled_back() -> tuple[Shelf, Table]:
    """A release whose canary crashed, and what it said last."""
    shelf, table = on_trial()
    table.deaths["B-0"] = 3
    shelf.look(table)
    release = table.status.release
    assert release is not None
    crash = Crash(
        pod="B-0",
        container="app",
        at=table.now,
        exit_code=1,
        reason="Error",
        deaths=3,
        log=LAST_WORDS,
    )
    table.status = replace(table.status, release=replace(release, crashes=(crash,)))
    shelf.look(table, 3)
    return shelf, table


def application(source: Callable[[], Releases], note: str = "") -> FastAPI:
    health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
    pages = build_page(source, lambda: note)
    return build_app(health, CollectorRegistry(), build_api(source), pages)


async def asked(app: FastAPI, path: str, method: str = "GET") -> httpx.Response:
    """An answer, without a socket."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.request(method, path)
