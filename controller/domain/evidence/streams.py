"""Which stream is which: the whole service, the segments known from history, the late ones."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from controller.domain.evidence.windows import COUNT_MAX, Floats, PodCounts, sound
from controller.domain.readings import Counts

SERVICE: Final = ""
OTHERS: Final = "(other segments)"
KNOWN_MAX: Final = 64
LATE_MAX: Final = 16


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

    def tabulate(self, pods: PodCounts) -> Floats:
        """Errors and requests, shape (2, pods by name, streams); garbage is left out."""
        width = len(self)
        row_of = self._rows.get
        # What has no row lands in one more column, that is dropped.
        others = self._rows.get(OTHERS, width)
        places: list[int] = []
        errors: list[float] = []
        requests: list[float] = []
        for line, pod in enumerate(sorted(pods)):
            start = line * (width + 1)
            places += [start + row_of(segment, others) for segment in pods[pod]]
            counts = pods[pod].values()
            errors += [c.errors for c in counts]
            requests += [c.requests for c in counts]
        failed, served = np.array((errors, requests), dtype=np.float64)
        # This is `sound`, without the price of a call for each of some hundred numbers.
        believed = (failed >= 0.0) & (failed <= served) & (served <= COUNT_MAX)
        size = len(pods) * (width + 1)
        where = np.array(places, dtype=np.intp)
        table = np.empty((2, len(pods), width))
        for side, values in enumerate((failed, served)):
            sums = np.bincount(where, np.where(believed, values, 0.0), size)
            table[side] = sums.reshape(len(pods), width + 1)[:, :width]
        table[:, :, 0] = np.add.reduce(table, axis=2)
        return table

    def _open(self, segment: str) -> None:
        if OTHERS in self._rows:
            return
        name = segment if len(self.late) < LATE_MAX - 1 else OTHERS
        self._rows[name] = len(self)
        self.late.append(name)


def known_segments(history: Mapping[str, Counts]) -> dict[str, Counts]:
    """The segments of stable's history by name; the smallest of too many are pooled."""
    known = {s: c for s, c in history.items() if s != SERVICE and sound(c) and c.requests > 0}
    if len(known) > KNOWN_MAX:
        by_size = sorted(known, key=lambda s: (-known[s].requests, s))
        pooled = sum((known.pop(s) for s in by_size[KNOWN_MAX - 1 :]), Counts())
        known[OTHERS] = pooled + known.get(OTHERS, Counts())
    return dict(sorted(known.items()))
