"""What the evidence is fed with: the increments of one look."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.domain.readings import Counts

COUNT_MAX: Final = 1e12  # more than this in one look is garbage, and would overflow sums
SECONDS_MAX: Final = 1e10

Floats = NDArray[np.float64]
PodCounts = Mapping[str, Mapping[str, Counts]]  # pod -> segment -> counts


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestWindow:
    """Counts added since the last look, per pod and segment.

    `canary_pods` and `stable_pods` are the pods planned to take traffic: while there is little of
    it they say what its ratio will be.
    """

    seconds: float
    canary: PodCounts
    stable: PodCounts
    canary_pods: int
    stable_pods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashWindow:
    """Crashes since the last look, and the pod-seconds in which they could happen.

    The pod-seconds are of planned pods, running or not: an exposure that ended with the crash
    would make crashes look rarer than they are. `seconds` is the window's length by the wall;
    0 means that it is to be guessed from the pod-seconds.
    """

    canary_crashes: int
    stable_crashes: int
    canary_seconds: float
    stable_seconds: float
    seconds: float = 0.0


def sound(counts: Counts) -> bool:
    """Whether counts can be believed: finite, not negative, no more errors than requests."""
    return 0.0 <= counts.errors <= counts.requests <= COUNT_MAX


def sound_events(events: float, exposure: float) -> bool:
    """Whether events and an exposure in seconds can be believed; NaN compares as False."""
    return 0.0 <= events <= COUNT_MAX and 0.0 <= exposure <= SECONDS_MAX


def sound_seconds(seconds: float) -> float:
    """A duration that can be believed; anything else is no time at all."""
    return float(seconds) if math.isfinite(seconds) and 0.0 <= seconds <= SECONDS_MAX else 0.0
