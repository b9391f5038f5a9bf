"""The shelves together: which Canary an object concerns, and the scene of one Canary."""

from collections.abc import Callable
from dataclasses import replace

from controller.adapters.kube import resources
from controller.adapters.kube.resources import label_owner, target_owner
from controller.adapters.kube.store import Entry, Key, Shelf
from controller.adapters.kube.translate import CanaryRecord, PresetProblem
from controller.domain.records import GateKind, Pod, Ref, ReplicaSet, Workload
from controller.domain.snapshot import Scene


class View:
    """What is known of the cluster. `announce` is told which Canaries need a look.

    `gate_in_force` says whether the admission policy and its binding are installed,
    `nodes_are_known` whether what is known of the nodes is of now.
    """

    def __init__(self, preset_problem: PresetProblem, announce: Callable[[Ref], None]) -> None:
        self.gate_in_force = False
        self.nodes_are_known: Callable[[], bool] = _never
        self._announce = announce
        self.canaries = Shelf(resources.canaries(preset_problem), self._canary_news)
        self.deployments = Shelf(resources.DEPLOYMENTS, self._deployment_news)
        self.replica_sets = Shelf(resources.REPLICA_SETS, self._replica_set_news)
        self.pods = Shelf(resources.PODS, self._pod_news)
        # A node's trouble is no reason to look at a Canary; what it does to pods is.
        self.nodes = Shelf(resources.NODES, lambda _: None)

    def refs(self) -> tuple[Ref, ...]:
        """Every Canary, in order."""
        return tuple(sorted(Ref(*entry.key) for entry in self.canaries))

    def labelled_with(self, ref: Ref) -> list[Entry[Workload]]:
        """The Deployments whose opt-in label names this Canary."""
        return self.deployments.owned_by(label_owner(ref.namespace, ref.name))

    def strays(self) -> tuple[Ref, ...]:
        """Canaries that a label names and that are gone: deleted while nobody looked."""
        named = {
            Ref(entry.key.namespace, entry.record.opted_in)
            for entry in self.deployments
            if entry.record.opted_in is not None
        }
        return tuple(sorted(named - set(self.refs())))

    def scene(self, ref: Ref) -> Scene | None:
        """What is known of one Canary; None when there is no such Canary."""
        canary = self.canaries.at(Key(ref.namespace, ref.name))
        if canary is None:
            return None
        record = canary.record
        deployment = self.deployments.at(Key(ref.namespace, record.target))
        owned = self.replica_sets.owned_by(deployment.uid) if deployment else []
        return Scene(
            ref=ref,
            version=record.version,
            generation=record.generation,
            policy=record.policy,
            status=record.status,
            intent=record.intent,
            workload=deployment.record if deployment else None,
            replica_sets=tuple(entry.record for entry in owned),
            pods=tuple(self._pod(pod) for rs in owned for pod in self.pods.owned_by(rs.uid)),
            gate=self._gate(deployment),
            rival=self._rival(canary),
        )

    def _pod(self, entry: Entry[Pod]) -> Pod:
        """The pod, with what presses its node; old news of a node would excuse what it must not."""
        node = self.nodes.at(Key("", entry.node)) if entry.node else None
        if node is None or not self.nodes_are_known():
            return entry.record
        return replace(entry.record, pressure=node.record)

    def _gate(self, deployment: Entry[Workload] | None) -> GateKind:
        """The policy asks for the opt-in label and against the skip annotation; else: catch."""
        workload = deployment.record if deployment is not None else None
        matched = workload is not None and workload.opted_in is not None and workload.skip is None
        return GateKind.POLICY if self.gate_in_force and matched else GateKind.CATCH

    def _rival(self, canary: Entry[CanaryRecord]) -> str | None:
        """The oldest other Canary of the same target, if it is older than this one."""
        assert canary.owner is not None
        first = self.canaries.owned_by(canary.owner)[0]
        return None if first.key == canary.key else first.key.name

    def _canary_news(self, entry: Entry[CanaryRecord]) -> None:
        self._announce(Ref(*entry.key))
        # A Canary that comes or goes makes or ends the rivalry of the others.
        self._announce_owned_by(entry.owner)

    def _announce_owned_by(self, owner: str | None) -> None:
        for canary in self.canaries.owned_by(owner or ""):
            self._announce(Ref(*canary.key))

    def _deployment_news(self, entry: Entry[Workload]) -> None:
        self._announce_owned_by(target_owner(*entry.key))
        if entry.record.opted_in is not None:
            # Whoever is named may be gone, and has to let go.
            self._announce(Ref(entry.key.namespace, entry.record.opted_in))

    def _replica_set_news(self, entry: Entry[ReplicaSet]) -> None:
        deployment = self.deployments.of_uid(entry.owner or "")
        if deployment is not None:
            self._deployment_news(deployment)

    def _pod_news(self, entry: Entry[Pod]) -> None:
        replica_set = self.replica_sets.of_uid(entry.owner or "")
        if replica_set is not None:
            self._replica_set_news(replica_set)


def _never() -> bool:
    return False
