"""The `analysis` of a Canary: what is compared, and what is tolerated."""

from typing import Annotated, Final

from pydantic import Field

from controller.adapters.kube.scalars import Written
from controller.domain.policy import CoverageRule, ErrorRate, RequestSource, Restarts

CONTAINERS_MAX: Final = 20
_PRESET: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_LABEL: Final = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
_LABEL_OR_NONE: Final = r"^([a-zA-Z_][a-zA-Z0-9_]*)?$"


class RequestsSpec(Written):
    """Where requests and their errors are counted."""

    preset: str = Field(
        "opentelemetry",
        min_length=1,
        max_length=63,
        pattern=_PRESET,
        description="Which metrics the pods expose: the name of a set of queries, such as "
        "opentelemetry (default), istio, linkerd, micrometer or fastapi-instrumentator. The "
        "metrics must tell pods apart, since canary and stable share one Service.",
    )
    segment_by: str | None = Field(
        None,
        max_length=63,
        pattern=_LABEL_OR_NONE,
        description="Label by which requests are split, so that a fault on a rarely used route is "
        "not diluted by all the others. Default: the preset's own label for the route. Set it to "
        'another label (a tenant, say), or to "" not to split at all.',
    )
    pod_label: str = Field(
        "pod",
        max_length=63,
        pattern=_LABEL,
        description="Label that holds the pod's name in these metrics. Default pod. Change it when "
        "your scrape configuration writes another one, such as kubernetes_pod_name.",
    )
    disabled: bool = Field(
        default=False,
        description="Judge by restarts alone. Default false. For workloads that serve no requests, "
        "such as queue consumers.",
    )

    def source(self) -> RequestSource | None:
        if self.disabled:
            return None
        return RequestSource(
            preset=self.preset, segment_by=self.segment_by, pod_label=self.pod_label
        )


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
        "application. Name them when a sidecar restarts for reasons of its own.",
    )

    def restarts(self) -> Restarts:
        return Restarts(extra_per_pod_day=self.extra_per_pod_day, containers=tuple(self.containers))


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


class AnalysisSpec(Written):
    """What is compared between canary and stable, and what is tolerated."""

    requests: RequestsSpec = Field(
        default_factory=RequestsSpec, description="Where requests and their errors are counted."
    )
    error_rate: ErrorRateSpec = Field(
        default_factory=ErrorRateSpec,
        description="Which difference in error rate is tolerated, in the whole service and in each "
        "segment.",
    )
    restarts: RestartsSpec = Field(
        default_factory=RestartsSpec,
        description="Which difference in container crashes is tolerated.",
    )
    coverage: CoverageSpec = Field(
        default_factory=CoverageSpec,
        description="What the canary must have been exercised on before it is promoted.",
    )
    false_rollback_max: float = Field(
        0.01,
        ge=0.00001,
        le=0.2,
        description="Highest probability that a release is rolled back although its canary is not "
        "worse. Default 0.01 (one release in a hundred; fewer in practice). Lower it when a false "
        "rollback is dear; faults are then found later.",
    )
