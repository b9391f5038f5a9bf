"""L1: once faults end, every release ends; and nothing that happened was a bug of ours."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from controller.domain.lifecycle import AT_REST, Phase
from controller.domain.policy import Policy
from controller.domain.status import Status
from controller.simulation.promises.story import Story, held, paused_by_a_person
from controller.simulation.scenario import Away, Noise, Outage, Surge
from controller.simulation.trace import Befell, Committed, Shown

BUG: Final = "bug"
START_SECONDS: Final = 600.0
"""The first canary pod is waited for so long."""
BLIND_BAKES: Final = 4
"""A bake without sight lasts so many times as long."""
ROLLOUT_SECONDS: Final = 900.0
MARGIN_SECONDS: Final = 900.0
ROLLBACK_SECONDS: Final = 400.0
SETTLED_SECONDS: Final = 90.0


def limit_seconds(policy: Policy) -> float:
    """Within what time a release ends, in a calm world."""
    steps = sum((step.max_duration for step in policy.steps), timedelta(0))
    bake = policy.bake * BLIND_BAKES
    return START_SECONDS + (steps + bake).total_seconds() + ROLLOUT_SECONDS + MARGIN_SECONDS


def every_release_ends(story: Story) -> Iterator[str]:
    """L1: after the last fault a release comes to rest, or to a person who was called."""
    status, since, shown = _last(story)
    if shown is None:
        return
    calm_for = story.ended_at - max(since, _calm_at(story))
    phase = status.phase
    if phase is Phase.ROLLING_BACK and calm_for > ROLLBACK_SECONDS:
        yield f"the rollback has not ended {calm_for:.0f} s after the last fault"
    pushed = status.stable is not None and shown.template != status.stable.fingerprint
    waits = phase is Phase.HOLDING or paused_by_a_person(shown)
    called = status.release is not None and bool(status.release.held_for)
    over = phase in AT_REST and not (phase is Phase.IDLE and pushed)
    alone = story.ended_at - _calm_at(story)
    if not (over or waits or called) and alone > limit_seconds(story.scenario.policy):
        yield f"still {phase.value} {alone:.0f} s after the last fault"
    if phase in {Phase.PROMOTED, Phase.WITHDRAWN} and calm_for > SETTLED_SECONDS and held(shown):
        yield f"{phase.value} for {calm_for:.0f} s, and the Deployment is still held by us"


def _calm_at(story: Story) -> float:
    """When the last fault, disturbance or change by a person was over."""
    ours = story.processes
    changed = story.calm_at
    template = ""
    for shown in story.trace.of(Shown):
        if shown.template != template and shown.by not in ours:
            changed = max(changed, shown.at)
        template = shown.template
    ends = [
        one.at + one.seconds
        for one in story.scenario.disturbances
        if isinstance(one, Away | Noise | Outage | Surge)
    ]
    return changed + max(ends, default=0.0)


def _last(story: Story) -> tuple[Status, float, Shown | None]:
    """The status at the end, since when its phase lasts, and the Deployment."""
    status, since = Status(), 0.0
    for before, entry in story.commits():
        assert isinstance(entry, Committed)
        if before.phase is not entry.status.phase:
            since = entry.at
        status = entry.status
    shown = [one for one in story.trace.of(Shown) if one.workload == story.target]
    return status, since, shown[-1] if shown else None


def no_bug(story: Story) -> Iterator[str]:
    """A visit that failed in a way that is no error of the world's."""
    for befell in story.trace.of(Befell):
        if befell.fault == BUG:
            yield f"at {befell.at:.3f} s {befell.process} had a bug: {befell.detail or 'logged'}"
