"""A world with one Deployment and its Canary, the people who work on it, and words to ask."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from controller.domain.changes import Change, OptIn, Seed
from controller.domain.mounts import Mount
from controller.domain.records import Container, Intent, Pod, Ref, ReplicaSet, Workload
from controller.domain.snapshot import Scene
from controller.engine.ports import Cluster, Conflict

NAME: Final = "exam"
HELPER: Final = "helper"
PREPARER: Final = "preparer"
POLL_SECONDS: Final = 0.02
CALM_SECONDS: Final = 1.0
LIMIT_SECONDS: Final = 40.0
TRIES_MAX: Final = 20
TRY_SECONDS: Final = 0.1

Holds = Callable[[Scene], object]
Story = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A Deployment. `probed`: its pods can be made Ready and not Ready by `set_ready`.

    `watched_over`: their liveness can be made to fail. `helped`: a sidecar runs beside each.
    `prepared_at_try`: an init container succeeds when it is run for so many times.
    `lingering`: its processes need their whole grace period to end. `mounts`: what its template
    names beside its images.
    """

    replicas: int = 3
    surge: int | str = 1
    unavailable: int | str = 0
    strategy: str = "RollingUpdate"
    gitops: str | None = None
    probed: bool = False
    watched_over: bool = False
    helped: bool = False
    prepared_at_try: int = 1
    lingering: bool = False
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API server answers to a write: the Deployment as it is in that instant."""

    paused: bool
    marked: bool


class Lab(ABC):
    """What people and tools do comes at once; what the controller sees of it comes in its time."""

    ref: Ref

    @abstractmethod
    def play(self, story: Story) -> None:
        """Run a story to its end, in the loop of this world, with the port connected."""

    @property
    @abstractmethod
    def cluster(self) -> Cluster:
        """The port under test."""

    @abstractmethod
    def another(self) -> AbstractAsyncContextManager[Cluster]:
        """One more process of the controller, with a view of its own; it knows everything."""

    @abstractmethod
    def create(self, version: str, shape: Shape) -> None:
        """Create the Deployment."""

    @abstractmethod
    def push(self, version: str, *, writer: str = "kubectl") -> Answer:
        """Change the template, as a pipeline does."""

    @abstractmethod
    def re_apply(self, version: str) -> Answer:
        """Apply the manifest once more that is in force already, as GitOps tools do."""

    @abstractmethod
    def set_paused(self, paused: bool) -> None: ...

    @abstractmethod
    def scale(self, replicas: int) -> Answer:
        """Change the replicas of the Deployment, as an autoscaler does."""

    @abstractmethod
    def resize(self, replica_set: ReplicaSet, replicas: int) -> None:
        """Change the replicas of a ReplicaSet behind everybody's back."""

    @abstractmethod
    def skip(self, why: str | None) -> None: ...

    @abstractmethod
    def delete_deployment(self) -> None: ...

    @abstractmethod
    def delete_pod(self, pod: Pod) -> None: ...

    @abstractmethod
    def evict(self, pod: Pod) -> None:
        """By the Eviction API, as a drain does."""

    @abstractmethod
    def preempt(self, pod: Pod) -> None:
        """The scheduler marks it, and deletes it."""

    @abstractmethod
    def end_for_good(self, pod: Pod, reason: str) -> None:
        """The kubelet ends it: "Evicted" for pressure, "Terminated" for a shutdown."""

    @abstractmethod
    def press(self, pod: Pod, condition: str, *, holds: bool) -> None:
        """A condition of the pod's node becomes bad, or good again."""

    @abstractmethod
    def fail_liveness(self, pod: Pod) -> None:
        """The process hangs until the kubelet has ended it."""

    @abstractmethod
    async def end_helper(self, pod: Pod) -> None:
        """The sidecar ends."""

    @abstractmethod
    async def kill(self, pod: Pod, *, exit_code: int, log: str) -> None:
        """The process says these last words, and ends."""

    @abstractmethod
    def set_ready(self, pod: Pod, ready: bool) -> None:
        """The readiness probe succeeds or fails from now on."""

    @abstractmethod
    def create_canary(self, name: str = NAME) -> None: ...

    @abstractmethod
    def observe_only(self) -> None:
        """Change the Canary's mode."""

    @abstractmethod
    def delete_canary(self, name: str = NAME) -> None: ...

    @abstractmethod
    def command(self, intent: Intent | None) -> None:
        """Write a command on the Canary, or take it away."""

    @abstractmethod
    def configure(self, mount: Mount, text: str | None) -> None:
        """Write a ConfigMap or Secret as a pipeline does, or delete it."""

    @abstractmethod
    def mark(self, mount: Mount, label: str) -> None:
        """Somebody else sets a label on it."""

    def scene(self) -> Scene:
        """What the port shows now."""
        scene = self.cluster.scene(self.ref)
        assert scene is not None, "the Canary is not there"
        return scene

    async def apply(self, change: Change, seen: Scene | None = None) -> None:
        """Have the port carry out a change, decided on what is seen now or on an older scene."""
        await self.cluster.apply(self.ref, change, seen or self.scene())

    async def insist(self, decide: Callable[[Scene], Change]) -> None:
        """Have a change carried out, decided anew as often as the deployment controller was first.

        Between the writes of one change it may have moved what the next of them is about.
        """
        for _ in range(TRIES_MAX):
            seen = self.scene()
            try:
                return await self.cluster.apply(self.ref, decide(seen), seen)
            except Conflict:
                await asyncio.sleep(TRY_SECONDS)
        raise AssertionError(f"a conflict {TRIES_MAX} times in a row: {self.scene()}")

    async def until(self, holds: Holds, what: str) -> Scene:
        """The first scene in which something holds."""
        scene: Scene | None = None
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                while True:
                    scene = self.cluster.scene(self.ref)
                    if scene is not None and holds(scene):
                        return scene
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not in {LIMIT_SECONDS:g} s: {what}. Seen: {scene}") from None

    async def calm(self) -> Scene:
        """The scene once nothing has moved in it for a while."""
        loop = asyncio.get_running_loop()
        end = loop.time() + LIMIT_SECONDS
        before, since = self.scene(), loop.time()
        while loop.time() - since < CALM_SECONDS:
            assert loop.time() < end, f"it never comes to rest: {before}"
            await asyncio.sleep(POLL_SECONDS)
            if (now := self.scene()) != before:
                before, since = now, loop.time()
        return before

    async def settle(self, shape: Shape | None = None, *, opted_in: bool = True) -> Scene:
        """Version v1 runs everywhere; its Canary is there and, if wanted, named by the label."""
        await self._settled(shape or Shape(), opted_in=opted_in)
        return await self.calm()

    async def hold(self, shape: Shape | None = None) -> Scene:
        """As settled, and v2 was pushed and held."""
        await self._held(shape or Shape())
        return await self.calm()

    async def seed(self, pods: int = 1, shape: Shape | None = None) -> Scene:
        """As held, with canary pods that are Ready."""
        await self._held(shape or Shape())
        await self.insist(lambda _: Seed(pods))
        await self.until(lambda s: ready(s).get("v2") == pods, f"{pods} canary pods")
        return await self.calm()

    async def _settled(self, shape: Shape, *, opted_in: bool) -> None:
        self.create("v1", shape)
        self.create_canary()
        await self.until(
            lambda s: s.workload and rolled_out(s) and len(s.pods) == shape.replicas, "v1 runs"
        )
        if opted_in:
            await self.insist(lambda _: OptIn(NAME))

    async def _held(self, shape: Shape) -> None:
        await self._settled(shape, opted_in=True)
        self.push("v2")
        await self.until(
            lambda s: of(s).held_by_us and of(s).observed_generation == of(s).generation,
            "the push to be held",
        )


def of(scene: Scene) -> Workload:
    """The workload, which is there."""
    assert scene.workload is not None, "the Deployment is not there"
    return scene.workload


def rolled_out(scene: Scene) -> bool:
    """All pods of the current template are there, available, and nothing else is."""
    wanted = of(scene).replicas
    return of(scene).rolled_out and sum(ready(scene).values()) == wanted == len(scene.pods)


def version_of(images: tuple[str, ...]) -> str:
    return images[0].rpartition(":")[2]


def version(scene: Scene) -> str:
    """What the template asks for."""
    return version_of(of(scene).images)


def shares(scene: Scene) -> dict[str, int]:
    """Pods wanted of each version."""
    return {version_of(rs.images): rs.replicas for rs in scene.replica_sets}


def ready(scene: Scene) -> dict[str, int]:
    """Pods Ready of each version."""
    return {version_of(rs.images): rs.ready for rs in scene.replica_sets}


def revision(scene: Scene, version: str) -> ReplicaSet:
    """The one ReplicaSet of a version."""
    (found,) = (rs for rs in scene.replica_sets if version_of(rs.images) == version)
    return found


def pods(scene: Scene, version: str) -> dict[str, Pod]:
    """The pods of a version that stay, by name."""
    uid = revision(scene, version).uid
    return {pod.name: pod for pod in scene.pods if pod.replica_set == uid and not pod.leaving}


def container(scene: Scene, pod: str) -> Container:
    """The only container of a pod."""
    (found,) = (p.containers[0] for p in scene.pods if p.name == pod)
    return found
