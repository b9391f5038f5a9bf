"""Releases on which broken controllers are tried, and what is asked of them."""

from dataclasses import replace
from datetime import timedelta

from controller.domain.policy import CoverageRule, Policy, Share, Step
from controller.simulation.promises.checkers import broken_promises
from controller.simulation.run import Run, play_scenario
from controller.simulation.scenario import (
    Away,
    Ending,
    Errors,
    Part,
    Route,
    Scenario,
    Shop,
    Traffic,
)
from controller.simulation.world import REF, BodyMaker, Visitor

MINUTE, LONGEST = timedelta(minutes=1), timedelta(minutes=10)
QUICK = (
    Step(canary=Share(pods=1), min_duration=MINUTE, max_duration=LONGEST),
    Step(canary=Share(percent=30), min_duration=MINUTE, max_duration=LONGEST),
)
POLICY = Policy(target=REF.name, steps=QUICK, bake=timedelta(minutes=2))

HEALTHY = Scenario(
    name="healthy",
    title="A good release",
    story="Nothing is wrong with it.",
    expect=Ending.PROMOTED,
    policy=POLICY,
    limit_seconds=1500.0,
    shop=Shop(replicas=6, surge=1, unavailable=1),
    traffic=Traffic(requests_per_second=60.0),
)
BAD = replace(
    HEALTHY,
    name="bad",
    title="A bad release",
    story="Half of its answers are errors.",
    expect=Ending.ROLLED_BACK,
    canary_defects=(Errors(rate=0.5),),
    people_seconds=0.0,
    limit_seconds=300.0,
)
BLIND = replace(
    HEALTHY,
    name="blind",
    title="Prometheus goes away when everything looks good, before the step is over",
    expect=Ending.HELD,
    policy=replace(
        POLICY, steps=(replace(QUICK[1], min_duration=5 * MINUTE, max_duration=7 * MINUTE),)
    ),
    disturbances=(Away(part=Part.PROMETHEUS, at=240.0, seconds=3600.0),),
)
RARE = replace(
    HEALTHY,
    name="rare",
    title="A route that the canary is hardly asked for",
    expect=Ending.HELD,
    policy=replace(POLICY, coverage=CoverageRule(min_requests=2000)),
    traffic=Traffic(
        requests_per_second=60.0,
        routes={"/": Route(share=0.99), "/lti": Route(share=0.01)},
    ),
)


def broken_by(
    make: BodyMaker | None, scenario: Scenario, *, visitor: Visitor | None = None
) -> tuple[str, ...]:
    """The promises that a controller breaks."""
    return broken_promises(played(make, scenario, visitor=visitor).trace, scenario)


def played(make: BodyMaker | None, scenario: Scenario, *, visitor: Visitor | None = None) -> Run:
    return play_scenario(scenario, 1, make=make, visitor=visitor)


def names(broken: tuple[str, ...]) -> set[str]:
    """The short names of the promises."""
    return {sentence.split()[0] for sentence in broken}
