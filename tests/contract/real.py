"""The real control plane: a rig's cluster, people through its admin's account, the adapter."""

import asyncio
import errno
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from controller.adapters.clock import SystemClock
from controller.adapters.kube.client import KubeClient, load_configuration
from controller.adapters.kube.cluster import KubeCluster
from controller.adapters.kube.intents import write_intent
from controller.adapters.kube.names import (
    GATE_MARK,
    GROUP,
    INTENT_ANNOTATION,
    KIND,
    OPT_IN_LABEL,
    SKIP_ANNOTATION,
    VERSION,
)
from controller.domain.mounts import Mount, MountKind
from controller.domain.records import Intent, Pod, Ref, ReplicaSet
from controller.engine.ports import Cluster
from tests.contract.lab import HELPER, NAME, POLL_SECONDS, Answer, Lab, Shape, Story
from tests.contract.listening import beside
from tests.contract.manifests import manifest
from tests.e2e.rig.api import MERGE, STRATEGIC
from tests.e2e.rig.world import World

Object = dict[str, Any]
SYNC_SECONDS: Final = 30.0
READER_SECONDS: Final = 10.0
CLOSING_SECONDS: Final = 0.1
REASONS: Final = {
    "Evicted": "The node was low on resource: memory. ",
    "Terminated": "Pod was terminated in response to imminent node shutdown.",
}


class RealLab(Lab):
    """In a namespace of its own; `account` is the kubeconfig of the controller's account."""

    def __init__(self, world: World, account: Path, namespace: str) -> None:
        self.ref = Ref(namespace, NAME)
        self._world = world
        self._api = world.api
        self._account = account
        self._shape = Shape()
        self._cluster: KubeCluster | None = None

    def play(self, story: Story) -> None:
        asyncio.run(self._played(story))

    async def _played(self, story: Story) -> None:
        async with self._connected() as self._cluster:
            await story()

    @property
    def cluster(self) -> Cluster:
        assert self._cluster is not None, "only within a story"
        return self._cluster

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Cluster]:
        async with self._connected() as cluster:
            yield cluster

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[KubeCluster]:
        """The adapter as the composition root makes it, in this namespace alone."""
        client = KubeClient(await load_configuration(self._account, None))
        cluster = KubeCluster(
            client,
            namespaces=(self.ref.namespace,),
            preset_problem=lambda _: None,
            clock=SystemClock(),
            dice=random.Random(1),
        )
        async with cluster, beside(cluster.run()):
            await cluster.wait_synced(SYNC_SECONDS)
            yield cluster
        # Connections end a moment after they are closed, and the loop must not end before.
        await asyncio.sleep(CLOSING_SECONDS)

    def create(self, version: str, shape: Shape) -> None:
        self._shape = shape
        self._api.apply(
            manifest(version, shape, self._world.folder), self.ref.namespace, manager="kubectl"
        )

    def push(self, version: str, *, writer: str = "kubectl") -> Answer:
        image = f"{'python' if self._shape.probed else 'shell'}:{version}"
        containers = [{"name": "server", "image": image}]
        return self._patched(
            {"spec": {"template": {"spec": {"containers": containers}}}}, writer=writer
        )

    def re_apply(self, version: str) -> Answer:
        applied = manifest(version, self._shape, self._world.folder)
        return _answer(self._api.apply(applied, self.ref.namespace, manager="kubectl"))

    def set_paused(self, paused: bool) -> None:
        self._patched({"spec": {"paused": paused}})

    def scale(self, replicas: int) -> Answer:
        return self._patched({"spec": {"replicas": replicas}})

    def skip(self, why: str | None) -> None:
        self._patched({"metadata": {"annotations": {SKIP_ANNOTATION: why}}})

    def _patched(self, body: Object, *, writer: str = "kubectl") -> Answer:
        where = f"/apis/apps/v1/namespaces/{self.ref.namespace}/deployments/{NAME}"
        patched = self._api.request(
            "PATCH", where, body=body, content_type=STRATEGIC, fieldManager=writer
        )
        return _answer(patched.json())

    def resize(self, replica_set: ReplicaSet, replicas: int) -> None:
        body = {"spec": {"replicas": replicas}}
        self._api.patch("ReplicaSet", replica_set.name, body, self.ref.namespace)

    def delete_deployment(self) -> None:
        self._api.delete("Deployment", NAME, self.ref.namespace)

    def delete_pod(self, pod: Pod) -> None:
        self._api.delete("Pod", pod.name, self.ref.namespace)

    def evict(self, pod: Pod) -> None:
        self._world.nodes.evict(pod.name, self.ref.namespace)

    def preempt(self, pod: Pod) -> None:
        reason = "PreemptionByScheduler"
        self._world.nodes.disrupt(pod.name, self.ref.namespace, reason=reason)

    def end_for_good(self, pod: Pod, reason: str) -> None:
        self._world.nodes.end(
            pod.name, self.ref.namespace, reason=reason, message=REASONS.get(reason, "")
        )

    def press(self, pod: Pod, condition: str, *, holds: bool) -> None:
        found = self._api.get("Pod", pod.name, self.ref.namespace)
        self._world.nodes.set_condition(self._world.nodes.of(found), condition, holds=holds)

    def fail_liveness(self, pod: Pod) -> None:
        self._file(pod, "hang").touch()

    async def end_helper(self, pod: Pod) -> None:
        await self._end(self._file(pod, f"{HELPER}.end"), 1, "")

    async def kill(self, pod: Pod, *, exit_code: int, log: str) -> None:
        await self._end(self._file(pod, "end"), exit_code, log)

    async def _end(self, ear: Path, exit_code: int, log: str) -> None:
        async with asyncio.timeout(READER_SECONDS):
            while (line := _line_to(ear)) is None:  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)  # nothing tells of a reader
        os.write(line, f"{exit_code}\n{log}".encode())
        os.close(line)

    def set_ready(self, pod: Pod, ready: bool) -> None:
        shut = self._file(pod, "shut")
        shut.unlink(missing_ok=True) if ready else shut.touch()

    def _file(self, pod: Pod, kind: str) -> Path:
        return self._world.folder / f"{pod.name}.{kind}"

    def create_canary(self, name: str = NAME) -> None:
        self._canary(name, {"targetRef": {"name": NAME}})

    def observe_only(self) -> None:
        self._canary(NAME, {"targetRef": {"name": NAME}, "mode": "Observe"})

    def _canary(self, name: str, spec: Object) -> None:
        canary = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "metadata": {"name": name},
            "spec": spec,
        }
        self._api.apply(canary, self.ref.namespace, manager="kubectl")

    def delete_canary(self, name: str = NAME) -> None:
        self._api.delete(KIND, name, self.ref.namespace)

    def command(self, intent: Intent | None) -> None:
        text = write_intent(intent) if intent else None
        body = {"metadata": {"annotations": {INTENT_ANNOTATION: text}}}
        self._api.patch(KIND, NAME, body, self.ref.namespace)

    def configure(self, mount: Mount, text: str | None) -> None:
        if text is None:
            self._api.delete(mount.kind.value, mount.name, self.ref.namespace)
            return
        field = "data" if mount.kind is MountKind.CONFIG_MAP else "stringData"
        written = {
            "apiVersion": "v1",
            "kind": mount.kind.value,
            "metadata": {"name": mount.name},
            field: {"limit": text},
        }
        self._api.apply(written, self.ref.namespace, manager="kubectl")

    def mark(self, mount: Mount, label: str) -> None:
        body = {"metadata": {"labels": {label: "yes"}}}
        self._api.patch(mount.kind.value, mount.name, body, self.ref.namespace)


def _line_to(ear: Path) -> int | None:
    """A descriptor that a process reads from, or None while nobody listens."""
    try:
        return os.open(ear, os.O_WRONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None


def _answer(deployment: Object) -> Answer:
    return Answer(
        paused=deployment["spec"].get("paused", False),
        marked=GATE_MARK in deployment["metadata"].get("annotations", {}),
    )


def arm(world: World) -> None:
    """Return once the gate holds: a policy that was just written takes a moment to be followed."""
    namespace = world.namespace("armed")
    body = manifest("v1", Shape(replicas=1), world.folder)
    body["metadata"]["labels"] = {**body["metadata"]["labels"], OPT_IN_LABEL: NAME}
    body["spec"]["paused"] = False
    world.api.apply(body, namespace)
    where = f"/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}"
    change = {"spec": {"template": {"metadata": {"annotations": {"tried": "yes"}}}}}

    def held() -> bool:
        tried = world.api.request("PATCH", where, body=change, content_type=MERGE, dryRun="All")
        return _answer(tried.json()).paused

    world.wait_until(held, 30, "the gate")
    world.api.delete("Namespace", namespace)
