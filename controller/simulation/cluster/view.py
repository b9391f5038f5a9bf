"""The shelves together: which Canary an object concerns, and the scene of one Canary."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from controller.domain.records import GateKind, Pod, Ref, ReplicaSet, Workload
from controller.domain.snapshot import Scene
from controller.simulation.cluster.objects import (
    CanaryRecord,
    Sighting,
    label_owner,
    target_owner,
)
from controller.simulation.cluster.shelf import Seen, Shelf
from controller.simulation.weather import Kind


class View:
    """What one process knows of the cluster. `announce` is told which Canaries need a look.

    `gate_in_force` says whether the admission policy is installed.
    """

    def __init__(self, announce: Callable[[Ref], None]) -> None:
        self._gate_in_force = False
        self._announce = announce
        self._scenes: dict[Ref, Scene] = {}
        self.canaries: Final[Shelf[CanaryRecord]] = Shelf(_canary_face, self._canary_news)
        self.deployments: Final[Shelf[Workload]] = Shelf(_workload_face, self._deployment_news)
        self.replica_sets: Final[Shelf[ReplicaSet]] = Shelf(_itself, self._replica_set_news)
        self.pods: Final[Shelf[Pod]] = Shelf(_itself, self._pod_news)
        self.shelves: Final[Mapping[Kind, Shelf[Any]]] = {
            Kind.CANARY: self.canaries,
            Kind.WORKLOAD: self.deployments,
            Kind.REPLICA_SET: self.replica_sets,
            Kind.POD: self.pods,
        }

    @property
    def gate_in_force(self) -> bool:
        return self._gate_in_force

    @gate_in_force.setter
    def gate_in_force(self, in_force: bool) -> None:
        self._gate_in_force = in_force
        self._scenes.clear()

    def see(self, sighting: Sighting, *, own: bool = False) -> None:
        """Take an update of the watch, or the answer to an own write."""
        self._scenes.clear()
        shelf = self.shelves[sighting.kind]
        if own:
            shelf.see_own(sighting)
        else:
            shelf.see(sighting)

    def see_all(self, kind: Kind, sightings: list[Sighting], version: int) -> None:
        """Take the first list of a kind."""
        self._scenes.clear()
        self.shelves[kind].see_all(sightings, version)

    def refs(self) -> tuple[Ref, ...]:
        """Every Canary, in order."""
        return tuple(sorted(seen.key for seen in self.canaries))

    def labelled_with(self, ref: Ref) -> list[Seen[Workload]]:
        """The Deployments whose opt-in label names this Canary."""
        return self.deployments.owned_by(label_owner(ref.namespace, ref.name))

    def strays(self) -> tuple[Ref, ...]:
        """Canaries that a label names and that are gone: deleted while nobody looked."""
        named = {
            Ref(seen.key.namespace, seen.record.opted_in)
            for seen in self.deployments
            if seen.record.opted_in is not None
        }
        return tuple(sorted(named - set(self.refs())))

    def scene(self, ref: Ref) -> Scene | None:
        """What is known of one Canary; None when there is no such Canary."""
        known = self._scenes.get(ref)
        if known is not None:
            return known
        canary = self.canaries.at(ref)
        if canary is None:
            return None
        scene = self._scenes[ref] = self._scene_of(canary)
        return scene

    def _scene_of(self, canary: Seen[CanaryRecord]) -> Scene:
        record, ref = canary.record, canary.key
        deployment = self.deployments.at(Ref(ref.namespace, record.target))
        owned = self.replica_sets.owned_by(deployment.uid) if deployment else []
        return Scene(
            ref=ref,
            version=record.version,
            generation=record.generation,
            policy=record.policy,
            status=record.status,
            intent=record.intent,
            workload=deployment.record if deployment else None,
            replica_sets=tuple(seen.record for seen in owned),
            pods=tuple(pod.record for rs in owned for pod in self.pods.owned_by(rs.uid)),
            gate=self._gate(deployment),
            rival=self._rival(canary),
        )

    def _gate(self, deployment: Seen[Workload] | None) -> GateKind:
        """The policy asks for the opt-in label and against the skip annotation; else: catch."""
        workload = deployment.record if deployment is not None else None
        matched = workload is not None and workload.opted_in is not None and workload.skip is None
        return GateKind.POLICY if self._gate_in_force and matched else GateKind.CATCH

    def _rival(self, canary: Seen[CanaryRecord]) -> str | None:
        """The oldest other Canary of the same target, if it is older than this one."""
        first = self.canaries.owned_by(canary.owner)[0]
        return None if first.key == canary.key else first.key.name

    def _canary_news(self, seen: Seen[CanaryRecord]) -> None:
        self._announce(seen.key)
        # A Canary that comes or goes makes or ends the rivalry of the others.
        self._announce_owned_by(seen.owner)

    def _announce_owned_by(self, owner: str) -> None:
        for canary in self.canaries.owned_by(owner):
            self._announce(canary.key)

    def _deployment_news(self, seen: Seen[Workload]) -> None:
        self._announce_owned_by(target_owner(seen.key.namespace, seen.key.name))
        if seen.record.opted_in is not None:
            # Whoever is named may be gone, and has to let go.
            self._announce(Ref(seen.key.namespace, seen.record.opted_in))

    def _replica_set_news(self, seen: Seen[ReplicaSet]) -> None:
        deployment = self.deployments.of_uid(seen.owner)
        if deployment is not None:
            self._deployment_news(deployment)

    def _pod_news(self, seen: Seen[Pod]) -> None:
        replica_set = self.replica_sets.of_uid(seen.owner)
        if replica_set is not None:
            self._replica_set_news(replica_set)


def _canary_face(record: CanaryRecord) -> object:
    # Its status is our own memory: to look again at each commit would be to run in a circle.
    return record.generation, record.policy, record.intent


def _workload_face(record: Workload) -> object:
    return replace(record, version="")


def _itself(record: object) -> object:
    return record
