"""What the users of a run got: requests and failures since the push, in all and by the moment."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from controller.simulation.load.rates import FAILED, FATES, GOOD, LOST, SPOILT, Ints, Rates
from controller.simulation.outcome import Moment
from controller.simulation.pods import SimulatedPod

MOMENT_SECONDS: Final = 5.0

ALL: Final = 0
CANARY: Final = 1
TO_BLAME: Final = 2

EXTRA: Final = [LOST, SPOILT]
"""What becomes of requests by what runs in the pod that got them."""


class Ledger:
    """Counts from the push on; before it nothing is written.

    `harmed_at` is in seconds of the run.
    """

    def __init__(self, canary: str) -> None:
        self.pushed_at: float | None = None
        self.harmed_at: float | None = None
        self.crashes = 0
        self._canary: Final = canary
        self._counts = np.zeros((3, FATES))
        self._shown = np.zeros((3, FATES))
        self._moments: list[Moment] = []

    @property
    def requests(self) -> int:
        """Of users, whatever became of them."""
        return int(self._counts[ALL].sum())

    @property
    def failed(self) -> int:
        """Requests that did not get a good answer."""
        return int(self._counts[ALL, GOOD + 1 :].sum())

    @property
    def failed_extra(self) -> int:
        """Those that would have got one without the release."""
        return int(self._counts[TO_BLAME, EXTRA].sum())

    def serve(self, draws: Ints, rates: Rates, since: float, until: float) -> None:
        """Write down requests by pod, fate and route, which arrived in this span."""
        if self.pushed_at is None:
            return
        counts = rates.views @ draws.sum(axis=2)
        self._counts += counts
        if self.harmed_at is None:
            extra = float(counts[TO_BLAME, EXTRA].sum())
            if extra:
                self._harm(extra, since, until)

    def turn_away(self, requests: int, since: float, until: float, *, to_blame: bool) -> None:
        """Write down requests that no pod got: there was none to take them."""
        if self.pushed_at is None or not requests:
            return
        self._counts[ALL, SPOILT] += requests
        if to_blame:
            self._counts[TO_BLAME, SPOILT] += requests
            if self.harmed_at is None:
                self._harm(requests, since, until)

    def fail(self, requests: int, *, canary: bool) -> None:
        """Write down requests of one pod that failed by themselves, whatever the revision."""
        if self.pushed_at is not None:
            self._counts[[ALL, CANARY] if canary else ALL, FAILED] += requests

    def crash(self, at: float, *, canary: bool, requests: int) -> None:
        """Write down a process that died by a defect, and the requests that it died of."""
        if self.pushed_at is None:
            return
        self._counts[[ALL, CANARY, TO_BLAME] if canary else ALL, SPOILT] += requests
        if canary:
            self.crashes += 1
            if self.harmed_at is None:
                self.harmed_at = at

    @property
    def next_moment_at(self) -> float:
        """When the moment that is under way ends, in seconds after the push."""
        return (len(self._moments) + 1) * MOMENT_SECONDS

    def moments(self, now: float, pods: Sequence[SimulatedPod]) -> tuple[Moment, ...]:
        """All moments until now; the last one may be shorter than the others."""
        begun_at = self.next_moment_at - MOMENT_SECONDS
        if self.pushed_at is None or now - self.pushed_at <= begun_at:
            return tuple(self._moments)
        return (*self._moments, self._moment(now - self.pushed_at, pods))

    def end_moment(self, pods: Sequence[SimulatedPod]) -> None:
        """The moment that is under way ends, and the next one begins."""
        self._moments.append(self._moment(self.next_moment_at, pods))
        self._shown = self._counts.copy()

    def _moment(self, at: float, pods: Sequence[SimulatedPod]) -> Moment:
        counts = self._counts - self._shown
        canary = [pod for pod in pods if pod.fingerprint == self._canary]
        stable = [pod for pod in pods if pod.fingerprint != self._canary]
        return Moment(
            at=at,
            requests=round(counts[ALL].sum()),
            failed=round(counts[ALL, GOOD + 1 :].sum()),
            canary_requests=round(counts[CANARY].sum()),
            canary_failed=round(counts[CANARY, GOOD + 1 :].sum()),
            canary_pods=sum(not pod.leaving for pod in canary),
            canary_ready=sum(pod.ready for pod in canary),
            stable_pods=sum(not pod.leaving for pod in stable),
            stable_ready=sum(pod.ready for pod in stable),
        )

    def _harm(self, requests: float, since: float, until: float) -> None:
        """The first of so many requests in a span, on average."""
        self.harmed_at = since + (until - since) / (requests + 1.0)
