"""What is asked of the metric source about one release."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from controller.domain.history import History
from controller.domain.identify import identify
from controller.domain.past import history_of
from controller.domain.policy import Guard, Policy, RequestSource, SlowRequests
from controller.domain.readings import Lives, Measured, Missing, Past, Reading
from controller.domain.records import Pod
from controller.domain.snapshot import Scene
from controller.domain.status import Release
from controller.engine.ports import Metrics, Stable

NOT_ASKED: Final = Missing("not asked", "the Canary is not judged by it")
GUARDS_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted since the last look."""

    requests: Reading
    slow: Reading
    restarts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """The questions about one release: each answers what can be had, and nothing is raised.

    They are three, since they take differently long: a guard that hangs must not delay the counts.
    """

    metrics: Metrics
    scene: Scene
    policy: Policy
    release: Release
    now: datetime

    async def counts(self) -> Counted:
        """Requests, slow requests and restarts since the last look."""
        requests, slow, restarts = await asyncio.gather(
            self._requests(), self._slow(), self._restarts()
        )
        return Counted(requests=requests, slow=slow, restarts=restarts)

    async def history(self) -> tuple[History, Missing | None]:
        """Stable's past, as it was when the release began; and why that of requests is missing."""
        stable = self._stable()
        errors, slow, lives = await asyncio.gather(
            self._past(stable), self._slow_past(stable), self._lives(stable)
        )
        missing = errors if isinstance(errors, Missing) and errors != NOT_ASKED else None
        return history_of(errors, slow, lives, frozenset(stable.pods)), missing

    async def guards(self) -> Mapping[Guard, Measured | Missing]:
        """What people's own guards measure now; few at a time, not to crowd out other releases."""
        few = asyncio.Semaphore(GUARDS_AT_ONCE)
        stable = self.scene.status.stable
        family = identify(
            self.scene,
            stable=stable.fingerprint if stable is not None else "",
            canary=self.release.canary.fingerprint,
        )
        pods = _names(family.canary_pods), _names(family.stable_pods)

        async def ask(guard: Guard) -> Measured | Missing:
            async with few:
                return await self.metrics.guard(guard, self.scene.ref.namespace, *pods, self.now)

        answers = await asyncio.gather(*map(ask, self.policy.guards))
        return dict(zip(self.policy.guards, answers, strict=True))

    async def _requests(self) -> Reading:
        """Counts of all pods since the last look."""
        source = self.policy.requests
        if source is None:
            return NOT_ASKED
        return await self._tally(source, None, self.release.evaluated_until)

    async def _slow(self) -> Reading:
        """The same of slow requests, which may come later or not at all."""
        source, slow = self.policy.requests, self.policy.slow_requests
        if source is None or slow is None:
            return NOT_ASKED
        return await self._tally(source, slow, self.release.slow_until)

    async def _tally(
        self, source: RequestSource, slow: SlowRequests | None, until: datetime | None
    ) -> Reading:
        pods = {pod.name: pod.created_at for pod in self.scene.pods}
        since = until or self.release.started_at
        return await self.metrics.tally(
            source, self.scene.ref.namespace, pods, slow=slow, since=since, now=self.now
        )

    async def _restarts(self) -> Mapping[str, int]:
        pods = frozenset(pod.name for pod in self.scene.pods)
        found = await self.metrics.restarts(self.scene.ref.namespace, pods, self.now)
        return {} if isinstance(found, Missing) else found

    async def _slow_past(self, stable: Stable) -> Past | Missing:
        slow = self.policy.slow_requests
        return NOT_ASKED if slow is None else await self._past(stable, slow)

    async def _past(self, stable: Stable, slow: SlowRequests | None = None) -> Past | Missing:
        source = self.policy.requests
        if source is None or not self.policy.history:
            return NOT_ASKED
        return await self.metrics.past(
            source,
            self.scene.ref.namespace,
            stable,
            slow=slow,
            span=self.policy.history,
            now=self.release.started_at,
        )

    async def _lives(self, stable: Stable) -> Lives | Missing:
        """Not asked where only some containers count: the source cannot tell which they are of."""
        if not self.policy.history or self.policy.restarts.containers:
            return NOT_ASKED
        return await self.metrics.lives(
            self.scene.ref.namespace,
            stable,
            span=self.policy.history,
            now=self.release.started_at,
        )

    def _stable(self) -> Stable:
        """Stable's ReplicaSets and its pods that live."""
        status = self.scene.status
        sets = {
            rs.uid: rs.name
            for rs in self.scene.replica_sets
            if status.stable is not None and rs.fingerprint == status.stable.fingerprint
        }
        pods = {p.name: p.created_at for p in self.scene.pods if p.replica_set in sets}
        return Stable(replica_sets=frozenset(sets.values()), pods=pods)


def _names(pods: Iterable[Pod]) -> frozenset[str]:
    return frozenset(pod.name for pod in pods if not pod.leaving)
