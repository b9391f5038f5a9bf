"""Requests, errors and crashes of many releases at once, look by look, as a scenario has them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.bench.decision.scenarios import LOOK_SECONDS, LOOKS, ROUTES, Routing, Scenario

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HISTORY_LOOKS: Final = 360  # 30 min
OUTAGE_BEGINS_SECONDS: Final = (120.0, 1200.0)
RESTART_SECONDS: Final = 5.0
BACK_OFF_SECONDS: Final = 10.0  # after the second crash; doubles with each
BACK_OFF_MAX_SECONDS: Final = 300.0
STICKY_BLOCK_SECONDS: Final = 60.0
STICKY_BLOCKS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What one look counted; shape (lanes, pods, routes), a lane being one release.

    The first `canaries` pods are the canary's.
    """

    errors: Floats
    requests: Floats
    canaries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One look at a release: what was served since `seconds`, and crashes, one entry per lane."""

    seconds: float
    served: Served
    canary_crashes: Floats
    stable_crashes: Floats


class Traces:
    """Many releases of one scenario. Mutable: history is drawn first, then the release."""

    def __init__(self, scenario: Scenario, lanes: int, dice: np.random.Generator) -> None:
        self._scenario, self._lanes, self._dice = scenario, lanes, dice
        shape = (lanes, scenario.pods)
        deviation = scenario.pod_deviation
        self._pod_factors = np.exp(dice.normal(0.0, deviation, shape) - deviation**2 / 2)
        self._burst_seconds = np.zeros(shape)
        self._outage_begins = dice.uniform(*OUTAGE_BEGINS_SECONDS, lanes)
        self._down_seconds = np.zeros(lanes)
        self._deaths = np.zeros(lanes)

    def past_restarts(self) -> tuple[Floats, float]:
        """Stable's restarts before the release, per lane, and the pod-seconds they are of."""
        scenario = self._scenario
        pod_seconds = scenario.history_hours * 3600 * scenario.pods
        rate = 0.0 if scenario.quiet else scenario.crashes_per_pod_second
        return self._dice.poisson(rate * pod_seconds, self._lanes).astype(np.float64), pod_seconds

    def past(self) -> Iterator[Served]:
        """The 30 min before the release, all pods stable."""
        everyone = np.ones((self._lanes, self._scenario.pods))
        for _ in range(HISTORY_LOOKS):
            yield self._serve(self._rates(None), self._expected(everyone, None))

    def release(self) -> Iterator[Moment]:
        """The 30 min of the release."""
        for look in range(LOOKS):
            yield self._moment(look * LOOK_SECONDS)

    def _moment(self, seconds: float) -> Moment:
        scenario = self._scenario
        canaries = scenario.canaries_at(seconds)
        running = np.ones((self._lanes, scenario.pods))
        killed = np.zeros(self._lanes, bool)
        if scenario.deadly:
            running[:, 0], killed = self._die()
        crash_rate = scenario.crashes_per_pod_second + np.zeros(self._lanes)
        if scenario.outage is not None:
            crash_rate += np.where(self._in_outage(seconds), scenario.outage.crashes, 0.0)
        exposure = crash_rate * LOOK_SECONDS
        # A canary that is down cannot crash by chance either.
        at_risk = running[:, 0] if scenario.deadly else float(canaries)
        served = self._serve(self._rates(seconds), self._expected(running, seconds), canaries)
        # What a process counted since the last look dies with it.
        served.errors[killed, 0] = 0.0
        served.requests[killed, 0] = 0.0
        return Moment(
            seconds=seconds,
            served=served,
            canary_crashes=killed + self._dice.poisson(exposure * at_risk).astype(np.float64),
            stable_crashes=self._dice.poisson(exposure * (scenario.pods - canaries)).astype(
                np.float64
            ),
        )

    def _serve(self, rates: Floats, expected: Floats, canaries: int = 0) -> Served:
        # Independent Poisson counts of failed and other requests: the same as binomial errors of
        # Poisson requests, and cheaper.
        errors = self._dice.poisson(expected * rates).astype(np.float64)
        others = self._dice.poisson(expected * (1 - rates))
        return Served(errors=errors, requests=errors + others, canaries=canaries)

    def _rates(self, seconds: float | None) -> Floats:
        """Error rates per lane, pod and route; before the release when `seconds` is None."""
        scenario = self._scenario
        rates = np.full((self._lanes, scenario.pods, ROUTES), scenario.base)
        if seconds is not None:
            self._spoil(rates, seconds)
        if scenario.bursts is not None:
            failing = (scenario.bursts.errors * self._bursting())[..., None]
            rates += failing * (1 - rates)
        if scenario.burst_size > 1:
            mean = scenario.requests_per_second / scenario.pods * LOOK_SECONDS * scenario.base
            shape = mean / (scenario.burst_size - 1)
            shock = self._dice.gamma(shape, 1 / shape, (self._lanes, scenario.pods))
            rates *= shock[..., None]
        if scenario.pod_deviation > 0:
            rates *= self._pod_factors[..., None]
        return np.asarray(np.minimum(rates, 1.0))

    def _spoil(self, rates: Floats, seconds: float) -> None:
        """What is wrong with the canary, and with all pods during an outage."""
        scenario = self._scenario
        canaries = scenario.canaries_at(seconds)
        if seconds >= scenario.onset_seconds:
            if scenario.canary is not None:
                rates[:, :canaries] = scenario.canary
            if scenario.rare is not None:
                rates[:, :canaries, -1] = scenario.rare
        outage = scenario.outage
        if outage is not None and outage.errors is not None:
            routes = slice(-1, None) if outage.rare_route_only else slice(None)
            rates[self._in_outage(seconds), :, routes] = outage.errors

    def _in_outage(self, seconds: float) -> Bools:
        outage, begins = self._scenario.outage, self._outage_begins
        lasting = outage.seconds if outage is not None else 0.0
        return (seconds >= begins) & (seconds < begins + lasting)

    def _bursting(self) -> Floats:
        """The share of this look that each pod spends in a burst."""
        bursts = self._scenario.bursts
        assert bursts is not None
        left, shape = self._burst_seconds, self._burst_seconds.shape
        begins = self._dice.random(shape) < bursts.per_pod_second * LOOK_SECONDS
        fresh = self._dice.exponential(bursts.mean_seconds, shape)
        left = np.where(begins & (left <= 0), fresh, left)
        self._burst_seconds = np.maximum(left - LOOK_SECONDS, 0.0)
        return np.minimum(left / LOOK_SECONDS, 1.0)

    def _die(self) -> tuple[Floats, Bools]:
        """The share of this look that the canary runs, and whether a request kills it."""
        scenario = self._scenario
        available = LOOK_SECONDS - np.minimum(self._down_seconds, LOOK_SECONDS)
        per_second = scenario.requests_per_second / scenario.pods * scenario.rare_share
        survives = self._dice.exponential(1 / per_second, self._lanes)
        killed = survives < available
        wait = np.minimum(BACK_OFF_SECONDS * 2.0 ** (self._deaths - 1), BACK_OFF_MAX_SECONDS)
        down = RESTART_SECONDS + np.where(self._deaths == 0, 0.0, wait)
        self._down_seconds = np.where(
            killed,
            np.maximum(down - (available - survives), 0.0),
            np.maximum(self._down_seconds - LOOK_SECONDS, 0.0),
        )
        self._deaths += killed
        return np.where(killed, survives, available) / LOOK_SECONDS, killed

    def _expected(self, running: Floats, seconds: float | None) -> Floats:
        """Requests to expect per lane, pod and route in one look."""
        scenario = self._scenario
        total = scenario.requests_per_second * LOOK_SECONDS
        per_pod = total * running / running.sum(axis=1, keepdims=True)
        expected = np.asarray(per_pod[..., None] * scenario.shares, dtype=np.float64)
        if seconds is None:
            return expected
        canaries = scenario.canaries_at(seconds)
        if scenario.deadly:
            expected[:, 0, -1] = 0.0  # The deadly requests are in nobody's counter.
        if scenario.routing is not Routing.EVEN:
            block = int(seconds // STICKY_BLOCK_SECONDS) % STICKY_BLOCKS
            to_canary = scenario.routing is Routing.STICKY and block == 0
            takers = slice(0, canaries) if to_canary else slice(canaries, None)
            count = canaries if to_canary else scenario.pods - canaries
            expected[:, :, -1] = 0.0
            expected[:, takers, -1] = total * scenario.rare_share / count
        return expected
