"""What may end a process that is not its own doing: nodes, evictions, and what runs beside it."""

from typing import Final

from controller.domain.records import Container, ContainerRole, Termination
from controller.simulation.clock import second
from controller.simulation.cluster.node import Node
from controller.simulation.cluster.objects import Berth
from controller.simulation.cluster.server import Server
from controller.simulation.cluster.timing import Timing
from controller.simulation.pods import SimulatedPod
from controller.simulation.trace import BY_PERSON

SIGKILLED: Final = 137
SIGTERMED: Final = 143


class Disruptions:
    """Pods that are gone or leave already are passed over: what befalls them makes no difference.

    `nodes` are all of them, by name.
    """

    def __init__(self, server: Server, kubelets: Node, timing: Timing) -> None:
        self._server = server
        self._kubelets = kubelets
        self._timing = timing
        self.nodes: Final = kubelets.nodes.names

    def node_of(self, pod: SimulatedPod) -> str:
        """Where a pod runs; empty when it is gone."""
        berth = self._kubelets.berth(pod)
        return berth.node if berth is not None else ""

    # Pods that have to go.

    def evict(self, pod: SimulatedPod) -> None:
        """Evict it by the API, as `kubectl drain` and deschedulers do."""
        self._leave(pod, "EvictionByEvictionAPI")

    def preempt(self, pod: SimulatedPod) -> None:
        """The scheduler takes its place for a pod of higher priority."""
        self._leave(pod, "PreemptionByScheduler")

    def drain(self, node: str) -> None:
        """Put no more pods on a node, and evict those that are there."""
        self._kubelets.nodes.cordon(node, closed=True)
        for berth in self._kubelets.berths(node):
            self.evict(berth.pod)

    def uncordon(self, node: str) -> None:
        """Put pods on a node again."""
        self._kubelets.nodes.cordon(node, closed=False)

    def end_for_good(self, pod: SimulatedPod, reason: str = "Evicted") -> None:
        """The kubelet ends it, for pressure ("Evicted") or a critical pod ("Preempting")."""
        berth = self._kubelets.berth(pod)
        if berth is not None:
            self._kubelets.end_for_good(berth, reason)

    def shut_down(self, node: str) -> None:
        """The machine goes down in an orderly way: all its pods end, and none comes."""
        self._kubelets.nodes.cordon(node, closed=True)
        for berth in self._kubelets.berths(node):
            self._kubelets.end_for_good(berth, "Terminated")

    def _leave(self, pod: SimulatedPod, disruption: str) -> None:
        berth = self._kubelets.berth(pod)
        if berth is not None:
            self._kubelets.leave(berth, BY_PERSON, disruption=disruption)

    # Processes that are ended.

    def press(self, node: str, *conditions: str) -> None:
        """These conditions of a node are bad from now on ("MemoryPressure"), and no others."""
        self._kubelets.nodes.press(node, conditions)
        for berth in self._kubelets.berths(node):
            berth.fate.pressure = conditions
            self._server.changed(berth)

    def fail_liveness(self, pod: SimulatedPod, *, exit_code: int = SIGTERMED) -> None:
        """The liveness probe fails: the kubelet ends the process and starts it again."""
        self._kubelets.end_process(pod, exit_code, "Error", "", unhealthy=True)

    def run_out_of_memory(self, pod: SimulatedPod) -> None:
        """The kernel kills the process at the limit of its memory."""
        self._kubelets.end_process(pod, SIGKILLED, "OOMKilled", "")

    def end_beside(
        self, pod: SimulatedPod, name: str, role: ContainerRole, *, exit_code: int = 1
    ) -> None:
        """A container beside the application ends, and starts again; the pod stays as it is."""
        berth = self._kubelets.berth(pod)
        if berth is None or pod.leaving:
            return
        known = berth.fate.beside.get(name) or Container(name=name, role=role)
        now = second(self._server.loop.time())
        berth.fate.beside[name] = Container(
            name=name,
            role=role,
            restarts=known.restarts,
            deaths=known.restarts + 1,
            last_death=Termination(exit_code=exit_code, reason="Error", finished_at=now),
        )
        self._server.changed(berth)
        seconds = self._timing.restart_seconds
        self._server.loop.call_later(seconds, self._start_beside, berth, name)

    def _start_beside(self, berth: Berth, name: str) -> None:
        ended = berth.fate.beside[name]
        if berth.pod.leaving or ended.deaths == ended.restarts:
            return
        berth.fate.beside[name] = Container(
            name=name,
            role=ended.role,
            restarts=ended.deaths,
            deaths=ended.deaths,
            ready=True,
            last_death=ended.last_death,
        )
        self._server.changed(berth)
