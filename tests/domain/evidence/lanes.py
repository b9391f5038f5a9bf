"""Many releases of one service at once, through the kernel that decides single ones."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from controller.domain.evidence.ledger import Ledger
from controller.domain.evidence.looks import CrashLook, Known, RequestLook, with_service
from controller.domain.evidence.ruling import Ruling, rule
from controller.domain.evidence.windows import Floats
from controller.domain.policy import Policy
from tests.domain.evidence.service import HOUR, LOOK_SECONDS, ROUTES, Failing

PODS = 10  # one of them a canary
ROUTE_NAMES = list(ROUTES)
PER_LOOK = np.array([ROUTES[route] for route in ROUTE_NAMES]) * LOOK_SECONDS / PODS


@dataclass(kw_only=True)
class Lanes:
    """Traces of a service that fails in the same way in all of them, with dice of their own."""

    failing: Failing
    base: float
    lanes: int
    seed: int = 1
    crashes_per_pod_second: float = 0.0

    def __post_init__(self) -> None:
        self.dice = np.random.default_rng(self.seed)

    def begin(self, policy: Policy, *, judged_by_slowness: bool = False) -> Ledger:
        """No evidence yet, and half an hour of history."""
        served = self.dice.poisson(PER_LOOK * PODS * 360, (self.lanes, len(PER_LOOK)))
        past = with_service(np.stack([self.dice.binomial(served, self.base), served]) * 1.0)
        pods = np.repeat(past[:, :, :1] / PODS, PODS, axis=-1)
        known = Known(past, pods)
        return Ledger.begin(
            policy,
            errors=known,
            slow=known if judged_by_slowness else None,
            restarts=np.zeros(self.lanes),
            pod_seconds=np.full(self.lanes, 24 * HOUR * PODS),
        )

    def looks(self, number: int) -> Iterator[tuple[RequestLook, CrashLook]]:
        for look in range(number):
            now = look * LOOK_SECONDS
            canary = self._pods(1, [self.failing(now, True, route) for route in ROUTE_NAMES])
            stable = self._pods(9, [self.failing(now, False, route) for route in ROUTE_NAMES])
            requests = RequestLook(LOOK_SECONDS, canary[:, :, 0], stable, 1, PODS - 1)
            seconds = [np.full(self.lanes, LOOK_SECONDS * pods) for pods in (1, PODS - 1)]
            crashes = [self.dice.poisson(self.crashes_per_pod_second * s) * 1.0 for s in seconds]
            yield requests, CrashLook(LOOK_SECONDS, *crashes, *seconds)

    def _pods(self, pods: int, rates: list[float]) -> Floats:
        served = self.dice.poisson(PER_LOOK, (self.lanes, pods, len(PER_LOOK)))
        return with_service(np.stack([self.dice.binomial(served, rates), served]) * 1.0)

    def rulings(self, policy: Policy, number: int) -> Iterator[Ruling]:
        """What is ruled after each look."""
        ledger = self.begin(policy)
        for requests, crashes in self.looks(number):
            ledger.add_errors(requests)
            ledger.add_crashes(crashes)
            yield rule(ledger, stable_gone=False)

    def ever_worse(self, policy: Policy, number: int) -> int:
        """In how many traces the canary is ever judged worse."""
        ever = np.zeros(self.lanes, dtype=bool)
        for ruling in self.rulings(policy, number):
            ever |= ruling.worse
        return int(ever.sum())
