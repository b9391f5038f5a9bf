"""A pod of the simulated cluster, and who is told what becomes of it."""

from dataclasses import dataclass
from typing import Protocol

from controller.domain.records import Ref


@dataclass(slots=True, eq=False, kw_only=True)
class SimulatedPod:
    """A pod as its node has it: the truth, not what any watch has shown yet.

    Only the cluster changes it. `running`: its process takes requests, if it is asked to;
    `started_at` is when that process began. `deaths` counts the processes that ended by themselves
    or by a request, `restarts` those that were followed by another. Times are seconds of the run,
    negative for what was there before it.
    """

    workload: Ref
    name: str
    uid: str
    fingerprint: str
    created_at: float
    started_at: float | None = None
    running: bool = False
    ready: bool = False
    leaving: bool = False
    deaths: int = 0
    restarts: int = 0


class PodListener(Protocol):
    """Told at once, by the node: no watch lies between."""

    def born(self, pod: SimulatedPod) -> None:
        """The pod was created; no process runs in it yet."""

    def started(self, pod: SimulatedPod) -> None:
        """A process began, the first or another one."""

    def ended(self, pod: SimulatedPod) -> None:
        """The process is gone, and everything that it had counted."""

    def readiness_changed(self, pod: SimulatedPod) -> None:
        """The pod became Ready, or is so no longer."""

    def gone(self, pod: SimulatedPod) -> None:
        """The pod was deleted; its process, if it ran, has ended before."""
