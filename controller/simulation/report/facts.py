"""The scenario and the policy of a campaign, in rows for people."""

from collections.abc import Iterator
from datetime import timedelta

from controller.domain.policy import Policy, Step
from controller.simulation.report.words import percent, seconds
from controller.simulation.scenario import (
    Away,
    Defect,
    DieAtStart,
    DieLater,
    Disturbance,
    Drain,
    Errors,
    Flap,
    Kill,
    Noise,
    Outage,
    Part,
    Scale,
    Scenario,
    Slow,
    Surge,
)

Row = tuple[str, str]


def policy_rows(policy: Policy) -> Iterator[Row]:
    """What the Canary asks for, by the names that it is asked with."""
    for place, step in enumerate(policy.steps, 1):
        yield f"step {place}", _step(step)
    yield "bake", _span(policy.bake)
    yield "onInconclusive", policy.on_inconclusive.value
    errors = policy.error_rate
    ratio = "learned from the stable pods" if errors.ratio is None else f"{errors.ratio:g} x stable"
    yield "worse above", f"{ratio} + {errors.difference:g}"
    yield (
        "not worse below",
        f"{errors.promote_ratio:g} x stable + {errors.promote_difference:g}",
    )
    yield "crashes tolerated", f"{policy.restarts.extra_per_pod_day:g} more per pod and day"
    coverage = policy.coverage
    yield (
        "coverage",
        f"{coverage.min_requests} requests on each route, except for those that together make "
        f"less than {percent(coverage.ignorable_share)}",
    )
    yield "falseRollbackMax", percent(policy.false_rollback_max)
    yield "mode", policy.mode.value


def _step(step: Step) -> str:
    canary = f"{step.canary.pods} pods" if step.canary.pods > 1 else "1 pod"
    share = canary if step.canary.pods else str(step.canary)
    approval = ", with approval" if step.approval else ""
    return f"{share}, {_span(step.min_duration)} to {_span(step.max_duration)}{approval}"


def _span(length: timedelta) -> str:
    return seconds(length.total_seconds())


def world_rows(scenario: Scenario) -> Iterator[Row]:
    """What is played: the Deployment, its traffic, what is wrong and what befalls it."""
    shop, traffic = scenario.shop, scenario.traffic
    yield "pods", f"{shop.replicas}, Ready after {seconds(shop.start_seconds)}"
    yield "traffic", f"{traffic.requests_per_second:g} requests per second"
    for name, route in traffic.routes.items():
        errors = percent(route.error_rate)
        yield name, f"{percent(route.share)} of them; {errors} fail by themselves"
    for defect in scenario.stable_defects:
        yield "stable", _defect(defect)
    for defect in scenario.canary_defects:
        yield "canary", _defect(defect)
    if not scenario.canary_defects:
        yield "canary", "nothing is wrong with it"
    for name, guard in scenario.guards.items():
        values = f"{guard.stable:g}, and {guard.canary:g} in the canary"
        yield f"guard {name}", f"{values} from {seconds(guard.at)} after the push"
    for disturbance in scenario.disturbances:
        yield f"after {seconds(disturbance.at)}", disturbance_in_words(disturbance)
    people = scenario.people_seconds
    back = f"people roll back after {seconds(people)}" if people else "nobody rolls back"
    yield "without the controller", back


def _defect(defect: Defect) -> str:
    begin = getattr(defect, "begin_seconds", 0.0)
    after = f", from {seconds(begin)} after the start of each process" if begin else ""
    return defect_in_words(defect) + after


def defect_in_words(defect: Defect) -> str:
    """One thing that is wrong with a revision."""
    match defect:
        case Kill(route=route, probability=probability):
            return f"{percent(probability)} of the requests of {route} end the process"
        case Errors(rate=rate, route=route):
            return f"{percent(rate)} of the requests of {_all(route)} fail"
        case Slow(share=share, seconds=longer, route=route):
            what = f"{percent(share)} of the requests of {_all(route)}"
            return f"{what} take {seconds(longer)} longer"
        case DieAtStart(probability=probability, exit_code=code):
            return f"{percent(probability)} of the starts end at once (exit code {code})"
        case DieLater(after_seconds=length, out_of_memory=memory):
            how = "is killed for its memory" if memory else "ends"
            return f"each process {how} after about {seconds(length)}"
        case Flap(ready_seconds=ready, unready_seconds=unready):
            return f"Ready for {seconds(ready)}, then not for {seconds(unready)}, and so on"


def disturbance_in_words(disturbance: Disturbance) -> str:
    """One thing that befalls the release from outside."""
    match disturbance:
        case Outage(rate=rate, route=route, seconds=length):
            what = f"{percent(rate)} of the requests of {_all(route)} fail on all pods"
            return f"{what} for {seconds(length)}"
        case Noise(pods_share=share, rate=rate, seconds=length):
            what = f"{percent(share)} of the pods fail {percent(rate)} of their requests"
            return f"{what} for {seconds(length)}"
        case Surge(factor=factor, route=route, seconds=length):
            return f"{factor:g} times the traffic of {_all(route)} for {seconds(length)}"
        case Away(part=Part.CONTROLLER, seconds=length):
            return f"the controller is killed, and comes back after {seconds(length)}"
        case Away(part=part, seconds=length):
            return f"{part.value} is away for {seconds(length)}"
        case Scale(replicas=replicas):
            return f"the Deployment is scaled to {replicas} pods"
        case Drain(seconds=length):
            return (
                f"the node of a canary pod is drained; it takes pods again after {seconds(length)}"
            )


def _all(route: str | None) -> str:
    return "all routes" if route is None else route
