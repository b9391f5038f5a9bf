"""The mean size of an error burst, from the spread of errors over the stable pods."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from controller.domain.evidence.mixture import Singles
from controller.domain.evidence.windows import Floats

GROUPS: Final = 8
LOOKS_PER_BLOCK: Final = 12
PRIOR_ERRORS: Final = 20.0
LARGER: Final = 1.25


@dataclass(slots=True)
class Dispersion:
    """Burst size per stream (>= 1), at two time scales: a look, and a block of 12 looks.

    burst = sum_t sum_i (x_it - m_t q_i)^2 / q_i / ((P - 1) sum_t m_t), with x_it the errors of pod
    i in window t, m_t their sum, q_i the pod's share of the exposure; a prior worth 20 errors says
    1. Conditioning on the totals m_t lets common causes drop out. What chance adds where there are
    no bursts is subtracted, and what is left is enlarged: bursts vary in size, and where there are
    some, a larger one is to be reckoned with. Over a block the pods are pooled into 8 groups, which
    estimates the same and keeps the state small.

    `shape` is (..., streams).
    """

    shape: tuple[int, ...]
    spread: Singles = field(init=False)  # (scales, ..., streams)
    errors: Singles = field(init=False)  # (scales, ..., streams)
    block: Singles = field(init=False)  # (errors and requests, ..., groups, streams)
    looks: int = 0

    def __post_init__(self) -> None:
        *lead, streams = self.shape
        self.spread = np.zeros((2, *self.shape), np.float32)
        self.errors = np.zeros((2, *self.shape), np.float32)
        self.block = np.zeros((2, *lead, GROUPS, streams), np.float32)

    @property
    def sums(self) -> Floats:
        """What was learned: spread and errors, each at both scales, shape (2, 2, ..., streams)."""
        return np.stack([self.spread, self.errors]).astype(np.float64)

    def know(self, sums: Floats) -> None:
        """Begin with what was learned elsewhere, as `sums` gives it."""
        self.spread += sums[0].astype(np.float32)
        self.errors += sums[1].astype(np.float32)

    def expect(self, burst: Floats) -> None:
        """Let the prior of the whole service say `burst` (...,) instead of 1."""
        self.spread[..., 0] += (PRIOR_ERRORS * (burst - 1)).astype(np.float32)

    def add(self, counts: Floats) -> None:
        """Learn from one look at the stable pods: errors and requests, (2, ..., pods, streams)."""
        self._learn(0, *counts)
        singles = counts.astype(np.float32)
        for first in range(0, counts.shape[-2], GROUPS):
            group = singles[..., first : first + GROUPS, :]
            self.block[..., : group.shape[-2], :] += group
        self.looks += 1
        if self.looks == LOOKS_PER_BLOCK:
            self._learn(1, *self.block.astype(np.float64))
            self.block[...] = 0.0
            self.looks = 0

    def burst(self, share: Floats) -> Floats:
        """Burst size per stream. `share` of the traffic: bursts of a whole pod reach a segment
        thinned by it.
        """
        errors = self.errors + PRIOR_ERRORS
        scales = (self.spread + PRIOR_ERRORS) / errors - 1 / np.sqrt(errors)
        own = np.maximum(1 + LARGER * (np.maximum(scales[0], scales[1]) - 1), 1.0)
        return np.asarray(np.maximum(own, 1 + (own[..., :1] - 1) * share), dtype=np.float64)

    def append(self) -> None:
        """Add a segment that appeared late."""
        self.shape = (*self.shape[:-1], self.shape[-1] + 1)
        self.spread = with_column(self.spread)
        self.errors = with_column(self.errors)
        self.block = with_column(self.block)

    def _learn(self, scale: int, events: Floats, exposure: Floats) -> None:
        # Stream 0 is the sum of all others.
        freedom = np.add.reduce(exposure[..., 0] > 0, axis=-1, dtype=np.float64) - 1
        if not (freedom > 0).any():
            return
        total = np.add.reduce(events, axis=-2)
        share = exposure / np.maximum(np.add.reduce(exposure, axis=-2), 1e-12)[..., None, :]
        off = (events - total[..., None, :] * share) ** 2 / np.maximum(share, 1e-12)
        spread = np.add.reduce(np.where(share > 0, off, 0.0), axis=-2)
        taught = (freedom > 0)[..., None]
        spread /= np.maximum(freedom, 1.0)[..., None]
        self.spread[scale] += np.where(taught, spread, 0.0).astype(np.float32)
        self.errors[scale] += np.where(taught, total, 0.0).astype(np.float32)


def measured(burst: Floats) -> Floats:
    """Bursts as large as they were seen, without the enlargement: a promotion needs no such care,
    since there it is the canary's own bursts that would hide it.
    """
    return 1 + (burst - 1) / LARGER


def with_column(values: Singles) -> Singles:
    """The values with one stream more, of zeros; streams are the last axis."""
    return np.concatenate([values, np.zeros((*values.shape[:-1], 1), np.float32)], axis=-1)
