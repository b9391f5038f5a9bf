"""ConfigMaps and Secrets are looked at beside the decisions: when, how often, who waits for it."""

import asyncio
from dataclasses import dataclass, field, replace

from controller.domain.drift import baseline_of
from controller.domain.lifecycle import Phase
from controller.domain.mounts import AWAY, DENIED, MOUNTS_MAX, Mount, Mounted, MountKind
from controller.domain.readings import Missing
from controller.domain.records import IntentAction
from controller.domain.snapshot import Scene
from controller.engine.mounts import PAUSE_SECONDS, TRIES_MAX
from controller.simulation.loop import play
from tests.domain.tabletop import REF, Table, settled
from tests.engine.process import Story, running
from tests.engine.world import Town, World

CONFIG = Mount(MountKind.CONFIG_MAP, "exam-config")
KEYS = Mount(MountKind.SECRET, "keys")


@dataclass
class Configured(Table):
    """A table whose templates all name the same."""

    named: tuple[Mount, ...] = (CONFIG,)

    def scene(self) -> Scene:
        scene = super().scene()
        sets = tuple(replace(rs, mounts=self.named) for rs in scene.replica_sets)
        return replace(scene, replica_sets=sets)


@dataclass
class Library(World):
    """A world with ConfigMaps and Secrets; `missing` answers are given first, for ever if None."""

    versions: dict[Mount, str] = field(default_factory=lambda: {CONFIG: "1", KEYS: "1"})
    missing: dict[Mount, Missing] = field(default_factory=dict)
    losses: int | None = None
    hangs: bool = False
    read: list[Mount] = field(default_factory=list)

    async def mounted(self, namespace: str, mount: Mount) -> Mounted | Missing:
        self.read.append(mount)
        if self.hangs:
            await asyncio.Event().wait()
        lost = self.missing.get(mount)
        if lost is not None and (self.losses is None or self.losses > 0):
            self.losses = None if self.losses is None else self.losses - 1
            return lost
        version = self.versions.get(mount, "")
        return Mounted(kind=mount.kind, name=mount.name, version=version, changed_at=self.now())


def a_library(*named: Mount) -> Library:
    facts = settled().__dict__
    return Library(towns={REF: Town(Configured(**{**facts, "named": named or (CONFIG,)}))})


async def begun(told: Story, world: Library) -> None:
    """Stable is known, with what it mounts."""
    world.tell_all()
    await told.until(lambda: baseline_of(world.table.status))


async def tried(told: Story, world: Library) -> None:
    world.push("B")
    await told.until(lambda: world.table.status.phase is Phase.ANALYSING)


def drift(world: Library) -> list[str]:
    release = world.table.status.release
    return [one.name for one in release.drift] if release else []


def reasons(world: Library) -> list[str]:
    return [getattr(effect.what, "reason", "") for effect in world.of("record")]


def test_what_stable_mounts_is_read_once_while_nothing_happens() -> None:
    async def story() -> Library:
        world = a_library(CONFIG, KEYS)
        async with running(world) as told:
            await begun(told, world)
            for _ in range(20):
                world.tell_all()
                await told.wait(60)
        return world

    assert play(story()).read == [CONFIG, KEYS]


def test_a_process_that_starts_again_reads_nothing_that_is_known() -> None:
    async def story() -> Library:
        world = a_library()
        async with running(world) as told:
            await begun(told, world)
        world.read.clear()
        async with running(world) as told:
            world.tell_all()
            await told.wait(100)
        return world

    assert play(story()).read == []


def test_what_changed_is_in_the_release_and_told_with_its_rollback() -> None:
    async def story() -> Library:
        world = a_library()
        async with running(world) as told:
            await begun(told, world)
            world.versions[CONFIG] = "2"
            await tried(told, world)
            await told.until(lambda: drift(world))
            world.table.command(IntentAction.ROLLBACK)
            world.tell_all()
            await told.until(lambda: world.table.status.phase is Phase.ROLLED_BACK)
            await told.wait(5)
        return world

    world = play(story())
    assert drift(world) == ["exam-config"]
    assert "MountsChanged" in reasons(world)


def test_what_changes_while_it_is_tried_is_found_when_it_is_rolled_back() -> None:
    async def story() -> Library:
        world = a_library()
        async with running(world) as told:
            await begun(told, world)
            await tried(told, world)
            await told.wait(5)
            assert drift(world) == []
            world.versions.pop(CONFIG)
            world.table.command(IntentAction.ROLLBACK)
            world.tell_all()
            await told.until(lambda: drift(world))
        return world

    assert drift(play(story())) == ["exam-config"]


def test_a_look_for_each_phase_and_no_more_however_often_it_is_visited() -> None:
    async def story() -> int:
        world = a_library()
        async with running(world) as told:
            await begun(told, world)
            await tried(told, world)
            await told.wait(20)
            world.read.clear()
            for _ in range(10):
                world.tell_all()
                await told.wait(1)
            assert world.table.status.phase is Phase.ANALYSING
            return len(world.read)

    assert play(story()) == 0


def test_a_read_that_hangs_delays_nothing() -> None:
    async def story() -> Library:
        world = a_library()
        async with running(world) as told:
            await told.wait(1)
            world.hangs = True
            await tried(told, world)
            world.table.command(IntentAction.ROLLBACK)
            world.tell_all()
            await told.until(lambda: world.table.status.phase is Phase.ROLLED_BACK)
        return world

    world = play(story())
    # Once for stable, and once for the release: of those that hang there is never more than one.
    assert world.read == [CONFIG, CONFIG]


def test_a_server_that_is_away_is_asked_a_few_times_with_growing_pauses() -> None:
    async def story() -> Library:
        world = a_library(CONFIG, KEYS)
        world.missing = {CONFIG: Missing(AWAY, "busy"), KEYS: Missing(AWAY, "busy")}
        async with running(world) as told:
            world.tell_all()
            for _ in range(100):
                await told.wait(60)
                world.tell_all()
        return world

    assert play(story()).read == [CONFIG, KEYS] * TRIES_MAX


def test_a_server_that_comes_back_is_asked_again() -> None:
    async def story() -> Library:
        world = a_library()
        world.missing, world.losses = {CONFIG: Missing(AWAY, "busy")}, 1
        async with running(world) as told:
            world.tell_all()
            await told.wait(PAUSE_SECONDS + 5)
        return world

    world = play(story())
    kept = baseline_of(world.table.status)
    assert kept is not None
    assert [one.mount for one in kept.mounts] == [CONFIG]


def test_a_kind_that_may_not_be_read_is_asked_for_once_and_the_rest_is_read() -> None:
    async def story() -> Library:
        world = a_library(CONFIG, KEYS, Mount(MountKind.SECRET, "more"))
        world.missing = {KEYS: Missing(DENIED)}
        async with running(world) as told:
            await begun(told, world)
            world.versions[CONFIG] = "2"
            await tried(told, world)
            await told.until(lambda: drift(world))
        return world

    world = play(story())
    assert Mount(MountKind.SECRET, "more") not in world.read
    release = world.table.status.release
    assert release is not None
    assert [(one.kind, one.reason) for one in release.unread] == [(MountKind.SECRET, DENIED)]


def test_a_template_that_names_nothing_is_not_looked_at() -> None:
    async def story() -> Library:
        world = Library(towns={REF: Town(settled())})
        async with running(world) as told:
            await tried(told, world)
        return world

    world = play(story())
    assert world.read == []
    assert world.table.status.mounts is None


def test_a_template_that_names_very_much_is_looked_at_in_part() -> None:
    many = tuple(Mount(MountKind.CONFIG_MAP, f"c{n:03}") for n in range(MOUNTS_MAX + 20))

    async def story() -> Library:
        world = a_library(*many)
        async with running(world) as told:
            await begun(told, world)
        return world

    kept = baseline_of(play(story()).table.status)
    assert kept is not None
    assert len(kept.mounts) == MOUNTS_MAX
