"""A cluster adapter at work on the small API server, for one story."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from controller.adapters.kube.client import KubeClient
from controller.adapters.kube.cluster import KubeCluster
from controller.domain.changes import (
    Change,
)
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from tests.adapters.kube.apiserver import ApiServer, serving
from tests.adapters.kube.examples import (
    NAMESPACE,
    Object,
    canary,
    deployment,
    path_of,
    pod,
    replica_set,
)

EXAM = Ref(NAMESPACE, "exam")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW


def cluster_on(client: KubeClient, namespaces: tuple[str, ...] = (NAMESPACE,)) -> KubeCluster:
    """The adapter as the composition root makes it."""
    return KubeCluster(
        client,
        namespaces=namespaces,
        preset_problem=lambda _: None,
        clock=Noon(),
        dice=random.Random(1),
    )


class World:
    """A server, and the cluster as the controller sees it."""

    def __init__(self, server: ApiServer, cluster: KubeCluster) -> None:
        self.server = server
        self.cluster = cluster

    def scene(self) -> Scene:
        scene = self.cluster.scene(EXAM)
        assert scene is not None
        return scene

    async def apply(self, change: Change, seen: Scene | None = None) -> list[Object]:
        """Carry out a change; returns the bodies it wrote."""
        before = len(self.server.writes())
        await self.cluster.apply(EXAM, change, seen or self.scene())
        return [one.body for one in self.server.writes()[before:]]

    def at(self, plural: str, name: str) -> Object:
        """An object as the server has it."""
        (found,) = (o for p, o in self.server.objects.items() if p.endswith(f"/{plural}/{name}"))
        return found

    def replicas(self) -> dict[str, int]:
        """Of each revision, by what the controller knows at once."""
        return {rs.name: rs.replicas for rs in self.scene().replica_sets}


def held(image: str = "exam:v2") -> Object:
    """Paused by the gate with another template."""
    found = deployment(image=image, paused=True)
    found["metadata"]["annotations"] = {"canary-controller.io/gate": "2", "keep": "me"}
    return found


STABLE = "exam-aaaa"


@asynccontextmanager
async def world_of(*found: Object) -> AsyncIterator[World]:
    server = ApiServer()
    for one in found:
        server.put(path_of(one), one)
    async with serving(server) as client:
        cluster = cluster_on(client)
        task = asyncio.ensure_future(cluster.run())
        try:
            await cluster.wait_synced(5)
            yield World(server, cluster)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def play(story: Callable[[World], Awaitable[None]], *found: Object) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), world_of(*found) as world:
            await story(world)

    asyncio.run(run())


def releasing() -> tuple[Object, ...]:
    """Held with a canary ReplicaSet of one pod."""
    return (
        canary(),
        held(),
        replica_set(STABLE, replicas=12),
        replica_set("exam-bbbb", "exam:v2", replicas=1, revision=2),
        pod("exam-aaaa-1"),
    )
