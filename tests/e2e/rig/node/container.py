"""A container: one life after another, with the kubelet's probes, limits and back-off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tests.e2e.rig.node import spec
from tests.e2e.rig.node.events import Events
from tests.e2e.rig.node.life import End, Life
from tests.e2e.rig.node.probes import Probe

Object = dict[str, Any]

BACKOFF_FIRST_SECONDS: Final = 10
BACKOFF_MAX_SECONDS: Final = 300
DEATHS: Final = "deaths.jsonl"
BACKOFF_FORGOTTEN_AFTER: Final = timedelta(minutes=10)
# A kubelet shows the death for about a second before it shows the back-off.
DEATH_SHOWN_SECONDS: Final = 0.5
LIVENESS_GRACE_SECONDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What the containers of a pod share."""

    pod: Object
    place: spec.Place
    address: str
    events: Events


class Container:
    """Calls `changed` after every change of its state and goes on when that is published."""

    def __init__(self, manifest: Object, home: Home, number: int) -> None:
        self.manifest = manifest
        self.name: str = manifest["name"]
        self.life: Life | None = None
        self.previous: Life | None = None
        self.waiting: Waiting | None = Waiting(reason="ContainerCreating")
        self.ready = False
        self.restarts = 0
        self.is_sidecar = manifest.get("restartPolicy") == "Always"
        # What waits for a sidecar goes on once it runs, or will never run again.
        self.started = asyncio.Event()
        self._home = home
        self._logs = home.place.logs / home.pod["metadata"]["uid"] / f"{number}-{self.name}"
        self._stop = asyncio.Event()
        self._backoff_seconds = 0.0

    @property
    def end(self) -> End | None:
        return self.life.end if self.life is not None else None

    async def run(self, changed: Callable[[], Awaitable[None]], *, restart: str) -> None:
        while not self._stop.is_set():
            try:
                self._begin()
            except (spec.ConfigError, OSError) as error:
                reason = "ImagePullBackOff" if "pulling" in str(error) else "CreateContainerError"
                self.waiting = Waiting(reason=reason, message=str(error))
                await changed()
                await self._stop.wait()
                return
            end = await self._live(changed)
            await changed()  # seen as dead before anything else happens
            if restart == "Never" or (restart == "OnFailure" and end.exit_code == 0):
                return
            await self._back_off(changed)

    def _begin(self) -> None:
        home = self._home
        env = spec.environment(home.pod, self.manifest, address=home.address, place=home.place)
        argv = spec.argv(self.manifest, env, home.place.images)
        number = self.restarts + 1 if self.life is not None else 0
        life = Life(number=number, log=self._logs / f"{number}.log")
        life.start(argv, env, home.place.folder)
        self.previous, self.life = self.life, life
        self.restarts = number
        self.waiting = None

    async def _live(self, changed: Callable[[], Awaitable[None]]) -> End:
        assert self.life is not None, "it was just begun"
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._watch_over(self.life, changed))]
            if limit := spec.memory_limit(self.manifest):
                tasks.append(group.create_task(self.life.limit_memory(limit)))
            end = await self.life.ended()
            self._record(end)
            self.ready = False
            for task in tasks:
                task.cancel()
        self.ready = False
        return end

    def _record(self, end: End) -> None:
        """The exact time of a death: the API keeps whole seconds only."""
        meta = self._home.pod["metadata"]
        death = {
            "namespace": meta["namespace"],
            "pod": meta["name"],
            "container": self.name,
            "image": self.manifest["image"],
            "at": end.at.timestamp(),
            "stopping": self._stop.is_set(),
        }
        with (self._home.place.logs.parent / DEATHS).open("a") as out:
            out.write(json.dumps(death) + "\n")

    async def _watch_over(self, life: Life, changed: Callable[[], Awaitable[None]]) -> None:
        await changed()
        if probe := self._probe("startupProbe"):
            await probe.initial_delay()
            while not await probe.next():
                if probe.failed:
                    self._tell_of_kill("startup")
                    life.kill()
                    return
        self.started.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_readiness(changed))
            group.create_task(self._watch_liveness(life))

    async def _watch_readiness(self, changed: Callable[[], Awaitable[None]]) -> None:
        probe = self._probe("readinessProbe")
        if probe is None:
            self.ready = True
            await changed()
            return
        await probe.initial_delay()
        while True:
            succeeded = await probe.next()
            if self.ready != succeeded and (succeeded or probe.failed):
                self.ready = succeeded
                await changed()

    async def _watch_liveness(self, life: Life) -> None:
        probe = self._probe("livenessProbe")
        if probe is None:
            return
        probe.eager = False
        await probe.initial_delay()
        while not probe.failed:
            if not await probe.next():
                said = "Liveness probe failed: it was not answered as it has to be"
                self._home.events.tell("Unhealthy", said, container=self.name, warning=True)
        self._tell_of_kill("liveness")
        life.terminate()
        await asyncio.sleep(LIVENESS_GRACE_SECONDS)
        life.kill()

    def _tell_of_kill(self, probe: str) -> None:
        said = f"Container {self.name} failed {probe} probe, will be restarted"
        self._home.events.tell("Killing", said, container=self.name)

    def _probe(self, kind: str) -> Probe | None:
        probe = self.manifest.get(kind)
        return Probe(self.manifest, probe, self._home.address) if probe else None

    async def _back_off(self, changed: Callable[[], Awaitable[None]]) -> None:
        """At once after the first death, then 10 s, 20 s and so on, until it lived for long."""
        assert self.life is not None, "it has just died"
        assert self.life.end is not None, "it has just died"
        if self.life.end.at - self.life.started > BACKOFF_FORGOTTEN_AFTER:
            self._backoff_seconds = 0
        delay = self._backoff_seconds
        self._backoff_seconds = min(max(delay * 2, BACKOFF_FIRST_SECONDS), BACKOFF_MAX_SECONDS)
        if delay == 0 or await self._stopped_within(DEATH_SHOWN_SECONDS):
            return
        meta = self._home.pod["metadata"]
        self.waiting = Waiting(
            reason="CrashLoopBackOff",
            message=f"back-off {delay:.0f}s restarting failed container={self.name} "
            f"pod={meta['name']}_{meta['namespace']}({meta['uid']})",
        )
        await changed()
        await self._stopped_within(delay - DEATH_SHOWN_SECONDS)

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return False
        return True

    def stop(self) -> None:
        """Asks the process to end, for good."""
        self._never_again()
        if self.life is not None:
            self.life.terminate()

    def kill(self) -> None:
        self._never_again()
        if self.life is not None:
            self.life.kill()

    def _never_again(self) -> None:
        self._stop.set()
        self.started.set()
