"""The world in memory, in virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from controller.domain.mounts import Mount
from controller.domain.policy import Mode, Policy
from controller.domain.records import ContainerRole, Intent, Pod, Ref, ReplicaSet
from controller.engine.ports import Cluster
from controller.simulation.cluster import Connection, SimulatedCluster, Timing
from controller.simulation.dice import Dice
from controller.simulation.loop import play
from controller.simulation.pods import SimulatedPod
from controller.simulation.trace import Trace
from controller.simulation.weather import Calm
from tests.contract.lab import HELPER, NAME, PREPARER, Answer, Lab, Shape, Story

SEED: Final = 1
QUICK: Final = Timing(start_seconds=0.5, grace_seconds=(0.1, 0.3))


class SimulatedLab(Lab):
    """One cluster for one story."""

    def __init__(self) -> None:
        self.ref = Ref("contract", NAME)
        self._dice = Dice(SEED)
        self._processes = 0
        self._world: SimulatedCluster | None = None
        self._connection: Connection | None = None

    def play(self, story: Story) -> None:
        play(self._played(story))

    async def _played(self, story: Story) -> None:
        self._world = SimulatedCluster(dice=self._dice, trace=Trace(), timing=QUICK)
        async with self._connected() as self._connection:
            await story()

    @property
    def cluster(self) -> Cluster:
        assert self._connection is not None, "only within a story"
        return self._connection

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Cluster]:
        async with self._connected() as connection:
            yield connection

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        self._processes += 1
        name = f"controller {self._processes}"
        connection = self.world.connect(name, Calm(self._dice.stream(f"weather of {name}")))
        await connection.synced.wait()
        yield connection
        connection.close()

    @property
    def world(self) -> SimulatedCluster:
        assert self._world is not None, "only within a story"
        return self._world

    def create(self, version: str, shape: Shape) -> None:
        self.world.create_deployment(
            self.ref,
            version,
            replicas=shape.replicas,
            surge=shape.surge,
            unavailable=shape.unavailable,
            strategy=shape.strategy,
            gitops=shape.gitops,
        )
        self.world.mount(self.ref, shape.mounts)
        for pod in self.world.pods(self.ref):
            if shape.prepared_at_try > 1:
                self.world.disruptions.end_beside(pod, PREPARER, ContainerRole.INIT)

    def push(self, version: str, *, writer: str = "kubectl") -> Answer:
        self.world.apply_template(self.ref, version, writer=writer)
        return self._answer()

    def re_apply(self, version: str) -> Answer:
        return self.push(version)

    def set_paused(self, paused: bool) -> None:
        self.world.set_paused(self.ref, paused)

    def scale(self, replicas: int) -> Answer:
        self.world.set_replicas(self.ref, replicas)
        return self._answer()

    def _answer(self) -> Answer:
        shown = self.world.shown(self.ref)
        return Answer(paused=shown.paused, marked=shown.mark is not None)

    def skip(self, why: str | None) -> None:
        self.world.set_skip(self.ref, why)

    def resize(self, replica_set: ReplicaSet, replicas: int) -> None:
        self.world.resize_replica_set(self.ref, replica_set.name, replicas)

    def delete_deployment(self) -> None:
        self.world.delete_deployment(self.ref)

    def delete_pod(self, pod: Pod) -> None:
        self.world.delete_pod(self.ref, pod.name)

    def evict(self, pod: Pod) -> None:
        self.world.disruptions.evict(self._pod(pod))

    def preempt(self, pod: Pod) -> None:
        self.world.disruptions.preempt(self._pod(pod))

    def end_for_good(self, pod: Pod, reason: str) -> None:
        self.world.disruptions.end_for_good(self._pod(pod), reason)

    def press(self, pod: Pod, condition: str, *, holds: bool) -> None:
        node = self.world.disruptions.node_of(self._pod(pod))
        self.world.disruptions.press(node, *((condition,) if holds else ()))

    def fail_liveness(self, pod: Pod) -> None:
        self.world.disruptions.fail_liveness(self._pod(pod))

    async def end_helper(self, pod: Pod) -> None:
        self.world.disruptions.end_beside(self._pod(pod), HELPER, ContainerRole.SIDECAR)

    async def kill(self, pod: Pod, *, exit_code: int, log: str) -> None:
        self.world.end_process(self._pod(pod), exit_code=exit_code, log=log)

    def set_ready(self, pod: Pod, ready: bool) -> None:
        self.world.probe(self._pod(pod), ready)

    def _pod(self, pod: Pod) -> SimulatedPod:
        (found,) = (one for one in self.world.pods(self.ref) if one.uid == pod.uid)
        return found

    def create_canary(self, name: str = NAME) -> None:
        self.world.create_canary(Ref(self.ref.namespace, name), Policy(target=NAME))

    def observe_only(self) -> None:
        self.world.set_policy(self.ref, Policy(target=NAME, mode=Mode.OBSERVE))

    def delete_canary(self, name: str = NAME) -> None:
        self.world.delete_canary(Ref(self.ref.namespace, name))

    def command(self, intent: Intent | None) -> None:
        self.world.command(self.ref, intent)

    def configure(self, mount: Mount, text: str | None) -> None:
        self.world.configure(self.ref.namespace, mount, text)

    def mark(self, mount: Mount, label: str) -> None:
        """Nothing is known of labels here."""
