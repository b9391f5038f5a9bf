"""The moves by which a native Deployment is held, stepped, promoted and rolled back.

Each is safe to repeat, and guarded by what the decision saw of the object's spec: a conflict means
that the world moved, and the decision is taken again.
"""

from collections.abc import Mapping
from typing import Any, Final

from controller.adapters.kube.client import AlreadyExists, NotFound
from controller.adapters.kube.fingerprint import fingerprint, without_hash
from controller.adapters.kube.intents import write_intent
from controller.adapters.kube.names import GATE_MARK, INTENT_ANNOTATION, OPT_IN_LABEL
from controller.adapters.kube.seeding import (
    DESIRED_ANNOTATION,
    canary_replica_set,
    scaling_annotations,
)
from controller.adapters.kube.store import Entry, Key
from controller.adapters.kube.view import View
from controller.adapters.kube.writes import Writes, pointer
from controller.domain.changes import (
    Catch,
    Change,
    ClearIntent,
    Freeze,
    LetGo,
    OptIn,
    Promote,
    Scale,
    Seed,
    Undo,
)
from controller.domain.records import Intent, Ref, ReplicaSet, Workload
from controller.domain.snapshot import Scene
from controller.engine.ports import Conflict, Refused

_ANNOTATIONS: Final = ("metadata", "annotations")
_MARK: Final = (*_ANNOTATIONS, GATE_MARK)
_PAUSED: Final = ("spec", "paused")


class Moves:
    """Carries changes out."""

    def __init__(self, writes: Writes, view: View) -> None:
        self._writes = writes
        self._view = view

    async def apply(self, change: Change, seen: Scene) -> None:
        """Carry out one change that was decided on what was `seen`."""
        match change:
            case ClearIntent(intent_id):
                await self._clear_intent(seen, intent_id)
            case OptIn() | LetGo():
                await self._label(seen, change.canary if isinstance(change, OptIn) else None)
            case Catch():
                await self._pause(seen)
            case Seed(replicas):
                await self._seed(seen, replicas)
            case Scale(replica_sets):
                await self._scale(seen, replica_sets)
            case Promote():
                await self._promote(seen)
            case Undo(replica_set):
                await self._undo(seen, replica_set)
            case Freeze(stable, replicas, others):
                await self._pause(seen)
                # Were the canary at none before stable has pods, the deployment controller would
                # scale the canary up again: it is the latest revision.
                await self._scale(seen, ((stable, replicas), *((name, 0) for name in others)))

    async def let_go(self, ref: Ref) -> list[Entry[Workload]]:
        """Take the label of a Canary that is gone off its workloads; returns them as they are then.

        The mark goes with it: what is paused stays so, as if a person had paused it.
        """
        gone = {"labels": {OPT_IN_LABEL: None}, "annotations": {GATE_MARK: None}}
        shelf = self._view.deployments
        return [
            await self._writes.patch(shelf, entry.key, _guarded(entry.record.version, **gone))
            for entry in self._view.labelled_with(ref)
        ]

    async def ask(self, intent: Intent, seen: Scene) -> None:
        """Put a person's command on the Canary, if it is still as it was seen."""
        key = Key(seen.ref.namespace, seen.ref.name)
        body = _guarded(seen.version, annotations={INTENT_ANNOTATION: write_intent(intent)})
        await self._writes.patch(self._view.canaries, key, body)

    async def _clear_intent(self, seen: Scene, intent_id: str) -> None:
        """Remove the command, unless the person has written another one meanwhile.

        The guard is the version that is known now: the commit before this changed the one seen.
        """
        canary = self._view.canaries.at(Key(seen.ref.namespace, seen.ref.name))
        if canary is None or canary.record.intent is None:
            return
        intent = canary.record.intent
        if isinstance(intent, Intent) and intent.id != intent_id:
            return
        body = _guarded(canary.record.version, annotations={INTENT_ANNOTATION: None})
        await self._writes.patch(self._view.canaries, canary.key, body)

    async def _label(self, seen: Scene, canary: str | None) -> None:
        workload, key = _target(seen)
        if workload.opted_in != canary:
            body = _guarded(workload.version, labels={OPT_IN_LABEL: canary})
            await self._writes.patch(self._view.deployments, key, body)

    async def _pause(self, seen: Scene) -> None:
        """Pause, and mark the pause as ours."""
        workload, key = _target(seen)
        if workload.held_by_us:
            return
        mark = str(workload.generation)
        shelf = self._view.deployments
        pause = [_set(_PAUSED, value=True), _set(_MARK, value=mark)]
        try:
            await self._writes.swap(shelf, key, _spec_of(workload), pause)
        except NotFound:
            raise
        except Refused:
            # Without any annotations there is nothing that the mark could be added to.
            body = _guarded(workload.version, annotations={GATE_MARK: mark})
            await self._writes.patch(shelf, key, body | {"spec": {"paused": True}})

    async def _promote(self, seen: Scene) -> None:
        workload, key = _target(seen)
        if workload.paused or workload.gate_mark is not None:
            await self._settle(seen)
            lift = _lifted(workload)
            await self._writes.swap(self._view.deployments, key, _spec_of(workload), lift)

    async def _undo(self, seen: Scene, name: str) -> None:
        workload, key = _target(seen)
        done = not workload.paused and workload.gate_mark is None
        back = (rs.fingerprint for rs in seen.replica_sets if rs.name == name)
        if done and workload.fingerprint in back:
            return
        source = await self._writes.whole(self._view.replica_sets, Key(key.namespace, name))
        template = without_hash(source["spec"]["template"])
        undo = [_set(("spec", "template"), value=template), *_lifted(workload)]
        await self._writes.swap(self._view.deployments, key, _spec_of(workload), undo)

    async def _scale(self, seen: Scene, wanted: tuple[tuple[str, int], ...]) -> None:
        """Set these replicas in this order, leaving alone what is right already.

        With the numbers that the deployment controller scales by: a ReplicaSet that has N pods,
        and says that N was another number, keeps it from ever rolling out again.
        """
        workload, key = _target(seen)
        for name, replicas in wanted:
            known = self._known_set(Key(key.namespace, name))
            if replicas < known.record.replicas == workload.replicas:
                await self._unsettle(known)
        for name, replicas in wanted:
            known = self._known_set(Key(key.namespace, name))
            await self._resize(known, replicas, scaling_annotations(workload))

    def _known_set(self, key: Key) -> Entry[ReplicaSet]:
        known = self._view.replica_sets.at(key)
        if known is None:
            raise Conflict(f"the ReplicaSet {key.name} is gone")
        return known

    async def _unsettle(self, known: Entry[ReplicaSet]) -> None:
        """Let a ReplicaSet that has all N pods no longer pass for a complete rollout.

        The deployment controller takes down, paused or not, whatever is added beside a complete
        one, and is faster than our next write. Complete is only what was scaled for N: so it is
        told another number, and what it then does is to scale in proportion.
        """
        as_known = {"/metadata/uid": known.uid, "/spec/replicas": known.record.replicas}
        other = _set((*_ANNOTATIONS, DESIRED_ANNOTATION), value="0")
        await self._writes.swap(self._view.replica_sets, known.key, as_known, [other])

    async def _settle(self, seen: Scene) -> None:
        """Let a ReplicaSet that has all N pods pass for complete again, whatever was said of it.

        A process may have died after it had unsettled it: no rollout would start any more.
        """
        workload, key = _target(seen)
        for one in seen.replica_sets:
            known = self._view.replica_sets.at(Key(key.namespace, one.name))
            if known is not None and one.replicas == workload.replicas > 0:
                as_known = {"/metadata/uid": known.uid, "/spec/replicas": one.replicas}
                says = scaling_annotations(workload).items()
                steps = [_set((*_ANNOTATIONS, name), value=text) for name, text in says]
                await self._writes.swap(self._view.replica_sets, known.key, as_known, steps)

    async def _resize(
        self, known: Entry[ReplicaSet], replicas: int, annotations: Mapping[str, str]
    ) -> None:
        """Set the replicas from what is known to what is wanted, if that is any different."""
        if known.record.replicas == replicas:
            return
        as_known = {"/metadata/uid": known.uid, "/spec/replicas": known.record.replicas}
        steps = [_set(("spec", "replicas"), value=replicas)]
        for name, text in annotations.items():
            steps.append(_set((*_ANNOTATIONS, name), value=text))
        await self._writes.swap(self._view.replica_sets, known.key, as_known, steps)

    async def _seed(self, seen: Scene, replicas: int) -> None:
        """Create the canary ReplicaSet of the held template, or scale the one it has already."""
        workload, key = _target(seen)
        shelf = self._view.replica_sets
        deployment = await self._writes.whole(self._view.deployments, key)
        _check_held(deployment, workload)
        wanted = canary_replica_set(deployment, workload, replicas)
        existing = await self._of_template(wanted, workload)
        if existing is None:
            try:
                await self._writes.create(shelf, key.namespace, wanted)
            except AlreadyExists as error:
                raise Refused(f"the canary's name is taken: {error}") from error
        else:
            await self._resize(existing, replicas, scaling_annotations(workload))

    async def _of_template(
        self, wanted: dict[str, Any], workload: Workload
    ) -> Entry[ReplicaSet] | None:
        """The ReplicaSet that the deployment controller takes for this template's, the oldest.

        It is asked for now, not looked up: a rollout that was caught has made it this instant, and
        a second one of the same template would be an orphan nobody scales down.
        """
        namespace = wanted["metadata"]["namespace"]
        labels = without_hash(wanted["spec"]["template"])["metadata"]["labels"]
        found = await self._writes.listed(self._view.replica_sets, namespace, labels)
        same = (
            entry
            for entry in found
            if entry.owner == workload.uid and entry.record.fingerprint == workload.fingerprint
        )
        return min(same, key=lambda entry: (entry.created_at, entry.key), default=None)


def _target(seen: Scene) -> tuple[Workload, Key]:
    assert seen.workload is not None, "no change is decided without a workload"
    return seen.workload, Key(seen.ref.namespace, seen.workload.name)


def _spec_of(workload: Workload) -> dict[str, object]:
    """What has to be unchanged for a decision on this workload to hold: every member of its spec.

    The generation counts the changes of the spec; the mark is the one annotation that matters too.
    """
    seen: dict[str, object] = {
        "/metadata/uid": workload.uid,
        "/metadata/generation": workload.generation,
    }
    if workload.gate_mark is not None:
        seen[pointer(*_MARK)] = workload.gate_mark
    return seen


def _lifted(workload: Workload) -> list[dict[str, object]]:
    """No pause, and no mark of one."""
    steps = [_set(_PAUSED, value=False)]
    if workload.gate_mark is not None:
        steps.append({"op": "remove", "path": pointer(*_MARK)})
    return steps


def _set(names: tuple[str, ...], *, value: object) -> dict[str, object]:
    """The step that sets a member, whether it is there or not."""
    return {"op": "add", "path": pointer(*names), "value": value}


def _guarded(version: str, **metadata: Mapping[str, str | None]) -> dict[str, Any]:
    """A merge patch that the API server refuses if the object is no longer at `version`."""
    return {"metadata": {"resourceVersion": version, **metadata}}


def _check_held(deployment: dict[str, Any], workload: Workload) -> None:
    """Seed what was decided on, or nothing: counts in the status may have moved, these must not."""
    spec = deployment["spec"]
    same = (
        deployment["metadata"]["uid"] == workload.uid
        and spec.get("paused", False)
        and fingerprint(spec["template"]) == workload.fingerprint
    )
    if not same:
        raise Conflict(f"the Deployment {workload.name} is no longer what was seen")
