"""The last words of crashed canary containers, fetched when the crash is seen."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from controller.domain.attribution import counts, ended_before
from controller.domain.lifecycle import JUDGED, Phase
from controller.domain.readings import Missing
from controller.domain.records import Container, Pod, Problem, Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Crash
from controller.engine.ports import Cluster
from controller.engine.tasks import Errands

LINES: Final = 20
LOG_MAX_CHARACTERS: Final = 3000
KEPT_MAX: Final = 3

Death = tuple[str, str, int]
"""Pod name, container name, how often it had died."""


@dataclass(slots=True)
class LastWords:
    """Crashes of the canary pods of each release, with their logs as soon as they are there."""

    cluster: Cluster
    errands: Errands
    again: Callable[[Ref], None]
    _known: dict[Ref, dict[Death, Crash]] = field(default_factory=dict)

    def crashes(self, scene: Scene, now: datetime) -> tuple[Crash, ...]:
        """The crashes seen so far; a new one starts a fetch of its log in the background."""
        if scene.status.phase not in JUDGED | {Phase.ROLLING_BACK}:
            self.forget(scene.ref)
            return ()
        known = self._known.setdefault(scene.ref, {})
        current: set[Death] = set()
        for pod, container in _died(scene):
            death = (pod.name, container.name, container.deaths)
            current.add(death)
            if death not in known:
                known[death] = _crash(pod, container, now)
                work = self._fetch(scene.ref, death, down=container.deaths > container.restarts)
                self.errands.start(("last words", scene.ref, death), work)
        # What the pods still show is kept, however much: forgotten, it would be fetched again.
        past = [death for death in known if death not in current]
        for death in past[: max(0, len(known) - KEPT_MAX)]:
            del known[death]
        return tuple(known.values())

    def forget(self, ref: Ref) -> None:
        self._known.pop(ref, None)

    async def _fetch(self, ref: Ref, death: Death, *, down: bool) -> None:
        pod, container, _ = death
        text = await self.cluster.previous_log(ref.namespace, pod, container, LINES, down=down)
        known = self._known.get(ref, {})
        if death not in known:
            return
        crash = known[death]
        words = f"(no log: {text})" if isinstance(text, Missing) else text
        known[death] = Crash(
            pod=crash.pod,
            container=crash.container,
            at=crash.at,
            exit_code=crash.exit_code,
            reason=crash.reason,
            deaths=crash.deaths,
            log=words[-LOG_MAX_CHARACTERS:],
        )
        self.again(ref)


def _died(scene: Scene) -> Iterator[tuple[Pod, Container]]:
    """Canary containers that died, and whose last death is held against the canary."""
    release, policy = scene.status.release, scene.policy
    assert release is not None, "a phase that is looked at has a release"
    if isinstance(policy, Problem):
        return
    owners = {rs.uid for rs in scene.replica_sets if rs.fingerprint == release.canary.fingerprint}
    for pod in scene.pods:
        # What still ends of a trial before has died for that one.
        if pod.replica_set in owners and not ended_before(pod, release.started_at):
            for container in pod.containers:
                died = container.deaths > 0 and container.last_death is not None
                if died and counts(pod, container, policy.restarts):
                    yield pod, container


def _crash(pod: Pod, container: Container, now: datetime) -> Crash:
    death = container.last_death
    assert death is not None
    return Crash(
        pod=pod.name,
        container=container.name,
        at=death.finished_at or now,
        exit_code=death.exit_code,
        reason=death.reason,
        deaths=container.deaths,
    )
