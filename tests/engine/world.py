"""A world behind the engine's ports: Deployments on tables that live, and faults on cue."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from controller.domain.changes import Change, Occurrence, Promote, Undo
from controller.domain.lifecycle import Phase
from controller.domain.mounts import Mount, Mounted
from controller.domain.policy import Guard, RequestSource, SlowRequests
from controller.domain.readings import Counts, Lives, Measured, Missing, Past, Tally
from controller.domain.records import Intent, Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Notice, NoticeKind, Status
from controller.engine.ports import Conflict, Stable
from tests.domain.tabletop import REF, START, Table

LATENCY_SECONDS: Final = 0.02
TICK_SECONDS: Final = 0.5
START_SECONDS: Final = 2.0
"""How long a pod takes to become Ready, and the deployment controller to roll out."""
LIFE_SECONDS: Final = 6.0
"""How long doomed pods live before they begin to die."""
REQUESTS_PER_SECOND: Final = 100


class CrashNow(BaseException):
    """The controller's process is gone, this instant."""


@dataclass(frozen=True)
class Effect:
    """Something that the controller did to the world, and the phase it had committed by then.

    `real`: it made a difference.
    """

    name: str
    ref: Ref
    what: object
    phase: Phase | None
    at: float
    real: bool = True


@dataclass
class Town:
    """A Deployment with its Canary, and what its pods do. `doomed` templates die in service."""

    table: Table
    doomed: set[str] = field(default_factory=set)
    version: int = 1
    moved: int = 1
    born: dict[str, datetime] = field(default_factory=dict)
    rolling_since: datetime | None = None

    def scene(self, ref: Ref) -> Scene:
        scene = self.table.scene()
        assert scene.workload is not None
        workload = replace(scene.workload, version=str(self.moved))
        return replace(scene, ref=ref, version=str(self.version), workload=workload)

    def push(self, template: str) -> None:
        """Somebody applies another template."""
        self.table.apply_template(template)
        self.moved += 1

    def live(self) -> bool:
        """What the deployment controller and the pods make of half a second; whether it shows."""
        table = self.table
        before = (dict(table.sets), set(table.unready), dict(table.deaths))
        table.unready = {name for name, at in self.born.items() if not self._is_over(at)}
        if table.paused or table.sets == {**dict.fromkeys(table.sets, 0), **self._goal()}:
            self.rolling_since = None
        elif self.rolling_since is None:
            self.rolling_since = table.now
        elif self._is_over(self.rolling_since):
            table.finish_rollout()
        for name in self.doomed & table.sets.keys():
            if table.now - self.born[name] >= timedelta(seconds=LIFE_SECONDS):
                for pod in (f"{name}-{number}" for number in range(table.ready(name))):
                    table.deaths[pod] = table.deaths.get(pod, 0) + 1
        return before != (table.sets, table.unready, table.deaths)

    def _goal(self) -> dict[str, int]:
        return {self.table.template: self.table.replicas}

    def _is_over(self, since: datetime) -> bool:
        return self.table.now - since >= timedelta(seconds=START_SECONDS)

    def apply(self, change: Change) -> bool:
        """Carry out a change; whether it made a difference."""
        table = self.table
        before = self._facts()
        sets = dict(table.sets)
        if isinstance(change, Undo):
            table.template, table.paused = change.replica_set.removeprefix("rs-"), False
            table.mark = None
        else:
            table.carry_out(change)
        self.born |= {n: table.now for n, pods in table.sets.items() if pods and not sets.get(n)}
        table.unready |= {name for name, at in self.born.items() if at == table.now}
        self.moved += 1
        return before != self._facts()

    def _facts(self) -> tuple[object, ...]:
        table = self.table
        return (table.template, table.paused, table.mark, dict(table.sets), table.label)


@dataclass
class World:
    """Cluster, Metrics, Notifier and Clock in one.

    `faults` are raised by the next effects of a name ("commit", "apply", "send", "record",
    "log", "let go"). `fatal` is the number of the effect that the process does not survive, and
    whether the effect was done by then. `mute` metrics never answer, `hanging` guards neither, and
    the first `pasts_lost` questions for stable's past time out.
    """

    towns: dict[Ref, Town] = field(default_factory=lambda: {REF: Town(Table())})
    configured: dict[Mount, Mounted] = field(default_factory=dict)
    faults: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    broken: dict[Ref, Exception] = field(default_factory=dict)
    fatal: tuple[int, bool] | None = None
    mute: bool = False
    guards: dict[str, Measured] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    pasts_lost: int = 0
    done: list[Effect] = field(default_factory=list)
    tried: list[Effect] = field(default_factory=list)
    told: list[Notice] = field(default_factory=list)
    tallies: int = 0
    processes_lost: int = 0
    _watchers: list[asyncio.Queue[Ref]] = field(default_factory=list)

    @property
    def town(self) -> Town:
        return self.towns[REF]

    @property
    def table(self) -> Table:
        return self.town.table

    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time())

    async def live(self) -> None:
        """Half a second after the other, for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for ref, town in tuple(self.towns.items()):
                town.table.now = self.now()
                if town.live():
                    self.tell(ref)

    def tell(self, ref: Ref) -> None:
        """The watch has something on it."""
        for watcher in self._watchers:
            watcher.put_nowait(ref)

    def push(self, template: str, ref: Ref = REF) -> None:
        self.towns[ref].push(template)
        self.tell(ref)

    def tell_all(self) -> None:
        for ref in self.towns:
            self.tell(ref)

    # What was done.

    @property
    def attempts(self) -> list[str]:
        return [effect.name for effect in self.tried]

    def of(self, name: str) -> list[Effect]:
        return [effect for effect in self.done if effect.name == name]

    def decisive(self) -> list[Change]:
        """The Undos and Promotes that made a difference."""
        kinds = (Undo, Promote)
        return [e.what for e in self.of("apply") if e.real and isinstance(e.what, kinds)]

    def told_kinds(self) -> Counter[NoticeKind]:
        """How many notices of different keys there were of each kind."""
        return Counter({notice.key: notice.kind for notice in self.told}.values())

    # The Cluster.

    async def changes(self) -> AsyncIterator[Ref]:
        watcher: asyncio.Queue[Ref] = asyncio.Queue()
        self._watchers.append(watcher)
        while True:
            yield await watcher.get()

    def refs(self) -> tuple[Ref, ...]:
        return tuple(self.towns)

    def scene(self, ref: Ref) -> Scene | None:
        if ref in self.broken:
            raise self.broken[ref]
        town = self.towns.get(ref)
        if town is None:
            return None
        town.table.now = self.now()
        return town.scene(ref)

    async def commit(self, ref: Ref, status: Status, seen: str) -> str:
        async with self._effect("commit", ref, status):
            town = self.towns[ref]
            if seen != str(town.version):
                raise Conflict(f"the Canary is at {town.version}, not {seen}")
            if status != town.table.status:
                town.version += 1
                town.table.status = status
                self.tell(ref)
        return str(town.version)

    async def apply(self, ref: Ref, change: Change, seen: Scene) -> None:
        async with self._effect("apply", ref, change) as number:
            town = self.towns[ref]
            assert seen.workload is not None
            if seen.workload.version != str(town.moved):
                raise Conflict(f"the Deployment is at {town.moved}, not {seen.workload.version}")
            real = town.apply(change)
            self.done[number] = replace(self.done[number], real=real)
            self.tell(ref)

    async def ask(self, ref: Ref, intent: Intent, seen: Scene) -> None:
        async with self._effect("ask", ref, intent):
            town = self.towns[ref]
            if seen.version != str(town.version):
                raise Conflict(f"the Canary is at {town.version}, not {seen.version}")
            town.version += 1
            town.table.intent = intent
            self.tell(ref)

    async def previous_log(
        self, namespace: str, pod: str, container: str, lines: int, *, down: bool
    ) -> str | Missing:
        deaths = sum(town.table.deaths.get(pod, 0) for town in self.towns.values())
        async with self._effect("log", REF, (pod, deaths)):
            pass
        return f"last words of {container} in {pod}"

    async def mounted(self, namespace: str, mount: Mount) -> Mounted | Missing:
        async with self._effect("mounted", REF, (namespace, mount)):
            pass
        return self.configured.get(mount, Mounted(kind=mount.kind, name=mount.name))

    async def let_go(self, ref: Ref) -> None:
        async with self._effect("let go", ref, None):
            pass

    async def record(self, ref: Ref, occurrence: Occurrence) -> None:
        async with self._effect("record", ref, occurrence):
            pass

    # The Metrics.

    async def tally(
        self,
        source: RequestSource,
        namespace: str,
        pods: Mapping[str, datetime],
        *,
        slow: SlowRequests | None = None,
        since: datetime,
        now: datetime,
    ) -> Tally | Missing:
        self.tallies += slow is None
        if self.mute:
            await asyncio.Event().wait()
        await asyncio.sleep(LATENCY_SECONDS)
        return Tally(since=since, until=now, pods=_counted(pods, now - since))

    async def past(
        self,
        source: RequestSource,
        namespace: str,
        stable: Stable,
        *,
        slow: SlowRequests | None = None,
        span: timedelta,
        now: datetime,
    ) -> Past | Missing:
        if self.mute:
            await asyncio.Event().wait()
        await asyncio.sleep(LATENCY_SECONDS)
        if self.pasts_lost > 0:
            self.pasts_lost -= 1
            return Missing("timeout")
        hour = timedelta(hours=1)
        return Past(since=now - hour, until=now, pods=_counted(stable.pods, hour))

    async def lives(
        self, namespace: str, stable: Stable, *, span: timedelta, now: datetime
    ) -> Lives | Missing:
        return Missing("not scraped")

    async def guard(
        self,
        guard: Guard,
        namespace: str,
        canary: frozenset[str],
        stable: frozenset[str],
        now: datetime,
    ) -> Measured | Missing:
        if guard.name in self.hanging:
            await asyncio.Event().wait()
        return self.guards.get(guard.name, Missing("no series"))

    async def restarts(
        self, namespace: str, pods: frozenset[str], now: datetime
    ) -> Mapping[str, int] | Missing:
        if self.mute:
            await asyncio.Event().wait()
        return Missing("not scraped")

    # The Notifier.

    async def send(self, ref: Ref, notice: Notice) -> None:
        async with self._effect("send", ref, notice.key):
            self.told.append(notice)

    @asynccontextmanager
    async def _effect(self, name: str, ref: Ref, what: object) -> AsyncIterator[int]:
        """One effect with its faults; the process may die just before it or just after it."""
        number = len(self.tried)
        town = self.towns.get(ref)
        phase = town.table.status.phase if town else None
        effect = Effect(name, ref, what, phase, asyncio.get_running_loop().time())
        self.tried.append(effect)
        await asyncio.sleep(LATENCY_SECONDS)
        if self.fatal == (number, False):
            raise CrashNow
        if self.faults[name]:
            raise self.faults[name].pop(0)
        self.done.append(effect)
        try:
            yield len(self.done) - 1
        except Conflict:
            self.done.pop()
            raise
        if self.fatal == (number, True):
            raise CrashNow


def _counted(pods: Iterable[str], span: timedelta) -> dict[str, dict[str, Counts]]:
    """Every pod serves alike, and nothing fails."""
    requests = round(span.total_seconds() * REQUESTS_PER_SECOND)
    return {name: {"/exam": Counts(0, requests)} for name in pods}
