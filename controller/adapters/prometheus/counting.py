"""Counters into counts: what was added between two instants. Pure.

The sum over consecutive reads is the same however time is cut, because an increase belongs to the
sample that shows it, and a sample lies in exactly one read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from controller.adapters.prometheus.series import Sample, Series

# Labels that usually say who scraped. A pod found by two ServiceMonitors or by two replicas of
# Prometheus is counted once: counting it twice would double the evidence out of nothing.
SCRAPE_LABELS: Final = frozenset(
    {"job", "service", "endpoint", "prometheus", "prometheus_replica", "replica", "__replica__"}
)

# Labels of OpenTelemetry that say which library counted. A framework that counts by itself and a
# library put around it count the same requests: once is enough here, too.
SCOPE: Final = "otel_scope_name"
SCOPE_LABELS: Final = frozenset({SCOPE, "otel_scope_version", "otel_scope_schema_url"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """After `since` until `until`. Two samples further apart than `gap_max` tell nothing.

    What a pod did while nobody could scrape it belongs to no comparison at the same time.
    """

    since: int
    until: int
    gap_max: int

    def holds(self, sample: Sample) -> bool:
        return self.since < sample[0] <= self.until


def increase(samples: Sequence[Sample], window: Window, *, born: bool) -> float:
    """What the counter gained in the window.

    `born`: nothing came before the first sample, so it counts from zero; else it only starts the
    count. A value below its predecessor is a new process: the whole of it was added since.
    """
    gained = samples[0][1] if born and samples and window.holds(samples[0]) else 0.0
    since, until, gap_max = window.since, window.until, window.gap_max
    for (time_before, before), (time, value) in pairwise(samples):
        if not since < time <= until:
            continue
        if value < before:
            gained += value
        elif time - time_before <= gap_max:
            gained += value - before
    return gained


def interval_of(pods: Mapping[str, Sequence[Series]]) -> int | None:
    """Milliseconds between scrapes: the slowest pod's median spacing; None when it cannot be told.

    A pod's longest series says it; a spacing seen once may be a gap, so pods with more are
    preferred.
    """
    longest = [max((s.samples for s in series), key=len) for series in pods.values() if series]
    told = [samples for samples in longest if len(samples) > 2]
    told = told or [samples for samples in longest if len(samples) == 2]
    return max((round(_spacing(samples)) for samples in told), default=None)


def _spacing(samples: Sequence[Sample]) -> float:
    return median(after[0] - before[0] for before, after in pairwise(samples))


def newest(series: Sequence[Series]) -> int:
    """When the last sample was taken; 0 when there is none."""
    return max((s.samples[-1][0] for s in series), default=0)


def seen_by(series: Sequence[Series], time_ms: int) -> bool:
    """Whether anything of this pod had been scraped by then."""
    return any(s.samples[0][0] <= time_ms for s in series)


def distinct(series: Sequence[Series], keep: frozenset[str], gap_max: int) -> list[Series]:
    """The same without what a second target brought of the same process, or a second library.

    `keep` are labels that are the application's own whatever their names.
    """
    if len({one.labels.get(SCOPE) for one in series}) > 1:
        series = _one_library(series)
    if len({one.samples[-1][0] for one in series}) == 1:
        return list(series)  # one scrape brought them all: the usual case, told fast
    same: dict[frozenset[tuple[str, str]], list[Series]] = {}
    drop = SCRAPE_LABELS - keep
    for one in series:
        identity = frozenset(item for item in one.labels.items() if item[0] not in drop)
        same.setdefault(identity, []).append(one)
    return [one for group in same.values() for one in _one_target(group, drop, gap_max)]


def _one_library(series: Sequence[Series]) -> list[Series]:
    """Of series that differ in the library alone that counts, those of the first by name."""
    same: dict[frozenset[tuple[str, str]], list[Series]] = {}
    for one in series:
        identity = frozenset(item for item in one.labels.items() if item[0] not in SCOPE_LABELS)
        same.setdefault(identity, []).append(one)
    kept = []
    for group in same.values():
        first = min(one.labels.get(SCOPE, "") for one in group)
        kept += [one for one in group if one.labels.get(SCOPE, "") == first]
    return kept


def _one_target(group: list[Series], drop: frozenset[str], gap_max: int) -> list[Series]:
    """Of series that differ in scrape labels alone, those of one target.

    An application may use such a label itself (a route called "endpoint"): then its series share
    their times, because they came in the same scrape. The choice is by name, so that consecutive
    reads make the same one, unless the chosen target ended.
    """
    if len(group) == 1:
        return group
    last = newest(group)
    alive = [one for one in group if last - one.samples[-1][0] <= gap_max]
    first = min(alive, key=lambda one: sorted((k, v) for k, v in one.labels.items() if k in drop))
    times = {time for time, _ in first.samples}
    return [one for one in group if any(time in times for time, _ in one.samples)]


def first_target(series: Sequence[Series], keep: frozenset[str]) -> list[Series]:
    """Of series that differ in scrape labels alone, the first by name."""
    same: dict[frozenset[tuple[str, str]], Series] = {}
    for one in sorted(series, key=lambda one: sorted(one.labels.items())):
        same.setdefault(shared_labels(one, keep), one)
    return list(same.values())


def shared_labels(one: Series, keep: frozenset[str]) -> frozenset[tuple[str, str]]:
    """The labels that a series has whoever scraped it, and whichever library counted."""
    drop = (SCRAPE_LABELS | SCOPE_LABELS) - keep
    return frozenset(item for item in one.labels.items() if item[0] not in drop)
