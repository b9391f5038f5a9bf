"""All bets of a release, or of a batch of them, as arrays: what a decision is made from."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from controller.domain.evidence.dispersion import Dispersion, measured
from controller.domain.evidence.looks import EXPOSURE, CrashLook, Known, RequestLook
from controller.domain.evidence.margins import burst_to_expect, learned_ratio
from controller.domain.evidence.requests import Requests, Terms
from controller.domain.evidence.restarts import Restarts
from controller.domain.evidence.shares import (
    ALONE,
    ERRORS_OF_TWO,
    SLOW_OF_TWO,
)
from controller.domain.evidence.windows import Floats
from controller.domain.policy import Policy


@dataclass(slots=True)
class Ledger:
    """The banks of bets; None where the policy does not ask for one.

    The leading axes of all arrays are the releases of a batch; the evidence of one has none.
    """

    policy: Policy
    errors: Requests | None
    slow: Requests | None
    restarts: Restarts

    @classmethod
    def begin(
        cls,
        policy: Policy,
        *,
        errors: Known,
        slow: Known | None = None,
        restarts: Floats,
        pod_seconds: Floats,
    ) -> Self:
        """No evidence yet; what is tolerated is learned from stable's past.

        `restarts` and `pod_seconds` (...) are of stable's pods.
        """
        given = (errors, errors if slow is None else slow)
        dispersions = (_dispersion(given[0]), _dispersion(given[1]))
        wanted = policy.slow_requests
        differences = (
            policy.error_rate.difference,
            0.0 if wanted is None else wanted.difference,
        )
        learned = (
            _ratio(given[0], dispersions[0], differences[0]),
            _ratio(given[1], dispersions[1], differences[1]),
        )
        known = (given[0].counts.shape[-1] - 1, given[1].counts.shape[-1] - 1)
        ledger = cls.empty(policy, learned, known, (restarts, pod_seconds))
        banks = (ledger.errors, ledger.slow)
        for bank, past, dispersion in zip(banks, given, dispersions, strict=True):
            if bank is not None:
                bank.past[...] = past.counts
                bank.dispersion = dispersion
                served = past.counts[EXPOSURE]
                share = served / np.maximum(served[..., :1], 1.0)
                bank.past_burst[...] = dispersion.burst(share)
                bank.recall()
        return ledger

    @classmethod
    def empty(
        cls,
        policy: Policy,
        learned: tuple[Floats, Floats],
        known: tuple[int, int],
        past: tuple[Floats, Floats],
        late: tuple[int, int] = (0, 0),
    ) -> Self:
        """Banks that know only their sizes; pairs are of errors and of slow requests.

        `past` are stable's crashes and pod-seconds.
        """
        alpha, wanted = policy.false_rollback_max, policy.slow_requests
        judged = policy.requests is not None
        errors = slow = None
        if judged:
            share = 1.0 if wanted is None else ERRORS_OF_TWO
            terms = Terms(policy.error_rate, alpha, share, learned[0])
            errors = Requests(terms, known[0], late[0])
        if judged and wanted is not None:
            slow_terms = Terms(wanted.margins, alpha, SLOW_OF_TWO, learned[1])
            slow = Requests(slow_terms, known[1], late[1])
        restarts = Restarts(policy, 1.0 if judged else ALONE, *past)
        return cls(policy, errors, slow, restarts)

    def add_errors(self, look: RequestLook) -> None:
        """Weigh the failed requests of one look."""
        if self.errors is not None:
            self.errors.add(look)

    def add_slow(self, look: RequestLook) -> None:
        """Weigh the slow requests of one look."""
        if self.slow is not None:
            self.slow.add(look)

    def add_crashes(self, look: CrashLook) -> None:
        """Weigh the crashes of one look."""
        self.restarts.add(look)

    def exposure_changed(self) -> None:
        """The controller changed how many pods take traffic: its ratio has to be learned anew."""
        for bank in (self.errors, self.slow):
            if bank is not None:
                bank.exposure_changed()


def _dispersion(known: Known) -> Dispersion:
    """What the past teaches of bursts: measured ones, else what the pods' totals hint at."""
    dispersion = Dispersion(known.counts.shape[1:])
    if known.bursts is not None:
        dispersion.know(known.bursts)
    else:
        dispersion.expect(burst_to_expect(known.pods))
    return dispersion


def _ratio(known: Known, dispersion: Dispersion, difference: float) -> Floats:
    """The tolerated ratio that the past teaches; measured bursts tell bursts from pods that differ.

    Totals cannot tell them apart: there it is reckoned with both, and with all of each.
    """
    if known.bursts is None:
        return learned_ratio(known.pods, difference)
    burst = dispersion.burst(np.zeros(known.counts.shape[1:]))[..., 0]
    return learned_ratio(known.pods, difference, measured(burst))
