"""Settings that are allowed, but hardly do what somebody wants; each with what it leads to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from controller.domain.policy import Mode, OnInconclusive, Policy, RollbackStrategy
from controller.domain.wording import duration

# Most Prometheus servers scrape every 15 to 60 seconds.
LOOKED_AT_SECONDS_MIN: Final = 30.0
DECIDED_SECONDS_MIN: Final = 120.0
FIRST_PERCENT_MAX: Final = 50.0
FALSE_ROLLBACKS_MAX: Final = 0.05
IGNORED_SHARE_MAX: Final = 0.1
# More than this is asked of few services, and of no single pod of them.
REQUESTS_PER_SECOND_MAX: Final = 50.0
LONG: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A setting that works, but hardly as meant: the field, what comes of it, and what to do."""

    field: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a manifest says of a Deployment; None where it says nothing, or nothing that is read."""

    replicas: int | None = None
    strategy: str | None = None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "Target":
        """Of a Deployment as somebody wrote it."""
        spec = manifest.get("spec")
        spec = spec if isinstance(spec, dict) else {}
        replicas, strategy = spec.get("replicas"), spec.get("strategy")
        kind = strategy.get("type") if isinstance(strategy, dict) else None
        return cls(
            replicas=replicas if type(replicas) is int else None,
            strategy=kind if isinstance(kind, str) else None,
        )


def warnings_of(policy: Policy, target: Target | None = None) -> tuple[Doubt, ...]:
    """What is worth a second thought, by the order of the fields."""
    parts = (_mode, _steps, _requests, _coverage, _rest)
    found = tuple(warning for part in parts for warning in part(policy))
    return (*_target(policy, target or Target()), *found)


def _target(policy: Policy, target: Target) -> Iterator[Doubt]:
    field = "spec.targetRef.name"
    if target.strategy not in {None, "RollingUpdate"}:
        yield _warning(
            field,
            f"the Deployment {policy.target} has the strategy {target.strategy}, which stops all "
            "pods before it starts others: nothing will be held",
            "Set its spec.strategy.type to RollingUpdate",
        )
    if target.replicas == 1:
        yield _warning(
            field,
            f"the Deployment {policy.target} has 1 replica: there is no room for a canary beside "
            "stable, so that a release rolls out at once and is judged on the way",
            "Give it 2 replicas or more",
        )
    elif target.replicas:
        shares = [step.canary.of(target.replicas) for step in policy.steps]
        idle = [n for n in range(1, len(shares)) if shares[n] <= max(shares[:n])]
        for number in idle:
            if not policy.steps[number].approval:
                yield _warning(
                    f"spec.steps[{number}]",
                    f"of {target.replicas} replicas it is no more than the step before has, and "
                    "is passed over",
                    "Leave it out, or make it larger",
                )


def _mode(policy: Policy) -> Iterator[Doubt]:
    if policy.mode is Mode.OBSERVE:
        yield _warning(
            "spec.mode",
            "Observe holds nothing and rolls nothing back",
            "Write Enforce when you have seen enough",
        )


def _steps(policy: Policy) -> Iterator[Doubt]:
    first = policy.steps[0]
    if first.canary.percent >= FIRST_PERCENT_MAX:
        yield _warning(
            "spec.steps[0].canary",
            f"{first.canary} of the pods, the first time that anybody tries the release",
            "Begin with 1 pod",
        )
    for index, step in enumerate(policy.steps):
        field = f"spec.steps[{index}]"
        if step.min_duration.total_seconds() < LOOKED_AT_SECONDS_MIN and not step.approval:
            yield _warning(
                f"{field}.minDuration",
                f"{duration(step.min_duration)} is over before most metrics have been read once",
                f"Give it {LOOKED_AT_SECONDS_MIN:g}s or more",
            )
        if step.max_duration.total_seconds() < DECIDED_SECONDS_MIN and not step.approval:
            follows = (
                "nearly every release will wait for a person here"
                if policy.on_inconclusive is OnInconclusive.HOLD
                else "nearly every release will go on unjudged"
            )
            yield _warning(
                f"{field}.maxDuration",
                f"{duration(step.max_duration)} is little time for the evidence to decide: "
                f"{follows}",
                "Leave it out for the default of 30m",
            )
    total = sum((step.min_duration for step in policy.steps), timedelta(0))
    if total > LONG:
        yield _warning(
            "spec.steps",
            f"a good release takes at least {duration(total)}",
            "A newer push takes the place of one that is still held",
        )


def _requests(policy: Policy) -> Iterator[Doubt]:
    if policy.requests is None and not policy.guards:
        yield _warning(
            "spec.analysis.requests.disabled",
            "only crashes are compared: a release that answers every request with an error passes",
            "Count requests, or add a guard of your own",
        )
    if policy.false_rollback_max > FALSE_ROLLBACKS_MAX:
        yield _warning(
            "spec.analysis.falseRollbackMax",
            f"up to {policy.false_rollback_max:.0%} of good releases may be rolled back",
            "Leave it out for the default of 0.01",
        )
    if not policy.history:
        yield _warning(
            "spec.analysis.history",
            "without stable's past, rare faults are found later",
            "Leave it out for the default of 24h",
        )


def _coverage(policy: Policy) -> Iterator[Doubt]:
    if policy.requests is None or not policy.coverage.min_requests:
        return
    rule, field = policy.coverage, "spec.analysis.coverage.ignorableShare"
    if rule.ignorable_share >= IGNORED_SHARE_MAX:
        yield _warning(
            field,
            f"routes with up to {rule.ignorable_share:.0%} of the traffic may go untried",
            "A bug on a rarely used route is the usual kind: leave it out for the default of 0.001",
        )
    if not rule.ignorable_share:
        yield _warning(
            field,
            "every route that was ever asked for must be tried: one request of a scanner is enough "
            "to hold each release",
            "Leave it out for the default of 0.001",
        )
        return
    needed = requests_needed(policy)
    longest = max(step.max_duration for step in policy.steps)
    per_second = needed / longest.total_seconds()
    if per_second > REQUESTS_PER_SECOND_MAX:
        yield _warning(
            "spec.analysis.coverage",
            f"if a route has just {rule.ignorable_share:.4%} of the traffic, the canary needs "
            f"{needed:,.0f} requests to be tried on it, {per_second:,.0f} per second on its "
            "longest step: most releases will be held",
            "Lower minRequests, raise ignorableShare, or raise maxDuration",
        )


def requests_needed(policy: Policy) -> float:
    """What the canary has to serve until the rarest route that counts was tried, about."""
    rule = policy.coverage
    return rule.min_requests / rule.ignorable_share if rule.ignorable_share else 0.0


def _rest(policy: Policy) -> Iterator[Doubt]:
    if policy.on_inconclusive is OnInconclusive.CONTINUE:
        yield _warning(
            "spec.onInconclusive",
            "a release that could not be judged goes on as if it were good",
            "Leave it out: then a person is asked",
        )
    if policy.rollback is RollbackStrategy.UNDO:
        yield _warning(
            "spec.rollback.strategy",
            "where Argo CD or Flux tracks the Deployment, it writes the bad template back",
            "Leave it out: Auto freezes there, and undoes elsewhere",
        )
    if not policy.bake:
        yield _warning(
            "spec.bake",
            "nobody watches a release any more once it runs on all pods",
            "Leave it out for the default of 10m",
        )


def _warning(field: str, message: str, remedy: str) -> Doubt:
    return Doubt(field=field, message=message, remedy=remedy)
