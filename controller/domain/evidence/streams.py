"""Which stream is which: the whole service, the segments known from history, the late ones."""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import numpy as np

from controller.domain.evidence.windows import COUNT_MAX, Floats, PodCounts, sound
from controller.domain.readings import Counts

SERVICE: Final = ""
OTHERS: Final = "(other segments)"
KNOWN_MAX: Final = 64
LATE_MAX: Final = 16

# How the error probability is split; it sums to 1.
CRASH_WEIGHT: Final = 0.30
SERVICE_WEIGHT: Final = 0.20
KNOWN_WEIGHT: Final = 0.40
LATE_WEIGHT: Final = 0.10


class Streams:
    """Row 0 is the whole service, then known segments by name, then late ones as they appear.

    Too many segments share one stream, `OTHERS`: a runaway label must not grow the state. Requests
    of a segment without a name belong to the whole service only.
    """

    __slots__ = ("_rows", "known", "late")

    def __init__(self, known: Iterable[str], late: Iterable[str] = ()) -> None:
        self.known = tuple(known)
        self.late = list(late)
        names = (SERVICE, *self.known, *self.late)
        self._rows = {name: row for row, name in enumerate(names)}

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.known, *self.late)

    def __len__(self) -> int:
        return 1 + len(self.known) + len(self.late)

    def admit(self, *sides: PodCounts) -> int:
        """Open streams for segments not seen before, in order of name; returns how many."""
        before = len(self)
        known = self._rows.keys()
        fresh = {
            segment
            for pods in sides
            for segments in pods.values()
            if not segments.keys() <= known
            for segment, counts in segments.items()
            if segment not in known and counts.requests > 0 and sound(counts)
        }
        for segment in sorted(fresh):
            self._open(segment)
        return len(self) - before

    def weights(self) -> Floats:
        """The share of the error probability of each stream, without that of the restarts."""
        return _weights(len(self.known), len(self.late))

    def log_weights(self) -> Floats:
        """The logarithms of `weights`."""
        return _log_weights(len(self.known), len(self.late))

    def tabulate(self, pods: PodCounts) -> Floats:
        """Errors and requests, shape (2, pods by name, streams); garbage is left out."""
        # Plain lists: for some hundred numbers they are twice as fast as scattering into arrays.
        width = len(self)
        errors = [0.0] * (len(pods) * width)
        requests = errors.copy()
        rows, others = self._rows, self._rows.get(OTHERS)
        for line, pod in enumerate(sorted(pods)):
            start = line * width
            for segment, counts in pods[pod].items():
                row = rows.get(segment, others)
                failed, served = counts.errors, counts.requests
                # This is `sound`, without the price of a call for each of some hundred numbers.
                if row is not None and 0.0 <= failed <= served <= COUNT_MAX:
                    place = start + row
                    errors[place] += failed
                    requests[place] += served
        table = np.array((errors, requests), dtype=np.float64).reshape(2, len(pods), width)
        table[:, :, 0] = table.sum(axis=2)
        return table

    def _open(self, segment: str) -> None:
        if OTHERS in self._rows:
            return
        name = segment if len(self.late) < LATE_MAX - 1 else OTHERS
        self._rows[name] = len(self)
        self.late.append(name)


@lru_cache(maxsize=KNOWN_MAX)
def _weights(known: int, late: int) -> Floats:
    rest = LATE_WEIGHT if known else LATE_WEIGHT + KNOWN_WEIGHT
    places = np.arange(1, late + 1)
    weights = np.concatenate(
        [
            [SERVICE_WEIGHT],
            np.full(known, KNOWN_WEIGHT / max(known, 1)),
            rest * 6 / (math.pi * places) ** 2,
        ]
    )
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=KNOWN_MAX)
def _log_weights(known: int, late: int) -> Floats:
    weights = np.log(_weights(known, late))
    weights.setflags(write=False)
    return weights


def known_segments(history: Mapping[str, Counts]) -> dict[str, Counts]:
    """The segments of stable's history by name; the smallest of too many are pooled."""
    known = {s: c for s, c in history.items() if s != SERVICE and sound(c) and c.requests > 0}
    if len(known) > KNOWN_MAX:
        by_size = sorted(known, key=lambda s: (-known[s].requests, s))
        pooled = sum((known.pop(s) for s in by_size[KNOWN_MAX - 1 :]), Counts())
        known[OTHERS] = pooled + known.get(OTHERS, Counts())
    return dict(sorted(known.items()))
