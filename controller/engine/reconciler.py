"""One visit: observe once, decide purely, commit once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Final, Protocol

from controller.domain.case import Plan
from controller.domain.changes import Change, Freeze, Occurrence, Undo
from controller.domain.findings import Metric
from controller.domain.lifecycle import JUDGED, Phase
from controller.domain.plan import decide
from controller.domain.policy import Policy
from controller.domain.records import Ref
from controller.domain.snapshot import Scene, Snapshot
from controller.domain.status import Release, Result, Status
from controller.engine.courier import Couriers
from controller.engine.course import Courses
from controller.engine.journal import Journal
from controller.engine.lastwords import LastWords
from controller.engine.looks import Looks
from controller.engine.mounts import MountLooks
from controller.engine.ports import Clock, Cluster, Refused
from controller.engine.tasks import Errands

log = logging.getLogger(__name__)

_WEIGHT: Final = frozenset(
    {"evidence", "watched_until", "evaluated_until"}
    | {"release", "findings", "uncovered", "verdict", "message", "conditions"}
)
_TOLD: Final = tuple(f.name for f in fields(Status) if f.name not in _WEIGHT)
_RELEASE: Final = tuple(f.name for f in fields(Release) if f.name not in _WEIGHT)


class Observer(Protocol):
    """Who counts what the reconciler does."""

    def released(self, result: Result, cause: str) -> None:
        """A release ended."""

    def rollback_sent(self, seconds: float) -> None:
        """A rollback was written, so long after the deciding crash."""


@dataclass(slots=True)
class Reconciler:
    """Visits one Canary at a time. It never waits for metrics, logs or Slack."""

    cluster: Cluster
    looks: Looks
    last_words: LastWords
    mounts: MountLooks
    courier: Couriers
    journal: Journal
    courses: Courses
    clock: Clock
    errands: Errands
    observer: Observer
    context: Callable[[Ref, Status], None] = lambda _ref, _status: None
    weighed: Callable[[float], None] = lambda _age_seconds: None

    async def reconcile(self, ref: Ref) -> timedelta | None:
        """Look, decide, act; returns after what time to look again (None: when told)."""
        scene = self.cluster.scene(ref)
        if scene is None:
            await self._gone(ref)
            return None
        self.context(ref, scene.status)
        self.courses.saw(scene, self.clock.now())
        if isinstance(scene.policy, Policy):
            self.looks.refresh(scene)
        snapshot = self._observe(scene)
        plan = decide(snapshot)
        await self._act(snapshot, plan)
        return self._next_look(plan)

    def _observe(self, scene: Scene) -> Snapshot:
        now = self.clock.now()
        crashes = self.last_words.crashes(scene, now)
        snapshot = Snapshot(
            scene=scene,
            now=now,
            crashes=crashes,
            delivered=self.courier.delivered(scene.ref),
            mounts=self.mounts.seen(scene, now),
        )
        release = scene.status.release
        if release is None:
            return snapshot
        seen = self.looks.view(scene.ref, release)
        return replace(
            snapshot,
            requests=seen.requests,
            slow=seen.slow,
            restarts=seen.restarts,
            history=seen.history,
            guards=seen.guards,
        )

    async def _act(self, snapshot: Snapshot, plan: Plan) -> None:
        """Intent first, guarded; then the change, which is harmless to repeat."""
        scene = snapshot.scene
        release = scene.status.release
        seen = self.looks.last(scene.ref, release) if release is not None else None
        looked = seen is not None and seen.fresh and plan.status != scene.status
        if looked or is_news(scene.status, plan.status):
            version = await self.cluster.commit(scene.ref, plan.status, scene.version)
            scene = replace(scene, version=version)
            self.journal.record(scene.ref, snapshot, plan)
            if looked:
                self._count_weighing(snapshot, plan)
            self._tell(snapshot, plan)
        elif plan.change is not None:
            # Nothing new to say, but a change: it is not made by a process that sees an old status
            # while another acts on the next. What is written is what is there.
            await self.cluster.commit(scene.ref, scene.status, scene.version)
        if seen is not None:
            seen.fresh = False
        # Before the change: people have to hear of it even if the server refuses it.
        self.courier.offer(scene.ref, plan.status.outbox)
        if plan.change is not None:
            await self._apply(scene, plan.change)
            self._count_rollback(snapshot, plan)

    async def _apply(self, scene: Scene, change: Change) -> None:
        try:
            await self.cluster.apply(scene.ref, change, scene)
        except Refused as no:
            said = f"The API server refuses {change}: {no}"
            refusal = Occurrence(reason="ChangeRefused", message=said, warning=True)
            self.errands.start(("refused", scene.ref), self.cluster.record(scene.ref, refusal))
            raise
        log.info("Applied %s", change)

    def _tell(self, snapshot: Snapshot, plan: Plan) -> None:
        """Log, Events and counts of what is now committed."""
        scene = snapshot.scene
        before, after = scene.status, plan.status
        if before.phase != after.phase:
            log.info("%s -> %s: %s", before.phase.value, after.phase.value, after.message)
        for number, occurrence in enumerate(plan.occurrences):
            log.log(
                logging.WARNING if occurrence.warning else logging.INFO,
                "%s: %s",
                occurrence.reason,
                occurrence.message,
            )
            key = ("event", scene.ref, occurrence.reason, number, snapshot.now)
            self.errands.start(key, self.cluster.record(scene.ref, occurrence))
        if len(after.history) and after.history != before.history:
            past = after.history[-1]
            self.observer.released(past.result, _cause(after))

    def _count_weighing(self, snapshot: Snapshot, plan: Plan) -> None:
        release = plan.status.release
        if release is not None and release.evaluated_until is not None:
            self.weighed((snapshot.now - release.evaluated_until).total_seconds())

    def _count_rollback(self, snapshot: Snapshot, plan: Plan) -> None:
        begun = snapshot.scene.status.phase is not Phase.ROLLING_BACK
        if not begun or not isinstance(plan.change, Undo | Freeze):
            return
        release = plan.status.release
        # A crash that decided nothing says nothing of how long a decision took.
        decided = _cause(plan.status) == Metric.RESTARTS
        if plan.status.phase is Phase.ROLLING_BACK and release and release.crashes and decided:
            died = release.crashes[-1].at
            self.observer.rollback_sent((self.clock.now() - died).total_seconds())

    def _next_look(self, plan: Plan) -> timedelta | None:
        """The end of the next look wakes the release; this is for one that is late."""
        if plan.look:
            late = 2 * self.looks.interval
            return late if plan.wake_after is None else min(plan.wake_after, late)
        return plan.wake_after

    async def _gone(self, ref: Ref) -> None:
        """The Canary was deleted: keep nothing of it, and let go of its workload."""
        await self.cluster.let_go(ref)
        self.looks.forget(ref)
        self.last_words.forget(ref)
        self.mounts.forget(ref)
        self.courier.forget(ref)
        self.courses.forget(ref)


def is_news(before: Status, after: Status) -> bool:
    """Whether more changed than time and weight: those are written once a look, not more often."""
    if after.phase not in JUDGED:
        return before != after
    told = _differ(before, after, _TOLD)
    return told or _conditions(before) != _conditions(after) or _moved(before, after)


def _moved(before: Status, after: Status) -> bool:
    """Whether the release changed otherwise than by being weighed."""
    if before.release is None or after.release is None:
        return before.release is not after.release
    return _differ(before.release, after.release, _RELEASE)


def _differ(before: object, after: object, names: tuple[str, ...]) -> bool:
    for name in names:
        old, new = getattr(before, name), getattr(after, name)
        if old is not new and old != new:
            return True
    return False


def _conditions(status: Status) -> list[tuple[str, str, str]]:
    return [(c.type, c.status, c.reason) for c in status.conditions]


def _cause(status: Status) -> str:
    """A short word for the metric of why a release ended."""
    worse = [f.metric.value for f in status.findings if f.outcome.value == "Worse"]
    return worse[0] if worse else "none"
