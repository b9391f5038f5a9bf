"""What stable's history says of its error rate: brackets, each with the evidence against it."""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from scipy.special import betaln

from controller.domain.evidence.bets import Odds, odds
from controller.domain.evidence.looks import EVENTS, EXPOSURE
from controller.domain.evidence.mixture import Singles, log_of_sum
from controller.domain.evidence.shares import LogShares, log_shares
from controller.domain.evidence.windows import Floats

# How far the log-likelihood drops from its maximum to the brackets' ends, in parts of the last.
DROPS: Final = np.array([0.7, 1.8, 3.0, 4.5, 6.5, 9.0]) / 9.0
BEYOND: Final = 0.1  # nats by which the last drop exceeds what would decide by itself
PRIORS: Final = np.array([1.0, 10.0, 100.0, 1000.0])
LOGIT_MAX: Final = 20.0
LOGIT_MIN: Final = -28.0
HALVINGS: Final = 40
REMEMBERED_MAX: Final = 64  # releases
NEW_ROUTE_BOUND: Final = 0.10  # where there is nothing to compare with
BOUND_MAX: Final = 0.999


class Brackets(NamedTuple):
    """The upper ends U_j of the brackets, and their handicaps in nats, both (..., streams, j)."""

    ends: Floats
    handicap: Floats


class Asked(NamedTuple):
    """What a bank of bets wants to know its past for: see `requests.Terms`."""

    alpha: float
    share: float
    known: int
    difference: float


class Memory(NamedTuple):
    """What follows from stable's past: shares of alpha, the odds of all bets against it, and the
    handicap of each bracket, (..., streams, brackets). `normal` is each stream's part of the
    traffic, `complete` whether all of a batch had any.
    """

    shares: LogShares
    worth: Odds
    handicap: Floats
    normal: Floats
    complete: bool


def recollect(past: Floats, burst: Singles, tolerated: Floats, asked: Asked) -> Memory:
    """What follows from `past`, (2, ..., streams), whose events came in bursts of that size.

    `tolerated` is the ratio, (..., 1). The answer is the same at each look of a release, and dear.
    """
    if past.ndim > 2:  # a batch: not worth remembering
        return _recollect(past, burst, tolerated, asked)
    return _remembered(past.tobytes(), burst.tobytes(), float(tolerated[0]), asked)


@lru_cache(maxsize=REMEMBERED_MAX)
def _remembered(past: bytes, burst: bytes, tolerated: float, asked: Asked) -> Memory:
    counts = np.frombuffer(past).reshape(2, -1)
    sizes = np.frombuffer(burst, np.float32)
    memory = _recollect(counts, sizes, np.array([tolerated]), asked)
    for array in (*memory.shares, *memory.worth, memory.handicap, memory.normal):
        array.setflags(write=False)
    return memory


def _recollect(past: Floats, burst: Singles, tolerated: Floats, asked: Asked) -> Memory:
    requests = past[EXPOSURE, ..., 1 : 1 + asked.known]
    shares = log_shares(requests, past.shape[-1] - 1 - asked.known, asked.share)
    found = brackets(past / burst, -np.log(asked.alpha) - shares.history)
    known = past[EXPOSURE, ..., None] > 0
    allowed = np.minimum(tolerated[..., None] * found.ends + asked.difference, BOUND_MAX)
    return Memory(
        shares,
        odds(np.where(known, allowed, NEW_ROUTE_BOUND)),
        np.where(known, found.handicap, 0.0),
        past[EXPOSURE] / np.maximum(past[EXPOSURE, ..., :1], 1.0),
        bool((past[EXPOSURE, ..., 0] > 0).all()),
    )


def brackets(past: Floats, deciding: Floats) -> Brackets:
    """The brackets of stable's error rate p, from `past` events in an exposure, (2, ..., streams).

    For the true p, m(x) / L(p) * W_t(p) is an e-process: L(p) is the likelihood of the history, m a
    mixture of beta densities over histories, and W_t bets that the canary exceeds what p allows
    (universal inference: Wasserman, Ramdas, Balakrishnan 2020). p is not known, so the least over
    all p counts; within a bracket, W_t is least at its upper end and m / L at its lower one.
    `deciding` is the log e-value that a stream would decide with alone, (..., streams). A p beyond
    the last bracket has m / L(p) of more than that: history itself has ruled it out.
    """
    events, rest = past[EVENTS, ..., None], (past[EXPOSURE] - past[EVENTS])[..., None]
    prior = betaln(0.5, PRIORS)
    mixed = log_of_sum(betaln(events + 0.5, rest + PRIORS) - prior) - np.log(len(PRIORS))
    rate = np.clip(past[EVENTS] / np.maximum(past[EXPOSURE], 1e-9), 1e-12, 1 - 1e-9)[..., None]
    most = events * np.log(rate) + rest * np.log1p(-rate)
    regret = most - mixed[..., None]
    drops = (regret + deciding[..., None] + BEYOND) * DROPS
    lower = np.broadcast_to(np.log(rate) - np.log1p(-rate), drops.shape)
    upper = np.full(drops.shape, LOGIT_MAX)
    for _ in range(HALVINGS):
        middle = (lower + upper) / 2
        likely = -events * np.logaddexp(0.0, -middle) - rest * np.logaddexp(0.0, middle)
        inside = most - likely < drops
        lower, upper = np.where(inside, middle, lower), np.where(inside, upper, middle)
    before = np.concatenate([np.zeros_like(regret), drops[..., :-1]], axis=-1)
    return Brackets(1 / (1 + np.exp(-upper)), before - regret)
