"""Stable's past as a metric source would tell it, from the records of the scrapes. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from controller.domain.readings import Counts
from controller.engine.ports import Stable
from controller.simulation.load.rates import Ints
from controller.simulation.load.scrapes import RECENT_LOOKS, Record

LOOK_MIN_MS: Final = 5_000

PodCounts = dict[str, dict[str, Counts]]
Counted = Callable[[Mapping[str, Ints]], PodCounts]
"""From gains by pod to counts by pod and segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From when to when, in milliseconds of the run."""

    since: int
    until: int


def belongs(name: str, stable: Stable) -> bool:
    """Whether a pod is, or was, one of stable's."""
    return name in stable.pods or any(name.startswith(f"{one}-") for one in stable.replica_sets)


def first_known(records: Mapping[str, Record]) -> int:
    """When the oldest of the processes began, in milliseconds of the run."""
    return min(record.born_at for record in records.values())


def gains(records: Mapping[str, Record], period: Period) -> dict[str, Ints]:
    """What each pod's counters gained; pods that were not scraped in the period are absent."""
    found = {name: _gained(record, period) for name, record in records.items()}
    return {name: gained for name, gained in found.items() if gained is not None}


def recent(
    records: Mapping[str, Record], period: Period, interval: int, counted: Counted
) -> tuple[PodCounts, ...]:
    """The last looks of the period, oldest first: each as long as a scrape interval, or longer."""
    look = max(interval, LOOK_MIN_MS)
    looks = min(RECENT_LOOKS, (period.until - period.since) // look)
    edges = [period.until - number * look for number in range(looks, -1, -1)]
    found: list[dict[str, Ints]] = [{} for _ in range(looks)]
    for name, record in records.items():
        for number, gained in _looks(record, edges):
            found[number][name] = gained
    told = next((number for number, gained in enumerate(found) if gained), looks)
    return tuple(counted(gained) for gained in found[told:])


def _looks(record: Record, edges: Sequence[int]) -> list[tuple[int, Ints]]:
    """By the number of the look, what a pod gained in those with samples."""
    ends = [record.until(edge) for edge in edges]
    # A record's first sample starts the count, and tells of no look.
    return [
        (number, record.gained[end - 1] - record.gained[begin - 1])
        for number, (begin, end) in enumerate(pairwise(ends))
        if 0 < begin < end
    ]


def _gained(record: Record, period: Period) -> Ints | None:
    end = record.until(period.until)
    if not end:
        return None
    begin = record.until(period.since)
    if begin == end:
        return None
    counted = record.shown[0] + record.gained[end - 1] - record.gained[0]
    if begin:
        before = record.shown[0] + record.gained[begin - 1] - record.gained[0]
    else:
        before = _before(record, period.since)
    gained: Ints = np.maximum(0, counted - before)
    return gained


def _before(record: Record, since: int) -> Ints:
    """What a process had counted when nobody wrote it down, at a steady rate since it began."""
    first = record.times[0]
    if since <= record.born_at or first <= record.born_at:
        return np.zeros_like(record.shown[0])
    share = (since - record.born_at) / (first - record.born_at)
    before: Ints = np.floor(record.shown[0] * share).astype(np.int64)
    return before
