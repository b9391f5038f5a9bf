"""The wealth of a grid of bets, mixed over alternatives and over the instants a bug may begin."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.domain.evidence.windows import Floats

START_EVERY_SECONDS: Final = 120.0
STEPS_PER_NAT: Final = 128
NATS_MAX: Final = 1e6  # nothing is that likely or unlikely; beyond are only the sums of garbage
TURNS: Final = 1024
TURN_STRIDE: Final = 633  # of the golden section: any few looks are rounded at places far apart
EARLY_STARTS: Final = 5.0  # how many of the later starts share half of their mass

# State is kept in single precision, in the running process too: what is stored is what is used,
# and a release that is resumed goes on exactly as if it had not been interrupted.
Singles = NDArray[np.float32]


@dataclass(slots=True)
class Starts:
    """When fresh bets begin: one each 120 s, without end, so that a later bug is found as fast.

    The j-th has the mass 5 / ((j + 4) (j + 5)) of all later starts: it falls slowly enough for a
    bug that begins late, and sums to 1 however long a release takes.
    """

    age_seconds: float = 0.0
    begun: int = 0

    @property
    def mass(self) -> float:
        """What the starts so far have of the mass of all later starts."""
        return self.begun / (self.begun + EARLY_STARTS)

    def advance(self, seconds: float) -> float:
        """The mass of the bets that begin in a window of this many seconds."""
        self.age_seconds += seconds
        before = self.mass
        self.begun = int(self.age_seconds / START_EVERY_SECONDS)
        return self.mass - before


def log_of_sum(log_values: NDArray[np.floating]) -> Floats:
    """log(sum(exp(v))) along the last axis, without overflow."""
    # The reductions of the ufuncs, since on a few numbers the methods cost twice as much.
    top = np.maximum.reduce(log_values, axis=-1, keepdims=True)
    total = np.add.reduce(np.exp(log_values - top), axis=-1, dtype=np.float64)
    return np.asarray(np.log(total) + top[..., 0], dtype=np.float64)


@dataclass(slots=True)
class Wealth:
    """Log wealth per stream and bet; its mixture is a test martingale with mean <= 1 under H0.

    `weights` are the log weights of the bets, shape (streams, bets), summing to 1 per stream; all
    of a batch, whose axes are `lead`, begin with the same. `first` is the mass on "bad from the
    first request"; the rest is spread over later starts. `log` is (*lead, streams, bets).

    Where `coarse`, it is kept in steps of 1 / 128 nat, since the stored state has to be small. It
    is rounded down at one of 1024 places within a step, which take turns: so what is less than a
    step is neither lost nor given away when it comes again and again.
    """

    weights: Floats
    first: float
    lead: tuple[int, ...] = ()
    coarse: bool = False
    turn: int = 0
    log: Singles = field(init=False)

    def __post_init__(self) -> None:
        begun = (self.weights + math.log(self.first)).astype(np.float32)
        self.log = np.broadcast_to(begun, (*self.lead, *begun.shape)).copy() if self.lead else begun
        if self.coarse:
            self.log = (np.floor(self.log * STEPS_PER_NAT) / STEPS_PER_NAT).astype(np.float32)

    def begin_later(self, mass: float) -> None:
        """Let fresh bets begin now, with this part of the mass of later starts."""
        fresh = self.weights + math.log(mass * (1 - self.first))
        self.log = self._stored(np.logaddexp(self.log, fresh))

    def renew(self, mass: float) -> None:
        """Forget what was won and lost; `mass` is what later starts have begun with so far."""
        begun = self.weights + math.log(self.first + mass * (1 - self.first))
        self.log = np.broadcast_to(self._stored(begun), self.log.shape).copy()

    def multiply(self, log_factors: Floats, cap: Floats | None = None) -> None:
        """Multiply the wealth; `cap` limits what one look may add to each bet, in nats per stream.

        Lowering a test martingale keeps it valid. The limit is per bet, not on the mixture, so
        that more errors never leave less evidence, now or later.
        """
        grown = self.log + log_factors
        if cap is not None:
            most = np.maximum(self.log, self.weights)
            most += cap[..., None]
            np.minimum(grown, most, out=grown)
        self.log = self._stored(grown)
        self.turn = (self.turn + 1) % TURNS

    def log_evidence(self) -> Floats:
        """The log e-value of each stream."""
        return log_of_sum(self.log)

    def append(self, weights: Floats, mass: float) -> None:
        """Add a stream that has bet on nothing so far, as if it had been there from the start.

        `mass` is what later starts have begun with so far.
        """
        begun = self.first + mass * (1 - self.first)
        self.weights = np.vstack([self.weights, weights])
        self.log = with_row(self.log, self._stored(weights + math.log(begun)))

    def _stored(self, log: Floats) -> Singles:
        if self.coarse:
            place = (self.turn * TURN_STRIDE % TURNS + 0.5) / TURNS
            log = log * STEPS_PER_NAT
            log += place
            np.floor(log, out=log)
            log /= STEPS_PER_NAT
            np.maximum(log, -NATS_MAX, out=log)
            np.minimum(log, NATS_MAX, out=log)
        return log.astype(np.float32)


def with_row(values: Singles, row: Singles | float) -> Singles:
    """The values with one stream more; streams are the last axis but one."""
    shape = (*values.shape[:-2], 1, values.shape[-1])
    return np.concatenate([values, np.broadcast_to(np.float32(row), shape)], axis=-2)
