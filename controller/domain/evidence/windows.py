"""What the evidence is fed with: stable's history, and the increments of one look."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from controller.domain.readings import Counts

COUNT_MAX: Final = 1e12  # more than this in one look is garbage, and would overflow sums
SECONDS_MAX: Final = 1e10

Floats = NDArray[np.float64]
PodCounts = Mapping[str, Mapping[str, Counts]]  # pod -> segment -> counts


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known of stable when a release starts; every part may be empty.

    `segments` are totals per segment, `pods` per stable pod; `restarts` is what the running stable
    pods show, `pod_seconds` their summed age.
    """

    segments: Mapping[str, Counts] = field(default_factory=dict)
    pods: Mapping[str, Counts] = field(default_factory=dict)
    restarts: int = 0
    pod_seconds: float = 0.0


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


class Flow(NamedTuple):
    """Events and exposure of one side in one look, one entry per stream."""

    events: Floats
    exposure: Floats


class Look(NamedTuple):
    """All that the bets need of one look; what is an array has one entry per stream.

    `ratio` is stable : canary traffic as known before this look, `burst` the mean size of an error
    burst (>= 1), `tolerated` the ratio of rates that is not held against the canary.
    """

    canary: Flow
    stable: Flow
    ratio: float
    burst: Floats
    tolerated: float


def sound(counts: Counts) -> bool:
    """Whether counts can be believed: finite, not negative, no more errors than requests."""
    return 0.0 <= counts.errors <= counts.requests <= COUNT_MAX


def sound_events(events: float, exposure: float) -> bool:
    """Whether events and an exposure in seconds can be believed; NaN compares as False."""
    return 0.0 <= events <= COUNT_MAX and 0.0 <= exposure <= SECONDS_MAX


def sound_seconds(seconds: float) -> float:
    """A duration that can be believed; anything else is no time at all."""
    return float(seconds) if math.isfinite(seconds) and 0.0 <= seconds <= SECONDS_MAX else 0.0
