"""What befalls a pod from outside its application, and the pod as a watch shows it with that."""

from dataclasses import dataclass, field
from typing import Final

from controller.domain.records import Container, Pod
from controller.simulation.clock import second
from controller.simulation.pods import SimulatedPod

NODES_MAX: Final = 4
"""Pods are spread over so many nodes, in turn."""


@dataclass(slots=True, kw_only=True)
class Fate:
    """What the cluster does to a pod.

    `left_at` is when it was told to stop, None for one that ended for good without being told.
    `beside` are the containers beside the application, by name, of which anything is known.
    """

    pressure: tuple[str, ...] = ()
    disruption: str = ""
    left_at: float | None = None
    beside: dict[str, Container] = field(default_factory=dict)

    def shown(self, pod: SimulatedPod, container: Container, replica_set: str) -> Pod:
        """The pod as a watch shows it; `container` is its application's."""
        return Pod(
            name=pod.name,
            uid=pod.uid,
            replica_set=replica_set,
            created_at=second(pod.created_at),
            ready=pod.ready,
            leaving=pod.leaving,
            leaving_since=second(self.left_at) if self.left_at is not None else None,
            disruption=self.disruption,
            pressure=self.pressure,
            containers=(container, *self.beside.values()),
        )


class Nodes:
    """The nodes, in the order in which pods are put on them."""

    def __init__(self) -> None:
        self._turn = 0
        self._cordoned: set[str] = set()
        self._pressure: dict[str, tuple[str, ...]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"node-{number}" for number in range(1, NODES_MAX + 1))

    def place(self) -> str:
        """A node for the next pod; were all of them cordoned, any."""
        names = [name for name in self.names if name not in self._cordoned] or list(self.names)
        self._turn += 1
        return names[self._turn % len(names)]

    def pressure(self, node: str) -> tuple[str, ...]:
        """The conditions of a node that are bad."""
        return self._pressure.get(node, ())

    def press(self, node: str, conditions: tuple[str, ...]) -> None:
        """These are bad from now on, and no others."""
        self._pressure[node] = conditions

    def cordon(self, node: str, *, closed: bool) -> None:
        """No pod is put on it, or some are again."""
        (self._cordoned.add if closed else self._cordoned.discard)(node)
