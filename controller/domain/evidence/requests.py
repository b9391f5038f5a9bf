"""Error rates: canary against stable now, against stable's history, and good enough to promote."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.domain.evidence.bets import (
    ALTERNATIVE_WEIGHTS,
    CANARY_FACTOR_WEIGHTS,
    FIRST_REQUESTS,
    SEGMENT_WEIGHTS,
    SERVICE_WEIGHTS,
    STABLE_FACTORS,
    BaselineBet,
    NonInferiorityBet,
    PairBet,
)
from controller.domain.evidence.dispersion import Dispersion
from controller.domain.evidence.margins import SHARE_OF_ERROR_FOR_BOUND, proportion_bound
from controller.domain.evidence.mixture import Starts, Wealth
from controller.domain.evidence.streams import KNOWN_MAX, Streams
from controller.domain.evidence.windows import Floats, Flow, Look, RequestWindow, sound_seconds
from controller.domain.policy import Policy
from controller.domain.readings import Counts

BANK_REQUESTS: Final = 20.0
CAP: Final = 0.6  # one look may add at most this share of the evidence needed
AGREEMENT: Final = math.log(10)  # history counts where the concurrent e-value is at least this
NEW_ROUTE_BOUND: Final = 0.10  # where there is nothing to compare with
BOUND_MAX: Final = 0.999
SHOCK_MEMORY_SECONDS: Final = 60.0
SHOCK_DEVIATIONS: Final = 4.0
TRAFFIC_MEMORY_SECONDS: Final = 10.0
TRAFFIC_PRIOR_REQUESTS: Final = 20.0
PODS_MAX: Final = 1_000_000
PROMOTION_MARGIN_MIN: Final = 0.25  # above what is tolerated: or promotion could never be proved
EVENTS, EXPOSURE = 0, 1


class RequestEvidence(NamedTuple):
    """Log e-values per stream: tier 1, tier 2, and where tier 2 counts now."""

    concurrent: Floats
    history: Floats
    agreed: NDArray[np.bool_]


class Requests:
    """The bets on error rates. Events are failed requests, the exposure is requests."""

    __slots__ = (
        "baseline",
        "canary",
        "dispersion",
        "learned",
        "not_worse",
        "pair",
        "past",
        "pods",
        "policy",
        "recent",
        "shocked",
        "stable",
        "starts",
        "streams",
        "tolerated",
        "traffic",
    )

    def __init__(self, policy: Policy, streams: Streams, past: Floats, learned: float) -> None:
        """`past` holds the errors and requests of stable's history, shape (streams, 2)."""
        rows, margins = len(streams), policy.error_rate
        self.policy, self.streams, self.past, self.learned = policy, streams, past, learned
        self.tolerated = margins.ratio if margins.ratio is not None else learned
        self.starts = Starts()
        self.traffic = np.zeros(2)  # canary and stable requests, forgotten within about 10 s
        self.pods = np.zeros(2)  # canary and stable pods planned, as last told
        self.canary, self.stable, self.recent = (np.zeros((rows, 2)) for _ in range(3))
        self.shocked = np.zeros(rows)
        pair_weights, baseline_weights = _weights(rows)
        self.pair = PairBet(
            factors=STABLE_FACTORS,
            difference=margins.difference,
            bank=BANK_REQUESTS,
            wealth=Wealth(pair_weights, FIRST_REQUESTS),
        )
        self.baseline = BaselineBet(Wealth(baseline_weights, FIRST_REQUESTS))
        self.not_worse = NonInferiorityBet(
            difference=margins.promote_difference,
            bank=BANK_REQUESTS,
            wealth=Wealth(CANARY_FACTOR_WEIGHTS[None, :], FIRST_REQUESTS),
        )
        self.dispersion = Dispersion(rows)

    def add(self, window: RequestWindow) -> None:
        """Bet on one look."""
        for _ in range(self.streams.admit(window.stable, window.canary)):
            self._append()
        canary_counts = self.streams.tabulate(window.canary).sum(axis=1)
        stable_pods = self.streams.tabulate(window.stable)
        stable_counts = stable_pods.sum(axis=1)
        canary, stable = Flow(*canary_counts), Flow(*stable_counts)
        seconds = sound_seconds(window.seconds)
        ratio = self._traffic_ratio(
            window, float(canary.exposure[0]), float(stable.exposure[0]), seconds
        )
        burst = self.dispersion.burst(self.normal_share())
        self.canary += canary_counts.T
        self.stable += stable_counts.T
        bounds = self._bounds(burst)
        self._note_shock(stable_counts.T, burst, seconds)
        self._bet(canary, stable, ratio, burst, bounds, seconds)
        self.dispersion.add(stable_pods)

    def exposure_changed(self) -> None:
        """Forget the traffic's ratio: the controller changed who takes traffic."""
        self.traffic[...] = 0.0

    def evidence(self, *, stable_gone: bool) -> RequestEvidence:
        """What the bets say now."""
        concurrent = self.pair.wealth.log_evidence()
        calm = self.shocked == 0
        agreed = calm if stable_gone else (concurrent >= AGREEMENT) & calm
        nothing_to_compare = (self.past[:, EXPOSURE] == 0) & (self.stable[:, EXPOSURE] == 0)
        return RequestEvidence(
            concurrent, self.baseline.wealth.log_evidence(), agreed | nothing_to_compare
        )

    def normal_share(self) -> Floats:
        """Each stream's share of stable's normal traffic; of its traffic now without a history."""
        normal = self.past[:, EXPOSURE]
        if normal[0] == 0:
            normal = self.stable[:, EXPOSURE]
        return np.asarray(normal / max(float(normal[0]), 1.0), dtype=np.float64)

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """The state that changes; the arrays are written to when a release is resumed."""
        return {
            "past": self.past,
            "traffic": self.traffic,
            "pods": self.pods,
            "canary": self.canary,
            "stable": self.stable,
            "recent": self.recent,
            "shocked": self.shocked,
            "pair": self.pair.wealth.log,
            "pair_credit": self.pair.credit,
            "baseline": self.baseline.wealth.log,
            "not_worse": self.not_worse.wealth.log,
            "not_worse_credit": self.not_worse.credit,
            "spread": self.dispersion.spread,
            "burst_errors": self.dispersion.errors,
            "block": self.dispersion.block,
        }

    def _bet(
        self,
        canary: Flow,
        stable: Flow,
        ratio: float,
        burst: Floats,
        bounds: Floats,
        seconds: float,
    ) -> None:
        if fresh := self.starts.advance(seconds):
            self.pair.begin_later(fresh)
            self.baseline.wealth.begin_later(fresh)
            self.not_worse.begin_later(fresh)
        alpha = self.policy.false_rollback_max
        cap = CAP * (math.log(2 / alpha) - self.streams.log_weights())
        self.pair.add(Look(canary, stable, ratio, burst, self.tolerated), cap)
        calm = self.shocked == 0
        self.baseline.add(Flow(canary.events * calm, canary.exposure * calm), bounds, burst, cap)
        promotable = max(
            self.policy.error_rate.promote_ratio, self.tolerated + PROMOTION_MARGIN_MIN
        )
        self.not_worse.add(
            Look(
                canary=Flow(canary.events[:1], canary.exposure[:1]),
                stable=Flow(stable.events[:1], stable.exposure[:1]),
                ratio=ratio,
                burst=burst[:1],
                tolerated=promotable,
            )
        )

    def _traffic_ratio(
        self, window: RequestWindow, canary: float, stable: float, seconds: float
    ) -> float:
        """Stable : canary traffic: about 10 s of it, and a prior of 20 requests from the pods."""
        planned = (window.canary_pods, window.stable_pods)
        if all(0 <= pods <= PODS_MAX for pods in planned):
            self.pods[...] = planned
        canary_pods, stable_pods = self.pods.tolist()
        pods_ratio = stable_pods / max(canary_pods, 1.0)
        kept = math.exp(-seconds / TRAFFIC_MEMORY_SECONDS)
        before = self.traffic.tolist()
        of_canary, of_stable = before[0] * kept + canary, before[1] * kept + stable
        self.traffic[...] = of_canary, of_stable
        prior = TRAFFIC_PRIOR_REQUESTS / (1 + pods_ratio)
        return float((of_stable + prior * pods_ratio) / (of_canary + prior))

    def _bounds(self, burst: Floats) -> Floats:
        """The p0 of tier 2: what history allows, or an absolute bound where there is none."""
        error = SHARE_OF_ERROR_FOR_BOUND * self.policy.false_rollback_max * self.streams.weights()
        events, exposure = self.past.T / burst
        upper = proportion_bound(events, exposure, np.minimum(np.maximum(error, 1e-12), 1.0))
        bounds = np.minimum(self._allowed(upper), BOUND_MAX)
        return np.where(exposure == 0, NEW_ROUTE_BOUND, bounds)

    def _allowed(self, rate: Floats) -> Floats:
        return np.minimum(self.tolerated * rate + self.policy.error_rate.difference, 1.0)

    def _note_shock(self, stable: Floats, burst: Floats, seconds: float) -> None:
        """Is stable itself off its own history now? Then history says nothing of the canary now."""
        kept = math.exp(-seconds / SHOCK_MEMORY_SECONDS)
        self.recent = self.recent * kept + stable
        usual = (self.past[:, EVENTS] + 0.5) / (self.past[:, EXPOSURE] + 100.0)
        expected = self.recent[:, EXPOSURE] * self._allowed(usual)
        limit = expected + SHOCK_DEVIATIONS * np.sqrt(burst * expected) + 2 * burst
        shocked = self.recent[:, EVENTS] > limit
        self.shocked = (shocked | shocked[0]).astype(np.float64)

    def _append(self) -> None:
        begun = self.starts.begun
        self.pair.append(begun)
        self.baseline.append(begun)
        self.dispersion.append()
        row = np.zeros((1, 2))
        self.past, self.canary = np.vstack([self.past, row]), np.vstack([self.canary, row])
        self.stable, self.recent = np.vstack([self.stable, row]), np.vstack([self.recent, row])
        self.shocked = np.append(self.shocked, self.shocked[0])


@lru_cache(maxsize=KNOWN_MAX)
def _weights(rows: int) -> tuple[Floats, Floats]:
    """The log weights that the pair bets and the baseline bets of so many streams begin with."""
    pair = np.tile(SEGMENT_WEIGHTS, (rows, 1))
    pair[0] = SERVICE_WEIGHTS
    baseline = np.tile(ALTERNATIVE_WEIGHTS, (rows, 1))
    pair.setflags(write=False)
    baseline.setflags(write=False)
    return pair, baseline


def past_of(segments: Mapping[str, Counts], known: Mapping[str, Counts]) -> Floats:
    """History as an array (streams, 2); the whole service counts segments without a name too."""
    rows = np.zeros((1 + len(known), 2))
    for row, counts in enumerate(known.values(), start=1):
        rows[row] = counts.errors, counts.requests
    rows[0] = rows.sum(axis=0)
    if "" in segments:
        rows[0] += segments[""].errors, segments[""].requests
    return rows
