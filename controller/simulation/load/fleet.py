"""The pods of a run as its traffic meets them, in the order in which they came."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from controller.simulation.load.balancer import Balancer
from controller.simulation.load.lives import Lives
from controller.simulation.load.rates import Place
from controller.simulation.load.troubles import Troubles
from controller.simulation.pods import SimulatedPod


@dataclass(slots=True, eq=False, kw_only=True)
class Member:
    """A pod with what is its own: its error rate over the routes', and how lucky it is.

    `settled`: what it counted before the run is still to be told. `broke`: its process ended by a
    defect of its own.
    """

    pod: SimulatedPod
    own: float
    luck: float
    settled: bool
    broke: bool = False
    gone: bool = False


@dataclass(slots=True, kw_only=True)
class Fleet:
    """Pods that exist, or are still sent requests. `canary` is the canary's fingerprint."""

    canary: str
    differ_by: float
    dice: random.Random
    balancer: Balancer
    members: list[Member] = field(default_factory=list)
    released: bool = False

    def add(self, pod: SimulatedPod, *, settled: bool) -> None:
        """A pod was created."""
        spread = math.sqrt(math.log1p(self.differ_by**2))
        own = math.exp(self.dice.gauss(-(spread**2) / 2, spread))
        luck = self.dice.random()
        self.members.append(Member(pod=pod, own=own, luck=luck, settled=settled))
        self.released = self.released or pod.fingerprint == self.canary

    def member(self, pod: SimulatedPod) -> Member | None:
        """The pod, if it is one of these."""
        return next((member for member in self.members if member.pod is pod), None)

    def follow(self, member: Member) -> None:
        """What a pod is now reaches the balancer; what it has been for long is known there."""
        if member.settled:
            self.balancer.settle(member.pod)
        else:
            self.balancer.update(member.pod)

    def leave(self) -> list[int]:
        """Drop pods that are gone and get no requests any more; their rows, the last one first."""
        rows = [
            row
            for row, member in enumerate(self.members)
            if member.gone and self.balancer.is_done_with(member.pod)
        ]
        rows.reverse()
        for row in rows:
            self.balancer.forget(self.members.pop(row).pod)
        return rows

    def present(self) -> list[SimulatedPod]:
        """The pods that exist."""
        return [member.pod for member in self.members if not member.gone]

    def lucks(self) -> list[float]:
        """How lucky each pod is that exists."""
        return [member.luck for member in self.members if not member.gone]

    def serving(self) -> list[int]:
        """The rows of pods that are sent requests and answer them."""
        return [
            row
            for row, member in enumerate(self.members)
            if member.pod.running and self.balancer.takes(member.pod)
        ]

    def places(self, lives: Lives, troubles: Troubles, at: float) -> Sequence[Place]:
        """How traffic meets each pod now."""
        return [self._place(member, lives, troubles, at) for member in self.members]

    def _place(self, member: Member, lives: Lives, troubles: Troubles, at: float) -> Place:
        pod, canary = member.pod, member.pod.fingerprint == self.canary
        return Place(
            endpoint=self.balancer.takes(pod),
            alive=pod.running and not member.gone,
            canary=canary,
            to_blame=canary or not (pod.running or member.broke),
            own=member.own,
            noise=troubles.noise(member.luck),
            defects=lives.showing(pod, at),
        )
