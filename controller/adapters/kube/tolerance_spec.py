"""What is tolerated, as a person writes it: margins, plain limits, and how much has to be seen."""

from typing import Annotated, Final, Literal

from pydantic import Field

from controller.adapters.kube.scalars import SlowThreshold, Written, duration
from controller.domain.policy import (
    COUNTED,
    CoverageRule,
    DeathCause,
    ErrorRate,
    Limits,
    Restarts,
    SlowRequests,
)

CONTAINERS_MAX: Final = 20

# All of `DeathCause` but Deleted: each step deletes pods, and would convict the canary.
Countable = Literal[
    "Crash",
    "OutOfMemory",
    "LivenessProbe",
    "Evicted",
    "Preempted",
    "NodeShutdown",
    "NodePressure",
    "InitContainer",
    "Sidecar",
]

APPLICATION: Final[tuple[Countable, ...]] = ("Crash", "OutOfMemory", "LivenessProbe")


class ErrorRateSpec(Written):
    """Which difference in error rate between canary and stable is tolerated."""

    ratio: float | None = Field(
        None,
        ge=1,
        le=100,
        description="The canary is worse when its error rate exceeds ratio x stable + difference. "
        "Default: learned from how much the stable pods differ from one another, 1.1 to 2. Set it "
        "when you know what is tolerable: 1.5 tolerates half as many errors again.",
    )
    difference: float = Field(
        0.0005,
        ge=0,
        le=1,
        description="Share of requests that may fail beyond the ratio. Default 0.0005 (5 of 10000 "
        "requests). Raise it when a few failures more are of no consequence.",
    )
    promote_ratio: float = Field(
        1.5,
        ge=1,
        le=100,
        description="The canary is not worse, and may go on, when its error rate is shown to be "
        "below promoteRatio x stable + promoteDifference. Default 1.5. Lower is stricter and takes "
        "more requests.",
    )
    promote_difference: float = Field(
        0.005,
        ge=0,
        le=1,
        description="Share of requests in the bound that promotion needs. Default 0.005 (5 of 1000 "
        "requests). Lower is stricter and takes more requests; it may be raised where there are "
        "few.",
    )

    def error_rate(self) -> ErrorRate:
        return ErrorRate(
            ratio=self.ratio,
            difference=self.difference,
            promote_ratio=self.promote_ratio,
            promote_difference=self.promote_difference,
        )


class SlowRequestsSpec(Written):
    """Which difference in the share of slow requests between canary and stable is tolerated."""

    threshold: SlowThreshold = Field(
        description='A request that takes longer is slow, such as "500ms" or "2s"; 1ms to 1h. It '
        "has to be a bucket bound of the histogram, because nothing is known of what lies between "
        "two bounds; if it is none, the nearest are named."
    )
    ratio: float | None = Field(
        None,
        ge=1,
        le=100,
        description="The canary is worse when its share of slow requests exceeds ratio x stable + "
        "difference. Default: learned from how much the stable pods differ from one another, 1.1 "
        "to 2. Set it when you know what is tolerable.",
    )
    difference: float = Field(
        0.005,
        ge=0,
        le=1,
        description="Share of requests that may be slow beyond the ratio. Default 0.005 (5 of 1000 "
        "requests). Raise it when a few slow requests more are of no consequence.",
    )
    promote_ratio: float = Field(
        1.5,
        ge=1,
        le=100,
        description="The canary is not worse, and may go on, when its share of slow requests is "
        "shown to be below promoteRatio x stable + promoteDifference. Default 1.5. Lower is "
        "stricter and takes more requests.",
    )
    promote_difference: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Share of requests in the bound that promotion needs. Default 0.02 (2 of 100 "
        "requests). Lower is stricter and takes more requests; it may be raised where there are "
        "few.",
    )

    def slow_requests(self) -> SlowRequests:
        return SlowRequests(
            threshold=duration(self.threshold),
            ratio=self.ratio,
            difference=self.difference,
            promote_ratio=self.promote_ratio,
            promote_difference=self.promote_difference,
        )


class RestartsSpec(Written):
    """Which difference in container crashes between canary and stable is tolerated."""

    extra_per_pod_day: float = Field(
        1.0,
        ge=0,
        le=1440,
        description="Crashes per pod and day that the canary may have beyond stable's. Default 1. "
        "Raise it for a workload whose pods are known to restart often.",
    )
    containers: list[Annotated[str, Field(min_length=1, max_length=63)]] = Field(
        default_factory=list,
        max_length=CONTAINERS_MAX,
        description="Names of the containers whose crashes count. Default: all containers of the "
        "application, without init containers and sidecars. Name them when one of them restarts "
        "for reasons of its own.",
    )
    counted: list[Countable] = Field(
        default_factory=lambda: list(APPLICATION),
        min_length=1,
        max_length=len(DeathCause),
        description="Which ends of a container count as crashes; all others are listed in the "
        "finding and held against nobody. Default: Crash, OutOfMemory and LivenessProbe, which "
        "are the application's own doing. Add Evicted, Preempted, NodeShutdown or NodePressure to "
        "count what is done to its pods, InitContainer or Sidecar for what runs beside it. Pods "
        "that are deleted never count: each step of a release deletes some.",
        json_schema_extra={"default": [cause.value for cause in COUNTED]},
    )

    def restarts(self) -> Restarts:
        return Restarts(
            extra_per_pod_day=self.extra_per_pod_day,
            containers=tuple(self.containers),
            counted=tuple(DeathCause(cause) for cause in dict.fromkeys(self.counted)),
        )


class LimitsSpec(Written):
    """Plain limits beside the comparison: the canary is worse as soon as it breaks one."""

    restarts: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="The canary is worse, at once, when it has crashed more often than this, "
        "whatever stable does. Default: no such limit; the comparison needs two or three crashes. "
        "0 lets no crash pass.",
    )
    error_rate: float | None = Field(
        None,
        ge=0,
        le=1,
        description="The canary is worse, at once, when a larger share of its requests failed than "
        "this, whatever stable does: 0.05 is one of 20. Default: no such limit. An outage of "
        "something that both need breaks it too.",
    )
    min_requests: int = Field(
        100,
        ge=1,
        le=1_000_000,
        description="Requests of the canary before errorRate counts. Default 100. Lower it where "
        "there are few requests; a single error weighs more then.",
    )

    def limits(self) -> Limits:
        return Limits(
            restarts=self.restarts, error_rate=self.error_rate, min_requests=self.min_requests
        )


class CoverageSpec(Written):
    """How much of stable's normal traffic the canary must have been exercised on."""

    min_requests: int = Field(
        5,
        ge=0,
        le=1_000_000,
        description="Requests that the canary must have served on each segment of stable's normal "
        "traffic. Default 5, which finds a route that fails every other time; 29 finds one that "
        "fails every tenth time; 0 asks for none.",
    )
    ignorable_share: float = Field(
        0.001,
        ge=0,
        le=1,
        description="Segments that together make less than this share of the requests may stay "
        "uncovered. Default 0.001. Raise it when rare routes hold releases up and may go untested.",
    )

    def rule(self) -> CoverageRule:
        return CoverageRule(min_requests=self.min_requests, ignorable_share=self.ignorable_share)
