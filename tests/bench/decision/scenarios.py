"""What is simulated: the table of ANALYSIS, what it calls not good enough, and a few more."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final

import numpy as np
from numpy.typing import NDArray

LOOK_SECONDS: Final = 5.0
LOOKS: Final = 360  # 30 min
ROUTES: Final = 20
DAY_SECONDS: Final = 86400.0
RARE_SHARE: Final = 0.005  # of the traffic, for the last route


class Routing(Enum):
    """How requests for the rarest route are spread; all others are spread evenly."""

    EVEN = auto()
    STICKY = auto()  # a minute all to the canary, four minutes all to stable
    NEVER_CANARY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A common cause: for a while all pods fail or crash alike. It begins 2 to 20 min in.

    `errors` is the rate of the affected routes, `crashes` per pod and second.
    """

    seconds: float = 180.0
    errors: float | None = None
    rare_route_only: bool = False
    crashes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """A pod for itself fails `errors` of its requests for a while."""

    per_pod_second: float
    mean_seconds: float
    errors: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The controller itself takes the canary to `canaries` pods."""

    at_seconds: float
    canaries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One kind of release, watched for 30 min with a look every 5 s.

    `base` is the error rate of a healthy pod, `canary` that of the canary from `onset_seconds` on,
    `rare` the canary's on the rarest route alone. `deadly`: each request for that route kills the
    canary's process. `burst_size` is the mean size of error bursts that hit one pod in one look,
    `pod_deviation` how much the pods' rates differ for good (log standard deviation). Of the
    restarts of `history_hours` before the release stable shows what chance gave, or none at all
    when `quiet`. `false_max` is the largest share of false rollbacks that is accepted of a canary
    that is not worse.
    """

    name: str
    base: float = 0.001
    canary: float | None = None
    rare: float | None = None
    rare_share: float = RARE_SHARE
    onset_seconds: float = 0.0
    requests_per_second: float = 100.0
    pods: int = 10
    canaries: int = 1
    outage: Outage | None = None
    bursts: Bursts | None = None
    burst_size: float = 1.0
    pod_deviation: float = 0.0
    deadly: bool = False
    crashes_per_pod_second: float = 1 / DAY_SECONDS
    history_hours: float = 24.0
    quiet: bool = False
    growth: Growth | None = None
    routing: Routing = Routing.EVEN
    false_max: float | None = None

    def canaries_at(self, seconds: float) -> int:
        """Canary pods at an instant of the release."""
        grown = self.growth is not None and seconds >= self.growth.at_seconds
        return self.growth.canaries if self.growth is not None and grown else self.canaries

    @property
    def is_bad(self) -> bool:
        """Whether the canary is worse than stable, so that a rollback is right."""
        return self.false_max is None

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each route's share of the traffic; the last is the rare one."""
        sizes = 1 / np.arange(1, ROUTES) ** 1.1
        return np.append(sizes / sizes.sum() * (1 - self.rare_share), self.rare_share)


BOUND: Final = 0.01  # what false_rollback_max promises whatever happens
HEALTHY: Final = 0.001
COMMON: Final = 0.002
POD_BURSTS: Final = Bursts(per_pod_second=1 / 333, mean_seconds=10.0, errors=0.30)
TEN_MINUTES: Final = 600.0

FINE: Final = (
    Scenario(name="healthy 0.1%", false_max=HEALTHY),
    Scenario(name="healthy 1%", base=0.01, false_max=HEALTHY),
    Scenario(name="outage both 30% 3min", outage=Outage(errors=0.30), false_max=HEALTHY),
    Scenario(
        name="rare-route outage both 100% 5min",
        outage=Outage(errors=1.0, rare_route_only=True, seconds=300.0),
        false_max=HEALTHY,
    ),
    Scenario(
        name="crash outage both (1/pod/min, 3min)",
        outage=Outage(crashes=1 / 60),
        false_max=COMMON,
    ),
    Scenario(name="AT the margin 1% → 1.15%", base=0.01, canary=0.0115, false_max=BOUND),
    Scenario(
        name="crashy service, 1 restart/pod/10min both",
        crashes_per_pod_second=1 / 600,
        false_max=COMMON,
    ),
    Scenario(
        name="low traffic 1/s healthy 1%", requests_per_second=1.0, base=0.01, false_max=HEALTHY
    ),
    Scenario(
        name="bursty healthy ~1% (beta-bin phi~4)", base=0.01, burst_size=4.0, false_max=HEALTHY
    ),
    Scenario(name="bursty healthy ~1% (pod bursts ~30 err)", bursts=POD_BURSTS, false_max=HEALTHY),
    Scenario(name="pod heterogeneity 30% sd, 1%", base=0.01, pod_deviation=0.3, false_max=COMMON),
    Scenario(
        name="share step 10 → 50% @5min, 1%",
        base=0.01,
        growth=Growth(at_seconds=300.0, canaries=5),
        false_max=BOUND,
    ),
    Scenario(
        name="sticky rare route (all on canary 60s blocks)",
        base=0.01,
        routing=Routing.STICKY,
        false_max=BOUND,
    ),
    Scenario(
        name="0.2% route never on the canary",
        rare_share=0.002,
        routing=Routing.NEVER_CANARY,
        false_max=BOUND,
    ),
)

MILD: Final = Scenario(name="mild 0.1% → 1%", canary=0.01)
SEVERE: Final = Scenario(name="severe 1% → 20%", base=0.01, canary=0.20)
RARE: Final = Scenario(name="rare route 100% (base 0.1%)", rare=1.0)
DEADLY: Final = Scenario(name="crash on rare route", deadly=True)
SLOW: Final = Scenario(name="low traffic 1/s 1% → 20%", requests_per_second=1.0, base=0.01)

BAD: Final = (
    Scenario(name="AT the margin 1% → 1.35%", base=0.01, canary=0.0135),
    Scenario(name="AT the promotion margin 0.1% → 0.65%", canary=0.0065),
    Scenario(name="AT the promotion margin 1% → 2%", base=0.01, canary=0.02),
    Scenario(name="mild 1% → 2%", base=0.01, canary=0.02),
    MILD,
    SEVERE,
    Scenario(name="severe 0.1% → 20%", canary=0.20),
    replace(SEVERE, name="severe, onset 10min", onset_seconds=TEN_MINUTES),
    replace(RARE, name="rare route 100% onset 10min", onset_seconds=TEN_MINUTES),
    replace(RARE, name="rare route 100% onset 20min", onset_seconds=2 * TEN_MINUTES),
    replace(MILD, name="mild 0.1% → 1% onset 10min", onset_seconds=TEN_MINUTES),
    replace(MILD, name="mild 0.1% → 1% onset 15min", onset_seconds=900.0),
    replace(SEVERE, name="severe onset 25min", onset_seconds=1500.0),
    RARE,
    replace(RARE, name="rare route 100% (base 1%)", base=0.01),
    replace(RARE, name="rare route 30% (base 0.1%)", rare=0.3),
    DEADLY,
    replace(DEADLY, name="crash on rare route, 1 of 3 pods", pods=3),
    replace(DEADLY, name="crash on rare route, 1 of 2 pods", pods=2),
    replace(DEADLY, name="crash on rare route, 24 quiet pod-hours", quiet=True, history_hours=2.4),
    replace(DEADLY, name="crash on rare route, no history", quiet=True, history_hours=0.0),
    replace(SLOW, canary=0.20),
    replace(SLOW, name="low traffic 1/s 1% → 100%", canary=1.0),
    Scenario(
        name="low traffic 1/s crash 5% route",
        requests_per_second=1.0,
        rare_share=0.05,
        deadly=True,
    ),
    Scenario(name="bursty (30 err) + severe 20%", canary=0.20, bursts=POD_BURSTS),
    Scenario(name="bursty (30 err) + rare route 100%", rare=1.0, bursts=POD_BURSTS),
    Scenario(
        name="outage both 30%, canary bad after",
        outage=Outage(errors=0.30),
        rare=1.0,
        onset_seconds=1500.0,
    ),
)

SCENARIOS: Final = FINE + BAD


def scenarios(only: str = "") -> tuple[Scenario, ...]:
    """Those whose name contains `only`."""
    return tuple(each for each in SCENARIOS if only.casefold() in each.name.casefold())


def named(name: str, among: Iterable[Scenario] = SCENARIOS) -> Scenario:
    """The scenario of that name; ValueError when there is none."""
    for each in among:
        if each.name == name:
            return each
    raise ValueError(f"no scenario is called {name!r}")
