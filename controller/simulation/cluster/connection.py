"""The Cluster port for one process: its own watches, which lag, and its own writes."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from controller.domain.changes import Change, Occurrence
from controller.domain.mounts import AWAY, Mount, Mounted
from controller.domain.readings import Missing
from controller.domain.records import Intent, Ref, Workload
from controller.domain.snapshot import Scene
from controller.domain.status import Status
from controller.engine.ports import Conflict, Refused, Unavailable
from controller.simulation.cluster.moves import Move
from controller.simulation.cluster.objects import Canary, Sighting, container_name
from controller.simulation.cluster.server import Server
from controller.simulation.cluster.view import View
from controller.simulation.trace import Applied, Committed, LetGo, Noted
from controller.simulation.weather import Effect, Kind, Weather

GATE_RECHECK_SECONDS: Final = 60.0


class Connection:
    """What one process knows and does. Nothing is known before the first lists: see `synced`."""

    def __init__(
        self, server: Server, process: str, weather: Weather, gate_dice: random.Random
    ) -> None:
        self.synced: Final = asyncio.Event()
        self._server = server
        self._process = process
        self._weather = weather
        self._gate_dice = gate_dice
        self._open = True
        self._waiting: dict[Ref, None] = {}
        self._filled = asyncio.Event()
        self._news: list[Ref] = []
        self._view = View(self._news.append)
        self._view.gate_in_force = server.gate_installed
        self._queues: dict[Kind, deque[Sighting]] = {}
        self._due: dict[Kind, float] = {}
        for kind in Kind:
            server.loop.call_later(weather.watch_seconds(kind), self._list, kind)
        server.watchers.append(self._notice)

    def close(self) -> None:
        """The process is gone: it is told nothing more, and does nothing more."""
        if self._open:
            self._open = False
            self._server.watchers.remove(self._notice)

    @property
    def _now(self) -> float:
        return self._server.loop.time()

    # The port.

    async def changes(self) -> AsyncIterator[Ref]:
        """Every Canary once everything is known, then each that something happened to."""
        await self.synced.wait()
        for ref in (*self.refs(), *self._view.strays()):
            self._ask(ref)
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            ref = next(iter(self._waiting))
            del self._waiting[ref]
            yield ref

    def refs(self) -> tuple[Ref, ...]:
        """Every Canary there is."""
        return self._view.refs()

    def scene(self, ref: Ref) -> Scene | None:
        """What is known now, own writes included; None when there is no such Canary."""
        return self._view.scene(ref)

    async def commit(self, ref: Ref, status: Status, seen: str) -> str:
        """Replace the Canary's status if its version is still `seen`; returns its next version."""
        async with self._request(Effect.COMMIT):
            canary = self._canary(ref)
            if str(canary.version) != seen:
                raise Conflict(f"the Canary {ref} is at {canary.version}, not {seen}")
            if canary.status != status:
                canary.status = status
                self._server.changed(canary)
                committed = Committed(at=self._now, process=self._process, ref=ref, status=status)
                self._server.trace.add(committed)
            answer = canary.sighting
        assert answer is not None, "what was written is there"
        self._own(answer)
        return str(answer.version)

    async def apply(self, ref: Ref, change: Change, seen: Scene) -> None:
        """Carry out one change, guarded by the versions in the scene it was decided on."""
        assert ref == seen.ref, "a change belongs to the scene it was decided on"
        move = self._move()
        done = False
        try:
            await move.apply(change, seen)
            done = True
        finally:
            self._spread_own()
            if done or move.real:
                self._server.trace.add(
                    Applied(
                        at=self._now, process=self._process, ref=ref, change=change, real=move.real
                    )
                )

    async def ask(self, ref: Ref, intent: Intent, seen: Scene) -> None:
        """Put a person's command on the Canary, in the place of the one in `seen`, if any."""
        assert ref == seen.ref, "a command belongs to the scene it was checked against"
        try:
            await self._move().ask(intent, seen)
        finally:
            self._spread_own()

    async def previous_log(
        self,
        namespace: str,
        pod: str,
        container: str,
        lines: int,
        *,
        down: bool,  # noqa: ARG002 - the last words are the same, restarted or not
    ) -> str | Missing:
        """The last lines of the container's process that died."""
        key = Ref(namespace, pod)
        try:
            async with self._request(Effect.LOG):
                log = "\n".join(self._last_words(key, container).splitlines()[-lines:])
        except (Conflict, Refused, Unavailable) as error:
            return Missing("no log", str(error))
        return log

    async def mounted(self, namespace: str, mount: Mount) -> Mounted | Missing:
        """What a ConfigMap or Secret is now, never its contents; or why that cannot be seen."""
        try:
            async with self._request(Effect.MOUNT):
                absent = Mounted(kind=mount.kind, name=mount.name)
                return self._server.configured.get((namespace, mount), absent)
        except (Conflict, Refused, Unavailable) as error:
            return Missing(AWAY, str(error))

    async def let_go(self, ref: Ref) -> None:
        """Take the opt-in label of a Canary that is gone off its workload, and say how to finish.

        Nothing is promoted and nothing is unpaused: that is a person's decision.
        """
        left = []
        for known in self._view.labelled_with(ref):
            move = self._move()
            try:
                left.append(await move.let_go(known))
            finally:
                self._spread_own()
                if move.real:
                    self._server.trace.add(LetGo(at=self._now, process=self._process, ref=ref))
        for workload in left:
            await self._note(ref, _farewell(ref, workload))

    async def record(self, ref: Ref, occurrence: Occurrence) -> None:
        """Write an Event on the Canary and on its Deployment; a failure only costs the Event."""
        if self._view.canaries.at(ref) is not None:
            await self._note(ref, occurrence)

    # What is seen.

    def recheck_gate(self) -> None:
        """The policy was installed or removed: that is looked up once a minute."""
        delay = self._gate_dice.uniform(0.0, GATE_RECHECK_SECONDS)
        self._server.loop.call_later(delay, self._look_for_gate)

    def _look_for_gate(self) -> None:
        if self._view.gate_in_force != self._server.gate_installed:
            self._view.gate_in_force = self._server.gate_installed
            for ref in self.refs():
                self._ask(ref)

    def _list(self, kind: Kind) -> None:
        if not self._open:
            return
        self._view.see_all(kind, self._server.listed(kind), self._server.version)
        self._queues[kind] = deque()
        if len(self._queues) == len(Kind):
            # `changes` begins with everything: what the lists had is no news.
            self._news.clear()
            self.synced.set()

    def _notice(self, sighting: Sighting) -> None:
        """An update is on its way; those of one kind arrive in their order."""
        queue = self._queues.get(sighting.kind)
        if queue is None:
            return
        kind = sighting.kind
        arrives = self._server.loop.time() + self._weather.watch_seconds(kind)
        self._due[kind] = arrives = max(arrives, self._due.get(kind, 0.0))
        queue.append(sighting)
        self._server.loop.call_at(arrives, self._arrive, kind)

    def _arrive(self, kind: Kind) -> None:
        # From a queue: timers that are due at the same time may come in any order.
        sighting = self._queues[kind].popleft()
        if not self._open:
            return
        self._view.see(sighting)
        if not self._news:
            return
        news = tuple(dict.fromkeys(self._news))
        self._news.clear()
        times = self._weather.announcements()
        for ref in news if times else ():
            self._ask(ref)
            for _ in range(times - 1):
                late = self._weather.watch_seconds(kind)
                self._server.loop.call_later(late, self._ask, ref)

    def _own(self, sighting: Sighting) -> None:
        self._view.see(sighting, own=True)
        self._spread_own()

    def _spread_own(self) -> None:
        """What an own write made news of is announced at once."""
        news = tuple(dict.fromkeys(self._news))
        self._news.clear()
        for ref in news:
            self._ask(ref)

    def _ask(self, ref: Ref) -> None:
        """Ask for a look."""
        if self._open:
            self._waiting[ref] = None
            self._filled.set()

    # What is done.

    @asynccontextmanager
    async def _request(self, effect: Effect) -> AsyncIterator[None]:
        """One request: nothing is done for a process that is gone."""
        self._check_open()
        async with self._weather.around(effect):
            self._check_open()
            yield

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable(f"the connection of {self._process} is closed")

    def _move(self) -> Move:
        return Move(self._server, self._view, self._process, self._request)

    def _canary(self, ref: Ref) -> Canary:
        found = self._server.canaries.get(ref)
        if found is None:
            raise Refused(f"404 Canary {ref} not found")
        return found

    def _last_words(self, pod: Ref, container: str) -> str:
        berth = self._server.pods.get(pod)
        if berth is None:
            raise Refused(f"404 pod {pod} not found")
        if container != container_name(berth.pod.workload) or not berth.pod.deaths:
            raise Refused(f"400 previous terminated container {container} not found")
        return berth.log

    async def _note(self, ref: Ref, occurrence: Occurrence) -> None:
        try:
            async with self._request(Effect.RECORD):
                self._server.trace.add(
                    Noted(at=self._now, process=self._process, ref=ref, occurrence=occurrence)
                )
        except (Conflict, Refused, Unavailable):
            # It only informs: the real adapter logs that, and goes on.
            return


def _farewell(ref: Ref, workload: Workload) -> Occurrence:
    said = f"The Canary {ref.name} is gone: {workload.name} rolls out by itself from now on."
    still = " It is still paused." if workload.paused else ""
    return Occurrence(reason="LetGo", message=said + still, warning=workload.paused)
