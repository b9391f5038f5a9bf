"""A scenario as a person writes it: the source of the parser and of the reference."""

import dataclasses
from typing import Annotated, Any, Final, Self, cast

from pydantic import Field, model_validator

from controller.domain.policy import Policy
from controller.simulation import scenario
from controller.simulation.scenario import Ending, Scenario
from controller.simulation.scenarios.defect_spec import DefectSpec
from controller.simulation.scenarios.disturbance_spec import PODS_MAX, DisturbanceSpec
from controller.simulation.scenarios.spans import Seconds, SomeSeconds, wrong
from controller.simulation.scenarios.written import Rate, RouteName, Written

REQUESTS_PER_SECOND_MAX: Final = 100_000
ROUTES_MAX: Final = 50
ITEMS_MAX: Final = 50
LIMIT_SECONDS_MAX: Final = 24 * 3600.0
SHARES_OFF_MAX: Final = 0.01

# The defaults are those of the records: said once.
_SHOP: Final = scenario.Shop()
_TRAFFIC: Final = scenario.Traffic()
_SCRAPING: Final = scenario.Scraping()
_ROUTE: Final = scenario.Route(share=1.0)
_FIELDS: Final = {one.name: one for one in dataclasses.fields(Scenario)}
_PEOPLE_SECONDS: Final = cast("float", _FIELDS["people_seconds"].default)
_LIMIT_SECONDS: Final = cast("float", _FIELDS["limit_seconds"].default)


class ShopSpec(Written):
    """The Deployment before the release."""

    replicas: Annotated[int, Field(ge=1, le=PODS_MAX)] = Field(
        _SHOP.replicas, description="How many pods it has."
    )
    max_surge: Annotated[int, Field(ge=0, le=PODS_MAX)] = Field(
        _SHOP.surge, description="maxSurge of its rolling update, in pods."
    )
    max_unavailable: Annotated[int, Field(ge=0, le=PODS_MAX)] = Field(
        _SHOP.unavailable, description="maxUnavailable of its rolling update, in pods."
    )
    start: SomeSeconds = Field(
        _SHOP.start_seconds, description="How long a pod takes from its creation to Ready."
    )
    pods_age: Seconds = Field(
        _SHOP.pods_age_seconds, description="How old the stable pods are at the push."
    )

    @model_validator(mode="after")
    def _can_roll(self) -> Self:
        if not self.max_surge and not self.max_unavailable:
            raise wrong(
                "and maxUnavailable are both 0", "Raise one: nothing could roll", ("maxSurge",)
            )
        return self

    def record(self) -> scenario.Shop:
        return scenario.Shop(
            replicas=self.replicas,
            surge=self.max_surge,
            unavailable=self.max_unavailable,
            start_seconds=self.start,
            pods_age_seconds=self.pods_age,
        )


class RouteSpec(Written):
    """A segment of the traffic."""

    share: Rate = Field(description="Its share of all requests. All shares together make 1.")
    error_rate: Rate = Field(
        _ROUTE.error_rate, description="Share of its requests that fail by themselves."
    )
    latency: SomeSeconds = Field(
        _ROUTE.latency_seconds,
        description="What half of its requests take at most; a tenth of them take thrice as long.",
    )

    def record(self, total: float) -> scenario.Route:
        return scenario.Route(
            share=self.share / total,
            error_rate=self.error_rate,
            latency_seconds=self.latency,
        )


class TrafficSpec(Written):
    """The requests of users."""

    requests_per_second: Annotated[float, Field(ge=0, le=REQUESTS_PER_SECOND_MAX)] = Field(
        _TRAFFIC.requests_per_second, description="Requests per second to all pods together."
    )
    routes: dict[RouteName, RouteSpec] = Field(
        default_factory=lambda: {"/": RouteSpec(share=1.0, errorRate=_ROUTE.error_rate)},
        min_length=1,
        max_length=ROUTES_MAX,
        description="The segments of the traffic, by the name of the route. Default: one, `/`.",
    )
    daily_swing: Rate = Field(
        _TRAFFIC.daily_swing,
        description="How far the traffic rises and falls over 24 hours; 0.5 is from half to one "
        "and a half of it.",
    )
    dispersion: Annotated[float, Field(ge=1, le=100)] = Field(
        _TRAFFIC.dispersion,
        description="How much the errors of a pod clump: their variance in a scrape interval over "
        "their mean. 1 is pure chance (Poisson).",
    )
    bursts_per_hour: Annotated[float, Field(ge=0, le=1000)] = Field(
        _TRAFFIC.bursts_per_hour,
        description="Bursts of errors per hour, each on one pod, whatever its revision.",
    )
    burst_errors: Annotated[float, Field(ge=1, le=100_000)] = Field(
        _TRAFFIC.burst_errors, description="Errors in a burst, on average."
    )
    pods_differ_by: Annotated[float, Field(ge=0, le=5)] = Field(
        _TRAFFIC.pods_differ_by,
        description="How much the pods' own error rates differ: the standard deviation, as a share "
        "of their mean.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = sum(route.share for route in self.routes.values())
        if abs(total - 1) > SHARES_OFF_MAX:
            raise wrong(
                f"have shares that make {total:.4g} together, and not 1",
                "Let the shares of all routes make 1",
                ("routes",),
            )
        return self

    def record(self) -> scenario.Traffic:
        total = sum(route.share for route in self.routes.values())
        return scenario.Traffic(
            requests_per_second=self.requests_per_second,
            routes={name: route.record(total) for name, route in self.routes.items()},
            daily_swing=self.daily_swing,
            dispersion=self.dispersion,
            bursts_per_hour=self.bursts_per_hour,
            burst_errors=self.burst_errors,
            pods_differ_by=self.pods_differ_by,
        )


class ScrapingSpec(Written):
    """How Prometheus gathers the metrics."""

    interval: Annotated[SomeSeconds, Field(ge=1)] = Field(
        _SCRAPING.interval_seconds, description="How often each pod is scraped; 1s or more."
    )
    jitter: Seconds = Field(_SCRAPING.jitter_seconds, description="By how much a scrape is late.")
    gap_probability: Rate = Field(
        _SCRAPING.gap_probability, description="How likely a scrape is lost."
    )
    restarts_lag: Seconds = Field(
        _SCRAPING.restarts_lag_seconds,
        description="How long after a crash the metrics (kube-state-metrics) tell of it.",
    )

    def record(self) -> scenario.Scraping:
        return scenario.Scraping(
            interval_seconds=self.interval,
            jitter_seconds=self.jitter,
            gap_probability=self.gap_probability,
            restarts_lag_seconds=self.restarts_lag,
        )


class GuardSpec(Written):
    """What the query of one of the policy's guards gives: a run evaluates no PromQL."""

    stable: float = Field(description="Its value for stable, and for the canary until `at`.")
    canary: float = Field(description="Its value for the canary from then on.")
    at: Seconds = Field(0.0, description="From when on, counted from the push of the canary.")

    def record(self) -> scenario.GuardValues:
        return scenario.GuardValues(stable=self.stable, canary=self.canary, at=self.at)


class ScenarioSpec(Written):
    """One release and its world."""

    title: str = Field(min_length=1, max_length=100, description="What happens, in one line.")
    story: str = Field(
        "", max_length=5000, description="What a reader should know: why this can happen."
    )
    expect: Ending = Field(strict=False, description="How the release should end.")
    people_after: Seconds = Field(
        _PEOPLE_SECONDS,
        description="How long people need, without the controller, from the push until they start "
        "the rollback; 0s: they never do.",
    )
    limit: SomeSeconds = Field(
        _LIMIT_SECONDS,
        description="When a run ends that has not ended by itself, counted from the push.",
    )
    shop: ShopSpec = Field(default_factory=ShopSpec, description="The Deployment.")
    traffic: TrafficSpec = Field(default_factory=TrafficSpec, description="The requests of users.")
    scraping: ScrapingSpec = Field(
        default_factory=ScrapingSpec, description="How the metrics are gathered."
    )
    stable: list[DefectSpec] = Field(
        default_factory=list,
        max_length=ITEMS_MAX,
        description="What the revision that runs already does wrong.",
    )
    canary: list[DefectSpec] = Field(
        default_factory=list,
        max_length=ITEMS_MAX,
        description="What the release does wrong. Default: nothing.",
    )
    disturbances: list[DisturbanceSpec] = Field(
        default_factory=list,
        max_length=ITEMS_MAX,
        description="What befalls the release from outside.",
    )
    guards: dict[str, GuardSpec] = Field(
        default_factory=dict,
        max_length=ITEMS_MAX,
        description="The values of the policy's own guards, by the guard's name.",
    )
    policy: dict[str, Any] = Field(
        default_factory=dict,
        description="The spec of a Canary, without targetRef. Default: that of a Canary in which "
        "nothing but targetRef is given.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.limit > LIMIT_SECONDS_MAX:
            raise wrong("is too long", "Write at most 24h", ("limit",))
        for name in ("stable", "canary"):
            for number, defect in enumerate(getattr(self, name)):
                self._check_route(defect.record(), (name, number, *_given(defect)))
        for number, disturbance in enumerate(self.disturbances):
            path = ("disturbances", number, *_given(disturbance))
            record = disturbance.record()
            self._check_route(record, path)
            if record.at >= self.limit:
                at = (*path, "at")
                raise wrong("is after the run's limit", "Begin earlier, or raise limit", at)
        return self

    def _check_route(self, record: object, path: tuple[str | int, ...]) -> None:
        route = getattr(record, "route", None)
        if route is not None and route not in self.traffic.routes:
            known = ", ".join(self.traffic.routes)
            raise wrong(
                f"{route} is not in traffic.routes", f"Known there: {known}", (*path, "route")
            )

    def record(self, name: str, policy: Policy) -> Scenario:
        """The scenario, under a name that the file does not say itself."""
        return Scenario(
            name=name,
            title=self.title,
            story=self.story.strip(),
            expect=self.expect,
            policy=policy,
            shop=self.shop.record(),
            traffic=self.traffic.record(),
            scraping=self.scraping.record(),
            stable_defects=tuple(defect.record() for defect in self.stable),
            canary_defects=tuple(defect.record() for defect in self.canary),
            disturbances=tuple(one.record() for one in self.disturbances),
            guards={guard: values.record() for guard, values in self.guards.items()},
            people_seconds=self.people_after,
            limit_seconds=self.limit,
        )


def _given(record: Written) -> tuple[str]:
    """The field of a record that has exactly one."""
    fields = type(record).model_fields
    (name,) = (name for name in fields if getattr(record, name) is not None)
    return (str(fields[name].alias),)
