"""What a revision does wrong, as a person writes it in a scenario."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from controller.simulation import scenario
from controller.simulation.scenarios.spans import Seconds, SomeSeconds
from controller.simulation.scenarios.written import Rate, RouteName, Written, one_of

_BEGIN = "How long each process works well before this begins, counted from its own start."
_ROUTE = "The route that has it, one of traffic.routes. Default: all of them."


class KillSpec(Written):
    """A request that ends the whole process: what the incident was."""

    route: RouteName = Field(description="The route whose requests do it, one of traffic.routes.")
    probability: Rate = Field(1.0, description="How likely a request of the route does it.")
    begin: Seconds = Field(0.0, description=_BEGIN)

    def record(self) -> scenario.Kill:
        return scenario.Kill(
            route=self.route, probability=self.probability, begin_seconds=self.begin
        )


class ErrorsSpec(Written):
    """Requests that fail more often than the route's own errorRate, and leave the pod alive."""

    rate: Rate = Field(description="Share of the requests that fail, instead of errorRate.")
    route: RouteName | None = Field(None, description=_ROUTE)
    begin: Seconds = Field(0.0, description=_BEGIN)

    def record(self) -> scenario.Errors:
        return scenario.Errors(rate=self.rate, route=self.route, begin_seconds=self.begin)


class SlowSpec(Written):
    """Requests that take longer. Users give up on those that take too long; no server counts that
    as an error. They are judged where the policy has slowRequests.
    """

    share: Rate = Field(description="Share of the requests that take longer.")
    by: SomeSeconds = Field(description="How much longer they take.")
    route: RouteName | None = Field(None, description=_ROUTE)
    begin: Seconds = Field(0.0, description=_BEGIN)

    def record(self) -> scenario.Slow:
        return scenario.Slow(
            share=self.share, seconds=self.by, route=self.route, begin_seconds=self.begin
        )


class DieAtStartSpec(Written):
    """A process that ends as soon as it runs: a missing setting, a wrong library."""

    probability: Rate = Field(1.0, description="How likely each start ends so.")
    exit_code: Annotated[int, Field(ge=0, le=255)] = Field(1, description="Its exit code.")

    def record(self) -> scenario.DieAtStart:
        return scenario.DieAtStart(probability=self.probability, exit_code=self.exit_code)


class DieLaterSpec(Written):
    """A process that ends by itself after a while: a leak, a timer, an expired token."""

    after: SomeSeconds = Field(description="After what time, on average, from its own start.")
    spread: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="How much that differs: the standard deviation, as a share of it."
    )
    out_of_memory: bool = Field(
        default=False, description="Whether the node kills it for its memory (OOMKilled)."
    )

    def record(self) -> scenario.DieLater:
        return scenario.DieLater(
            after_seconds=self.after, spread=self.spread, out_of_memory=self.out_of_memory
        )


class FlapSpec(Written):
    """A readiness probe that fails now and then: the pod lives, and comes and goes."""

    ready: SomeSeconds = Field(description="How long it is Ready at a stretch.")
    unready: SomeSeconds = Field(description="How long it is not Ready then.")

    def record(self) -> scenario.Flap:
        return scenario.Flap(ready_seconds=self.ready, unready_seconds=self.unready)


class DefectSpec(Written):
    """One thing that a revision does wrong: exactly one of these."""

    kill: KillSpec | None = Field(None, description="Requests that end the whole process.")
    errors: ErrorsSpec | None = Field(None, description="Requests that fail.")
    slow: SlowSpec | None = Field(None, description="Requests that take longer.")
    die_at_start: DieAtStartSpec | None = Field(
        None, description="The process ends as soon as it runs."
    )
    die_later: DieLaterSpec | None = Field(
        None, description="The process ends by itself after a while."
    )
    flap: FlapSpec | None = Field(None, description="The readiness probe fails now and then.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        one_of(self)
        return self

    def record(self) -> scenario.Defect:
        given = self.kill or self.errors or self.slow or self.die_at_start or self.die_later
        found = given or self.flap
        assert found is not None, "checked above"
        return found.record()
