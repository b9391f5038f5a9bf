"""Container restarts: canary against stable now, and against stable's history."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from controller.domain.evidence.bets import (
    CRASH_FACTORS,
    CRASH_MULTIPLE_WEIGHTS,
    CRASH_WEIGHTS,
    FIRST_CRASHES,
    CrashBaselineBet,
    PairBet,
)
from controller.domain.evidence.looks import CrashLook, Flow, Look
from controller.domain.evidence.margins import SHARE_OF_ERROR_FOR_BOUND, rate_bound
from controller.domain.evidence.mixture import Starts, Wealth
from controller.domain.evidence.shares import RESTARTS, Tiers
from controller.domain.evidence.windows import Floats
from controller.domain.policy import Policy

SECONDS_PER_DAY: Final = 86400.0
ABSOLUTE_BOUND: Final = 1 / 600  # crashes per pod-second that nobody calls healthy
MEMORY_SECONDS: Final = 300.0
CONVICTING_MIN: Final = 2  # the first crash may be chance: it holds, it never decides
QUIET_GAPS: Final = 3.0
QUIET_SECONDS_MIN: Final = 60.0
QUIET_SECONDS_MAX: Final = 600.0
AGREEMENT: Final = math.log(10)  # history counts where the concurrent e-value is at least this
RUN_SECONDS: Final = 600.0  # without a crash: the next one begins a new run of them
# An outage of what both depend on lets both crash, but seldom at the same instant: history counts
# once stable has lived so long since the run's first crash (by the wall: not longer than that).
WITNESS_POD_SECONDS: Final = 180.0
WITNESS_SECONDS_MAX: Final = 60.0

HISTORY, ABSOLUTE = 0, 1
ONE: Final = np.ones(1)

Bools = NDArray[np.bool_]


@dataclass(slots=True)
class RestartTotals:
    """Crashes and planned pod-seconds of the release, each (...); the last ones have a sense apart.

    `recent_*` forget with a time constant of 300 s; `last_crash` is the canary's exposure at its
    last crash, `since_crash` the seconds since then; `run_*` are the seconds and stable's since the
    first crash of the present run; `waiting_*` are crashes that were seen before any time had
    passed.
    """

    numbers: Floats  # (12, ...): the stored state, of which all others are views
    canary_crashes: Floats
    canary_seconds: Floats
    stable_crashes: Floats
    stable_seconds: Floats
    recent_crashes: Floats
    recent_seconds: Floats
    last_crash: Floats
    since_crash: Floats
    run_seconds: Floats
    run_stable_seconds: Floats
    waiting_canary: Floats
    waiting_stable: Floats

    @classmethod
    def begin(cls, lead: tuple[int, ...]) -> Self:
        """Nothing counted so far."""
        numbers = np.zeros((12, *lead))
        return cls(numbers, *(numbers[place, ...] for place in range(12)))


class RestartEvidence(NamedTuple):
    """Log e-values: tier 1 (concurrent), tier 2 (history), and whether tier 2 counts now.

    `suspicious`: a crash has not been followed by quiet of three times the mean gap.
    """

    concurrent: Floats
    history: Floats
    agreed: Bools
    suspicious: Bools


class Restarts:
    """The bets on restarts. Events are crashes, the exposure is planned pod-seconds; all (...)."""

    __slots__ = ("baseline", "crashes", "pair", "pod_seconds", "shares", "starts", "thin", "totals")

    def __init__(self, policy: Policy, part: float, crashes: Floats, pod_seconds: Floats) -> None:
        """`crashes` and `pod_seconds` are stable's past; `part`: of the usual shares of alpha."""
        extra = max(policy.restarts.extra_per_pod_day, 0.0) / SECONDS_PER_DAY
        lead = crashes.shape
        self.shares = Tiers(part * RESTARTS.concurrent, part * RESTARTS.history)
        error = SHARE_OF_ERROR_FOR_BOUND * policy.false_rollback_max * self.shares.history
        self.crashes, self.pod_seconds = crashes, pod_seconds
        if lead:
            bounds = _bounds(crashes, pod_seconds, error, extra)
        else:
            bounds = _known_bounds(float(crashes), float(pod_seconds), error, extra)
        self.thin: Bools = np.asarray((crashes == 0) & (bounds[..., HISTORY] > ABSOLUTE_BOUND))
        self.starts = Starts()
        self.totals = RestartTotals.begin(lead)
        pair = Wealth(CRASH_WEIGHTS[None, :], FIRST_CRASHES, lead)
        self.pair = PairBet(factors=CRASH_FACTORS, difference=extra, bank=0.0, wealth=pair)
        self.baseline = CrashBaselineBet(
            bounds=bounds,
            wealth=Wealth(CRASH_MULTIPLE_WEIGHTS, FIRST_CRASHES, lead),
        )

    def add(self, look: CrashLook) -> None:
        """Bet on one look."""
        totals = self.totals
        self._note_run(look)
        totals.canary_crashes += look.canary_crashes
        totals.canary_seconds += look.canary_seconds
        totals.stable_crashes += look.stable_crashes
        totals.stable_seconds += look.stable_seconds
        totals.last_crash[...] = np.where(
            look.canary_crashes > 0, totals.canary_seconds, totals.last_crash
        )
        totals.waiting_canary += look.canary_crashes
        totals.waiting_stable += look.stable_crashes
        if look.seconds > 0:
            self._bet(look)

    def evidence(self, *, stable_gone: bool) -> RestartEvidence:
        """What the bets say now. A single crash never convicts."""
        enough = self.totals.canary_crashes >= CONVICTING_MIN
        concurrent = self.pair.wealth.log_evidence()[..., 0]
        by_history = self.baseline.wealth.log_evidence()
        history = by_history[..., HISTORY]
        witnessed = (self.totals.run_stable_seconds >= WITNESS_POD_SECONDS) | (
            self.totals.run_seconds >= WITNESS_SECONDS_MAX
        )
        agreed = (concurrent >= AGREEMENT) & witnessed
        if stable_gone:
            history = np.where(self.thin, by_history[..., ABSOLUTE], history)
            agreed = np.ones_like(agreed)
        return RestartEvidence(
            concurrent=np.where(enough, concurrent, np.minimum(concurrent, 0.0)),
            history=history,
            agreed=enough & ~self._stable_crashes() & agreed,
            suspicious=(concurrent >= AGREEMENT) | ~self._is_quiet(),
        )

    def arrays(self) -> list[NDArray[np.floating]]:
        """The state that changes; the arrays are written to when a release is resumed."""
        return [
            self.totals.numbers,
            self.pair.wealth.log,
            self.pair.credit,
            self.baseline.wealth.log,
        ]

    def _note_run(self, look: CrashLook) -> None:
        """Keep the time since the last crash, and since the first one of its run."""
        totals = self.totals
        if not (totals.canary_crashes.any() or look.canary_crashes.any()):
            return  # Most releases never see one.
        totals.since_crash += look.seconds
        totals.run_seconds += look.seconds
        totals.run_stable_seconds += look.stable_seconds
        crashed = look.canary_crashes > 0
        first = crashed & ((totals.canary_crashes == 0) | (totals.since_crash > RUN_SECONDS))
        # Nobody knows when in its window it crashed: of that window, nothing counts.
        for seconds in (totals.run_seconds, totals.run_stable_seconds):
            seconds[...] = np.where(first, 0.0, seconds)
        totals.since_crash[...] = np.where(crashed, 0.0, totals.since_crash)

    def _is_quiet(self) -> Bools:
        totals = self.totals
        gap = totals.last_crash / np.maximum(totals.canary_crashes, 1.0)
        needed = np.clip(QUIET_GAPS * gap, QUIET_SECONDS_MIN, QUIET_SECONDS_MAX)
        quiet = totals.canary_seconds - totals.last_crash >= needed
        return np.asarray(quiet | (totals.canary_crashes == 0))

    def _bet(self, look: CrashLook) -> None:
        totals = self.totals
        crashes, stable_crashes = totals.waiting_canary.copy(), totals.waiting_stable.copy()
        totals.waiting_canary[...] = 0.0
        totals.waiting_stable[...] = 0.0
        # A canary that dies before it counts as running was still one pod for all the time.
        seconds = np.where(
            crashes > 0, np.maximum(look.canary_seconds, look.seconds), look.canary_seconds
        )
        if fresh := self.starts.advance(look.seconds):
            self.pair.begin_later(fresh)
            self.baseline.wealth.begin_later(fresh)
        kept = math.exp(-look.seconds / MEMORY_SECONDS)
        totals.recent_crashes *= kept
        totals.recent_crashes += stable_crashes
        totals.recent_seconds *= kept
        totals.recent_seconds += look.stable_seconds
        ratio = np.where(seconds > 0, look.stable_seconds / np.maximum(seconds, 1e-9), 0.0)
        self.pair.add(
            Look(
                canary=Flow(crashes[..., None], seconds[..., None]),
                stable=Flow(stable_crashes[..., None], look.stable_seconds[..., None]),
                ratio=ratio[..., None],
                burst=ONE,
                tolerated=ONE,
            )
        )
        # While stable crashes too, nothing is bet against its past.
        calm = ~self._stable_crashes()
        self.baseline.add(crashes * calm, seconds * calm)

    def _stable_crashes(self) -> Bools:
        """Whether stable crashes now more than it used to: then history says nothing of now.

        Any crash of the last minutes is too many where history had next to none.
        """
        usual = (self.crashes + 0.5) / (self.pod_seconds + 3600.0)
        expected = usual * self.totals.recent_seconds
        return np.asarray(self.totals.recent_crashes > expected + 2 * np.sqrt(expected))


def _bounds(crashes: Floats, pod_seconds: Floats, error: float, extra: float) -> Floats:
    """The rates that are allowed: by stable's past, and whatever that is; shape (..., 2)."""
    by_history = rate_bound(crashes, pod_seconds, error) + extra
    return np.stack([by_history, np.full(by_history.shape, ABSOLUTE_BOUND)], axis=-1)


@lru_cache(maxsize=64)  # Asked at each look, and the same for all of a release.
def _known_bounds(crashes: float, pod_seconds: float, error: float, extra: float) -> Floats:
    bounds = _bounds(np.array(crashes), np.array(pod_seconds), error, extra)
    bounds.setflags(write=False)
    return bounds
