"""Releases to be read: decisions made on a table, kept as the engine's journal keeps them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry

from controller.adapters.http.api import build_api
from controller.adapters.http.app import Health, build_app
from controller.adapters.http.page import build_page
from controller.adapters.http.releases import Releases
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.domain.snapshot import Scene, Snapshot
from controller.domain.status import Crash
from controller.engine.course import Course, Courses
from controller.engine.journal import Entry, Journal
from controller.engine.ports import Person, Unavailable, Verb
from tests.domain.tabletop import REF, START, Table, settled

LAST_WORDS = "TypeError: cannot read <b>launch</b> of undefined\n    at /app/lti.js:7"


@dataclass
class Shelf:
    """A view of some releases."""

    scenes: dict[Ref, Scene] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    courses: Courses = field(default_factory=Courses)
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def refs(self) -> tuple[Ref, ...]:
        return tuple(self.scenes)

    def scene(self, ref: Ref) -> Scene | None:
        return self.scenes.get(ref)

    def entries(self, ref: Ref) -> tuple[Entry, ...]:
        return self.journal.of(ref)

    @property
    def epoch(self) -> str:
        return self.journal.epoch

    def since(self, number: int) -> tuple[Entry, ...]:
        return self.journal.since(number)

    def course(self, ref: Ref) -> Course | None:
        return self.courses.of(ref)

    def look(self, table: Table, count: int = 1) -> None:
        """Decisions about one Deployment, each written down."""
        for _ in range(count):
            before = table.scene()
            plan = table.look()
            self.journal.record(REF, Snapshot(scene=before, now=table.now), plan)
            self.courses.saw(table.scene(), table.now)
        self.at = table.now
        self.scenes[REF] = table.scene()

    def copy(self, ref: Ref, **status: object) -> None:
        """Another Canary, like the first."""
        scene = self.scenes[REF]
        fields = replace(scene.status, **status)  # type: ignore[arg-type]
        self.scenes[ref] = replace(scene, ref=ref, status=fields)


ADA = Person(name="ada", groups=("teachers",))


@dataclass(frozen=True)
class Somebody:
    """Who was let in."""

    person: Person = ADA
    via: str = "REST API from 127.0.0.1"


class OpenDoor:
    """Lets everybody in, as ada."""

    async def caller(self, request: Request) -> Somebody:
        return Somebody()


@dataclass
class Rights:
    """Who may do what: everybody everything, unless it is forbidden.

    `forbidden` holds (verb, namespace), and (verb, "") for all namespaces at once; `away`: nobody
    can be asked. `persons` are known by their tokens.
    """

    forbidden: set[tuple[Verb, str]] = field(default_factory=set)
    away: bool = False
    persons: dict[str, Person] = field(default_factory=dict)
    asked: int = 0

    async def person(self, token: str) -> Person | None:
        self._check()
        return self.persons.get(token)

    async def may(self, person: Person, verb: Verb, namespace: str, name: str = "") -> bool:
        self._check()
        return not self.forbidden & {(verb, namespace)}

    def _check(self) -> None:
        self.asked += 1
        if self.away:
            raise Unavailable("no answer within 5 s")


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


def several() -> Shelf:
    """Three Canaries; one is held."""
    shelf, _ = on_trial()
    since = shelf.at - timedelta(minutes=1)
    shelf.copy(Ref("shop", "pay"), phase=Phase.HOLDING, since=since)
    shelf.copy(Ref("shop", "cart"))
    return shelf


def application(source: Callable[[], Releases], note: str = "") -> FastAPI:
    health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
    pages = build_page(source, OpenDoor(), Rights(), note=lambda: note)
    api = build_api(source, OpenDoor(), Rights())
    return build_app(health, CollectorRegistry(), api, pages)


async def asked(app: FastAPI, path: str, method: str = "GET") -> httpx.Response:
    """An answer, without a socket."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.request(method, path)
