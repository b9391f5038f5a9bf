"""Controllers that are broken on purpose: one part of a process each, the rest is the real one."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controller.domain.changes import Change, Occurrence
from controller.domain.mounts import Mount, Mounted
from controller.domain.policy import Guard, RequestSource, SlowRequests
from controller.domain.readings import Counts, Lives, Measured, Missing, Past, Tally
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Notice, Status
from controller.engine.ports import Cluster, Metrics, Notifier, Stable
from controller.simulation.process import Body
from controller.simulation.weather import Sky
from controller.simulation.world import BodyMaker, World, body


@dataclass(slots=True, kw_only=True)
class TamperedCluster:
    """A connection to the cluster that is lied to, or that does what nobody decided."""

    real: Cluster
    shows: Callable[[Scene], Scene] = lambda scene: scene
    commits: Callable[[Status], Status] = lambda status: status
    applies: Callable[[Change, Scene], Change | None] = lambda change, _scene: change

    def changes(self) -> AsyncIterator[Ref]:
        return self.real.changes()

    def refs(self) -> tuple[Ref, ...]:
        return self.real.refs()

    def scene(self, ref: Ref) -> Scene | None:
        scene = self.real.scene(ref)
        return None if scene is None else self.shows(scene)

    async def commit(self, ref: Ref, status: Status, seen: str) -> str:
        return await self.real.commit(ref, self.commits(status), seen)

    async def apply(self, ref: Ref, change: Change, seen: Scene) -> None:
        done = self.applies(change, seen)
        if done is not None:
            await self.real.apply(ref, done, seen)

    async def previous_log(
        self, namespace: str, pod: str, container: str, lines: int, *, down: bool
    ) -> str | Missing:
        return await self.real.previous_log(namespace, pod, container, lines, down=down)

    async def mounted(self, namespace: str, mount: Mount) -> Mounted | Missing:
        return await self.real.mounted(namespace, mount)

    async def let_go(self, ref: Ref) -> None:
        await self.real.let_go(ref)

    async def record(self, ref: Ref, occurrence: Occurrence) -> None:
        await self.real.record(ref, occurrence)


@dataclass(slots=True, kw_only=True)
class TamperedMetrics:
    """Metrics whose answers are changed after they were given."""

    real: Metrics
    answers: Callable[[Tally | Missing, datetime, datetime], Tally | Missing]

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
        answer = await self.real.tally(source, namespace, pods, slow=slow, since=since, now=now)
        return self.answers(answer, since, now)

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
        return await self.real.past(source, namespace, stable, slow=slow, span=span, now=now)

    async def lives(
        self, namespace: str, stable: Stable, *, span: timedelta, now: datetime
    ) -> Lives | Missing:
        return await self.real.lives(namespace, stable, span=span, now=now)

    async def restarts(
        self, namespace: str, pods: frozenset[str], now: datetime
    ) -> Mapping[str, int] | Missing:
        return await self.real.restarts(namespace, pods, now)

    async def guard(
        self,
        guard: Guard,
        namespace: str,
        canary: frozenset[str],
        stable: frozenset[str],
        now: datetime,
    ) -> Measured | Missing:
        return await self.real.guard(guard, namespace, canary, stable, now)


def zeros_for_missing(answer: Tally | Missing, since: datetime, now: datetime) -> Tally | Missing:
    """What a careless adapter makes of no data."""
    return Tally(since=since, until=now) if isinstance(answer, Missing) else answer


def exaggerated(answer: Tally | Missing, _since: datetime, _now: datetime) -> Tally | Missing:
    """Requests that nobody made."""
    if isinstance(answer, Missing):
        return answer
    many = {
        pod: {name: Counts(c.errors, c.requests * 1000) for name, c in segments.items()}
        for pod, segments in answer.pods.items()
    }
    return replace(answer, pods=many)


@dataclass(slots=True)
class Stutterer:
    """Tells everything twice, the second time under a key of its own."""

    real: Notifier

    async def send(self, ref: Ref, notice: Notice) -> None:
        await self.real.send(ref, notice)
        await self.real.send(ref, replace(notice, key=f"{notice.key}:again"))


@dataclass(slots=True)
class Mute:
    """Takes everything and tells nobody."""

    taken: list[Notice] = field(default_factory=list)

    async def send(self, ref: Ref, notice: Notice) -> None:
        self.taken.append(notice)


def with_cluster(
    *,
    shows: Callable[[Scene], Scene] = lambda scene: scene,
    commits: Callable[[Status], Status] = lambda status: status,
    applies: Callable[[Change, Scene], Change | None] = lambda change, _scene: change,
) -> BodyMaker:
    """Processes with a tampered connection."""

    def make(world: World, process: str, sky: Sky) -> Body:
        whole = body(world, process, sky)
        tampered = TamperedCluster(
            real=whole.cluster, shows=shows, commits=commits, applies=applies
        )
        return replace(whole, cluster=tampered)

    return make


def with_metrics(
    answers: Callable[[Tally | Missing, datetime, datetime], Tally | Missing],
) -> BodyMaker:
    """Processes with tampered metrics."""

    def make(world: World, process: str, sky: Sky) -> Body:
        whole = body(world, process, sky)
        return replace(whole, metrics=TamperedMetrics(real=whole.metrics, answers=answers))

    return make


def with_notifier(wrap: Callable[[Notifier], Notifier]) -> BodyMaker:
    """Processes with another way to tell people."""

    def make(world: World, process: str, sky: Sky) -> Body:
        whole = body(world, process, sky)
        return replace(whole, notifier=wrap(whole.notifier))

    return make
