"""What the bets are fed with: arrays, whose leading axes (`...`) are releases of a batch, or none.

Counts are one array: its first axis is events and exposure. Stream 0 is the whole service.
"""

from typing import Final, NamedTuple

import numpy as np

from controller.domain.evidence.windows import Floats

EVENTS: Final = 0
EXPOSURE: Final = 1


class Flow(NamedTuple):
    """Events and exposure of one side in one look, shape (..., streams)."""

    events: Floats
    exposure: Floats


class Look(NamedTuple):
    """All that the bets need of one look; arrays are (..., streams), or (..., 1) for all streams.

    `ratio` is stable : canary traffic as known before this look, `burst` the mean size of an error
    burst (>= 1), `tolerated` the ratio of rates that is not held against the canary.
    """

    canary: Flow
    stable: Flow
    ratio: Floats
    burst: Floats
    tolerated: Floats


class Known(NamedTuple):
    """Stable's past in one metric: totals (2, ..., streams), and per pod (2, ..., pods).

    `bursts` is what the last minutes taught (see `Dispersion.sums`), (2, 2, ..., streams); None
    where only totals are known.
    """

    counts: Floats
    pods: Floats
    bursts: Floats | None = None


class RequestLook(NamedTuple):
    """Requests of one look: canary (2, ..., streams), stable (2, ..., pods, streams).

    `canary_pods` and `stable_pods` are the pods planned to take traffic.
    """

    seconds: float
    canary: Floats
    stable: Floats
    canary_pods: float
    stable_pods: float


class CrashLook(NamedTuple):
    """Crashes of one look and the pod-seconds they could happen in, each of shape (...).

    Where `seconds` is 0 no time has passed: crashes wait for the next look.
    """

    seconds: float
    canary_crashes: Floats
    stable_crashes: Floats
    canary_seconds: Floats
    stable_seconds: Floats


def with_service(counts: Floats) -> Floats:
    """Counts of all segments (..., segments), with their sum put before them as stream 0."""
    return np.concatenate([counts.sum(axis=-1, keepdims=True), counts], axis=-1)
