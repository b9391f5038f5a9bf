"""Readings of metrics: fetched beside the decision path, so that a slow source delays nothing."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controller.domain.lifecycle import JUDGED
from controller.domain.policy import Policy, RequestSource
from controller.domain.readings import UNREAD, Missing, Reading, Tally
from controller.domain.records import Pod, Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Release
from controller.engine.ports import Clock, Metrics
from controller.engine.queue import Queue
from controller.engine.tasks import Errands

NOT_ASKED = Missing("not asked", "the Canary is judged by restarts alone")


@dataclass(slots=True)
class Seen:
    """What the last look at one release found. `fresh` until a decision was made on it."""

    release_started_at: datetime
    at: datetime
    requests: Reading = NOT_ASKED
    restarts: Mapping[str, int] = field(default_factory=dict)
    history: Reading | None = None
    fresh: bool = True


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

    def last(self, ref: Ref, release: Release) -> Seen | None:
        """What was seen last of this very release."""
        seen = self._seen.get(ref)
        if seen is None or seen.release_started_at != release.started_at:
            return None
        return seen

    def requests(self, ref: Ref, release: Release) -> Reading:
        """The counts since the evidence was last updated.

        A tally that was used already says "nothing new", which is not "no data". Before the first
        look of this process there is no data: what was blind must not be taken for seeing.
        """
        seen = self.last(ref, release)
        if seen is None:
            return UNREAD
        until = release.evaluated_until
        if isinstance(seen.requests, Tally) and until is not None and seen.requests.since < until:
            return Tally(since=until, until=until)
        return seen.requests

    def forget(self, ref: Ref) -> None:
        self._seen.pop(ref, None)

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
        pods = frozenset(pod.name for pod in scene.pods)
        # At the same time: a source that is slow is waited for once.
        restarts, history, requests = await asyncio.gather(
            self.metrics.restarts(scene.ref.namespace, pods, now),
            self._history(scene, policy.requests, release, now),
            self._requests(scene, policy.requests, release, now),
        )
        self._seen[scene.ref] = Seen(
            release_started_at=release.started_at,
            at=now,
            requests=requests,
            restarts=restarts if not isinstance(restarts, Missing) else {},
            history=history,
        )
        self.again(scene.ref)

    async def _history(
        self, scene: Scene, source: RequestSource | None, release: Release, now: datetime
    ) -> Reading:
        """Stable's counts since its pods started; asked once, before the evidence begins."""
        before = self.last(scene.ref, release)
        if before is not None and before.history is not None:
            return before.history
        if source is None or release.evidence:
            return NOT_ASKED
        pods = {pod.name: pod.created_at for pod in _stable_pods(scene)}
        if not pods:
            return Missing("no pods", "stable has no pods to learn from")
        return await self.metrics.tally(source, scene.ref.namespace, pods, since=None, now=now)

    async def _requests(
        self, scene: Scene, source: RequestSource | None, release: Release, now: datetime
    ) -> Reading:
        """Counts of all pods since the last look.

        Until the evidence has begun there is no window to count in, but a source that is away
        shows at once.
        """
        if source is None:
            return NOT_ASKED
        pods = {pod.name: pod.created_at for pod in scene.pods}
        since = release.evaluated_until or release.started_at
        return await self.metrics.tally(source, scene.ref.namespace, pods, since=since, now=now)


def _is_looked_at(scene: Scene) -> bool:
    """Whether the evidence of its release is still being gathered."""
    release = scene.status.release
    judged = scene.status.phase in JUDGED and isinstance(scene.policy, Policy)
    return judged and release is not None and not release.bypass


def _stable_pods(scene: Scene) -> tuple[Pod, ...]:
    stable = scene.status.stable
    owners = {
        rs.uid for rs in scene.replica_sets if stable and rs.fingerprint == stable.fingerprint
    }
    return tuple(pod for pod in scene.pods if pod.replica_set in owners)
