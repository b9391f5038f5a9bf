"""Runs scenarios lane by lane and says what became of each: rolled back, promoted, and when."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.bench.decision.judging import Judge
from tests.bench.decision.rules import NEVER, Totals, other_rules
from tests.bench.decision.scenarios import LOOK_SECONDS, LOOKS, Scenario
from tests.bench.decision.traces import Bools, Floats, Served, Traces

MIN_DURATION_SECONDS: Final = 60.0
NORMAL_SHARE_MIN: Final = 0.001  # of the traffic: what must have been exercised before promotion

Seats = Callable[[int, int], Judge]  # lanes and pods -> a judge of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Some lanes of a scenario: what one process does at a time."""

    scenario: Scenario
    lanes: int
    chunk: int
    seed: int

    @property
    def dice(self) -> np.random.Generator:
        """The same for the same task, whoever runs it and when."""
        name = zlib.crc32(self.scenario.name.encode())
        return np.random.Generator(np.random.SFC64([self.seed, name, self.chunk]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """What became of each lane; seconds since the release began, infinite for never.

    `rollbacks` is by rule; "bets" is ours. `crashes` of the canary and `failures` on its rarest
    route are what it took until our rollback. `unexercised`: promoted though a route of normal
    traffic had no request of the canary.
    """

    rollbacks: Mapping[str, Floats]
    promotions: Floats
    crashes: Floats
    failures: Floats
    unexercised: Bools


BETS: Final = "bets"


class _Record:
    """Notes down the first rollback and the first promotion of each lane. Mutable."""

    def __init__(self, scenario: Scenario, lanes: int) -> None:
        self.rolled_back, self.promoted = np.full(lanes, NEVER), np.full(lanes, NEVER)
        self.crashes, self.failures = np.zeros(lanes), np.zeros(lanes)
        self.unexercised = np.zeros(lanes, bool)
        self._exercised = np.zeros((lanes, len(scenario.shares)), bool)
        self._normal = scenario.shares > NORMAL_SHARE_MIN

    def note(self, served: Served, canary_crashes: Floats) -> None:
        """What happened in a look to the lanes that are still undecided."""
        running = np.isinf(self.rolled_back)
        canary = slice(None, served.canaries)
        self.crashes += np.where(running, canary_crashes, 0.0)
        failed = served.errors[:, canary, -1].sum(axis=1)
        self.failures += np.where(running, failed, 0.0)
        self._exercised |= served.requests[:, canary].sum(axis=1) > 0

    def decide(self, worse: Bools, not_worse: Bools, seconds: float) -> None:
        """A release that was rolled back is over; one that may be promoted is watched on."""
        running = np.isinf(self.rolled_back)
        self.rolled_back[running & worse] = seconds
        promoted = running & ~worse & not_worse & np.isinf(self.promoted)
        if seconds >= MIN_DURATION_SECONDS:
            self.promoted[promoted] = seconds
            missed = (~self._exercised & self._normal).any(axis=1)
            self.unexercised[promoted & missed] = True

    @property
    def is_over(self) -> bool:
        return bool(np.isfinite(self.rolled_back).all())


class _Sums:
    """The totals that the other rules look at. Mutable."""

    def __init__(self, lanes: int) -> None:
        self._sums = np.zeros((5, lanes, LOOKS))

    def note(self, look: int, served: Served, canary_crashes: Floats) -> None:
        errors, requests = served.errors.sum(axis=2), served.requests.sum(axis=2)
        split = served.canaries
        self._sums[0, :, look] = errors[:, :split].sum(axis=1)
        self._sums[1, :, look] = requests[:, :split].sum(axis=1)
        self._sums[2, :, look] = errors[:, split:].sum(axis=1)
        self._sums[3, :, look] = requests[:, split:].sum(axis=1)
        self._sums[4, :, look] = canary_crashes

    @property
    def totals(self) -> Totals:
        canary_errors, canary_requests, stable_errors, stable_requests, crashes = self._sums
        return Totals(
            canary_errors=canary_errors,
            canary_requests=canary_requests,
            stable_errors=stable_errors,
            stable_requests=stable_requests,
            canary_crashes=crashes,
        )


def measure(task: Task, seats: Seats) -> Fates:
    """What becomes of some lanes of a scenario, judged by us and by the other rules."""
    scenario, lanes = task.scenario, task.lanes
    traces = Traces(scenario, lanes, task.dice)
    judge = seats(lanes, scenario.pods)
    restarts, pod_seconds = traces.past_restarts()
    for served in traces.past():
        judge.remember(served)
    judge.begin(restarts, pod_seconds)
    record, sums = _Record(scenario, lanes), _Sums(lanes)
    for look, moment in enumerate(traces.release()):
        sums.note(look, moment.served, moment.canary_crashes)
        if record.is_over:
            continue
        record.note(moment.served, moment.canary_crashes)
        worse, not_worse = judge.weigh(moment)
        record.decide(worse, not_worse, moment.seconds + LOOK_SECONDS)
    others = other_rules(sums.totals, scenario.canaries / scenario.pods)
    return Fates(
        rollbacks={BETS: record.rolled_back, **others},
        promotions=record.promoted,
        crashes=record.crashes,
        failures=record.failures,
        unexercised=record.unexercised,
    )


def joined(parts: list[Fates]) -> Fates:
    """The lanes of all parts as one."""
    return Fates(
        rollbacks={
            rule: np.concatenate([part.rollbacks[rule] for part in parts])
            for rule in parts[0].rollbacks
        },
        promotions=np.concatenate([part.promotions for part in parts]),
        crashes=np.concatenate([part.crashes for part in parts]),
        failures=np.concatenate([part.failures for part in parts]),
        unexercised=np.concatenate([part.unexercised for part in parts]),
    )
