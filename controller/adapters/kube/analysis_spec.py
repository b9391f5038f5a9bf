"""The `analysis` of a Canary: what is compared, and what is tolerated."""

from typing import Final, Self

from pydantic import ConfigDict, Field, model_validator

from controller.adapters.kube.guard_spec import GuardSpec
from controller.adapters.kube.request_spec import RequestsSpec
from controller.adapters.kube.scalars import (
    LIST_KEYS,
    LIST_TYPE,
    RULES,
    HistorySpan,
    Written,
    rule,
    wrong,
)
from controller.adapters.kube.tolerance_spec import (
    CoverageSpec,
    ErrorRateSpec,
    LimitsSpec,
    RestartsSpec,
    SlowRequestsSpec,
)

GUARDS_MAX: Final = 10
_HISTOGRAM: Final = "Give requests.query a histogram, or remove slowRequests"
_SLOW_UNSEEN: Final = "Remove slowRequests, or judge requests: requests.disabled is true"
_ERRORS_UNSEEN: Final = "Remove limits.errorRate, or judge requests: requests.disabled is true"
_ENABLED: Final = "!has(self.requests) || !has(self.requests.disabled) || !self.requests.disabled"


class AnalysisSpec(Written):
    """What is compared between canary and stable, and what is tolerated."""

    model_config = ConfigDict(
        json_schema_extra={
            RULES: [
                rule(
                    "!has(self.slowRequests) || !has(self.requests) || !has(self.requests.query) "
                    "|| has(self.requests.query.histogram)",
                    _HISTOGRAM,
                    ".slowRequests",
                ),
                rule(f"!has(self.slowRequests) || {_ENABLED}", _SLOW_UNSEEN, ".slowRequests"),
                rule(
                    f"!has(self.limits) || !has(self.limits.errorRate) || {_ENABLED}",
                    _ERRORS_UNSEEN,
                    ".limits.errorRate",
                ),
            ]
        }
    )

    requests: RequestsSpec = Field(
        default_factory=RequestsSpec, description="Where requests and their errors are counted."
    )
    error_rate: ErrorRateSpec = Field(
        default_factory=ErrorRateSpec,
        description="Which difference in error rate is tolerated, in the whole service and in each "
        "segment.",
    )
    slow_requests: SlowRequestsSpec | None = Field(
        None,
        description="Which difference in the share of slow requests is tolerated, in the whole "
        "service and in each segment. Default: how long requests take is not judged. Set it when "
        "slowness matters to your users and the metrics have a histogram.",
    )
    restarts: RestartsSpec = Field(
        default_factory=RestartsSpec,
        description="Which difference in container crashes is tolerated.",
    )
    limits: LimitsSpec = Field(
        default_factory=LimitsSpec,
        description="Plain limits beside the comparison. Default none.",
    )
    guards: list[GuardSpec] = Field(
        default_factory=list,
        max_length=GUARDS_MAX,
        description="PromQL expressions of your own that have to stay within bounds, each with a "
        "name. Default none. For what requests and restarts do not show: a queue, a cache, orders "
        "per minute.",
        json_schema_extra={LIST_TYPE: "map", LIST_KEYS: ["name"]},
    )
    history: HistorySpan = Field(
        "24h",
        description="How much of stable's own past is read when a release starts, and compared "
        'with as well, such as "24h"; 0s (none) to 168h. Default 24h. More finds rare faults '
        "sooner and costs Prometheus more; a pod that crashes is found at the second crash instead "
        "of the third.",
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

    @model_validator(mode="after")
    def _can_see_what_it_judges(self) -> Self:
        query = self.requests.query
        if self.slow_requests is not None and self.requests.disabled:
            raise wrong("cannot be judged", _SLOW_UNSEEN, at="slowRequests")
        if self.slow_requests is not None and query is not None and query.histogram is None:
            raise wrong("requests.query has no histogram", _HISTOGRAM, at="slowRequests")
        if self.limits.error_rate is not None and self.requests.disabled:
            raise wrong("cannot be judged", _ERRORS_UNSEEN, at="limits.errorRate")
        return self

    @model_validator(mode="after")
    def _guards_told_apart(self) -> Self:
        names = [guard.name for guard in self.guards]
        for number, name in enumerate(names):
            if name in names[:number]:
                remedy = "Give each guard a name of its own"
                raise wrong(f'"{name}" is taken', remedy, at=f"guards[{number}].name")
        return self
