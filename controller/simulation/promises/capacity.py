"""S3: steps in order and never more than they allow; users' capacity is never taken by us."""

from collections import deque
from collections.abc import Iterator

from controller.domain.lifecycle import UNDER_ANALYSIS
from controller.domain.policy import Policy
from controller.domain.status import Release
from controller.simulation.promises.story import (
    STALE_SECONDS,
    Deed,
    Story,
    by_name,
    held,
    pods_of,
    wanted,
)
from controller.simulation.trace import Shown

NEVER_STUCK = 1
"""One pod may always be seeded: where nothing is to spare, there would be no trial at all."""


class Recent:
    """What the Deployment showed in the last while: what a process may have decided on."""

    def __init__(self) -> None:
        self._shown: deque[Shown] = deque()

    def add(self, shown: Shown) -> None:
        """Also keeps the one that was so when the while began."""
        self._shown.append(shown)
        while len(self._shown) > 1 and self._shown[1].at < shown.at - STALE_SECONDS:
            self._shown.popleft()

    def replicas_max(self) -> int:
        return max(shown.replicas for shown in self._shown)

    def replicas_min(self) -> int:
        return min(shown.replicas for shown in self._shown)

    def ready_max(self, name: str) -> int:
        return max((by_name(s)[name].ready for s in self._shown if name in by_name(s)), default=0)


def steps_are_kept(story: Story) -> Iterator[str]:
    """S3: a step is never jumped, and none of ours gives the canary more pods than it allows."""
    yield from _in_order(story)
    for deed, recent in _deeds(story):
        release = deed.status.release
        if release is None or not held(deed.after):
            continue
        canary = release.canary.fingerprint
        pods = pods_of(deed.after, canary)
        if canary != deed.after.template or pods <= pods_of(deed.before, canary):
            continue
        where = f"at {deed.at:.3f} s {deed.after.by} gave the canary {pods} pods"
        phases = {one.phase for one in (deed.status, deed.said) if one is not None}
        if not phases & UNDER_ANALYSIS:
            yield f"{where} while {deed.status.phase.value}"
            continue
        allowed = _allowed(story.scenario.policy, release, recent.replicas_max())
        if pods > allowed:
            yield f"{where}: step {release.step + 1} allows {allowed}"
        if pods >= deed.after.replicas and deed.after.replicas > 1:
            yield f"{where} of {deed.after.replicas}: that is a promotion"


def capacity_is_kept(story: Story) -> Iterator[str]:
    """S3: what we scale down leaves as many Ready pods as the Deployment's strategy asks for.

    Ready is what was so within the last while, since nobody sees a crash at once; the pods that
    die are not our hand. Pods that are not Ready are taken away first and cost nothing.
    """
    for deed, recent in _deeds(story):
        before, after = deed.before, deed.after
        if not held(after) or wanted(before) == wanted(after):
            continue
        least = recent.replicas_min() - after.unavailable
        had = sum(min(recent.ready_max(n), one.replicas) for n, one in by_name(before).items())
        left = sum(min(recent.ready_max(n), one.replicas) for n, one in by_name(after).items())
        # A pod that has just died costs nothing either: what is taken has to be Ready now, too.
        still = sum(min(one.ready, wanted(after).get(n, 0)) for n, one in by_name(before).items())
        takes = still < sum(min(one.ready, one.replicas) for one in by_name(before).values())
        if takes and left < had and left < least:
            yield f"at {deed.at:.3f} s {after.by} left {left} Ready pods of the {least} needed"
        total = sum(wanted(after).values())
        room = recent.replicas_max() + after.surge
        # The deployment controller takes from the largest, and there what is not Ready first.
        largest = max(after.sets, key=lambda one: one.replicas)
        over = (
            total - room - NEVER_STUCK - max(0, largest.replicas - recent.ready_max(largest.name))
        )
        if total > sum(wanted(before).values()) and over > 0 and had - over < least:
            yield (
                f"at {deed.at:.3f} s {after.by} made {total} pods where {room} fit: the "
                f"deployment controller takes Ready ones for them"
            )


def _deeds(story: Story) -> Iterator[tuple[Deed, Recent]]:
    """Our deeds, each with what the Deployment showed lately."""
    recent = Recent()
    for moment in story.moments():
        entry = moment.entry
        if not isinstance(entry, Shown) or entry.workload != story.target:
            continue
        if moment.ours and moment.shown is not None:
            deed = Deed(before=moment.shown, after=entry, status=moment.status, said=moment.said)
            yield deed, recent
        recent.add(entry)


def _allowed(policy: Policy, release: Release, replicas: int) -> int:
    return policy.steps[min(release.step, len(policy.steps) - 1)].canary.of(replicas)


def _in_order(story: Story) -> Iterator[str]:
    policy = story.scenario.policy
    sizes = {shown.replicas for shown in story.trace.of(Shown)}
    for before, entry in story.commits():
        one, other = before.release, entry.status.release
        if one is None or other is None or one.started_at != other.started_at:
            continue
        if other.step < one.step:
            yield f"at {entry.at:.3f} s step {other.step + 1} came after step {one.step + 1}"
        for jumped in range(one.step + 1, other.step):
            step = policy.steps[jumped]
            more = all(step.canary.of(n) > policy.steps[one.step].canary.of(n) for n in sizes)
            if more or step.approval:
                yield f"at {entry.at:.3f} s step {jumped + 1} was jumped"
