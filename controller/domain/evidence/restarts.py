"""Container restarts: canary against stable now, and against stable's history."""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

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
from controller.domain.evidence.margins import SHARE_OF_ERROR_FOR_BOUND, rate_bound
from controller.domain.evidence.mixture import Starts, Wealth
from controller.domain.evidence.streams import CRASH_WEIGHT
from controller.domain.evidence.windows import (
    CrashWindow,
    Flow,
    History,
    Look,
    sound_events,
    sound_seconds,
)
from controller.domain.policy import Policy

SECONDS_PER_DAY: Final = 86400.0
ABSOLUTE_BOUND: Final = 1 / 600  # crashes per pod-second that nobody calls healthy
MEMORY_SECONDS: Final = 300.0
CONVICTING_MIN: Final = 2  # the first crash may be chance: it holds, it never decides
QUIET_GAPS: Final = 3.0
QUIET_SECONDS_MIN: Final = 60.0
QUIET_SECONDS_MAX: Final = 600.0
AGREEMENT: Final = math.log(10)  # history counts where the concurrent e-value is at least this

HISTORY, ABSOLUTE = 0, 1
ONE: Final = np.ones(1)


@dataclass(slots=True)
class RestartTotals:
    """Crashes and planned pod-seconds of the release; the last three have a special sense.

    `recent_*` forget with a time constant of 300 s; `last_crash` is the canary's exposure at its
    last crash; `waiting_*` are crashes that were seen before any time had passed.
    """

    canary_crashes: float = 0.0
    canary_seconds: float = 0.0
    stable_crashes: float = 0.0
    stable_seconds: float = 0.0
    recent_crashes: float = 0.0
    recent_seconds: float = 0.0
    last_crash: float = 0.0
    waiting_canary: float = 0.0
    waiting_stable: float = 0.0


class RestartEvidence(NamedTuple):
    """Log e-values: tier 1 (concurrent), tier 2 (history), and whether tier 2 counts now.

    `suspicious`: a crash has not been followed by quiet of three times the mean gap.
    """

    concurrent: float
    history: float
    agreed: bool
    suspicious: bool


class Restarts:
    """The bets on restarts. Events are crashes, the exposure is planned pod-seconds."""

    __slots__ = ("baseline", "history", "pair", "starts", "totals", "weight")

    def __init__(self, policy: Policy, history: tuple[float, float]) -> None:
        extra = max(policy.restarts.extra_per_pod_day, 0.0) / SECONDS_PER_DAY
        self.weight = CRASH_WEIGHT if policy.requests is not None else 1.0
        error = SHARE_OF_ERROR_FOR_BOUND * policy.false_rollback_max * self.weight
        bound = rate_bound(*history, error) + extra
        self.history = history
        self.starts = Starts()
        self.totals = RestartTotals()
        pair = Wealth(CRASH_WEIGHTS[None, :], FIRST_CRASHES)
        self.pair = PairBet(factors=CRASH_FACTORS, difference=extra, bank=0.0, wealth=pair)
        bounds = np.array([bound, ABSOLUTE_BOUND])
        self.baseline = CrashBaselineBet(
            bounds=bounds, wealth=Wealth(CRASH_MULTIPLE_WEIGHTS, FIRST_CRASHES)
        )

    def add(self, window: CrashWindow, pods: tuple[float, float]) -> None:
        """Bet on one look. `pods`: canary and stable pods planned, as far as known, else 0."""
        canary = (float(window.canary_crashes), float(window.canary_seconds))
        stable = (float(window.stable_crashes), float(window.stable_seconds))
        if not sound_events(*canary):
            canary = (0.0, 0.0)
        if not sound_events(*stable):
            stable = (0.0, 0.0)
        totals = self.totals
        totals.canary_crashes += canary[0]
        totals.canary_seconds += canary[1]
        totals.stable_crashes += stable[0]
        totals.stable_seconds += stable[1]
        if canary[0] > 0:
            totals.last_crash = totals.canary_seconds
        totals.waiting_canary += canary[0]
        totals.waiting_stable += stable[0]
        if canary[1] + stable[1] > 0:
            seconds = sound_seconds(window.seconds) or _guess_seconds(canary[1], stable[1], pods)
            self._bet(canary[1], stable[1], seconds)

    def evidence(self, *, stable_gone: bool) -> RestartEvidence:
        """What the bets say now. A single crash never convicts."""
        enough = self.totals.canary_crashes >= CONVICTING_MIN
        concurrent = float(self.pair.wealth.log_evidence()[0])
        row = ABSOLUTE if stable_gone and self._history_is_thin() else HISTORY
        history = float(self.baseline.wealth.log_evidence()[row])
        agreed = enough and not self._stable_crashes() and (stable_gone or concurrent >= AGREEMENT)
        return RestartEvidence(
            concurrent=concurrent if enough else min(concurrent, 0.0),
            history=history,
            agreed=agreed,
            suspicious=concurrent >= AGREEMENT or not self._is_quiet(),
        )

    def _is_quiet(self) -> bool:
        totals = self.totals
        if totals.canary_crashes == 0:
            return True
        gap = totals.last_crash / totals.canary_crashes
        needed = min(max(QUIET_GAPS * gap, QUIET_SECONDS_MIN), QUIET_SECONDS_MAX)
        return totals.canary_seconds - totals.last_crash >= needed

    def arrays(self) -> dict[str, NDArray[np.floating]]:
        """The state that changes; the arrays are written to when a release is resumed."""
        return {
            "crash_pair": self.pair.wealth.log,
            "crash_credit": self.pair.credit,
            "crash_baseline": self.baseline.wealth.log,
        }

    def _bet(self, canary_seconds: float, stable_seconds: float, seconds: float) -> None:
        totals = self.totals
        crashes, totals.waiting_canary = totals.waiting_canary, 0.0
        stable_crashes, totals.waiting_stable = totals.waiting_stable, 0.0
        if crashes > 0:
            # A canary that dies before it counts as running was still one pod for all the time.
            canary_seconds = max(canary_seconds, seconds)
        if fresh := self.starts.advance(seconds):
            self.pair.begin_later(fresh)
            self.baseline.wealth.begin_later(fresh)
        kept = math.exp(-seconds / MEMORY_SECONDS)
        totals.recent_crashes = totals.recent_crashes * kept + stable_crashes
        totals.recent_seconds = totals.recent_seconds * kept + stable_seconds
        self.pair.add(
            Look(
                canary=_flow(crashes, canary_seconds),
                stable=_flow(stable_crashes, stable_seconds),
                ratio=stable_seconds / canary_seconds if canary_seconds > 0 else 0.0,
                burst=ONE,
                tolerated=1.0,
            )
        )
        if not self._stable_crashes():
            self.baseline.add(crashes, canary_seconds)

    def _stable_crashes(self) -> bool:
        """Whether stable crashes now more than it used to: then history says nothing of now.

        Any crash of the last minutes is too many where history had next to none.
        """
        crashes, pod_seconds = self.history
        usual = (crashes + 0.5) / (pod_seconds + 3600.0)
        expected = usual * self.totals.recent_seconds
        return self.totals.recent_crashes > expected + 2 * math.sqrt(expected)

    def _history_is_thin(self) -> bool:
        return self.history[0] == 0 and float(self.baseline.bounds[HISTORY]) > ABSOLUTE_BOUND


def restart_history(history: History) -> tuple[float, float]:
    """Restarts and pod-seconds of stable's past; nothing where they cannot be believed."""
    past = (float(history.restarts), float(history.pod_seconds))
    return past if sound_events(*past) else (0.0, 0.0)


def _guess_seconds(canary: float, stable: float, pods: tuple[float, float]) -> float:
    """The length of a window from its pod-seconds."""
    if sum(pods) > 0:
        return (canary + stable) / sum(pods)
    return min(value for value in (canary, stable) if value > 0)


def _flow(events: float, exposure: float) -> Flow:
    return Flow(np.array([events]), np.array([exposure]))
