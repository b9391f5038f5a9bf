"""What befalls a release from outside, as a person writes it in a scenario."""

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from controller.simulation import scenario
from controller.simulation.scenario import Part
from controller.simulation.scenarios.spans import Seconds, SomeSeconds
from controller.simulation.scenarios.written import Rate, RouteName, Written, one_of

PODS_MAX: Final = 200
FACTOR_MAX: Final = 100

_AT = "When it begins, counted from the push of the canary."
_FOR = "How long it lasts."
_ROUTE = "The route that it is about, one of traffic.routes. Default: all of them."


class OutageSpec(Written):
    """Somebody else is down: requests fail whatever revision serves them."""

    rate: Rate = Field(description="Share of the requests that fail.")
    route: RouteName | None = Field(None, description=_ROUTE)
    at: Seconds = Field(description=_AT)
    seconds: SomeSeconds = Field(alias="for", description=_FOR)

    def record(self) -> scenario.Outage:
        return scenario.Outage(rate=self.rate, at=self.at, seconds=self.seconds, route=self.route)


class NoiseSpec(Written):
    """A noisy neighbour: some pods suffer, whatever their revision."""

    pods_share: Rate = Field(description="Share of all pods that suffer.")
    rate: Rate = Field(description="Share of their requests that fail.")
    at: Seconds = Field(description=_AT)
    seconds: SomeSeconds = Field(alias="for", description=_FOR)

    def record(self) -> scenario.Noise:
        return scenario.Noise(
            pods_share=self.pods_share, rate=self.rate, at=self.at, seconds=self.seconds
        )


class SurgeSpec(Written):
    """More traffic for a while, or less."""

    factor: Annotated[float, Field(ge=0, le=FACTOR_MAX)] = Field(
        description="How many times the usual traffic it is; 0 is none."
    )
    route: RouteName | None = Field(None, description=_ROUTE)
    at: Seconds = Field(description=_AT)
    seconds: SomeSeconds = Field(alias="for", description=_FOR)

    def record(self) -> scenario.Surge:
        return scenario.Surge(
            factor=self.factor, at=self.at, seconds=self.seconds, route=self.route
        )


class AwaySpec(Written):
    """A part that the release depends on does not answer for a while."""

    part: Part = Field(
        strict=False,
        description="What is away. Controller: its process is killed, and comes back then.",
    )
    at: Seconds = Field(description=_AT)
    seconds: SomeSeconds = Field(alias="for", description=_FOR)

    def record(self) -> scenario.Away:
        return scenario.Away(part=self.part, at=self.at, seconds=self.seconds)


class ScaleSpec(Written):
    """A person or an autoscaler sets the Deployment's replicas."""

    replicas: Annotated[int, Field(ge=0, le=PODS_MAX)] = Field(description="How many from then on.")
    at: Seconds = Field(description=_AT)

    def record(self) -> scenario.Scale:
        return scenario.Scale(replicas=self.replicas, at=self.at)


class DrainSpec(Written):
    """The node of the canary's first pod is drained: its pods are evicted and come up elsewhere."""

    at: Seconds = Field(description=_AT)
    seconds: SomeSeconds = Field(alias="for", description="After what time it takes pods again.")

    def record(self) -> scenario.Drain:
        return scenario.Drain(at=self.at, seconds=self.seconds)


class DisturbanceSpec(Written):
    """One thing that befalls the release: exactly one of these."""

    outage: OutageSpec | None = Field(None, description="Somebody else is down.")
    noise: NoiseSpec | None = Field(None, description="A noisy neighbour.")
    surge: SurgeSpec | None = Field(None, description="More traffic, or less.")
    away: AwaySpec | None = Field(None, description="A part does not answer.")
    scale: ScaleSpec | None = Field(None, description="The replicas change.")
    drain: DrainSpec | None = Field(None, description="A node is drained.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        one_of(self)
        return self

    def record(self) -> scenario.Disturbance:
        traffic = self.outage or self.noise or self.surge
        found = traffic or self.away or self.scale or self.drain
        assert found is not None, "checked above"
        return found.record()
