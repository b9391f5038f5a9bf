"""The moves of the real adapter, with the same guards: uid, generation, mark, replicas, version."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

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
from controller.simulation.clock import second
from controller.simulation.cluster.deploying import replica_set_name
from controller.simulation.cluster.objects import (
    Deployment,
    Manifest,
    Revision,
    Sighting,
    Stored,
)
from controller.simulation.cluster.server import Server
from controller.simulation.cluster.shelf import Seen
from controller.simulation.cluster.view import View
from controller.simulation.weather import Effect

Request = Callable[[Effect], AbstractAsyncContextManager[None]]
Edit = Callable[[Manifest], Manifest]


class Move:
    """One change by one process. `real`: it has made a difference, whether or not it was told so.

    Every write is one request, so that what goes wrong can do so between two of them.
    """

    def __init__(self, server: Server, view: View, process: str, request: Request) -> None:
        self.real = False
        self._server = server
        self._view = view
        self._process = process
        self._request = request

    async def apply(self, change: Change, seen: Scene) -> None:
        """Carry out a change that was decided on what was `seen`."""
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
                await self._scale(seen, ((stable, replicas), *((name, 0) for name in others)))

    async def let_go(self, known: Seen[Workload]) -> Workload:
        """Take label and mark off a workload; what is paused stays so. Returns it as it is then."""
        async with self._request(Effect.LET_GO):
            deployment = self._deployment(known.key)
            _check_version(deployment, str(known.version))
            self._edit(deployment, lambda made: replace(made, opted_in=None, mark=None))
            answer = deployment.sighting
        record = self._learn(answer).record
        assert isinstance(record, Workload), "a Deployment was written"
        return record

    async def ask(self, intent: Intent, seen: Scene) -> None:
        """Put a person's command on the Canary, if it is still as it was seen."""
        async with self._request(Effect.WRITE):
            canary = self._server.canaries.get(seen.ref)
            if canary is None:
                raise _not_found("Canary", seen.ref)
            _check_version(canary, seen.version)
            canary.intent = intent
            self._server.changed(canary)
            answer = canary.sighting
        self._learn(answer)

    async def _clear_intent(self, seen: Scene, intent_id: str) -> None:
        """Remove the command, unless the person has written another one meanwhile."""
        known = self._view.canaries.at(seen.ref)
        if known is None or known.record.intent is None:
            return
        intent = known.record.intent
        if isinstance(intent, Intent) and intent.id != intent_id:
            return
        async with self._request(Effect.WRITE):
            canary = self._server.canaries.get(seen.ref)
            if canary is None:
                raise _not_found("Canary", seen.ref)
            _check_version(canary, known.record.version)
            if canary.intent is not None:
                canary.intent, self.real = None, True
                self._server.changed(canary)
            answer = canary.sighting
        self._learn(answer)

    async def _label(self, seen: Scene, canary: str | None) -> None:
        workload, key = _target(seen)
        if workload.opted_in == canary:
            return
        async with self._request(Effect.WRITE):
            deployment = self._deployment(key)
            _check_version(deployment, workload.version)
            self._edit(deployment, lambda made: replace(made, opted_in=canary))
            answer = deployment.sighting
        self._learn(answer)

    async def _pause(self, seen: Scene) -> None:
        """Pause, and mark the pause as ours."""
        workload, key = _target(seen)
        if not workload.held_by_us:
            mark = str(workload.generation)
            await self._swap(key, workload, lambda made: replace(made, paused=True, mark=mark))

    async def _promote(self, seen: Scene) -> None:
        workload, key = _target(seen)
        if workload.paused or workload.gate_mark is not None:
            for one in seen.replica_sets:
                known = self._view.replica_sets.at(Ref(key.namespace, one.name))
                if known is not None and one.replicas == workload.replicas > 0:
                    same = (one.replicas, one.replicas)
                    await self._resize(known.key, known.uid, same, _marks(workload))
            await self._swap(key, workload, _lifted(workload))

    async def _undo(self, seen: Scene, name: str) -> None:
        workload, key = _target(seen)
        done = not workload.paused and workload.gate_mark is None
        back = (rs.fingerprint for rs in seen.replica_sets if rs.name == name)
        if done and workload.fingerprint in back:
            return
        template = self._replica_set(Ref(key.namespace, name)).template
        lifted = _lifted(workload)
        await self._swap(key, workload, lambda made: replace(lifted(made), template=template))

    async def _scale(self, seen: Scene, wanted: tuple[tuple[str, int], ...]) -> None:
        """Set these replicas in this order, leaving alone what is right already."""
        workload, key = _target(seen)
        marks = _marks(workload)
        for name, replicas in wanted:
            known = self._known_set(Ref(key.namespace, name))
            if replicas < known.record.replicas == workload.replicas:
                await self._unsettle(known, marks)
        for name, replicas in wanted:
            known = self._known_set(Ref(key.namespace, name))
            if replicas != known.record.replicas:
                sizes = (known.record.replicas, replicas)
                await self._resize(known.key, known.uid, sizes, marks)

    def _known_set(self, key: Ref) -> Seen[ReplicaSet]:
        known = self._view.replica_sets.at(key)
        if known is None:
            raise Conflict(f"the ReplicaSet {key.name} is gone")
        return known

    async def _unsettle(self, known: Seen[ReplicaSet], marks: tuple[int, int]) -> None:
        """Let a ReplicaSet that has all N pods no longer pass for a complete rollout."""
        same = (known.record.replicas, known.record.replicas)
        await self._resize(known.key, known.uid, same, (0, marks[1]))

    async def _seed(self, seen: Scene, replicas: int) -> None:
        """Create the canary ReplicaSet of the held template, or scale the one it has already."""
        workload, key = _target(seen)
        # What is read, is read before the write: it may have moved by then, as in a real cluster.
        deployment = self._deployment(key)
        _check_held(deployment, workload)
        marks = _marks(workload)
        same = [one for one in deployment.sets if one.template == workload.fingerprint]
        first = min(same, key=lambda one: (second(one.created_at), one.key), default=None)
        if first is None:
            await self._create(deployment, workload, replicas, marks)
        elif first.replicas != replicas:
            await self._resize(first.key, first.uid, (first.replicas, replicas), marks)

    async def _create(
        self,
        deployment: Deployment,
        workload: Workload,
        replicas: int,
        marks: tuple[int, int],
    ) -> None:
        async with self._request(Effect.WRITE):
            key = replica_set_name(deployment.key, workload.fingerprint)
            if key in self._server.replica_sets:
                raise Refused(f"the canary's name is taken: 409 {key}")
            revision = Revision(
                key=key,
                uid=self._server.uid(),
                deployment=deployment,
                template=workload.fingerprint,
                created_at=self._server.loop.time(),
                replicas=replicas,
                desired=marks[0],
                most=marks[1],
            )
            self._server.add_replica_set(revision, self._process)
            self.real = True
            answer = revision.sighting
        self._learn(answer)

    async def _resize(
        self, key: Ref, uid: str, sizes: tuple[int, int], marks: tuple[int, int]
    ) -> None:
        """Set the replicas from what is known to what is wanted, and what it is scaled by."""
        before, after = sizes
        async with self._request(Effect.WRITE):
            revision = self._replica_set(key)
            if (revision.uid, revision.replicas) != (uid, before):
                raise Conflict(f"{key.name} has moved: /spec/replicas")
            if self._server.resize(revision, after, self._process, marks):
                self.real = True
            answer = revision.sighting
        self._learn(answer)

    async def _swap(self, key: Ref, workload: Workload, edit: Edit) -> None:
        """Write the Deployment if its spec and its mark are still as they were seen."""
        async with self._request(Effect.WRITE):
            deployment = self._deployment(key)
            moved = deployment.uid != workload.uid or deployment.generation != workload.generation
            mark = workload.gate_mark
            if moved or (mark is not None and mark != deployment.manifest.mark):
                raise Conflict(f"{key.name} has moved: /metadata/generation")
            self._edit(deployment, edit)
            answer = deployment.sighting
        self._learn(answer)

    def _edit(self, deployment: Deployment, edit: Edit) -> None:
        after = edit(deployment.manifest)
        if self._server.write(deployment, after, self._process, ours=True):
            self.real = True

    def _learn(self, answer: Sighting | None) -> Sighting:
        """The answer to an own write is known at once: as it was then, whatever came after."""
        assert answer is not None, "what was written is there"
        self._view.see(answer, own=True)
        return answer

    def _deployment(self, key: Ref) -> Deployment:
        found = self._server.deployments.get(key)
        if found is None:
            raise _not_found("Deployment", key)
        return found

    def _replica_set(self, key: Ref) -> Revision:
        found = self._server.replica_sets.get(key)
        if found is None:
            raise _not_found("ReplicaSet", key)
        return found


def _target(seen: Scene) -> tuple[Workload, Ref]:
    assert seen.workload is not None, "no change is decided without a workload"
    return seen.workload, Ref(seen.ref.namespace, seen.workload.name)


def _lifted(workload: Workload) -> Edit:
    """No pause, and no mark of one."""

    def edit(made: Manifest) -> Manifest:
        mark = made.mark if workload.gate_mark is None else None
        return replace(made, paused=False, mark=mark)

    return edit


def _check_version(one: Stored, version: str) -> None:
    if str(one.version) != version:
        raise Conflict(f"{one.key} is at {one.version}, not {version}")


def _check_held(deployment: Deployment, workload: Workload) -> None:
    made = deployment.manifest
    same = deployment.uid == workload.uid and made.template == workload.fingerprint
    if not (same and made.paused):
        raise Conflict(f"the Deployment {workload.name} is no longer what was seen")


def _not_found(kind: str, key: Ref) -> Refused:
    return Refused(f"404 {kind} {key} not found")


def _marks(workload: Workload) -> tuple[int, int]:
    """What the deployment controller scales by: the pods that were wanted, and at most."""
    return workload.replicas, workload.replicas + workload.max_surge
