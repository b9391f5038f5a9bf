"""From a pod's line on the watch, with the crash that decides, to the rollback's PATCH arriving."""

import asyncio
import logging
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from controller.adapters.kube.cluster import KubeCluster
from controller.adapters.slack.log import LogNotifier
from controller.adapters.unmeasured import Unmeasured
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.domain.status import Result
from controller.engine.service import Hooks, Ports, Service, assemble
from tests.adapters.kube.apiserver import ApiServer, serving, until
from tests.adapters.kube.examples import (
    NAMESPACE,
    Object,
    canary,
    container,
    deployment,
    path_of,
    pod,
    replica_set,
)
from tests.bench._figures import row

ROUNDS: Final = 30
BUDGET_MILLISECONDS: Final = 250
STABLE: Final = "exam-aaaa"
EXAM: Final = Ref(NAMESPACE, "exam")

Watched = Callable[[KubeCluster, Service], None]


@dataclass(frozen=True, slots=True)
class Instant:
    """On the loop's clock, and on that of the work that the loop's thread has done.

    The second does not see what else a busy machine does.
    """

    at: float
    worked: float

    @staticmethod
    def now() -> "Instant":
        return Instant(asyncio.get_running_loop().time(), time.thread_time())

    def __sub__(self, other: "Instant") -> "Instant":
        return Instant(self.at - other.at, self.worked - other.worked)


class TimedServer(ApiServer):
    """Notes when a PATCH of a Deployment's template comes in."""

    undone: Instant | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "PATCH" and "/deployments/" in request.path:
            now = Instant.now()
            if "/spec/template" in await request.text() and self.undone is None:
                self.undone = now
        return await super().handle(request)


class Wall:
    """The wall's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Nobody:
    """Counts nothing."""

    def released(self, result: Result, cause: str) -> None:
        pass

    def rollback_sent(self, seconds: float) -> None:
        pass


async def control(cluster: KubeCluster, watched: Watched) -> None:
    """The engine over the real adapter, until cancelled."""
    ports = Ports(
        cluster=cluster,
        metrics=Unmeasured(),
        notifier=LogNotifier(),
        clock=Wall(),
        dice=random.Random(1),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(cluster.run())
        service = assemble(ports, Hooks(observer=Nobody()), group)
        watched(cluster, service)
        service.start(group)


def canary_pod(**status: Any) -> Object:
    """The one canary pod, of the ReplicaSet that the controller has made."""
    return pod("exam-canary-1", **status)


async def one_round(watched: Watched = lambda _cluster, _service: None) -> Instant:
    """A release up to the crash; returns what passed from the crash's line to the PATCH.

    `watched` is given the engine before it begins.
    """
    server = TimedServer()
    running = deployment()
    running["status"]["availableReplicas"] = 10
    for found in (canary(), running, replica_set(STABLE)):
        server.put(path_of(found), found)
    for number in range(10):
        found = pod(f"{STABLE}-{number}")
        server.put(path_of(found), found)
    async with serving(server) as client:
        cluster = KubeCluster(
            client,
            namespaces=(NAMESPACE,),
            preset_problem=lambda _preset: None,
            clock=Wall(),
            dice=random.Random(1),
        )
        engine = asyncio.create_task(control(cluster, watched))
        try:
            async with asyncio.timeout(20):
                return await crash(server, cluster)
        finally:
            engine.cancel()
            await asyncio.gather(engine, return_exceptions=True)


async def crash(server: TimedServer, cluster: KubeCluster) -> Instant:
    """Push, wait until the canary is analysed, and let it crash."""

    def phase() -> Phase | None:
        scene = cluster.scene(EXAM)
        return scene.status.phase if scene and scene.status.stable else None

    def made() -> list[Object]:
        return [o for p, o in server.objects.items() if "/replicasets/" in p]

    await until(lambda: phase() is Phase.IDLE)
    held = deployment(image="exam:v2", paused=True)
    held["metadata"]["generation"] = held["status"]["observedGeneration"] = 2
    held["metadata"]["labels"] = {"canary-controller.io/canary": "exam"}
    held["metadata"]["annotations"] = {"canary-controller.io/gate": "2"}
    server.put(path_of(held), held)
    await until(lambda: len(made()) == 2)
    (seeded,) = (o for o in made() if o["metadata"]["name"] != STABLE)
    owner = {"kind": "ReplicaSet", "controller": True, "apiVersion": "apps/v1"}
    names = {"name": seeded["metadata"]["name"], "uid": seeded["metadata"]["uid"]}
    up = canary_pod()
    up["metadata"]["ownerReferences"] = [owner | names]
    server.put(path_of(up), up)
    await until(lambda: phase() is Phase.ANALYSING)
    await asyncio.sleep(0.2)  # What follows from the move itself is over.
    down = canary_pod(
        containerStatuses=[
            container(
                restarts=4,
                lastState={"terminated": {"exitCode": 1, "reason": "Error"}},
            )
        ]
    )
    down["metadata"]["ownerReferences"] = up["metadata"]["ownerReferences"]
    begun = Instant.now()
    server.put(path_of(down), down)
    await until(lambda: server.undone is not None)
    assert server.undone is not None
    return server.undone - begun


def main() -> None:
    logging.disable(logging.CRITICAL)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    seconds = [asyncio.run(one_round()).at for _ in range(rounds)]
    print(row("crash on the watch to rollback PATCH", seconds))
    print(f"budget p95: {BUDGET_MILLISECONDS} ms")


if __name__ == "__main__":
    main()
