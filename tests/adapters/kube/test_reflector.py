"""A shelf stays as the API server has it, whatever the wire does."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable

import pytest

from controller.adapters.kube import reflector as module
from controller.adapters.kube.client import KubeClient
from controller.adapters.kube.reflector import Reflector
from controller.adapters.kube.resources import PODS
from controller.adapters.kube.store import Entry, Key, Shelf
from controller.domain.records import Pod
from tests.adapters.kube.apiserver import ApiServer, Fault, serving, until
from tests.adapters.kube.examples import NAMESPACE, path_of, pod

LIMIT_SECONDS = 10


class Impatient(random.Random):
    """Dice that never make anybody wait, and remember what was asked for."""

    def __init__(self) -> None:
        super().__init__(1)
        self.ceilings: list[float] = []

    def uniform(self, a: float, b: float) -> float:
        if a == 0.0:
            self.ceilings.append(b)
        return a


class World:
    """A server, a shelf and the reflector between them."""

    def __init__(self, server: ApiServer, client: KubeClient, idle_seconds: float) -> None:
        self.server = server
        self.news: list[str] = []
        self.dice = Impatient()
        self.shelf: Shelf[Pod] = Shelf(PODS, self._hear)
        self.reflector = Reflector(
            client, self.shelf, NAMESPACE, dice=self.dice, idle_seconds_max=idle_seconds
        )

    def _hear(self, entry: Entry[Pod]) -> None:
        self.news.append(entry.key.name)

    def names(self) -> list[str]:
        return sorted(entry.key.name for entry in self.shelf)

    async def watching(self, times: int = 1) -> None:
        await until(lambda: len(self.server.watches()) >= times)


def play(
    story: Callable[[World], Awaitable[None]],
    *,
    faults: dict[str, list[Fault | None]] | None = None,
    pods: int = 1,
    idle_seconds: float = 5.0,
) -> World:
    """Run a story with a reflector at work; returns the world it left."""

    async def run() -> World:
        server = ApiServer(faults=faults or {})
        for number in range(pods):
            example = pod(f"pod-{number}")
            server.put(path_of(example), example)
        async with serving(server) as client, asyncio.timeout(LIMIT_SECONDS):
            world = World(server, client, idle_seconds)
            task = asyncio.ensure_future(world.reflector.run())
            try:
                await story(world)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            return world

    return asyncio.run(run())


async def follows(world: World) -> None:
    """The shelf shows what was there and what comes."""
    await world.reflector.synced.wait()
    late = pod("late")
    world.server.put(path_of(late), late)
    await until(lambda: world.names() == ["late", "pod-0"])


def test_a_change_on_the_wire_is_on_the_shelf_and_is_news_once() -> None:
    world = play(follows)
    assert world.news == ["pod-0", "late"]


def test_a_list_is_taken_in_pages() -> None:
    async def story(world: World) -> None:
        await world.reflector.synced.wait()

    world = play(story, pods=1201)
    assert len(world.shelf) == 1201
    assert [one.query.get("continue") for one in world.server.lists()] == [None, "500", "1000"]


def test_the_watch_asks_for_bookmarks_and_for_its_own_end() -> None:
    world = play(follows)
    (watch,) = world.server.watches()
    assert watch.query["allowWatchBookmarks"] == "true"
    assert watch.query["timeoutSeconds"] == "192"
    assert watch.agent == "canary-controller/t"


def test_a_bookmark_moves_the_version_from_which_the_next_watch_starts() -> None:
    async def story(world: World) -> None:
        await world.watching()
        world.server.bookmarks = 500
        late = pod("late")
        world.server.put(path_of(late), late)
        await until(lambda: world.shelf.position(NAMESPACE) == 500)

    assert play(story).shelf.position(NAMESPACE) == 500


@pytest.mark.parametrize("fault", [Fault.GONE, Fault.GONE_EVENT, Fault.TOO_LARGE])
def test_a_version_that_cannot_be_served_means_list_again(fault: Fault) -> None:
    world = play(follows, faults={"watch": [fault]})
    assert world.reflector.relists == 1


@pytest.mark.parametrize(
    "fault",
    [Fault.TORN, Fault.PAGE, Fault.GARBAGE, Fault.FORBIDDEN, Fault.RESET, Fault.EMPTY],
)
def test_a_broken_watch_is_opened_again_where_it_was(fault: Fault) -> None:
    world = play(follows, faults={"watch": [fault, fault]})
    assert world.reflector.relists == 0
    assert {one.query["resourceVersion"] for one in world.server.watches()} == {"101"}
    assert len(world.server.watches()) == 3


@pytest.mark.parametrize("fault", [Fault.PAGE, Fault.GARBAGE, Fault.FORBIDDEN, Fault.RESET])
def test_a_broken_list_is_asked_for_again(fault: Fault) -> None:
    world = play(follows, faults={"list": [fault, fault]})
    assert len(world.server.lists()) == 3


def test_a_list_that_expires_between_its_pages_starts_over() -> None:
    async def story(world: World) -> None:
        await world.reflector.synced.wait()

    world = play(story, faults={"list": [None, Fault.GONE]}, pods=600)
    assert len(world.shelf) == 600
    assert [one.query.get("continue") for one in world.server.lists()] == [None, "500", None, "500"]


def test_a_silent_connection_is_given_up() -> None:
    world = play(follows, faults={"watch": [Fault.SILENT]}, idle_seconds=0.05)
    assert len(world.server.watches()) >= 2


def test_a_server_that_keeps_failing_is_asked_less_and_less_often() -> None:
    world = play(follows, faults={"watch": [Fault.EMPTY] * 9})
    ceilings = world.dice.ceilings
    assert ceilings[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(ceilings) == module.BACKOFF_SECONDS_MAX


def test_a_success_forgets_the_failures() -> None:
    async def story(world: World) -> None:
        await follows(world)
        world.server.faults["watch"] = [Fault.EMPTY]
        await world.server.close()
        await until(lambda: len(world.dice.ceilings) >= 3)

    assert play(story, faults={"watch": [Fault.PAGE, Fault.PAGE]}).dice.ceilings[:3] == [
        0.5,
        1.0,
        0.5,
    ]


def test_a_relist_tells_only_what_differs_and_what_is_gone() -> None:
    async def story(world: World) -> None:
        await world.watching()
        world.news.clear()
        changed = pod("pod-1", conditions=[{"type": "Ready", "status": "False"}])
        world.server.remove_unseen(path_of(pod("pod-0")))
        world.server.faults["watch"] = [Fault.GONE]
        world.server.put(path_of(changed), changed)
        await world.server.close()
        await until(lambda: world.reflector.relists == 1)

    world = play(story, pods=3)
    assert world.names() == ["pod-1", "pod-2"]
    assert sorted(set(world.news)) == ["pod-0", "pod-1"]


def test_a_deleted_object_leaves_the_shelf() -> None:
    async def story(world: World) -> None:
        await world.watching()
        world.server.remove(path_of(pod("pod-0")))
        await until(lambda: not world.names())

    assert play(story).news == ["pod-0", "pod-0"]


def test_an_object_that_cannot_be_read_does_not_cost_the_others() -> None:
    async def story(world: World) -> None:
        odd = pod("odd", containerStatuses=[{"name": 5}])
        world.server.put(path_of(odd), odd)
        await follows(world)

    assert play(story).names() == ["late", "pod-0"]


def test_an_older_event_does_not_undo_an_own_write() -> None:
    async def story(world: World) -> None:
        await world.watching()
        known = world.shelf.at(Key(NAMESPACE, "pod-0"))
        assert known is not None
        ahead = PODS.read(as_bytes(pod("pod-0", conditions=None), version="900"))
        world.shelf.put_own(ahead)
        example = pod("pod-0")
        world.server.put(path_of(example), example)
        await until(lambda: world.shelf.position(NAMESPACE) == world.server.version)

    world = play(story)
    kept = world.shelf.at(Key(NAMESPACE, "pod-0"))
    assert kept is not None
    assert kept.version == 900
    assert not kept.record.ready


def test_an_own_write_that_the_watch_has_passed_does_not_bring_the_dead_back() -> None:
    async def story(world: World) -> None:
        await world.watching()
        answer = PODS.read(as_bytes(pod("pod-0"), version="101"))
        world.server.remove(path_of(pod("pod-0")))
        await until(lambda: not world.names())
        world.shelf.put_own(answer)

    assert play(story).names() == []


def test_it_knows_how_long_it_has_heard_nothing() -> None:
    async def story(world: World) -> None:
        assert world.reflector.age_seconds() == float("inf")
        await world.reflector.synced.wait()
        assert world.reflector.age_seconds() < LIMIT_SECONDS

    play(story)


def as_bytes(found: dict[str, object], *, version: str) -> bytes:
    metadata = found["metadata"]
    assert isinstance(metadata, dict)
    return json.dumps({**found, "metadata": {**metadata, "resourceVersion": version}}).encode()
