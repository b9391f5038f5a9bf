"""Stable's past as the evidence begins with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from controller.domain.readings import Counts


class Bursts(NamedTuple):
    """How a segment's errors spread over the stable pods, look by look and 12 looks at a time.

    `spread` is the sum of squares over what chance explains, `errors` the errors it is of: their
    quotient is the mean size of a burst (see `dispersion`). Both per scale.
    """

    spread: tuple[float, float]
    errors: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPast:
    """Stable's past in one metric: totals per segment and per pod, and bursts per segment.

    `bursts` of "" are those of the whole service; empty where only totals are known.
    """

    segments: Mapping[str, Counts] = field(default_factory=dict)
    pods: Mapping[str, Counts] = field(default_factory=dict)
    bursts: Mapping[str, Bursts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known of stable when a release starts; every part may be empty.

    `restarts` is what stable's pods show, `pod_seconds` their summed life.
    """

    errors: RequestPast = field(default_factory=RequestPast)
    slow: RequestPast = field(default_factory=RequestPast)
    restarts: int = 0
    pod_seconds: float = 0.0
