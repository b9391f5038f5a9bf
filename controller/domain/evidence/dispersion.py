"""The mean size of an error burst, from the spread of errors over the stable pods."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from controller.domain.evidence.mixture import Singles
from controller.domain.evidence.windows import Floats

GROUPS: Final = 8
LOOKS_PER_BLOCK: Final = 12
PRIOR_ERRORS: Final = 20.0


@dataclass(slots=True)
class Dispersion:
    """Burst size per stream (>= 1), at two time scales: a look, and a block of 12 looks.

    burst = sum_t sum_i (x_it - m_t q_i)^2 / q_i / ((P - 1) sum_t m_t), with x_it the errors of pod
    i in window t, m_t their sum, q_i the pod's share of the exposure; a prior worth 20 errors says
    1. Conditioning on the totals m_t lets common causes drop out. Over a block the pods are pooled
    into 8 groups, which estimates the same and keeps the state small.
    """

    streams: int
    spread: Singles = field(init=False)  # (scales, streams)
    errors: Singles = field(init=False)  # (scales, streams)
    block: Singles = field(init=False)  # (errors and requests, groups, streams)
    looks: int = 0

    def __post_init__(self) -> None:
        self.spread = np.zeros((2, self.streams), np.float32)
        self.errors = np.zeros((2, self.streams), np.float32)
        self.block = np.zeros((2, GROUPS, self.streams), np.float32)

    def expect(self, burst: float) -> None:
        """Let the prior of the whole service say `burst` instead of 1."""
        self.spread[:, 0] += np.float32(PRIOR_ERRORS * (burst - 1))

    def add(self, counts: Floats) -> None:
        """Learn from one look at the stable pods: errors and requests, (2, pods, streams)."""
        self._learn(0, *counts)
        singles = counts.astype(np.float32)
        for first in range(0, counts.shape[1], GROUPS):
            group = singles[:, first : first + GROUPS]
            self.block[:, : group.shape[1]] += group
        self.looks += 1
        if self.looks == LOOKS_PER_BLOCK:
            self._learn(1, *self.block.astype(np.float64))
            self.block[...] = 0.0
            self.looks = 0

    def burst(self, share: Floats) -> Floats:
        """Burst size per stream. `share` of the traffic: bursts of a whole pod reach a segment
        thinned by it.
        """
        scales = (self.spread + PRIOR_ERRORS) / (self.errors + PRIOR_ERRORS)
        own = np.maximum(scales.max(axis=0), 1.0)
        return np.asarray(np.maximum(own, 1 + (own[0] - 1) * share), dtype=np.float64)

    def append(self) -> None:
        """Add a segment that appeared late."""
        self.streams += 1
        self.spread = np.pad(self.spread, ((0, 0), (0, 1)))
        self.errors = np.pad(self.errors, ((0, 0), (0, 1)))
        self.block = np.pad(self.block, ((0, 0), (0, 0), (0, 1)))

    def _learn(self, scale: int, events: Floats, exposure: Floats) -> None:
        pods = int((exposure[:, 0] > 0).sum())  # Stream 0 is the sum of all others.
        if pods < 2:
            return
        total = events.sum(axis=0)
        share = exposure / np.maximum(exposure.sum(axis=0), 1e-12)
        off = (events - total * share) ** 2 / np.maximum(share, 1e-12)
        spread = np.where(share > 0, off, 0.0).sum(axis=0) / (pods - 1)
        self.spread[scale] += spread.astype(np.float32)
        self.errors[scale] += total.astype(np.float32)
