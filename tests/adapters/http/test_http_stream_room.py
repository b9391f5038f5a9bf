"""The stream under load: nothing is lost in a crowd, and whoever does not read is let go."""

import asyncio
import socket
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from controller.adapters.http.app import Health, build_app
from controller.adapters.http.connections import Connection
from controller.adapters.http.problems import Trouble
from controller.adapters.http.sight import Sight
from controller.adapters.http.stream import build_stream
from controller.adapters.http.stream_hub import STREAMS_OF_ONE_MAX, Hub
from controller.adapters.http.stream_wish import Client, Wish
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.engine.journal import ENTRIES_MAX
from controller.engine.ports import Verb
from tests.adapters.http.bookshelf import OpenDoor, Rights, on_trial
from tests.adapters.http.streaming import PATIENCE_SECONDS, Place, in_place, script, taken
from tests.domain.tabletop import REF

MANY = [Ref("many", f"n-{number}") for number in range(200)]


def test_of_many_canaries_each_is_told_at_the_beginning_and_when_all_change_at_once() -> None:
    async def play() -> None:
        shelf, _ = on_trial()
        for ref in MANY:
            shelf.copy(ref)
        hub, client = Hub(lambda: shelf), script()
        await hub.join(client)
        assert taken(client).count(b"event: glance") == len(MANY) + 1
        await asyncio.sleep(1.05)
        for ref in MANY:
            shelf.copy(ref, phase=Phase.HOLDING)
        await hub.look()
        assert taken(client).count(b"event: glance") == len(MANY)
        assert hub.cut == 0

    asyncio.run(play())


def test_after_a_long_absence_all_that_is_remembered_is_told_and_that_some_is_not() -> None:
    async def play() -> None:
        shelf, _ = on_trial()
        entry = shelf.journal.since(0)[-1]
        for _ in range(ENTRIES_MAX + 10):
            moved = replace(entry.plan.status, phase=Phase.HOLDING)
            shelf.journal.record(REF, entry.snapshot, replace(entry.plan, status=moved))
        hub, client = Hub(lambda: shelf), script()
        await hub.join(client, None, f"{shelf.epoch}-1")
        said = taken(client)
        assert said.startswith(b"event: gap")
        assert b"is forgotten" in said
        assert said.count(b"event: moment") == ENTRIES_MAX

    asyncio.run(play())


def test_where_nothing_was_missed_there_is_no_gap() -> None:
    async def play() -> None:
        shelf, _ = on_trial()
        hub, client = Hub(lambda: shelf), script()
        await hub.join(client, None, f"{shelf.epoch}-{shelf.journal.last - 1}")
        said = taken(client)
        assert b"event: gap" not in said
        assert said.count(b"event: moment") == 1

    asyncio.run(play())


def test_a_stream_ends_with_the_right_to_see_and_says_that_it_lives_until_then() -> None:
    async def story(place: Place) -> None:
        async with place.follow("?namespace=exams&name=exam-api") as told:
            await told.next()
            asked = place.rights.asked
            async with asyncio.timeout(PATIENCE_SECONDS):
                while place.rights.asked < asked + 2:  # noqa: ASYNC110 - it is asked by the clock
                    await asyncio.sleep(0.02)
            place.rights.forbidden |= {(Verb.GET, "exams"), (Verb.GET, "")}
            with pytest.raises(EOFError):
                await told.next()
            assert told.comments

    in_place(story, keep_alive_seconds=0.05)


def test_one_failure_to_ask_about_rights_does_not_end_a_stream_and_two_do() -> None:
    async def story(place: Place) -> None:
        async with place.follow() as told:
            await told.next()
            place.rights.away = True
            with pytest.raises(EOFError):
                await told.next()
            assert ": keep-alive" in told.comments

    in_place(story, keep_alive_seconds=0.05)


def test_a_stream_that_was_left_before_it_began_takes_no_room() -> None:
    async def story(place: Place) -> None:
        for _ in range(3):
            assert (await place.client.head("/api/v1/stream")).is_success
        assert len(place.hub) == 0

    in_place(story)


class Impatient(Connection):
    unread_seconds = 0.5


def test_a_reader_that_stopped_reading_is_let_go() -> None:
    async def play() -> None:
        shelf, _ = on_trial()
        for ref in MANY:
            shelf.copy(ref, message="long " * 4_000)
        hub = Hub(lambda: shelf)
        health = Health(heartbeat_age_seconds=lambda: 0.0, unsynced=tuple)
        app = build_app(health, CollectorRegistry(), build_stream(hub, OpenDoor(), Rights()))
        config = uvicorn.Config(app, http=Impatient, port=0, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve())
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not server.started:  # noqa: ASYNC110 - it says it in no other way
                await asyncio.sleep(0.02)
            port = server.servers[0].sockets[0].getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as still:
                still.sendall(b"GET /api/v1/stream HTTP/1.1\r\nhost: x\r\n\r\n")
                while not len(hub):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
                while len(hub):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            server.should_exit = True
            await serving

    asyncio.run(play())


def test_nobody_takes_the_place_of_all_others() -> None:
    async def story() -> None:
        shelf, _ = on_trial()
        hub = Hub(lambda: shelf)
        for _ in range(STREAMS_OF_ONE_MAX):
            await hub.join(Client(Wish(sight=Sight(everywhere=True)), "ada"))
        with pytest.raises(Trouble, match="streams of ada are open"):
            await hub.join(Client(Wish(sight=Sight(everywhere=True)), "ada"))
        await hub.join(Client(Wish(sight=Sight(everywhere=True)), "bob"))
        assert len(hub) == STREAMS_OF_ONE_MAX + 1

    asyncio.run(story())


def test_any_instant_may_be_asked_for() -> None:
    async def story() -> None:
        shelf, _ = on_trial()
        hub = Hub(lambda: shelf)
        await hub.join(Client(Wish(sight=Sight(everywhere=True)), "ada"))
        await hub.look()
        late = Client(Wish(sight=Sight(everywhere=True)), "bob")
        await hub.join(late, datetime(1, 1, 1, tzinfo=UTC))
        assert late.queue.qsize() == 1

    asyncio.run(story())
