"""A metric of requests: canary against stable now, against its history, and good enough."""

import math
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.domain.evidence.bets import (
    BASELINE_WEIGHTS,
    BRACKETS,
    CANARY_FACTOR_WEIGHTS,
    CREDIT_STEPS,
    FIRST_BY_HISTORY,
    FIRST_REQUESTS,
    SEGMENT_WEIGHTS,
    SERVICE_WEIGHTS,
    STABLE_FACTORS,
    BaselineBet,
    NonInferiorityBet,
    PairBet,
)
from controller.domain.evidence.dispersion import Dispersion, measured, with_column
from controller.domain.evidence.history import Asked, recollect
from controller.domain.evidence.looks import EVENTS, EXPOSURE, Flow, Look, RequestLook
from controller.domain.evidence.mixture import STEPS_PER_NAT, Singles, Starts, Wealth
from controller.domain.evidence.state import Fixed, Part
from controller.domain.evidence.streams import KNOWN_MAX
from controller.domain.evidence.windows import Floats
from controller.domain.policy import ErrorRate

BANK_REQUESTS: Final = 20.0
CAP: Final = 0.6  # one look may add at most this share of the evidence needed
AGREEMENT: Final = math.log(4)  # history counts where the concurrent e-value is at least this
SHOCK_MEMORY_SECONDS: Final = 60.0
SHOCK_DEVIATIONS: Final = 4.0
SHOCK_BURSTS: Final = 0.5  # with next to nothing expected, a single event is more than usual
TRAFFIC_MEMORY_SECONDS: Final = 10.0
TRAFFIC_MEMORY_REQUESTS: Final = 300.0  # where these take longer: few requests say little
TRAFFIC_PRIOR_REQUESTS: Final = 20.0
PODS_MAX: Final = 1_000_000
PROMOTION_MARGIN_MIN: Final = 0.25  # above what is tolerated: or promotion could never be proved

Bools = NDArray[np.bool_]


class Terms(NamedTuple):
    """What a bank of bets is about: its margins, alpha, its share of it, and the ratio learned.

    `share` is its part of what all requests have; `learned` (...,) stands in where the margins name
    no ratio.
    """

    margins: ErrorRate
    alpha: float
    share: float
    learned: Floats


class RequestEvidence(NamedTuple):
    """Log e-values per stream: tier 1, tier 2, and where tier 2 counts now; shares not counted.

    `proved`: log e-value of "not worse than the promotion margin", of the whole service.
    """

    concurrent: Floats
    history: Floats
    agreed: Bools
    proved: Floats


class Requests:
    """The bets on one metric. Events are requests that failed (or were slow), exposure is requests.

    `known` segments and the whole service are the first streams, `late` ones follow.
    """

    __slots__ = (
        "baseline",
        "canary",
        "dispersion",
        "known",
        "memory",
        "not_worse",
        "pair",
        "past",
        "past_burst",
        "pods",
        "recent",
        "shocked",
        "stable",
        "starts",
        "terms",
        "tolerated",
        "traffic",
    )

    def __init__(self, terms: Terms, known: int, late: int = 0) -> None:
        self.terms, self.known = terms, known
        margins, lead, rows = terms.margins, terms.learned.shape, 1 + known + late
        shape = (*lead, rows)
        ratio = terms.learned if margins.ratio is None else np.full(lead, margins.ratio)
        self.tolerated: Floats = np.asarray(ratio, dtype=np.float64)[..., None]
        self.starts = Starts()
        self.traffic = np.zeros((2, *lead))  # canary and stable requests, of about the last 10 s
        self.pods = np.zeros(2)  # canary and stable pods planned, as last told
        self.past, self.canary, self.stable = (np.zeros((2, *shape)) for _ in range(3))
        self.recent: Singles = np.zeros((2, *shape), np.float32)  # stable, of the last minute
        self.shocked = np.zeros(shape)
        self.dispersion = Dispersion(shape)
        self.past_burst: Singles = np.ones(shape, np.float32)
        pair_weights, baseline_weights = _weights(rows)
        self.pair = PairBet(
            factors=STABLE_FACTORS,
            difference=margins.difference,
            bank=BANK_REQUESTS,
            wealth=Wealth(pair_weights, FIRST_REQUESTS, lead, coarse=True),
        )
        self.baseline = BaselineBet(
            wealth=Wealth(baseline_weights, FIRST_BY_HISTORY, lead, coarse=True)
        )
        self.not_worse = NonInferiorityBet(
            difference=margins.promote_difference,
            bank=BANK_REQUESTS,
            wealth=Wealth(CANARY_FACTOR_WEIGHTS[None, :], FIRST_REQUESTS, lead, coarse=True),
        )

    def recall(self) -> None:
        """Reckon what follows from the past alone, once `past` and `past_burst` were written."""
        terms = self.terms
        asked = Asked(terms.alpha, terms.share, self.known, terms.margins.difference)
        self.memory = recollect(self.past, self.past_burst, self.tolerated, asked)

    def add(self, look: RequestLook) -> None:
        """Bet on one look."""
        if look.stable_pods == 0 and self.pods[1] > 0:
            self._part_from_stable()
        stable_counts = np.add.reduce(look.stable, axis=-2)
        ratio = self._traffic_ratio(look, stable_counts)
        burst = self.burst()
        self.canary += look.canary
        self.stable += stable_counts
        self._note_shock(stable_counts, burst, look.seconds)
        if fresh := self.starts.advance(look.seconds):
            self.pair.begin_later(fresh)
            self.baseline.wealth.begin_later(fresh)
            self.not_worse.begin_later(fresh)
        pair = Look(Flow(*look.canary), Flow(*stable_counts), ratio, burst, self.tolerated)
        self._bet(pair)
        self.dispersion.add(look.stable)

    def exposure_changed(self) -> None:
        """Forget the traffic's ratio: the controller changed who takes traffic."""
        self.traffic[...] = 0.0

    def evidence(self, *, stable_gone: bool) -> RequestEvidence:
        """What the bets say now."""
        concurrent = self.pair.wealth.log_evidence()
        calm = self.shocked == 0
        agreed = calm if stable_gone else (concurrent >= AGREEMENT) & calm
        nothing_to_compare = (self.past[EXPOSURE] == 0) & (self.stable[EXPOSURE] == 0)
        return RequestEvidence(
            concurrent,
            self.baseline.log_evidence(self.memory.handicap),
            agreed | nothing_to_compare,
            self.not_worse.wealth.log_evidence()[..., 0],
        )

    def normal_share(self) -> Floats:
        """Each stream's share of stable's normal traffic; of its traffic now without a history."""
        if self.memory.complete:
            return self.memory.normal
        past = self.past[EXPOSURE]
        normal = np.where(past[..., :1] == 0, self.stable[EXPOSURE], past)
        return np.asarray(normal / np.maximum(normal[..., :1], 1.0), dtype=np.float64)

    def burst(self) -> Floats:
        """The mean size of a burst of events, per stream (>= 1)."""
        return self.dispersion.burst(self.normal_share())

    def append(self) -> None:
        """Add a segment that appeared late."""
        mass = self.starts.mass
        self.pair.append(mass)
        self.baseline.append(mass)
        self.dispersion.append()
        self.past, self.canary = _longer(self.past), _longer(self.canary)
        self.stable, self.recent = _longer(self.stable), with_column(self.recent)
        one = np.ones((*self.past_burst.shape[:-1], 1), np.float32)
        self.past_burst = np.concatenate([self.past_burst, one], axis=-1)
        self.shocked = np.concatenate([self.shocked, self.shocked[..., :1]], axis=-1)
        self.recall()

    def resume(self, starts: Starts, looks: int, turn: int) -> None:
        """Go on after so many looks of a block and turns of rounding; the arrays were written."""
        self.starts = starts
        self.dispersion.looks = looks
        for bet in (self.pair, self.baseline, self.not_worse):
            bet.wealth.turn = turn
        self.recall()

    def state(self) -> list[Part]:
        """The state that changes; the arrays are written to when a release is resumed."""
        pair, baseline, not_worse = self.pair, self.baseline, self.not_worse
        return [
            self.past,
            self.past_burst,
            self.traffic,
            self.pods,
            self.canary,
            self.stable,
            self.recent,
            self.shocked,
            Fixed(pair.wealth.log, STEPS_PER_NAT),
            Fixed(pair.credit, CREDIT_STEPS),
            Fixed(baseline.wealth.log, STEPS_PER_NAT, BRACKETS),
            Fixed(not_worse.wealth.log, STEPS_PER_NAT),
            Fixed(not_worse.credit, CREDIT_STEPS),
            self.dispersion.spread,
            self.dispersion.errors,
            self.dispersion.block,
        ]

    def _bet(self, look: Look) -> None:
        deciding = -math.log(self.terms.alpha)
        self.pair.add(look, CAP * (deciding - self.memory.shares.concurrent))
        canary, stable = look.canary, look.stable
        calm = self.shocked == 0
        calmly = Flow(canary.events * calm, canary.exposure * calm)
        cap = CAP * (deciding - self.memory.shares.history)
        self.baseline.add(calmly, self.memory.worth, look.burst, cap)
        promotable = np.maximum(
            self.terms.margins.promote_ratio, self.tolerated + PROMOTION_MARGIN_MIN
        )
        self.not_worse.add(
            Look(
                canary=Flow(canary.events[..., :1], canary.exposure[..., :1]),
                stable=Flow(stable.events[..., :1], stable.exposure[..., :1]),
                ratio=look.ratio,
                burst=measured(look.burst[..., :1]),
                tolerated=promotable,
            )
        )

    def _part_from_stable(self) -> None:
        """Stable has left, and its past judges alone: with its last word, if that was a worse one.

        What was won against a past that held no longer (a busier day) was held back by stable, and
        may not count the moment that it is gone. Its last word is all that it did beside the
        canary, or in an outage the last minute.
        """
        past, beside = self.past, np.where(self.shocked > 0, self.recent, self.stable)
        worse = beside[EVENTS] * past[EXPOSURE] > past[EVENTS] * beside[EXPOSURE]
        worse |= past[EXPOSURE] == 0
        self.past_burst[...] = np.where(worse, self.burst(), self.past_burst)
        self.past[...] = np.where(worse, beside, past)
        self.recall()
        self.baseline.wealth.renew(self.starts.mass)

    def _traffic_ratio(self, look: RequestLook, stable: Floats) -> Floats:
        """Stable : canary traffic before this look, and a prior of 20 requests from the pods."""
        planned = (look.canary_pods, look.stable_pods)
        if all(0 <= pods <= PODS_MAX for pods in planned):
            self.pods[...] = planned
        canary_pods, stable_pods = self.pods.tolist()
        pods_ratio = stable_pods / max(canary_pods, 1.0)
        prior = TRAFFIC_PRIOR_REQUESTS / (1 + pods_ratio)
        ratio = (self.traffic[1] + prior * pods_ratio) / (self.traffic[0] + prior)
        fresh = np.array((look.canary[EXPOSURE, ..., 0], stable[EXPOSURE, ..., 0]))
        kept = 1 - (fresh[0] + fresh[1]) / TRAFFIC_MEMORY_REQUESTS
        self.traffic *= np.maximum(kept, math.exp(-look.seconds / TRAFFIC_MEMORY_SECONDS))
        self.traffic += fresh
        return np.asarray(ratio, dtype=np.float64)[..., None]

    def _note_shock(self, stable: Floats, burst: Floats, seconds: float) -> None:
        """Is stable itself off its own history now? Then history says nothing of the canary now."""
        kept = math.exp(-seconds / SHOCK_MEMORY_SECONDS)
        self.recent = (self.recent * kept + stable).astype(np.float32)
        usual = (self.past[EVENTS] + 0.5) / (self.past[EXPOSURE] + 100.0)
        allowed = self.tolerated * usual + self.terms.margins.difference
        expected = self.recent[EXPOSURE] * np.minimum(allowed, 1.0)
        limit = expected + SHOCK_DEVIATIONS * np.sqrt(burst * expected) + SHOCK_BURSTS * burst
        shocked = self.recent[EVENTS] > limit
        self.shocked[...] = shocked | shocked[..., :1]


@lru_cache(maxsize=KNOWN_MAX)
def _weights(rows: int) -> tuple[Floats, Floats]:
    """The log weights that the pair bets and the baseline bets of so many streams begin with."""
    pair = np.tile(SEGMENT_WEIGHTS, (rows, 1))
    pair[0] = SERVICE_WEIGHTS
    baseline = np.tile(BASELINE_WEIGHTS, (rows, 1))
    pair.setflags(write=False)
    baseline.setflags(write=False)
    return pair, baseline


def _longer(values: Floats) -> Floats:
    """The values with one stream more, of zeros; streams are the last axis."""
    return np.concatenate([values, np.zeros((*values.shape[:-1], 1))], axis=-1)
