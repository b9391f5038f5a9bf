"""The way of a release as a row of stages: what is done, what is now, what is still to come."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from controller.adapters.http.pagewords import counted
from controller.adapters.http.shapes import CanaryShape
from controller.domain.lifecycle import AT_REST, Phase
from controller.domain.policy import Policy, Step
from controller.domain.snapshot import Scene
from controller.domain.wording import duration


class State(StrEnum):
    """Where a stage is. `words` come before it for whoever does not see the mark."""

    DONE = "done"
    NOW = "now"
    HELD = "held"
    FAILED = "failed"
    TO_COME = "to come"
    NOT_REACHED = "not reached"


MARKS: Final = {
    State.DONE: "✓",
    State.NOW: "◑",
    State.HELD: "‖",
    State.FAILED: "✕",
    State.TO_COME: "",
    State.NOT_REACHED: "\N{EN DASH}",
}
_TONES: Final = {
    State.DONE: "good",
    State.NOW: "calm",
    State.HELD: "wait",
    State.FAILED: "bad",
    State.TO_COME: "",
    State.NOT_REACHED: "",
}
_LATE: Final = {Phase.PROMOTING: 0, Phase.BAKING: 1}
_BACK: Final = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK})
_BROKEN_OFF: Final = frozenset({Phase.SUPERSEDED, Phase.WITHDRAWN, Phase.PAUSED_BY_USER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: a title, what is in it, and where it is."""

    title: str
    detail: str
    state: State
    mark: str

    @property
    def tone(self) -> str:
        return _TONES[self.state]

    @property
    def words(self) -> str:
        return "it ended here" if self.state is State.FAILED else self.state.value


def stages(one: CanaryShape, scene: Scene) -> tuple[Stage, ...]:
    """The steps, the promotion and the watch after it; empty where the policy cannot be read."""
    policy = scene.policy
    if not isinstance(policy, Policy):
        return ()
    replicas = scene.workload.replicas if scene.workload else None
    said = [
        (f"Step {number}", _step_detail(step, replicas))
        for number, step in enumerate(policy.steps, 1)
    ]
    said.append(("Promote", f"all {replicas} pods" if replicas else "all pods"))
    said.append(("Watch", f"{span(policy.bake)}, rollback armed"))
    states = _states(one, len(policy.steps))
    return tuple(
        Stage(title=title, detail=detail, state=state, mark=MARKS[state] or str(number))
        for number, ((title, detail), state) in enumerate(zip(said, states, strict=True), 1)
    )


def step_pods(step: Step, replicas: int | None) -> str:
    """A step's share in pods, where it is known of how many."""
    if replicas is None or replicas < 2:
        return str(step.canary) if step.canary.percent else counted(step.canary.pods, "pod")
    pods = step.canary.of(replicas)
    return f"{pods} of {replicas} pods"


def _step_detail(step: Step, replicas: int | None) -> str:
    pods = step_pods(step, replicas)
    approval = ", then approval" if step.approval else ""
    return f"{pods}, {span(step.min_duration)} or longer{approval}"


def span(time: timedelta) -> str:
    """A span that a person chose: whole seconds are said as such."""
    return duration(time).replace(".0 s", " s")


def _states(one: CanaryShape, steps: int) -> list[State]:
    """For each step, the promotion and the watch."""
    at, total = _position(one, steps), steps + 2
    if at is None:
        return [State.TO_COME] * total
    done = [State.DONE] * min(at, total)
    if at >= total:
        return done
    phase = one.phase
    if phase in _BACK or phase in _BROKEN_OFF:
        now = State.FAILED if phase in _BACK else State.HELD
        return [*done, now, *[State.NOT_REACHED] * (total - at - 1)]
    now = State.HELD if phase is Phase.HOLDING else State.NOW
    return [*done, now, *[State.TO_COME] * (total - at - 1)]


def _position(one: CanaryShape, steps: int) -> int | None:
    """The stage that is now, counted from 0; None: no release has begun."""
    if one.phase is Phase.PROMOTED:
        return steps + 2
    if one.phase in _LATE:
        return steps + _LATE[one.phase]
    if one.release is None or one.phase in AT_REST - _BACK - _BROKEN_OFF:
        return None
    return one.release.step - 1
