"""The production evidence as judge of many releases at once."""

import numpy as np

from controller.domain.evidence.dispersion import Dispersion
from controller.domain.evidence.ledger import Ledger
from controller.domain.evidence.looks import CrashLook, Known, RequestLook, with_service
from controller.domain.evidence.ruling import rule
from controller.domain.policy import Policy
from tests.bench.decision.judging import POLICY, Opinion
from tests.bench.decision.scenarios import LOOK_SECONDS, ROUTES
from tests.bench.decision.traces import Floats, Moment, Served


class Batch:
    """All lanes in one ledger, which is the one that judges in production."""

    def __init__(self, lanes: int, pods: int, policy: Policy = POLICY) -> None:
        self._policy = policy
        self._bursts = Dispersion((lanes, 1 + ROUTES))
        self._counts = np.zeros((2, lanes, 1 + ROUTES))
        self._pods = np.zeros((2, lanes, pods))
        self._ledger: Ledger | None = None
        self._canaries = 0

    def remember(self, served: Served) -> None:
        counts = with_service(_both(served))
        self._bursts.add(counts)
        self._counts += counts.sum(axis=2)
        self._pods += counts[..., 0]

    def begin(self, restarts: Floats, pod_seconds: float) -> None:
        past = Known(counts=self._counts, pods=self._pods, bursts=self._bursts.sums)
        self._ledger = Ledger.begin(
            self._policy,
            errors=past,
            slow=None,
            restarts=restarts,
            pod_seconds=np.full(len(restarts), pod_seconds),
        )

    def weigh(self, moment: Moment) -> Opinion:
        ledger, served = self._ledger, moment.served
        assert ledger is not None
        _, lanes, pods, _ = (counts := with_service(_both(served))).shape
        canaries, others = served.canaries, pods - served.canaries
        if self._canaries not in (0, canaries):
            ledger.exposure_changed()
        self._canaries = canaries
        ledger.add_crashes(
            CrashLook(
                seconds=LOOK_SECONDS,
                canary_crashes=moment.canary_crashes,
                stable_crashes=moment.stable_crashes,
                canary_seconds=np.full(lanes, LOOK_SECONDS * canaries),
                stable_seconds=np.full(lanes, LOOK_SECONDS * others),
            )
        )
        ledger.add_errors(
            RequestLook(
                seconds=LOOK_SECONDS,
                canary=counts[:, :, :canaries].sum(axis=2),
                stable=counts[:, :, canaries:],
                canary_pods=canaries,
                stable_pods=others,
            )
        )
        ruling = rule(ledger, stable_gone=False)
        return Opinion(ruling.worse, ruling.not_worse)


def _both(served: Served) -> Floats:
    """Errors and requests, shape (2, lanes, pods, routes)."""
    return np.stack([served.errors, served.requests])
