"""The wealth of a grid of bets, mixed over alternatives and over the instants a bug may begin."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.domain.evidence.windows import Floats

STARTS_MAX: Final = 30
START_EVERY_SECONDS: Final = 120.0

# State is kept in single precision, in the running process too: what is stored is what is used,
# and a release that is resumed goes on exactly as if it had not been interrupted.
Singles = NDArray[np.float32]


@dataclass(slots=True)
class Starts:
    """When fresh bets begin: one each 120 s, at most 30, so that a later bug is found as fast."""

    age_seconds: float = 0.0
    begun: int = 0

    def advance(self, seconds: float) -> int:
        """How many bets begin in a window of this many seconds."""
        self.age_seconds += seconds
        due = min(int(self.age_seconds / START_EVERY_SECONDS), STARTS_MAX)
        fresh = due - self.begun
        self.begun = due
        return fresh


def log_of_sum(log_values: NDArray[np.floating]) -> Floats:
    """log(sum(exp(v))) along the last axis, without overflow."""
    # The reductions of the ufuncs, since on a few numbers the methods cost twice as much.
    top = np.maximum.reduce(log_values, axis=-1, keepdims=True)
    total = np.add.reduce(np.exp((log_values - top).astype(np.float64)), axis=-1)
    return np.asarray(np.log(total) + top[..., 0], dtype=np.float64)


@dataclass(slots=True)
class Wealth:
    """Log wealth per stream and bet; its mixture is a test martingale with mean <= 1 under H0.

    `weights` are the log weights of the bets, shape (streams, bets), summing to 1 per stream.
    `first` is the mass on "bad from the first request"; the rest is spread over later starts.
    """

    weights: Floats
    first: float
    log: Singles = field(init=False)

    def __post_init__(self) -> None:
        self.log = (self.weights + math.log(self.first)).astype(np.float32)

    def begin_later(self, starts: int) -> None:
        """Let `starts` more fresh bets begin now."""
        fresh = self.weights + math.log(starts * (1 - self.first) / STARTS_MAX)
        self.log = np.logaddexp(self.log, fresh).astype(np.float32)

    def multiply(self, log_factors: Floats, cap: Floats | None = None) -> None:
        """Multiply the wealth; `cap` limits what one look may add to each bet, in nats.

        Lowering a test martingale keeps it valid. The limit is per bet, not on the mixture, so
        that more errors never leave less evidence, now or later.
        """
        log = self.log.astype(np.float64)
        grown = log + log_factors
        if cap is not None:
            grown = np.minimum(grown, np.maximum(log, self.weights) + cap[:, None])
        self.log = grown.astype(np.float32)

    def log_evidence(self) -> Floats:
        """The log e-value of each stream."""
        return log_of_sum(self.log)

    def append(self, weights: Floats, begun: int) -> None:
        """Add a stream that has bet on nothing so far, as if it had been there from the start."""
        mass = self.first + begun * (1 - self.first) / STARTS_MAX
        self.weights = np.vstack([self.weights, weights])
        row = (weights + math.log(mass)).astype(np.float32)
        self.log = np.vstack([self.log, row])
