"""The kubelets: start processes, start them again with a back-off, and ask them to end."""

import random
import string
from typing import Final

from controller.domain.records import Ref, Termination
from controller.simulation.clock import second
from controller.simulation.cluster.fates import Fate, Nodes
from controller.simulation.cluster.objects import Berth, Revision
from controller.simulation.cluster.server import Server
from controller.simulation.cluster.timing import BACK_OFF_RESET_SECONDS, Timing
from controller.simulation.dice import Dice
from controller.simulation.pods import PodListener, SimulatedPod
from controller.simulation.trace import BY_NODE, Died, PodBorn

SUFFIX_CHARACTERS: Final = 5
NEVER_RAN_SECONDS: Final = 0.1
"""From the deletion of a pod without a process until it is gone."""
ENDED_KEPT_SECONDS: Final = 60.0
"""How long a pod that ended for good can still be seen."""


class Node:
    """The kubelets of all nodes. They tell `listeners` at once what becomes of pods."""

    def __init__(self, server: Server, timing: Timing, dice: Dice) -> None:
        self.listeners: Final[list[PodListener]] = []
        self.nodes: Final = Nodes()
        self._server = server
        self._timing = timing
        self._dice: random.Random = dice.stream("node")
        self._names = dice.stream("names of pods")
        self._berths: dict[SimulatedPod, Berth] = {}

    def place(self, home: Revision) -> Berth:
        """A new pod; its process starts after a while, and is Ready later."""
        berth = self._born(home, self._server.loop.time())
        starting = self._start_seconds() * self._timing.process_share
        self._server.loop.call_later(starting, self._start, berth, berth.life)
        return berth

    def settle(self, home: Revision, age_seconds: float) -> Berth:
        """A pod that has been Ready for long."""
        berth = self._born(home, self._server.loop.time() - age_seconds)
        pod = berth.pod
        started = self._start_seconds() * self._timing.process_share
        pod.started_at = min(pod.created_at + started, self._server.loop.time())
        pod.running = pod.ready = berth.up = True
        berth.ready_at = pod.started_at
        self._server.changed(berth)
        for listener in self.listeners:
            listener.started(pod)
        for listener in self.listeners:
            listener.readiness_changed(pod)
        return berth

    def end_process(
        self, pod: SimulatedPod, exit_code: int, reason: str, log: str, *, unhealthy: bool = False
    ) -> None:
        """The process is gone, by itself or by a request; it is started again after a while.

        `unhealthy`: it was ended for failing its liveness probe.
        """
        berth = self._berths.get(pod)
        if berth is None or not pod.running:
            return
        now = self._server.loop.time()
        assert pod.started_at is not None, "what runs has begun"
        if now - pod.started_at >= BACK_OFF_RESET_SECONDS:
            berth.in_a_row = 0
        was_ready = self._stop(berth)
        pod.deaths += 1
        berth.log, berth.unhealthy = log, unhealthy
        berth.last_death = Termination(exit_code=exit_code, reason=reason, finished_at=second(now))
        if not pod.leaving:
            berth.waiting = "CrashLoopBackOff" if berth.in_a_row else None
            delay = self._timing.back_off_seconds(berth.in_a_row)
            self._server.loop.call_later(delay, self._start, berth, berth.life)
            berth.in_a_row += 1
        self._server.changed(berth)
        self._server.trace.add(
            Died(at=now, pod=pod.name, fingerprint=pod.fingerprint, reason=reason)
        )
        for listener in self.listeners:
            listener.ended(pod)
        if was_ready:
            self._told_of_readiness(berth, BY_NODE)

    def probe(self, pod: SimulatedPod, *, ready: bool) -> None:
        """What the readiness probe of a running process says from now on."""
        berth = self._berths.get(pod)
        if berth is not None and pod.running:
            berth.healthy = ready
            self._look(berth)

    def leave(self, berth: Berth, by: str, *, disruption: str = "") -> None:
        """The pod was deleted: it gets no more requests, and ends after its grace period.

        `disruption` is the reason of its DisruptionTarget condition.
        """
        pod = berth.pod
        if pod.leaving:
            return
        was_ready = pod.ready
        pod.leaving, pod.ready = True, False
        berth.fate.left_at = self._server.loop.time()
        berth.fate.disruption = disruption
        self._server.changed(berth)
        grace = self._dice.uniform(*self._timing.grace_seconds)
        self._server.loop.call_later(grace if pod.running else NEVER_RAN_SECONDS, self._end, berth)
        if was_ready:
            self._told_of_readiness(berth, by)
        self._server.wake_replica_set(berth.home)

    def end_for_good(self, berth: Berth, reason: str) -> None:
        """The kubelet ends the pod without a deletion; `reason` is in its status from then on."""
        pod = berth.pod
        if pod.leaving:
            return
        now = self._server.loop.time()
        ran, was_ready = pod.running, self._stop(berth)
        pod.leaving = True
        berth.fate.disruption = reason
        if ran:
            pod.deaths += 1
            berth.last_death = Termination(exit_code=143, reason="Error", finished_at=second(now))
            for listener in self.listeners:
                listener.ended(pod)
        self._server.changed(berth)
        self._server.loop.call_later(ENDED_KEPT_SECONDS, self._end, berth)
        if was_ready:
            self._told_of_readiness(berth, BY_NODE)
        self._server.wake_replica_set(berth.home)

    def berths(self, node: str) -> tuple[Berth, ...]:
        """The pods on a node."""
        return tuple(berth for berth in self._berths.values() if berth.node == node)

    def berth(self, pod: SimulatedPod) -> Berth | None:
        """What is known of a pod, unless it is gone."""
        return self._berths.get(pod)

    def _born(self, home: Revision, created_at: float) -> Berth:
        server, key = self._server, home.key
        name = self._free_name(key)
        pod = SimulatedPod(
            workload=home.deployment.key,
            name=name.name,
            uid=server.uid(),
            fingerprint=home.template,
            created_at=created_at,
        )
        node = self.nodes.place()
        fate = Fate(pressure=self.nodes.pressure(node))
        berth = Berth(pod=pod, home=home, key=name, node=node, fate=fate)
        self._berths[pod] = server.pods[name] = berth
        home.berths.append(berth)
        server.changed(berth)
        server.trace.add(PodBorn(at=server.loop.time(), pod=name.name, fingerprint=home.template))
        for listener in self.listeners:
            listener.born(pod)
        return berth

    def _free_name(self, replica_set: Ref) -> Ref:
        while True:
            letters = self._names.choices(string.ascii_lowercase, k=SUFFIX_CHARACTERS)
            name = Ref(replica_set.namespace, f"{replica_set.name}-{''.join(letters)}")
            if name not in self._server.pods:
                return name

    def _start_seconds(self) -> float:
        jitter = self._timing.start_jitter
        return self._timing.start_seconds * self._dice.uniform(1 - jitter, 1 + jitter)

    def _start(self, berth: Berth, life: int) -> None:
        pod = berth.pod
        if pod.leaving or berth.life != life:
            return
        berth.life += 1
        pod.running, pod.started_at = True, self._server.loop.time()
        pod.restarts = pod.deaths
        berth.up, berth.healthy, berth.waiting = False, True, None
        starting = self._start_seconds() * (1 - self._timing.process_share)
        self._server.loop.call_later(starting, self._come_up, berth, berth.life)
        self._server.changed(berth)
        for listener in self.listeners:
            listener.started(pod)

    def _come_up(self, berth: Berth, life: int) -> None:
        if berth.life == life:
            berth.up = True
            self._look(berth)

    def _look(self, berth: Berth) -> None:
        pod = berth.pod
        ready = pod.running and berth.up and berth.healthy and not pod.leaving
        if pod.ready != ready:
            pod.ready = ready
            berth.ready_at = self._server.loop.time()
            self._server.changed(berth)
            self._told_of_readiness(berth, BY_NODE)

    def _told_of_readiness(self, berth: Berth, by: str) -> None:
        for listener in self.listeners:
            listener.readiness_changed(berth.pod)
        self._server.show(berth.home.deployment, by)
        self._server.wake_replica_set(berth.home)

    def _stop(self, berth: Berth) -> bool:
        """The process is gone; whether it was Ready until now."""
        was_ready = berth.pod.ready
        berth.life += 1
        berth.pod.running = berth.pod.ready = berth.up = False
        return was_ready

    def _end(self, berth: Berth) -> None:
        pod = berth.pod
        if pod.running:
            self._stop(berth)
            for listener in self.listeners:
                listener.ended(pod)
        del self._berths[pod], self._server.pods[berth.key]
        berth.home.berths.remove(berth)
        self._server.ended(berth)
        for listener in self.listeners:
            listener.gone(pod)
        self._server.wake_replica_set(berth.home)
