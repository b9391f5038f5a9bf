"""The ConfigMaps and Secrets that stable uses, looked at beside the decisions, now and then.

Once when stable was promoted or found, and once in each phase of a release after that.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from controller.domain.drift import baseline_of
from controller.domain.identify import revision_of
from controller.domain.lifecycle import AT_REST, JUDGED, Phase
from controller.domain.mounts import (
    AWAY,
    MOUNTS_MAX,
    Mount,
    Mounted,
    MountKind,
    Sighting,
    Unread,
    unread,
)
from controller.domain.readings import Missing
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.engine.ports import Clock, Cluster
from controller.engine.tasks import Errands

AT_ONCE_MAX: Final = 4
TRIES_MAX: Final = 3
PAUSE_SECONDS: Final = 30.0


class Occasion(NamedTuple):
    """Why one looks: at which template, in which release and phase of it (None: none runs)."""

    fingerprint: str
    release: datetime | None
    phase: Phase | None


@dataclass(slots=True)
class _Look:
    """The looks of one occasion, and the last that was found on any."""

    occasion: Occasion
    due: datetime
    tries: int = 0
    sighting: Sighting | None = None


@dataclass(slots=True)
class MountLooks:
    """The last sighting for each Canary. Nothing waits for it, and what fails is tried again twice.

    `again` asks for a visit now, `later` for one in so many seconds.
    """

    cluster: Cluster
    clock: Clock
    errands: Errands
    again: Callable[[Ref], None]
    later: Callable[[Ref, float], None]
    _looks: dict[Ref, _Look] = field(default_factory=dict)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE_MAX))

    def seen(self, scene: Scene, now: datetime) -> Sighting | None:
        """What was found so far; a new occasion starts a look in the background."""
        look = self._looks.get(scene.ref)
        occasion, mounts = _occasion(scene)
        if occasion is None:
            return look.sighting if look else None
        if look is None or look.occasion != occasion:
            look = _Look(occasion, now, sighting=look.sighting if look else None)
            self._looks[scene.ref] = look
        # A clock that was set back only delays what nothing waits for.
        if look.tries < TRIES_MAX and now >= look.due:
            started = self.errands.start(
                ("mounts", scene.ref), self._look(scene.ref, occasion, mounts)
            )
            if started:
                look.tries += 1
                look.due = datetime.max.replace(tzinfo=now.tzinfo)
        return look.sighting

    def forget(self, ref: Ref) -> None:
        self._looks.pop(ref, None)

    async def _look(self, ref: Ref, occasion: Occasion, mounts: tuple[Mount, ...]) -> None:
        async with self._slots:
            found, missing = await self._read(ref.namespace, mounts)
        look = self._looks.get(ref)
        if look is None:
            return
        if (occasion.fingerprint, occasion.release) == look.occasion[:2]:
            look.sighting = Sighting(
                fingerprint=occasion.fingerprint,
                at=self.clock.now(),
                release=occasion.release,
                found=found,
                unread=tuple(missing),
            )
        self._plan_next(ref, look, occasion, missing)
        self.again(ref)

    def _plan_next(
        self, ref: Ref, look: _Look, occasion: Occasion, missing: tuple[Unread, ...]
    ) -> None:
        """Once more in a while where the server was away, and no more than a few times."""
        if look.occasion != occasion or look.tries >= TRIES_MAX:
            return
        if any(one.reason == AWAY for one in missing):
            pause = PAUSE_SECONDS * 2 ** (look.tries - 1)
            look.due = self.clock.now()
            self.later(ref, pause)

    async def _read(
        self, namespace: str, mounts: tuple[Mount, ...]
    ) -> tuple[tuple[Mounted, ...], tuple[Unread, ...]]:
        """One after the other; a kind that cannot be read is asked for once."""
        found: list[Mounted] = []
        missing: dict[MountKind, Unread] = {}
        for mount in mounts[:MOUNTS_MAX]:
            if mount.kind in missing:
                continue
            answer = await self.cluster.mounted(namespace, mount)
            if isinstance(answer, Missing):
                missing[mount.kind] = unread(mount.kind, answer)
            else:
                found.append(answer)
        return tuple(found), tuple(missing.values())


def _occasion(scene: Scene) -> tuple[Occasion | None, tuple[Mount, ...]]:
    """Why to look now, and at what; None where there is nothing to learn."""
    status = scene.status
    if status.stable is None:
        return None, ()
    stable = revision_of(scene, status.stable.fingerprint)
    if stable is None or not stable.mounts:
        return None, ()
    phase, release = status.phase, status.release
    if release is not None and phase in JUDGED | {Phase.ROLLING_BACK}:
        return Occasion(stable.fingerprint, release.started_at, phase), stable.mounts
    template = scene.workload.fingerprint if scene.workload else ""
    if phase not in AT_REST or template != stable.fingerprint:
        return None, ()
    kept = baseline_of(status)
    known = {one.mount for one in kept.mounts} if kept else set()
    wanted = tuple(mount for mount in stable.mounts if mount not in known)
    return (Occasion(stable.fingerprint, None, None) if wanted else None), wanted
