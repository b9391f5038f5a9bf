"""The Cluster port on a real API server: the reflectors, the view, the moves and the Events."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Final, Self

from controller.adapters.kube.client import ANY_NUMBER, JSON_PATCH, KubeClient
from controller.adapters.kube.events import Events, Involved
from controller.adapters.kube.gate_watch import (
    RECHECK_SECONDS,
    Exemptions,
    check_exempted,
    find_gate,
)
from controller.adapters.kube.inbox import Inbox
from controller.adapters.kube.mounts import MountReader
from controller.adapters.kube.moves import Moves
from controller.adapters.kube.names import GROUP, KIND, VERSION
from controller.adapters.kube.reflector import Reflector
from controller.adapters.kube.resources import CORE
from controller.adapters.kube.status_codec import dump_status
from controller.adapters.kube.store import Key
from controller.adapters.kube.strangers import Strangers
from controller.adapters.kube.translate import PresetProblem
from controller.adapters.kube.view import View
from controller.adapters.kube.watches import Watches
from controller.adapters.kube.writes import Writes
from controller.domain.changes import Change, Occurrence
from controller.domain.mounts import Mount, Mounted
from controller.domain.readings import Missing
from controller.domain.records import Intent, Ref, Workload
from controller.domain.snapshot import Scene
from controller.domain.status import Status
from controller.engine.ports import Clock, Conflict, Fence, Refused, Unavailable, Unfenced

LOG_TIMEOUT_SECONDS: Final = 3.0
LOG_BYTES_MAX: Final = 64 * 1024
RESTART_SECONDS: Final = 1.0
# Three bookmarks: a watch that was silent for longer tells nothing of now.
NODES_AGE_SECONDS_MAX: Final = 180.0

_logger = logging.getLogger(__name__)


class KubeCluster:
    """The Kubernetes cluster, in some namespaces or (none are named) in all.

    `run` has to be running for anything to be seen. Leaving `async with` closes the connections.
    """

    def __init__(
        self,
        client: KubeClient,
        *,
        namespaces: tuple[str, ...],
        preset_problem: PresetProblem,
        clock: Clock,
        dice: random.Random,
        fence: Fence | None = None,
    ) -> None:
        self._client = client
        self.mounts = MountReader(client)
        self.strangers = Strangers()
        self._exemptions = Exemptions(client)
        self._inbox = Inbox()
        self._view = View(preset_problem, self._inbox.add)
        acting = client.behind(fence or Unfenced())
        self._writes = Writes(acting)
        self._moves = Moves(self._writes, self._view)
        # What people ask for is theirs: any replica writes it down, and one acts on it.
        self._requests = Moves(Writes(client), self._view)
        self._events = Events(acting, clock)
        self._welcomed: set[str | None] = set()
        # A watch keeps a connection: many of them must not keep a rollback waiting for one.
        watching = client.apart(ANY_NUMBER)
        self._watches = Watches(watching, self._view, namespaces, dice)
        # Of no namespace, and nothing waits for it: an account may not be allowed to see nodes.
        self._nodes = Reflector(watching, self._view.nodes, None, dice=dice)
        self._view.nodes_are_known = lambda: self._nodes.age_seconds() < NODES_AGE_SECONDS_MAX

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.close()

    async def run(self) -> None:
        """Follow the cluster until cancelled. Raises Refused where the gate would hold us too."""
        # What cannot be seen now is looked at again, and told of, with the gate itself.
        with contextlib.suppress(Unavailable):
            await check_exempted(self._client)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_gate())
            group.create_task(self._welcome())
            for reflector in (*self._watches, self._nodes):
                group.create_task(reflector.run())

    async def wait_synced(self, timeout_seconds: float) -> None:
        """Return when everything was listed once; raise Unavailable, with what is missing."""
        try:
            async with asyncio.timeout(timeout_seconds):
                for reflector in self._watches:
                    await reflector.synced.wait()
        except TimeoutError as error:
            missing = ", ".join(self.unsynced())
            raise Unavailable(f"not listed in {timeout_seconds:g} s: {missing}") from error

    def unsynced(self) -> tuple[str, ...]:
        """What was not listed yet, with its namespace where several are watched."""
        return self._watches.unsynced()

    def relists(self) -> Mapping[str, int]:
        """How often each kind had to be listed again, by kind."""
        return self._watches.summed(lambda reflector: reflector.relists)

    def reconnects(self) -> Mapping[str, int]:
        """How often each watch was opened, by kind."""
        return self._watches.summed(lambda reflector: reflector.reconnects)

    def age_seconds(self) -> Mapping[str, float]:
        """Seconds since the watch that is behind the most heard from the server, by kind."""
        return self._watches.age_seconds()

    async def changes(self) -> AsyncIterator[Ref]:
        """Every Canary once its namespace is known, then each that something happened to.

        Nothing comes before the first lists are whole: a scene without its pods would lie. One
        reader at a time.
        """
        self._ask_for_all()
        while True:
            ref = await self._inbox.take()
            if self._welcomed & {None, ref.namespace}:
                yield ref

    def _ask_for_all(self, namespace: str | None = None) -> None:
        for ref in (*self._view.refs(), *self._view.strays()):
            if namespace in {None, ref.namespace}:
                self._inbox.add(ref)

    async def _welcome(self) -> None:
        """Ask for a look at every Canary of a namespace once that is known."""
        async for namespace in self._watches.known():
            self._welcomed.add(namespace)
            self._ask_for_all(namespace)

    def refs(self) -> tuple[Ref, ...]:
        """Every Canary there is, in the namespaces that are known."""
        return tuple(ref for ref in self._view.refs() if self._watches.knows(ref.namespace))

    def statuses(self) -> Iterator[Status]:
        """That of every Canary."""
        return (entry.record.status for entry in self._view.canaries)

    def gate_in_force(self) -> bool:
        """Whether the admission policy and its binding are installed."""
        return self._view.gate_in_force

    def scene(self, ref: Ref) -> Scene | None:
        """What is known now, own writes included; None when there is no such Canary."""
        return self._view.scene(ref)

    async def commit(self, ref: Ref, status: Status, seen: str) -> str:
        """Replace the Canary's status if its version is still `seen`; returns its next version."""
        # To write another version than it has is what the API server takes for a conflict; a
        # `test` that fails would come back as a bad request. `add` replaces the status whole.
        patch: list[dict[str, object]] = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": seen},
            {"op": "add", "path": "/status", "value": dump_status(status)},
        ]
        key = Key(ref.namespace, ref.name)
        self.strangers.look(self._view.canaries.at(key))
        entry = await self._writes.patch(
            self._view.canaries, key, patch, content_type=JSON_PATCH, subresource="status"
        )
        self.strangers.wrote(entry)
        return entry.record.version

    async def apply(self, ref: Ref, change: Change, seen: Scene) -> None:
        """Carry out one change, guarded by the versions in the scene it was decided on."""
        assert ref == seen.ref, "a change belongs to the scene it was decided on"
        await self._moves.apply(change, seen)

    async def ask(self, ref: Ref, intent: Intent, seen: Scene) -> None:
        """Put a person's command on the Canary, in the place of the one in `seen`, if any."""
        assert ref == seen.ref, "a command belongs to the scene it was checked against"
        await self._requests.ask(intent, seen)

    async def previous_log(
        self, namespace: str, pod: str, container: str, lines: int, *, down: bool
    ) -> str | Missing:
        """The last lines of the container's process that died; `down`: it was not restarted yet."""
        key = Key(namespace, pod)
        if not (down and self._is_down(key, container)):
            return await self._log(key, container, lines, previous=True)
        # Until a restart the dead process is the current one. A first restart comes at once: an
        # empty log may be its successor's, of which the watch tells in a moment.
        last = await self._log(key, container, lines, previous=False)
        if last == "":
            await asyncio.sleep(RESTART_SECONDS)
        if self._is_down(key, container):
            return last
        return await self._log(key, container, lines, previous=True)

    async def _log(self, pod: Key, container: str, lines: int, *, previous: bool) -> str | Missing:
        try:
            last = await self._client.tail(
                f"{CORE}/namespaces/{pod.namespace}/pods/{pod.name}/log",
                query={
                    "previous": "true" if previous else "false",
                    "container": container,
                    "tailLines": lines,
                },
                timeout_seconds=LOG_TIMEOUT_SECONDS,
                kept=LOG_BYTES_MAX,
            )
        except (Conflict, Refused, Unavailable) as error:
            return Missing("no log", str(error))
        return last.decode(errors="replace")

    def _is_down(self, pod: Key, container: str) -> bool:
        known = self._view.pods.at(pod)
        containers = known.record.containers if known else ()
        return any(c.name == container and c.deaths > c.restarts for c in containers)

    async def mounted(self, namespace: str, mount: Mount) -> Mounted | Missing:
        """What a ConfigMap or Secret is now, never its contents; or why that cannot be seen."""
        return await self.mounts.read(namespace, mount)

    async def let_go(self, ref: Ref) -> None:
        """Take the opt-in label of a Canary that is gone off its workload, and say how to finish.

        Nothing is promoted and nothing is unpaused: that is a person's decision.
        """
        for entry in await self._moves.let_go(ref):
            involved = _involved("apps/v1", "Deployment", entry.key, entry.uid)
            await self._events.record([involved], _farewell(ref, entry.record))

    async def record(self, ref: Ref, occurrence: Occurrence) -> None:
        """Write an Event on the Canary and on its Deployment; a failure is logged."""
        canary = self._view.canaries.at(Key(ref.namespace, ref.name))
        if canary is None:
            return
        involved = [_involved(f"{GROUP}/{VERSION}", KIND, canary.key, canary.uid)]
        target = self._view.deployments.at(Key(ref.namespace, canary.record.target))
        if target is not None:
            involved.append(_involved("apps/v1", "Deployment", target.key, target.uid))
        await self._events.record(involved, occurrence)

    async def _follow_gate(self) -> None:
        """Look now and then at our policies; whether the gate is there, unknown, is as it was."""
        while True:
            try:
                in_force = await find_gate(self._client)
            except (Unavailable, Refused) as error:
                _logger.warning("Whether the gate is installed cannot be seen: %s", error)
                in_force = self._view.gate_in_force
            if in_force != self._view.gate_in_force:
                self._view.gate_in_force = in_force
                for ref in self.refs():
                    self._inbox.add(ref)
            await self._exemptions.look()
            await asyncio.sleep(RECHECK_SECONDS)


def _involved(api_version: str, kind: str, key: Key, uid: str) -> Involved:
    return Involved(
        api_version=api_version, kind=kind, namespace=key.namespace, name=key.name, uid=uid
    )


def _farewell(ref: Ref, workload: Workload) -> Occurrence:
    said = f"The Canary {ref.name} is gone: {workload.name} rolls out by itself from now on."
    if not workload.paused:
        return Occurrence(reason="LetGo", message=said)
    resume = f"kubectl -n {ref.namespace} rollout resume deployment/{workload.name}"
    undo = f"kubectl -n {ref.namespace} rollout undo deployment/{workload.name}"
    return Occurrence(
        reason="LetGo",
        message=f"{said} It is still paused. To finish the rollout: {resume}; to go back: {undo} "
        "after that.",
        warning=True,
    )
