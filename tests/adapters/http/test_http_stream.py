"""The stream: what happens is told once, to those who may see it, and nobody holds up another."""

import asyncio
from datetime import timedelta
from http import HTTPStatus

import pytest

from controller.adapters.http.pagelive import paint
from controller.adapters.http.problems import Trouble
from controller.adapters.http.releases import Releases
from controller.adapters.http.sight import Sight
from controller.adapters.http.stream_hub import Hub
from controller.adapters.http.stream_wish import BUFFERED_MAX
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.engine.ports import Verb
from tests.adapters.http.bookshelf import on_trial, watching
from tests.adapters.http.streaming import (
    PATIENCE_SECONDS,
    Place,
    in_place,
    page,
    script,
    taken,
)
from tests.domain.tabletop import REF

OTHER = Ref("shop", "cart")


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
        clients = [page() for _ in range(20)]
        for client in clients:
            await hub.join(client, shelf.at + timedelta(days=1), "")
            while not client.queue.empty():
                client.queue.get_nowait()
        painted.clear()
        shelf.copy(REF, phase=Phase.HOLDING)
        await asyncio.sleep(1.05)
        await hub.look()
        said = {taken(client) for client in clients}
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
            gap, first = [await told.next() for _ in range(2)]
            assert gap.name == "gap"
            assert "started anew" in gap.data["reason"]
            assert (first.name, first.data["number"]) == ("moment", 1)

    in_place(story)


@pytest.mark.parametrize(
    "nonsense", ["x", "-", "0-x", "-\N{ARABIC-INDIC DIGIT ONE}", "0-" + "9" * 60]
)
def test_nonsense_for_a_last_id_is_no_error(nonsense: str) -> None:
    async def play() -> None:
        hub = Hub(lambda: on_trial()[0], paint)
        await hub.join(script(), None, nonsense)
        assert len(hub) == 1

    asyncio.run(play())


def test_only_what_was_asked_for_and_may_be_seen_is_told() -> None:
    shelf, _ = on_trial()
    shelf.copy(OTHER)
    narrow = script(sight=Sight(namespaces=frozenset({"exams"})))
    named = script(namespace="shop")

    async def play() -> None:
        hub = Hub(lambda: shelf, paint)
        for client in (narrow, named):
            await hub.join(client, None, "")

    asyncio.run(play())
    assert [b"cart" in taken(narrow), b"exam-api" in taken(named)] == [False, False]


def test_a_page_is_told_what_changed_since_it_was_made() -> None:
    async def play() -> None:
        shelf, _ = on_trial()
        hub = Hub(lambda: shelf, paint)
        early = page()
        await hub.join(early, shelf.at, "")
        assert early.queue.qsize() == 1, "not known since when it is like that"
        shelf.at += timedelta(minutes=5)
        await asyncio.sleep(1.05)
        shelf.copy(REF, phase=Phase.HOLDING)
        await hub.look()
        old, new = (page() for _ in range(2))
        await hub.join(old, shelf.at - timedelta(minutes=1), "")
        await hub.join(new, shelf.at + timedelta(minutes=1), "")
        assert old.queue.qsize() == 1
        if shelf.scenes:
            del shelf.scenes[REF]
        await hub.look()
        late = page()
        await hub.join(late, shelf.at, "")
        assert b"event: gone" in taken(late)

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
        slow, quick = script(), script()
        await hub.join(slow, None, "")
        await hub.join(quick, None, "")
        for number in range(BUFFERED_MAX + 1):
            shelf.copy(Ref("many", f"n-{number}"))
            await hub.look()
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
        client = script()
        await hub.join(client, None, "")
        taken(client)
        for number in range(50):
            shelf.copy(REF, message=f"{number}")
            await hub.look()
        assert client.queue.qsize() == 0
        await asyncio.sleep(1.05)
        await hub.look()
        assert b'"49"' in taken(client)

    asyncio.run(play())


def test_more_streams_than_there_may_be_are_told_to_come_back() -> None:
    async def play() -> None:
        hub = Hub(lambda: on_trial()[0], paint, streams_max=1)
        first = script()
        await hub.join(first, None, "")
        with pytest.raises(Trouble) as refused:
            await hub.join(script(), None, "")
        assert refused.value.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert refused.value.headers == {"Retry-After": "5"}
        hub.leave(first)
        await hub.join(script(), None, "")

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
        client = page()
        await hub.join(client, None, "")
        taken(client)
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
