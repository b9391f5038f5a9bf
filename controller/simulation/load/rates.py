"""How many requests a second each pod gets, by what becomes of them. Pure.

Between two events rates are constant, so the counts of a span are one draw.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from controller.domain.policy import SlowRequests
from controller.simulation.scenario import (
    PATIENCE_SECONDS,
    Defect,
    Errors,
    Kill,
    Route,
    Slow,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

# What becomes of a request: it succeeds; it succeeds for the server when the user has left; it
# fails, and would have anyway; or it fails because of what runs, or does not run, in the pod.
GOOD: Final = 0
LOST: Final = 1
FAILED: Final = 2
SPOILT: Final = 3
FATES: Final = 4

# The logarithm of how long a request takes is normal, with this standard deviation.
LATENCY_SPREAD: Final = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A pod as the traffic meets it.

    `endpoint`: requests are sent to it; `alive`: a process answers them. `to_blame`: what fails
    there and would not elsewhere is the release's doing. `own` is its error rate over the routes',
    `noise` what its neighbours cost.
    """

    endpoint: bool
    alive: bool
    canary: bool
    to_blame: bool
    own: float = 1.0
    noise: float = 0.0
    defects: tuple[Defect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all pods share: requests a second by route, and the share that an outage costs.

    `released`: there is a release, so that a lack of endpoints is its doing.
    """

    requests: Floats
    outage: Floats
    released: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Requests a second by pod, fate and route; `kills` by pod and route.

    `slow` is the share of slow requests by pod and route, None when nobody asks for it.
    `nowhere` are the requests that have no endpoint to go to, and whether that is the release's
    doing. `views` are the pods whose requests add up to all, to the canary's, and to those that
    are the release's to answer for.
    """

    requests: Floats
    kills: Floats
    slow: Floats | None
    alive: Mask
    all_alive: bool
    nowhere: float
    nowhere_to_blame: bool
    views: Floats


class Law:
    """The routes of a scenario as arrays, and what requests are `slow` (None: nobody asks)."""

    def __init__(self, routes: Mapping[str, Route], slow: SlowRequests | None = None) -> None:
        shares = np.array([route.share for route in routes.values()], dtype=float)
        self.routes: Final = tuple(routes)
        self.shares: Final[Floats] = shares / shares.sum()
        self.errors: Final[Floats] = np.array([route.error_rate for route in routes.values()])
        self._threshold: Final = None if slow is None else slow.threshold.total_seconds()
        self._latencies: Final = [route.latency_seconds for route in routes.values()]

    def rates(self, places: Sequence[Place], around: Surroundings) -> Rates:
        """What each pod gets, and what becomes of it."""
        pods, routes = len(places), len(self.routes)
        endpoints = np.array([place.endpoint for place in places], dtype=float)
        alive = np.array([place.alive for place in places], dtype=bool)
        own = np.array([place.own for place in places], dtype=float).reshape(pods, 1)
        noise = np.array([place.noise for place in places], dtype=float).reshape(pods, 1)
        spared = (1.0 - around.outage) * (1.0 - noise)
        plain = np.minimum(1.0, self.errors * own)
        without = 1.0 - (1.0 - plain) * spared
        failing, lost, killing = plain.copy(), np.zeros((pods, routes)), np.zeros((pods, routes))
        for number, place in enumerate(places):
            for defect in place.defects:
                self._spoil(defect, failing[number], lost[number], killing[number])
        failing = 1.0 - (1.0 - failing) * spared
        failing[~alive], lost[~alive], killing[~alive] = 1.0, 0.0, 0.0
        by_fate = np.empty((pods, FATES, routes))
        by_fate[:, GOOD] = (1.0 - failing) * (1.0 - lost)
        by_fate[:, FAILED] = np.minimum(failing, without)
        by_fate[:, SPOILT] = np.maximum(0.0, failing - without)
        by_fate[:, LOST] = (1.0 - failing) * lost
        serving = endpoints.sum()
        sent = (endpoints / max(1.0, serving)).reshape(pods, 1) * around.requests
        blamed = [place.to_blame for place in places]
        return Rates(
            requests=by_fate * (sent * (1.0 - killing))[:, None, :],
            kills=sent * killing,
            slow=self._slow(places),
            alive=alive,
            all_alive=bool(alive.all()),
            nowhere=0.0 if serving else float(around.requests.sum()),
            nowhere_to_blame=around.released,
            views=np.array([[True] * pods, [place.canary for place in places], blamed], float),
        )

    def _slow(self, places: Sequence[Place]) -> Floats | None:
        """By pod and route, the share of requests that take longer than the threshold."""
        threshold = self._threshold
        if threshold is None:
            return None
        usual = self._longer_than(threshold)
        shares = np.tile(usual, (len(places), 1))
        for number, place in enumerate(places):
            for defect in place.defects:
                if isinstance(defect, Slow):
                    which = self._which(defect.route)
                    delayed = self._longer_than(threshold - defect.seconds)
                    mixed = (1.0 - defect.share) * shares[number] + defect.share * delayed
                    shares[number, which] = mixed[which]
        return shares

    def _longer_than(self, seconds: float) -> Floats:
        """By route, the share of requests that take longer by themselves."""
        if seconds <= 0:
            return np.ones(len(self.routes))
        return np.array(
            [
                math.erfc(math.log(seconds / usual) / LATENCY_SPREAD / math.sqrt(2)) / 2
                for usual in self._latencies
            ]
        )

    def _spoil(self, defect: Defect, failing: Floats, lost: Floats, killing: Floats) -> None:
        """Write what a defect does into one pod's rates by route."""
        match defect:
            case Errors(rate=rate, route=route):
                failing[self._which(route)] = rate
            case Slow(share=share, seconds=seconds, route=route) if seconds >= PATIENCE_SECONDS:
                which = self._which(route)
                lost[which] = 1.0 - (1.0 - lost[which]) * (1.0 - share)
            case Kill(route=route, probability=probability):
                which = self._which(route)
                killing[which] = 1.0 - (1.0 - killing[which]) * (1.0 - probability)
            case _:
                """What processes do by themselves is told by their lives, not by rates."""

    def _which(self, route: str | None) -> Mask:
        return np.array([route is None or one == route for one in self.routes])
