"""The API server: every object, their versions, the gate, and who is told of a change."""

import asyncio
from collections.abc import Callable
from typing import Final

from controller.domain.mounts import Mount, Mounted
from controller.domain.records import Ref
from controller.simulation.clock import second
from controller.simulation.cluster.gate import admitted
from controller.simulation.cluster.objects import (
    Berth,
    Canary,
    Deployment,
    Manifest,
    Revision,
    Sighting,
    Stored,
)
from controller.simulation.dice import Dice
from controller.simulation.trace import SetShown, Shown, Trace
from controller.simulation.weather import Kind

UID_BITS: Final = 48


class Server:
    """Objects by kind and key. Versions are numbers of one counter, as resource versions are.

    `wake_deployment` and `wake_replica_set` are called when the controllers have to look.
    """

    def __init__(self, dice: Dice, trace: Trace) -> None:
        self.loop: Final = asyncio.get_running_loop()
        self.trace: Final = trace
        self.version = 0
        self.gate_installed = True
        self.canaries: Final[dict[Ref, Canary]] = {}
        self.deployments: Final[dict[Ref, Deployment]] = {}
        self.replica_sets: Final[dict[Ref, Revision]] = {}
        self.pods: Final[dict[Ref, Berth]] = {}
        self.configured: Final[dict[tuple[str, Mount], Mounted]] = {}
        self._texts: dict[tuple[str, Mount], str] = {}
        self.watchers: Final[list[Callable[[Sighting], None]]] = []
        self.wake_deployment: Callable[[Deployment], None] = _nobody
        self.wake_replica_set: Callable[[Revision], None] = _nobody
        self._uids = dice.stream("uids of the cluster")

    def uid(self) -> str:
        """One that nothing has yet, and that tells nothing."""
        return f"{self._uids.getrandbits(UID_BITS):012x}"

    def listed(self, kind: Kind) -> list[Sighting]:
        """Every object of a kind as it is now."""
        by_kind = {
            Kind.CANARY: self.canaries,
            Kind.WORKLOAD: self.deployments,
            Kind.REPLICA_SET: self.replica_sets,
            Kind.POD: self.pods,
        }
        found: dict[Ref, Stored] = by_kind[kind]  # type: ignore[assignment]
        return [one.sighting for one in found.values() if one.sighting is not None]

    def write(
        self, deployment: Deployment, manifest: Manifest, by: str, *, ours: bool = False
    ) -> bool:
        """Replace what is written of a Deployment; whether that made a difference."""
        before = deployment.manifest
        if self.gate_installed and not ours:
            manifest = admitted(before, manifest, deployment.generation)
        if manifest == before:
            return False
        deployment.manifest = manifest
        if not manifest.has_spec_of(before):
            deployment.generation += 1
        self.changed(deployment)
        self.show(deployment, by)
        self.wake_deployment(deployment)
        return True

    def resize(
        self,
        revision: Revision,
        replicas: int,
        by: str,
        marks: tuple[int, int] | None = None,
    ) -> bool:
        """Set a ReplicaSet's replicas, and the annotations that it is scaled by (`marks`)."""
        desired, most = marks or (revision.desired, revision.most)
        if (revision.replicas, revision.desired, revision.most) == (replicas, desired, most):
            return False
        revision.replicas, revision.desired, revision.most = replicas, desired, most
        self.changed(revision)
        self.show(revision.deployment, by)
        self.wake_replica_set(revision)
        self.wake_deployment(revision.deployment)
        return True

    def add_replica_set(self, revision: Revision, by: str) -> None:
        """A ReplicaSet was created."""
        assert revision.key not in self.replica_sets, f"{revision.key} is there already"
        self.replica_sets[revision.key] = revision
        revision.deployment.sets.append(revision)
        self.changed(revision)
        self.show(revision.deployment, by)
        self.wake_replica_set(revision)
        self.wake_deployment(revision.deployment)

    def remove_replica_set(self, revision: Revision, by: str) -> None:
        """A ReplicaSet was deleted."""
        del self.replica_sets[revision.key]
        revision.deployment.sets.remove(revision)
        revision.gone = True
        self.ended(revision)
        self.show(revision.deployment, by)

    def configure(self, namespace: str, mount: Mount, text: str | None) -> None:
        """A ConfigMap or Secret was written, with a version of its own, or deleted."""
        key = namespace, mount
        if text is None:
            del self.configured[key]
            self._texts.pop(key, None)
        elif self._texts.get(key) != text:
            self.version += 1
            self._texts[key] = text
            now = second(self.loop.time())
            self.configured[key] = Mounted(
                kind=mount.kind, name=mount.name, version=str(self.version), changed_at=now
            )

    def changed(self, one: Stored) -> None:
        """An object has a new version: everybody who watches is told."""
        self.version += 1
        one.version = self.version
        one.sighting = one.seen()
        for watcher in tuple(self.watchers):
            watcher(one.sighting)

    def ended(self, one: Stored) -> None:
        """An object is gone, as of a version of its own."""
        self.version += 1
        known = one.sighting
        assert known is not None, "what was never there cannot end"
        end = Sighting(
            known.kind, known.key, known.uid, self.version, known.owner, known.created_at, None
        )
        for watcher in tuple(self.watchers):
            watcher(end)

    def show(self, deployment: Deployment, by: str) -> None:
        """Enter the Deployment into the trace, if it looks any different."""
        if self.deployments.get(deployment.key) is not deployment:
            return
        shown = self._shown(deployment, by)
        last = deployment.shown
        if last is None or _face(last) != _face(shown):
            deployment.shown = shown
            self.trace.add(shown)

    def _shown(self, deployment: Deployment, by: str) -> Shown:
        made = deployment.manifest
        surge, unavailable = made.fenceposts
        sets = tuple(
            SetShown(
                fingerprint=one.template,
                name=one.key.name,
                replicas=one.replicas,
                ready=one.ready_now,
            )
            for one in deployment.sets
        )
        return Shown(
            at=self.loop.time(),
            by=by,
            workload=deployment.key,
            template=made.template,
            paused=made.paused,
            mark=made.mark,
            opted_in=made.opted_in,
            skip=made.skip,
            replicas=made.replicas,
            surge=surge,
            unavailable=unavailable,
            sets=sets,
        )


def _face(shown: Shown) -> tuple[object, ...]:
    """All of it but when and by whom."""
    return (
        shown.sets,
        shown.template,
        shown.paused,
        shown.mark,
        shown.opted_in,
        shown.skip,
        shown.replicas,
        shown.surge,
        shown.unavailable,
    )


def _nobody(_one: object) -> None:
    """Until the controllers are there."""
