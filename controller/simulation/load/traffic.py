"""Requests as they are drawn: one draw for all pods and routes, cut where pods are scraped."""

from typing import Final

import numpy as np

from controller.simulation.dice import Dice
from controller.simulation.load.ledger import Ledger
from controller.simulation.load.rates import FAILED, Floats, Ints, Law, Rates, Rows
from controller.simulation.load.scrapes import Scrapes
from controller.simulation.scenario import Traffic

HOUR_SECONDS: Final = 3600.0


class Draws:
    """The requests of a run, into the pods' counters and the ledger.

    Errors may vary more than by chance: then those of a pod are mixed by a gamma factor that it
    keeps from one scrape to the next.
    """

    def __init__(
        self,
        traffic: Traffic,
        law: Law,
        scrapes: Scrapes,
        ledger: Ledger,
        dice: Dice,
    ) -> None:
        self._traffic = traffic
        self._law = law
        self._scrapes = scrapes
        self._ledger = ledger
        self._counts = dice.counts("traffic")
        self._delays = dice.counts("latencies")
        self._before = dice.counts("what was before the run")
        self._mixed = traffic.dispersion > 1.0
        self._factors: Floats = np.ones(0)
        self._shapes: Floats = np.zeros(0)

    def follow(self, rates: Rates) -> None:
        """The rates are others from now on."""
        if self._mixed:
            errors = rates.requests[:, FAILED:].sum(axis=(1, 2)) * rates.alive
            means = errors * self._scrapes.interval_seconds
            self._shapes = means / (self._traffic.dispersion - 1.0)
            self._factors = self._mix(np.arange(len(means)))

    def serve(self, rates: Rates, since: float, until: float) -> None:
        """Draw what happened in a span. Pods that were due were scraped at their instants."""
        scrapes = self._scrapes
        self._turn_away(rates, since, until)
        begin = np.full(len(rates.alive), since)
        drawn = np.zeros(rates.requests.shape, dtype=np.int64)
        while True:
            end = np.minimum(scrapes.due_at, until)
            means = rates.requests * (end - begin)[:, None, None]
            if self._mixed:
                self._disperse(means)
            draws = self._counts.poisson(means)
            drawn += draws
            scrapes.counters += self._answered(draws, rates)
            rows = np.nonzero(scrapes.due_at <= until)[0]
            if not len(rows):
                break
            begin = end
            scrapes.take(rows, rates.alive)
            if self._mixed:
                self._factors[rows] = self._mix(rows)
        self._ledger.serve(drawn, rates, since, until)

    def past(self, rates: Rates, row: int, seconds: float, looks: int) -> Ints:
        """What a process counted that has run for so long, at the rates of now.

        The counters at the last `looks` scrapes and at the one before them, oldest first: what
        happened earlier is drawn in one, however long it was.
        """
        traffic, dice = self._traffic, self._before
        recent = self._scrapes.interval_seconds
        spans = np.full((looks + 1, 1, 1), recent)
        spans[0] = seconds - looks * recent
        means = rates.requests[row].reshape(1, 2, 2, -1).sum(axis=2) * spans
        errors = means[:, 1].sum(axis=1)
        if self._mixed and errors.all():
            shapes = errors / (traffic.dispersion - 1.0)
            means[:, 1] *= (dice.gamma(shapes) / shapes)[:, None]
        counted = dice.poisson(means)
        share = 1.0 / max(1, int((rates.requests.sum(axis=(1, 2)) > 0).sum()))
        bursts = dice.poisson(traffic.bursts_per_hour * share * spans.ravel() / HOUR_SECONDS)
        for look in np.nonzero(bursts)[0].tolist():
            for _ in range(int(bursts[look])):
                counted[look, 1, self.any_route(dice)] += self.burst(dice)
        if rates.slow is not None:
            requests = counted.sum(axis=1, keepdims=True)
            fast = dice.binomial(requests, 1.0 - rates.slow[row])
            counted = np.concatenate([counted, fast], axis=1)
        totals: Ints = counted.cumsum(axis=0)
        return totals

    def burst(self, dice: np.random.Generator | None = None) -> int:
        """How many errors there are in a row."""
        dice = dice or self._counts
        return int(dice.geometric(1.0 / max(1.0, self._traffic.burst_errors)))

    def any_route(self, dice: np.random.Generator | None = None) -> int:
        """A route as requests choose it."""
        return int((dice or self._counts).choice(len(self._law.routes), p=self._law.shares))

    def _mix(self, rows: Rows) -> Floats:
        """Factors of these pods' error rates, with a mean of 1."""
        shapes = self._shapes[rows]
        some = np.maximum(shapes, 1e-9)
        return np.where(shapes > 0, self._counts.gamma(some) / some, 1.0)

    def _disperse(self, means: Floats) -> None:
        """Move requests from good to failed, or back; never more than there are."""
        total = means.sum(axis=1)
        errors = means[:, FAILED:]
        worst = total / np.maximum(errors.sum(axis=1), 1e-12)
        errors *= np.minimum(self._factors[:, None], worst)[:, None, :]
        left = np.maximum(0.0, total - errors.sum(axis=1))
        served = means[:, :FAILED]
        served *= (left / np.maximum(served.sum(axis=1), 1e-12))[:, None, :]

    def _turn_away(self, rates: Rates, since: float, until: float) -> None:
        if rates.nowhere:
            lost = int(self._counts.poisson(rates.nowhere * (until - since)))
            self._ledger.turn_away(lost, since, until, to_blame=rates.nowhere_to_blame)

    def _answered(self, draws: Ints, rates: Rates) -> Ints:
        """Requests by pod, channel and route, as the processes count them."""
        pods, _, routes = draws.shape
        counted: Ints = draws.reshape(pods, 2, 2, routes).sum(axis=2)
        if not rates.all_alive:
            counted = counted * rates.alive[:, None, None]
        if rates.slow is None:
            return counted
        fast = self._delays.binomial(counted.sum(axis=1), 1.0 - rates.slow)
        return np.concatenate([counted, fast[:, None, :]], axis=1)
