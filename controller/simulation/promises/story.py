"""What happened, as the promises read it: every entry with what was known just before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from controller.domain.records import Ref
from controller.domain.status import Status
from controller.simulation.scenario import Scenario
from controller.simulation.trace import Committed, Entry, SetShown, Shown, Started, Trace

STALE_SECONDS: Final = 120.0
"""How old what a process sees may be in a storm: it cannot answer for what happened since."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """One run. `calm_at` is when the last fault was over, in seconds of the run."""

    trace: Trace
    scenario: Scenario
    calm_at: float = 0.0

    @property
    def ended_at(self) -> float:
        """The last that is known of the run."""
        return self.trace.entries[-1].at if self.trace.entries else 0.0

    @cached_property
    def target(self) -> Ref | None:
        """The Deployment that is watched: in a run it has the name of its Canary."""
        return next((entry.ref for entry in self.trace.of(Committed)), None)

    @cached_property
    def processes(self) -> frozenset[str]:
        """The processes of the controller: `by` of what they did."""
        return frozenset(entry.process for entry in self.trace.of(Started))

    def moments(self) -> Iterator["Moment"]:
        """Every entry, with the status and the Deployment as they were before it."""
        ours = self.processes
        status = Status()
        shown: Shown | None = None
        target = self.target
        said: dict[str, Status] = {}
        for entry in self.trace:
            own = isinstance(entry, Shown) and entry.by in ours
            by = said.get(entry.by) if isinstance(entry, Shown) else None
            yield Moment(entry=entry, status=status, shown=shown, ours=own, said=by)
            if isinstance(entry, Committed):
                status = said[entry.process] = entry.status
            elif isinstance(entry, Shown) and entry.workload == target:
                shown = entry

    def commits(self) -> Iterator[tuple[Status, Committed]]:
        """Every status that was committed, after the one before it."""
        for moment in self.moments():
            if isinstance(moment.entry, Committed):
                yield moment.status, moment.entry

    def deeds(self) -> Iterator["Deed"]:
        """Every change of the Deployment or its ReplicaSets by a process of the controller."""
        for moment in self.moments():
            entry, before = moment.entry, moment.shown
            if not isinstance(entry, Shown) or not moment.ours or before is None:
                continue
            if entry.workload == self.target:
                yield Deed(before=before, after=entry, status=moment.status, said=moment.said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An entry, and what was so before it. `ours`: a process of the controller did it.

    `said` is what that process itself had committed last.
    """

    entry: Entry
    status: Status
    shown: Shown | None
    ours: bool
    said: Status | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One write of a process: the Deployment before and after, and what was committed by then.

    `said` is what the process itself had committed last: another one may have been faster since.
    """

    before: Shown
    after: Shown
    status: Status
    said: Status | None = None

    @property
    def at(self) -> float:
        return self.after.at

    @property
    def lifts_the_pause(self) -> bool:
        return self.before.paused and not self.after.paused

    @property
    def writes_a_template(self) -> bool:
        return self.before.template != self.after.template

    @property
    def matters(self) -> bool:
        """Whether it touched more than the opt-in label."""
        pods = wanted(self.before) != wanted(self.after)
        before, after = self.before, self.after
        paused = (before.paused, before.mark) != (after.paused, after.mark)
        return pods or paused or self.writes_a_template

    @property
    def promotes(self) -> bool:
        """Whether it let another template than stable's go on."""
        stable = self.status.stable
        new = stable is not None and self.after.template != stable.fingerprint
        return new and self.lifts_the_pause and not self.writes_a_template


def held(shown: Shown) -> bool:
    """Whether the pause is ours."""
    return shown.paused and shown.mark is not None


def paused_by_a_person(shown: Shown) -> bool:
    return shown.paused and shown.mark is None


def wanted(shown: Shown) -> dict[str, int]:
    """Pods wanted, by the name of the ReplicaSet."""
    return {one.name: one.replicas for one in shown.sets}


def pods_of(shown: Shown, fingerprint: str) -> int:
    """Pods wanted of a template."""
    return sum(one.replicas for one in shown.sets if one.fingerprint == fingerprint)


def by_name(shown: Shown) -> dict[str, SetShown]:
    return {one.name: one for one in shown.sets}
