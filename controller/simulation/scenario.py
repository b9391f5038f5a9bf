"""What happens in a run: the workload, its traffic, what the revisions do, and what befalls them.

All times are seconds of the run; `at` of a disturbance counts from the push of the canary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from controller.domain.policy import Policy

PATIENCE_SECONDS: Final = 30.0
"""How long users wait for an answer."""


class Ending(StrEnum):
    """How a release of a scenario should end."""

    ROLLED_BACK = "RolledBack"
    PROMOTED = "Promoted"
    HELD = "Held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The Deployment before the release: how many pods, and how it is rolled out.

    `surge` and `unavailable` are in pods. `start_seconds` is from a pod's creation to Ready,
    `pods_age_seconds` how old the stable pods are at the push.
    """

    replicas: int = 10
    surge: int = 3
    unavailable: int = 2
    start_seconds: float = 5.0
    pods_age_seconds: float = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A segment of the traffic: its share of all requests, and the errors it has by itself.

    `latency_seconds` is what the half of its requests take at most; a tenth takes thrice as long.
    """

    share: float
    error_rate: float = 0.001
    latency_seconds: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Requests of users.

    Poisson, modulated: `daily_swing` is how far the rate rises and falls over 24 hours (0.5: from
    half to one and a half of it). `dispersion` is the variance of the errors of a pod in a scrape
    interval over their mean (1: Poisson). Bursts are errors in a row on one pod, whatever its
    revision: `bursts_per_hour` of `burst_errors` each on average. `pods_differ_by` is the standard
    deviation between the pods' own error rates, over their mean.
    """

    requests_per_second: float = 100.0
    routes: Mapping[str, Route] = field(default_factory=lambda: {"/": Route(share=1.0)})
    daily_swing: float = 0.0
    dispersion: float = 1.0
    bursts_per_hour: float = 0.0
    burst_errors: float = 30.0
    pods_differ_by: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A request of a route ends the whole process, with this probability."""

    route: str
    probability: float = 1.0
    begin_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Requests of a route (None: of all) fail at this rate, instead of at the route's own."""

    rate: float
    route: str | None = None
    begin_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """A share of the requests of a route (None: of all) takes `seconds` longer.

    Those that take as long as users wait (`PATIENCE_SECONDS`) are lost to the users, and counted
    as successes by the server, which knows how long they took.
    """

    share: float
    seconds: float
    route: str | None = None
    begin_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DieAtStart:
    """The process ends as soon as it runs, with this probability."""

    probability: float = 1.0
    exit_code: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DieLater:
    """The process ends by itself after about so long (the standard deviation is `spread` of it)."""

    after_seconds: float
    spread: float = 0.1
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flap:
    """The readiness probe fails now and then: Ready so long, then not Ready so long."""

    ready_seconds: float
    unready_seconds: float


Defect = Kill | Errors | Slow | DieAtStart | DieLater | Flap
"""`begin_seconds` of a defect counts from the start of each process that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Somebody else is down: a route (None: all) fails at this rate, whatever the revision."""

    rate: float
    at: float
    seconds: float
    route: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """A noisy neighbour: this share of all pods fails at this rate, whatever the revision."""

    pods_share: float
    rate: float
    at: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """The traffic (of a route, or all of it) is so many times what it was."""

    factor: float
    at: float
    seconds: float
    route: str | None = None


class Part(StrEnum):
    """What a run depends on, and what can be away."""

    PROMETHEUS = "Prometheus"
    SLACK = "Slack"
    API_SERVER = "ApiServer"
    CONTROLLER = "Controller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """A part does not answer; the controller is killed and comes back after that time."""

    part: Part
    at: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A person or an autoscaler sets the Deployment's replicas."""

    replicas: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """A person drains the node of the canary's first pod; it takes pods again after that time."""

    at: float
    seconds: float


Disturbance = Outage | Noise | Surge | Away | Scale | Drain


@dataclass(frozen=True, slots=True, kw_only=True)
class Scraping:
    """How the metrics are gathered.

    Each pod is scraped every `interval_seconds` (at a phase of its own, late by up to
    `jitter_seconds`); a scrape is lost with `gap_probability`. Restart counts reach the metrics
    `restarts_lag_seconds` after the crash.
    """

    interval_seconds: float = 5.0
    jitter_seconds: float = 0.2
    gap_probability: float = 0.0
    restarts_lag_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardValues:
    """What a guard's query gives: stable's value for every pod, and the canary's own from `at` on.

    `at` counts from the push.
    """

    stable: float
    canary: float
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One release and its world.

    `stable_defects` are those of the revision that runs already. `people_seconds` is how long
    people need, without the controller, from the push until they start the rollback (0: they never
    do). A run ends when the release has, or at `limit_seconds` after the push. `guards` are the
    values of the policy's guards, by name: no PromQL is evaluated in a run.
    """

    name: str
    title: str
    story: str
    expect: Ending
    policy: Policy
    shop: Shop = field(default_factory=Shop)
    traffic: Traffic = field(default_factory=Traffic)
    scraping: Scraping = field(default_factory=Scraping)
    stable_defects: tuple[Defect, ...] = ()
    canary_defects: tuple[Defect, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()
    guards: Mapping[str, GuardValues] = field(default_factory=dict)
    people_seconds: float = 600.0
    limit_seconds: float = 3600.0
