"""How the error probability alpha is split over streams and tiers.

The weighted mean of e-values is an e-value: all weights of both tiers, of all banks that are
judged, sum to 1, and a sum of weighted e-values of 1 / alpha decides.

                      concurrent  history
    restarts             0.15      0.14
    the whole service    0.32      0.11    of requests; where slow requests are judged too,
    known segments       0.05      0.20    failed ones keep 5/7 of these and slow ones get 2/7
    late segments        0.01      0.02

Where only restarts are judged they have it all. The whole service finds mild regressions, for which
history is of little use; of a rare route, and of crashes, history knows more than stable does now.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from controller.domain.evidence.windows import Floats

RARE_MIN: Final = 0.1  # of an equal share of the traffic: rarer segments count as this rare


class Tiers(NamedTuple):
    """Shares of alpha of the concurrent and of the history tier."""

    concurrent: float
    history: float


RESTARTS: Final = Tiers(0.15, 0.14)
SERVICE: Final = Tiers(0.32, 0.11)
KNOWN: Final = Tiers(0.05, 0.20)
LATE: Final = Tiers(0.01, 0.02)
ALONE: Final = 1 / sum(RESTARTS)  # what restarts get more of when nothing else is judged
ERRORS_OF_TWO: Final = 5 / 7
SLOW_OF_TWO: Final = 2 / 7


class LogShares(NamedTuple):
    """The logarithms of the shares of each stream, (..., streams)."""

    concurrent: Floats
    history: Floats


def log_shares(requests: Floats, late: int, bank: float) -> LogShares:
    """The shares of a bank that has `bank` of what requests have.

    `requests` are those of the known segments in stable's history, (..., known): a segment's share
    falls with the root of its traffic, since the rarer it is, the longer everything takes. The j-th
    of `late` segments has 6 / (pi j)^2 of what all late ones have; these have that of the known
    ones too where none are.
    """
    *lead, known = requests.shape
    parts = requests / np.maximum(requests.sum(axis=-1, keepdims=True), 1.0)
    scarcity = 1 / np.sqrt(np.maximum(parts, RARE_MIN / max(known, 1)))
    scarcity /= np.maximum(scarcity.sum(axis=-1, keepdims=True), 1e-9)
    series = np.broadcast_to(6 / (math.pi * np.arange(1, late + 1)) ** 2, (*lead, late))
    tiers = []
    for service, segments, lately in zip(SERVICE, KNOWN, LATE, strict=True):
        rest = lately if known else lately + segments
        whole = np.full((*lead, 1), service)
        shares = bank * np.concatenate([whole, segments * scarcity, rest * series], axis=-1)
        tiers.append(np.asarray(np.log(shares), dtype=np.float64))
    return LogShares(*tiers)
