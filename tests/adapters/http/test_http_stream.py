"""The stream: what happens is told once, to those who may see it, and nobody holds up another."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from controller.adapters.http.app import Health, build_app, serve
from controller.adapters.http.pagelive import paint
from controller.adapters.http.problems import Trouble
from controller.adapters.http.releases import Releases
from controller.adapters.http.sight import Sight
from controller.adapters.http.stream import build_stream
from controller.adapters.http.stream_hub import BUFFERED_MAX, Client, Hub
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.engine.ports import Verb
from tests.adapters.http.bookshelf import OpenDoor, Rights, Shelf, on_trial, watching
from tests.domain.tabletop import REF

OTHER = Ref("shop", "cart")
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


def in_place(story: Callable[[Place], Awaitable[None]], shelf: Shelf | None = None) -> None:
    """Play a story at a served hub."""

    async def play() -> None:
        filled = shelf or on_trial()[0]
        hub, rights = Hub(lambda: filled, paint), Rights()
        app = _app(hub, rights)
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


def _app(hub: Hub, rights: Rights) -> FastAPI:
    health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
    return build_app(health, CollectorRegistry(), build_stream(hub, OpenDoor(), rights))


def test_what_is_there_is_told_first_and_then_what_changes() -> None:
    async def story(place: Place) -> None:
        async with place.follow() as told:
            first = await told.next()
            assert (first.name, first.data["name"], first.data["phase"]) == (
                "glance",
                "exam-api",
                "Analysing",
            )
            place.shelf.copy(REF, phase=Phase.HOLDING)
            second = await told.next()
            assert (second.name, second.data["phase"]) == ("glance", "Holding")

    in_place(story)


def test_of_one_canary_all_is_told_but_its_course() -> None:
    async def story(place: Place) -> None:
        async with place.follow("?namespace=exams&name=exam-api") as told:
            first = await told.next()
            assert first.name == "canary"
            assert first.data["pods"]
            assert first.data["timeline"]

    in_place(story)


def test_for_a_page_it_is_painted_once_for_all() -> None:
    shelf, _ = on_trial()
    painted: list[bool] = []

    def count(releases: Releases, ref: Ref, whole: bool) -> str:
        painted.append(whole)
        return paint(releases, ref, whole)

    async def play() -> None:
        hub = Hub(lambda: shelf, count)
        clients = [Client(sight=EVERYTHING, html=True) for _ in range(20)]
        for client in clients:
            hub.join(client, shelf.at + timedelta(days=1), "")
            while not client.queue.empty():
                client.queue.get_nowait()
        painted.clear()
        shelf.copy(REF, phase=Phase.HOLDING)
        await asyncio.sleep(1.05)
        hub.look()
        said = {client.queue.get_nowait() for client in clients}
        assert len(said) == 1
        assert painted == [False]
        assert b"waiting for a person" in said.pop().replace(b"\\u2016 ", b"")

    asyncio.run(play())


def test_moments_are_told_with_their_numbers_and_again_after_the_last_one_had() -> None:
    async def story(place: Place) -> None:
        shelf, table = place.shelf, place.table  # type: ignore[attr-defined]
        async with place.follow() as told:
            await told.next()
            table.apply_template("C")
            shelf.look(table, 1)
            moment = await told.next()
            while moment.name != "moment":
                moment = await told.next()
            assert moment.id == f"{shelf.epoch}-{moment.data['number']}"
        shelf.look(table, 3)
        async with place.follow(**{"last-event-id": moment.id}) as told:
            again = [await told.next() for _ in range(2)]
            numbers = [event.data["number"] for event in again if event.name == "moment"]
            assert numbers == sorted(numbers)
            assert all(number > moment.data["number"] for number in numbers)
            assert numbers

    shelf, table = on_trial()

    async def with_table(place: Place) -> None:
        place.table = table  # type: ignore[attr-defined]
        await story(place)

    in_place(with_table, shelf)


def test_the_numbers_of_another_process_are_not_taken_for_ours() -> None:
    async def story(place: Place) -> None:
        async with place.follow(**{"last-event-id": "another-999999"}) as told:
            events = [await told.next() for _ in range(3)]
            assert [event.name for event in events[:2]] == ["moment", "moment"]
            assert events[0].data["number"] == 1

    in_place(story)


@pytest.mark.parametrize(
    "nonsense", ["x", "-", "0-x", "-\N{ARABIC-INDIC DIGIT ONE}", "0-" + "9" * 60]
)
def test_nonsense_for_a_last_id_is_no_error(nonsense: str) -> None:
    async def play() -> None:
        hub = Hub(lambda: on_trial()[0], paint)
        hub.join(Client(sight=EVERYTHING), None, nonsense)
        assert len(hub) == 1

    asyncio.run(play())


def test_only_what_was_asked_for_and_may_be_seen_is_told() -> None:
    shelf, _ = on_trial()
    shelf.copy(OTHER)
    narrow = Client(sight=Sight(namespaces=frozenset({"exams"})))
    named = Client(sight=EVERYTHING, namespace="shop")

    async def play() -> None:
        hub = Hub(lambda: shelf, paint)
        for client in (narrow, named):
            hub.join(client, None, "")

    asyncio.run(play())
    assert [b"cart" in _taken(narrow), b"exam-api" in _taken(named)] == [False, False]


def _taken(client: Client) -> bytes:
    said = b""
    while not client.queue.empty():
        said += client.queue.get_nowait() or b""
    assert said
    return said


def test_a_page_is_told_what_changed_since_it_was_made() -> None:
    async def play() -> None:
        shelf, _ = on_trial()
        hub = Hub(lambda: shelf, paint)
        early = Client(sight=EVERYTHING, html=True)
        hub.join(early, shelf.at, "")
        assert early.queue.qsize() == 1, "not known since when it is like that"
        shelf.at += timedelta(minutes=5)
        await asyncio.sleep(1.05)
        shelf.copy(REF, phase=Phase.HOLDING)
        hub.look()
        old, new = (Client(sight=EVERYTHING, html=True) for _ in range(2))
        hub.join(old, shelf.at - timedelta(minutes=1), "")
        hub.join(new, shelf.at + timedelta(minutes=1), "")
        assert old.queue.qsize() == 1
        if shelf.scenes:
            del shelf.scenes[REF]
        hub.look()
        late = Client(sight=EVERYTHING, html=True)
        hub.join(late, shelf.at, "")
        assert b"event: gone" in _taken(late)

    asyncio.run(play())


def test_a_canary_that_is_gone_is_told() -> None:
    async def story(place: Place) -> None:
        async with place.follow() as told:
            await told.next()
            del place.shelf.scenes[REF]
            gone = await told.next()
            assert (gone.name, gone.data) == ("gone", {"namespace": "exams", "name": "exam-api"})

    in_place(story, watching()[0])


def test_one_who_does_not_read_is_cut_off_and_holds_up_nobody() -> None:
    async def play() -> None:
        shelf, _ = on_trial()
        hub = Hub(lambda: shelf, paint)
        slow, quick = Client(sight=EVERYTHING), Client(sight=EVERYTHING)
        hub.join(slow, None, "")
        hub.join(quick, None, "")
        for number in range(BUFFERED_MAX + 1):
            shelf.copy(Ref("many", f"n-{number}"))
            hub.look()
            while not quick.queue.empty():
                assert quick.queue.get_nowait() is not None
        assert hub.cut == 1
        assert len(hub) == 1
        assert (slow.queue.qsize(), slow.queue.get_nowait()) == (1, None)

    asyncio.run(play())


def test_a_canary_that_changes_all_the_time_is_told_once_a_second() -> None:
    async def play() -> None:
        shelf, _ = on_trial()
        hub = Hub(lambda: shelf, paint)
        client = Client(sight=EVERYTHING)
        hub.join(client, None, "")
        _taken(client)
        for number in range(50):
            shelf.copy(REF, message=f"{number}")
            hub.look()
        assert client.queue.qsize() == 0
        await asyncio.sleep(1.05)
        hub.look()
        assert b'"49"' in _taken(client)

    asyncio.run(play())


def test_more_streams_than_there_may_be_are_told_to_come_back() -> None:
    async def play() -> None:
        hub = Hub(lambda: on_trial()[0], paint, streams_max=1)
        first = Client(sight=EVERYTHING)
        hub.join(first, None, "")
        with pytest.raises(Trouble) as refused:
            hub.join(Client(sight=EVERYTHING), None, "")
        assert refused.value.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert refused.value.headers == {"Retry-After": "5"}
        hub.leave(first)
        hub.join(Client(sight=EVERYTHING), None, "")

    asyncio.run(play())


def test_who_leaves_is_forgotten() -> None:
    async def story(place: Place) -> None:
        async with place.follow() as told:
            await told.next()
            assert len(place.hub) == 1
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(place.hub):  # noqa: ASYNC110 - the server notices when it notices
                await asyncio.sleep(0.02)

    in_place(story)


def test_the_end_of_the_server_ends_every_stream() -> None:
    async def story(place: Place) -> None:
        async with place.follow() as told:
            await told.next()
            place.hub.close()
            with pytest.raises(EOFError):
                await told.next()

    in_place(story)


def test_a_page_that_cannot_be_painted_ends_the_streams_and_nothing_else() -> None:
    shelf, _ = on_trial()
    broken = False

    def fail(releases: Releases, ref: Ref, whole: bool) -> str:
        assert not broken, "a bug in a template"
        return ""

    async def play() -> None:
        nonlocal broken
        hub = Hub(lambda: shelf, fail)
        live = asyncio.create_task(hub.run())
        client = Client(sight=EVERYTHING, html=True)
        hub.join(client, None, "")
        _taken(client)
        broken = True
        shelf.copy(OTHER)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await client.queue.get() is None
        assert not live.done()
        live.cancel()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?name=exam-api", HTTPStatus.UNPROCESSABLE_ENTITY),
        ("?form=xml", HTTPStatus.UNPROCESSABLE_ENTITY),
        ("?since=yesterday", HTTPStatus.UNPROCESSABLE_ENTITY),
        ("?since=2026-11-22T10:00:00", HTTPStatus.UNPROCESSABLE_ENTITY),
        ("?namespace=exams&name=exam-api", HTTPStatus.NOT_FOUND),
    ],
)
def test_what_cannot_be_followed_is_a_problem(query: str, code: HTTPStatus) -> None:
    async def story(place: Place) -> None:
        place.rights.forbidden |= {(Verb.GET, "exams"), (Verb.GET, "")}
        answer = await place.client.get(f"/api/v1/stream{query}")
        assert answer.status_code == code
        assert answer.headers["content-type"].startswith("application/problem+json")

    in_place(story)
