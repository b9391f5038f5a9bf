"""Readings of metrics: fetched beside the decision path, so that a slow source delays nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from controller.domain.history import History
from controller.domain.lifecycle import JUDGED
from controller.domain.policy import Guard, Policy
from controller.domain.readings import UNREAD, Measured, Missing, Reading, Tally
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Release
from controller.engine.asking import Inquiry
from controller.engine.ports import Clock, Metrics
from controller.engine.queue import Queue
from controller.engine.tasks import Errands

PATIENCE: Final = timedelta(seconds=60)
GUARD_AGE_MAX: Final = timedelta(seconds=30)

# Why stable's past may be missing now and there a moment later. What is missing for good, such as
# the past of pods that have just started, is not waited for.
PASSING: Final = frozenset({"timeout", "unreachable"})


@dataclass(slots=True)
class Seen:
    """What the last look at one release found. `fresh` until a decision was made on it."""

    release_started_at: datetime
    at: datetime
    requests: Reading
    slow: Reading
    restarts: Mapping[str, int] = field(default_factory=dict)
    history: History | None = None
    guards: Mapping[str, Measured | Missing] = field(default_factory=dict)
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Beside:
    """What is asked at its own pace: stable's past once, the guards again and again."""

    release_started_at: datetime
    history: History | None = None
    guards: Mapping[Guard, Measured | Missing] = field(default_factory=dict)


@dataclass(slots=True)
class Looks:
    """The last look at each release, and when the next is due."""

    metrics: Metrics
    clock: Clock
    interval: timedelta
    errands: Errands
    scene: Callable[[Ref], Scene | None]
    again: Callable[[Ref], None]
    due: Queue
    _seen: dict[Ref, Seen] = field(default_factory=dict)
    _beside: dict[Ref, Beside] = field(default_factory=dict)

    def last(self, ref: Ref, release: Release) -> Seen | None:
        """What was seen last of this very release."""
        seen = self._seen.get(ref)
        if seen is None or seen.release_started_at != release.started_at:
            return None
        return seen

    def view(self, ref: Ref, release: Release) -> Seen:
        """What a decision may know of the metrics now: nothing of it twice.

        Before the first look of this process there is no data: what was blind must not be taken
        for seeing.
        """
        now = self.clock.now()
        beside = self._asked_beside(ref, release)
        # By the guard itself: one that was edited is not judged by the answer to its old query.
        guards = {
            guard.name: _current(beside.guards[guard], now)
            for guard in self._guards_of(ref)
            if guard in beside.guards
        }
        seen = self.last(ref, release)
        if seen is None:
            seen = Seen(release.started_at, now, requests=UNREAD, slow=UNREAD)
        return replace(
            seen,
            requests=_unused(seen.requests, release.evaluated_until),
            slow=_unused(seen.slow, release.slow_until),
            history=beside.history,
            guards=guards,
        )

    def forget(self, ref: Ref) -> None:
        self._seen.pop(ref, None)
        self._beside.pop(ref, None)

    def _guards_of(self, ref: Ref) -> tuple[Guard, ...]:
        scene = self.scene(ref)
        return scene.policy.guards if scene and isinstance(scene.policy, Policy) else ()

    def _asked_beside(self, ref: Ref, release: Release) -> Beside:
        kept = self._beside.get(ref)
        if kept is None or kept.release_started_at != release.started_at:
            return Beside(release.started_at)
        return kept

    async def run(self) -> None:
        """One look at each release after the other, without a visit in between: for ever."""
        while True:
            ref = await self.due.take()
            self._start(ref)
            self.due.done(ref)

    def refresh(self, scene: Scene) -> None:
        """Start a look in the background when one is due; its end wakes the release."""
        release = scene.status.release
        if not _is_looked_at(scene) or release is None:
            self.forget(scene.ref)
            return
        seen = self.last(scene.ref, release)
        # A look in the future: the clock was set back, and nothing says how old it is.
        if seen is None or not timedelta(0) <= self.clock.now() - seen.at < self.interval:
            self._start(scene.ref)

    def _start(self, ref: Ref) -> None:
        """Look now; where too much runs already, in an interval."""
        if not self.errands.start(("look", ref), self._follow(ref)):
            self.due.add_after(ref, self.interval.total_seconds())

    async def _follow(self, ref: Ref) -> None:
        """One look, and the time of the next."""
        scene = self.scene(ref)
        if scene is None or not _is_looked_at(scene):
            self.forget(ref)
            return
        assert isinstance(scene.policy, Policy)
        assert scene.status.release is not None
        self.due.add_after(ref, self.interval.total_seconds())
        await self._look(scene, scene.policy, scene.status.release)

    async def _look(self, scene: Scene, policy: Policy, release: Release) -> None:
        now = self.clock.now()
        inquiry = Inquiry(
            metrics=self.metrics, scene=scene, policy=policy, release=release, now=now
        )
        if policy.guards:
            self.errands.start(("guards", scene.ref), self._measure(inquiry))
        if not release.evidence and self._asked_beside(scene.ref, release).history is None:
            self.errands.start(("history", scene.ref), self._remember(inquiry))
        counted = await inquiry.counts()
        self._seen[scene.ref] = Seen(
            release_started_at=release.started_at,
            at=now,
            requests=counted.requests,
            slow=counted.slow,
            restarts=counted.restarts,
        )
        self.again(scene.ref)

    async def _measure(self, inquiry: Inquiry) -> None:
        guards = await inquiry.guards()
        self._keep(inquiry, guards=guards)

    async def _remember(self, inquiry: Inquiry) -> None:
        """Ask for stable's past, before the evidence begins.

        A source that is away or slow may answer the next time: the evidence waits a while for it,
        unless a crash begins it. Nothing is lost by that, since it counts from the release's start.
        """
        history, missing = await inquiry.history()
        waited = self.clock.now() - inquiry.release.started_at
        if missing is None or missing.reason not in PASSING or waited >= PATIENCE:
            self._keep(inquiry, history=history)

    def _keep(self, inquiry: Inquiry, **answers: Any) -> None:
        """Remember answers, unless the release is over or another one by now."""
        ref, asked = inquiry.scene.ref, inquiry.release
        scene = self.scene(ref)
        release = scene.status.release if scene is not None else None
        if release is not None and release.started_at == asked.started_at:
            self._beside[ref] = replace(self._asked_beside(ref, asked), **answers)
            self.again(ref)


def _current(answer: Measured | Missing, now: datetime) -> Measured | Missing:
    """A measurement that is not old: a guard that hangs has not passed."""
    if isinstance(answer, Measured) and now - answer.at > GUARD_AGE_MAX:
        return Missing("stale", f"measured {(now - answer.at).total_seconds():.0f} s ago")
    return answer


def _unused(reading: Reading, until: datetime | None) -> Reading:
    """What of a reading was not weighed yet: "nothing new", which is not "no data"."""
    if isinstance(reading, Tally) and until is not None and reading.since < until:
        return Tally(since=until, until=until)
    return reading


def _is_looked_at(scene: Scene) -> bool:
    """Whether the evidence of its release is still being gathered."""
    release = scene.status.release
    judged = scene.status.phase in JUDGED and isinstance(scene.policy, Policy)
    return judged and release is not None and not release.bypass
