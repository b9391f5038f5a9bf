"""What befalls the traffic of every revision alike: outages, noisy neighbours, surges."""

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from controller.simulation.load.rates import Floats
from controller.simulation.scenario import Away, Noise, Outage, Part, Scenario, Surge

DAY_SECONDS: Final = 86_400.0


@dataclass(slots=True)
class _Noisy:
    """Pods whose luck is no better than this fail at this rate."""

    luck: float
    rate: float


@dataclass(slots=True)
class Troubles:
    """The disturbances that are on now. `changed` is called after one began or ended.

    `lucks` are of the pods that there are: a number between 0 and 1 that each keeps. The unluckiest
    are those with noisy neighbours, the same ones as long as it lasts.
    """

    scenario: Scenario
    dice: random.Random
    changed: Callable[[], None]
    lucks: Callable[[], Sequence[float]]
    _on: list[Outage | Surge] = field(default_factory=list)
    _noisy: dict[int, _Noisy] = field(default_factory=dict)
    _blind: tuple[tuple[float, float], ...] = ()
    _daytime: float = 0.0

    def __post_init__(self) -> None:
        self._daytime = self.dice.uniform(0.0, DAY_SECONDS)

    def pushed(self) -> None:
        """Disturbances are planned from now on."""
        loop = asyncio.get_running_loop()
        self._blind = tuple(
            (loop.time() + one.at, loop.time() + one.at + one.seconds)
            for one in self.scenario.disturbances
            if isinstance(one, Away) and one.part is Part.PROMETHEUS
        )
        for number, one in enumerate(self.scenario.disturbances):
            if isinstance(one, Outage | Surge | Noise):
                loop.call_later(one.at, self._begin, number, one)
                loop.call_later(one.at + one.seconds, self._end, number, one)

    def is_blind(self, at: float) -> bool:
        """Whether the metric source is away: it does not scrape either."""
        return any(begin <= at < end for begin, end in self._blind)

    def swing(self, now: float) -> float:
        """How much traffic there is at this time of the day, over the mean."""
        swing = self.scenario.traffic.daily_swing
        angle = 2 * math.pi * (now + self._daytime) / DAY_SECONDS
        return max(0.0, 1.0 + swing * math.sin(angle))

    def surge(self, routes: Sequence[str]) -> Floats:
        """By route, how many times the usual traffic there is."""
        factors = np.ones(len(routes))
        for one in self._on:
            if isinstance(one, Surge):
                factors[_mask(one.route, routes)] *= one.factor
        return factors

    def outage(self, routes: Sequence[str]) -> Floats:
        """By route, the share of requests that fail because somebody else is down."""
        good = np.ones(len(routes))
        for one in self._on:
            if isinstance(one, Outage):
                good[_mask(one.route, routes)] *= 1.0 - one.rate
        return 1.0 - good

    def noise(self, luck: float) -> float:
        """The share of a pod's requests that fail because of its neighbours."""
        return max((one.rate for one in self._noisy.values() if luck <= one.luck), default=0.0)

    def _begin(self, number: int, one: Outage | Surge | Noise) -> None:
        if isinstance(one, Noise):
            lucks = sorted(self.lucks())
            count = min(len(lucks), max(1, round(one.pods_share * len(lucks))))
            unlucky = lucks[count - 1] if count else one.pods_share
            self._noisy[number] = _Noisy(luck=unlucky, rate=one.rate)
        else:
            self._on.append(one)
        self.changed()

    def _end(self, number: int, one: Outage | Surge | Noise) -> None:
        if isinstance(one, Noise):
            del self._noisy[number]
        else:
            self._on.remove(one)
        self.changed()


def _mask(route: str | None, routes: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.array([route is None or one == route for one in routes])
