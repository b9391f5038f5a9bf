"""What a user asked for: the Canary's spec as the decision reads it."""

import math
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final


class Mode(StrEnum):
    """Observe touches nothing and reports what Enforce would have done."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"


class OnInconclusive(StrEnum):
    """What follows when the evidence has not decided by the step's longest time."""

    HOLD = "Hold"
    CONTINUE = "Continue"


class RollbackStrategy(StrEnum):
    """Undo writes the stable template back; Freeze leaves it as Git wrote it and scales down."""

    AUTO = "Auto"
    UNDO = "Undo"
    FREEZE = "Freeze"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of canary pods: a number of pods, or percent of the workload's replicas."""

    pods: int = 0
    percent: float = 0.0

    def of(self, replicas: int) -> int:
        """Canary pods of `replicas`; at least 1 and at most replicas - 1.

        k = N would be a promotion: the deployment controller counts the canary as complete and
        takes stable to zero, paused or not.
        """
        wanted = self.pods or math.ceil(replicas * self.percent / 100)
        return max(1, min(wanted, replicas - 1))

    def __str__(self) -> str:
        return str(self.pods) if self.pods else f"{self.percent:g}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A share of canary pods held until a verdict, a person's approval, or both."""

    canary: Share
    min_duration: timedelta = timedelta(seconds=60)
    max_duration: timedelta = timedelta(minutes=30)
    approval: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSource:
    """Where requests are counted: a preset's name and the label that splits them into segments.

    `segment_by` None means the preset's own route label; "" means: do not split.
    """

    preset: str = "opentelemetry"
    segment_by: str | None = None
    pod_label: str = "pod"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRate:
    """What difference in error rate is tolerated.

    Worse: canary > ratio * stable + difference. Not worse: canary < promote_ratio * stable +
    promote_difference. `ratio` None: learned from how much the stable pods differ.
    """

    ratio: float | None = None
    difference: float = 0.0005
    promote_ratio: float = 1.5
    promote_difference: float = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """What difference in crashes is tolerated, and in which containers (empty: all of the app)."""

    extra_per_pod_day: float = 1.0
    containers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRule:
    """Every segment of stable's normal traffic needs `min_requests` of the canary.

    Segments that together make less than `ignorable_share` of the traffic may stay uncovered.
    """

    min_requests: int = 5
    ignorable_share: float = 0.001


DEFAULT_STEPS: Final = (
    Step(canary=Share(pods=1)),
    Step(canary=Share(percent=25)),
    Step(canary=Share(percent=50)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The whole of what a user asked for. `requests` None: judged by restarts alone."""

    target: str
    mode: Mode = Mode.ENFORCE
    steps: tuple[Step, ...] = DEFAULT_STEPS
    requests: RequestSource | None = field(default_factory=RequestSource)
    error_rate: ErrorRate = field(default_factory=ErrorRate)
    restarts: Restarts = field(default_factory=Restarts)
    coverage: CoverageRule = field(default_factory=CoverageRule)
    false_rollback_max: float = 0.01
    on_inconclusive: OnInconclusive = OnInconclusive.HOLD
    rollback: RollbackStrategy = RollbackStrategy.AUTO
    rollback_window: int = 3
    bake: timedelta = timedelta(minutes=10)
