"""A service under seeded traffic, seen the way the evidence sees it: one window after another."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np

from controller.domain.evidence import CrashWindow, Evidence, History, RequestPast, RequestWindow
from controller.domain.findings import Finding, Metric, Outcome
from controller.domain.policy import Policy, SlowRequests
from controller.domain.readings import Counts

POLICY = Policy(target="exam-api")
SLOW_POLICY = replace(POLICY, slow_requests=SlowRequests(threshold=timedelta(milliseconds=500)))
ROUTES = {"/exams": 50.0, "/login": 30.0, "/results": 19.5, "/lti/launch": 0.5}
RARE = "/lti/launch"
HOUR = 3600.0
LOOK_SECONDS = 5.0

# (seconds since the start, is canary, route) -> error probability
Failing = Callable[[float, bool, str], float]


@dataclass(kw_only=True)
class Service:
    """Requests per second by route, evenly over the pods; the first pods are canaries."""

    failing: Failing
    seed: int = 1
    pods: int = 10
    canaries: int = 1
    routes: Mapping[str, float] = field(default_factory=lambda: dict(ROUTES))

    def __post_init__(self) -> None:
        self.dice = np.random.default_rng(self.seed)

    def windows(self, looks: int) -> Iterator[RequestWindow]:
        for look in range(looks):
            counts = [self._pod(look, canary=pod < self.canaries) for pod in range(self.pods)]
            named = {f"pod-{pod}": value for pod, value in enumerate(counts)}
            canary = {f"pod-{pod}": named.pop(f"pod-{pod}") for pod in range(self.canaries)}
            yield RequestWindow(
                seconds=LOOK_SECONDS,
                canary=canary,
                stable=named,
                canary_pods=self.canaries,
                stable_pods=self.pods - self.canaries,
            )

    def _pod(self, look: int, *, canary: bool) -> dict[str, Counts]:
        found = {}
        for route, rate in self.routes.items():
            requests = int(self.dice.poisson(rate * LOOK_SECONDS / self.pods))
            chance = self.failing(look * LOOK_SECONDS, canary, route)
            found[route] = Counts(float(self.dice.binomial(requests, chance)), float(requests))
        return found


def healthy(rate: float) -> Failing:
    """Canary and stable fail alike."""
    return lambda _now, _canary, _route: rate


def canary_fails(bad: float, base: float) -> Failing:
    return lambda _now, canary, _route: bad if canary else base


def rare_route_fails(base: float, since: float = 0.0) -> Failing:
    """The canary always fails on the rare route, from some instant on."""
    return lambda now, canary, route: 1.0 if canary and route == RARE and now >= since else base


def outage(rate: float, since: float, until: float, routes: Iterable[str] = ROUTES) -> Failing:
    """What canary and stable depend on is down for a while."""
    struck = frozenset(routes)
    return lambda now, _canary, route: rate if since <= now < until and route in struck else 0.001


def history_of(rate: float = 0.001, seconds: float = HOUR / 2, pods: int = 10) -> History:
    """Stable's past at this error rate, with 24 pod-hours per pod and no restarts."""
    segments = {
        route: Counts(round(per_second * seconds * rate), round(per_second * seconds))
        for route, per_second in ROUTES.items()
    }
    total = sum(segments.values(), Counts())
    share = Counts(round(total.errors / pods), round(total.requests / pods))
    return History(
        errors=RequestPast(segments=segments, pods={f"pod-{pod}": share for pod in range(pods)}),
        pod_seconds=24 * HOUR * pods,
    )


def seconds_to_conviction(evidence: Evidence, service: Service, looks: int) -> float | None:
    """When the canary is judged WORSE; None when it is not in that many looks."""
    for look, window in enumerate(service.windows(looks), start=1):
        evidence.add_requests(window)
        evidence.add_crashes(crash_window(pods=service.pods, canaries=service.canaries))
        if evidence.verdict().outcome is Outcome.WORSE:
            return look * LOOK_SECONDS
    return None


def crash_window(
    canary: int = 0, stable: int = 0, pods: int = 10, canaries: int = 1, seconds: float = 5.0
) -> CrashWindow:
    return CrashWindow(
        canary_crashes=canary,
        stable_crashes=stable,
        canary_seconds=seconds * canaries,
        stable_seconds=seconds * (pods - canaries),
        seconds=seconds,
    )


def request_window(
    canary: Mapping[str, Counts], stable: Mapping[str, Counts], pods: int = 10
) -> RequestWindow:
    """One canary pod beside one name for all stable pods."""
    return RequestWindow(
        seconds=LOOK_SECONDS,
        canary={"canary": canary},
        stable={"stable": stable},
        canary_pods=1,
        stable_pods=pods - 1,
    )


def finding_of(evidence: Evidence, metric: Metric, segment: str = "") -> Finding:
    findings = evidence.verdict().findings
    return next(f for f in findings if (f.metric, f.segment) == (metric, segment))
