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
class OwnQuery:
    """A person's own counters, in place of a preset. All of them are instant vector selectors.

    `requests` counts requests; those whose `status` label matches the whole of `failed` are errors,
    unless `errors` selects a counter of its own. `histogram` selects the `..._bucket` series (or a
    native histogram) of request durations, `unit` is what they are in: "s" or "ms". `segment` is
    the route's label, "" when there is none.
    """

    requests: str
    errors: str = ""
    status: str = "code"
    failed: str = "5.."
    segment: str = ""
    histogram: str = ""
    unit: str = "s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """Segments that match `pattern` (RE2 syntax as Prometheus has it, anywhere) get `to`."""

    pattern: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRules:
    """Which segments are told apart, in this order: rewritten, denied, allowed, the largest kept.

    `deny` and `allow` are regular expressions of whole segments. What is denied belongs to no
    comparison at all (health checks); what is not allowed is pooled as "other", like what is not
    among the `most` largest. An empty `allow` allows all.
    """

    rewrites: tuple[Rewrite, ...] = ()
    deny: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    most: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSource:
    """Where requests are counted: a preset's name or a query, and how they are split.

    `segment_by` None means the preset's own route label; "" means: do not split. `pod_label` None
    means: find out.
    """

    preset: str = "opentelemetry"
    query: OwnQuery | None = None
    segment_by: str | None = None
    pod_label: str | None = None
    segments: SegmentRules = field(default_factory=SegmentRules)


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
class SlowRequests:
    """Requests that take longer than `threshold` are slow; which difference is tolerated.

    `threshold` is a bucket bound of the histogram. The margins mean what those of `ErrorRate` do.
    """

    threshold: timedelta
    ratio: float | None = None
    difference: float = 0.005
    promote_ratio: float = 1.5
    promote_difference: float = 0.02

    @property
    def margins(self) -> ErrorRate:
        return ErrorRate(
            ratio=self.ratio,
            difference=self.difference,
            promote_ratio=self.promote_ratio,
            promote_difference=self.promote_difference,
        )


class DeathCause(StrEnum):
    """Why a container's process ended, as far as the cluster tells."""

    CRASH = "Crash"
    OUT_OF_MEMORY = "OutOfMemory"
    LIVENESS = "LivenessProbe"
    DELETED = "Deleted"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    NODE_SHUTDOWN = "NodeShutdown"
    NODE_PRESSURE = "NodePressure"
    INIT = "InitContainer"
    SIDECAR = "Sidecar"


# What the application itself did.
COUNTED: Final = (DeathCause.CRASH, DeathCause.OUT_OF_MEMORY, DeathCause.LIVENESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """What difference in crashes is tolerated, in which containers, and which deaths count.

    `containers` empty: all of the application (no init containers, no sidecars).
    """

    extra_per_pod_day: float = 1.0
    containers: tuple[str, ...] = ()
    counted: tuple[DeathCause, ...] = COUNTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Plain thresholds beside the statistics; None is no limit. Breached means worse, at once.

    `restarts`: more crashes of the canary than this. `error_rate`: a larger share of its requests
    failed, of at least `min_requests`.
    """

    restarts: int | None = None
    error_rate: float | None = None
    min_requests: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A PromQL expression of a person's own that has to stay within bounds.

    `{{canaryPods}}` and `{{stablePods}}` in `query` stand for a regular expression of the pods'
    names; `{{pods}}` for both in turn, where `max_ratio` bounds canary : stable. Breached for
    `lasting` without interruption means worse.
    """

    name: str
    query: str
    minimum: float | None = None
    maximum: float | None = None
    max_ratio: float | None = None
    lasting: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRule:
    """Every segment of stable's normal traffic needs `min_requests` of the canary.

    Segments that together make less than `ignorable_share` of the traffic may stay uncovered.
    """

    min_requests: int = 5
    ignorable_share: float = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    """Where people are told of this Canary; empty: as the controller is configured.

    `mentions` are Slack's ids of users (U…), groups (S…), or "here" and "channel"; they are called
    only when a person is needed.
    """

    slack_channel: str = ""
    mentions: tuple[str, ...] = ()


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
    slow_requests: SlowRequests | None = None
    restarts: Restarts = field(default_factory=Restarts)
    limits: Limits = field(default_factory=Limits)
    guards: tuple[Guard, ...] = ()
    history: timedelta = timedelta(hours=24)
    coverage: CoverageRule = field(default_factory=CoverageRule)
    false_rollback_max: float = 0.01
    on_inconclusive: OnInconclusive = OnInconclusive.HOLD
    rollback: RollbackStrategy = RollbackStrategy.AUTO
    rollback_window: int = 3
    bake: timedelta = timedelta(minutes=10)
    notifications: Notifications = field(default_factory=Notifications)
