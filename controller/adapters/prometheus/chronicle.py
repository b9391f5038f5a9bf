"""Stable's past put together from sparse marks of its counters and recent raw samples. Pure."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final, Protocol

from controller.adapters.prometheus.counting import Window, distinct, first_target, shared_labels
from controller.adapters.prometheus.reading import lookback_of, settle_of
from controller.adapters.prometheus.segments import largest, pooled
from controller.adapters.prometheus.selecting import Selection
from controller.adapters.prometheus.series import Series, instant, milliseconds
from controller.domain.readings import Counts, Past

LOOK_MIN_MS: Final = 5_000
ALIVE_MS: Final = 300_000  # whose last sample is older has ended
BORN_SLACK_MS: Final = 2_000  # the API server's and Prometheus' clocks are not one

PodSeries = Mapping[str, Sequence[Series]]
PodCounts = Mapping[str, Mapping[str, Counts]]


class Countable(Protocol):
    """How the requests of a source are counted: what to fetch, and what its series say."""

    @property
    def selections(self) -> Sequence[Selection]: ...

    @property
    def most(self) -> int:
        """So many segments are told apart."""
        ...

    @property
    def kept(self) -> frozenset[str]:
        """Labels that are the application's own, whatever their names."""
        ...

    def counts(
        self, pods: PodSeries, window: Window, born: frozenset[str]
    ) -> Mapping[str, Mapping[str, Counts]]:
        """What each pod's series gained in the window, by segment.

        Series of `born` pods count from zero at their first sample, if the window holds it.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Chronicle:
    """What was fetched of stable's pods: values at `marks`, raw samples since `raw_since`.

    `created` says when the pods that live were created; `start` is how far back was asked.
    """

    marks: PodSeries
    raw: PodSeries
    created: Mapping[str, int]
    start: int
    raw_since: int
    interval: int
    at: int


def past_of(counter: Countable, chronicle: Chronicle, looks: int) -> Past | None:
    """Totals and the last looks; None when no pod was ever seen."""
    chronicle = _of_one_scraper(chronicle, counter.kept)
    whole = _of_one_target(_merged(chronicle), chronicle, counter.kept)
    until = _until(chronicle, whole)
    if until is None:
        return None
    counted, since = _totals(counter, chronicle, whole, until)
    named = largest(counted, counter.most)
    recent = _recent(counter, chronicle, until, looks)
    return Past(
        since=instant(since),
        until=instant(until),
        pods=pooled(counted, named),
        recent=tuple(pooled(look, named) for look in recent),
    )


def _until(chronicle: Chronicle, whole: PodSeries) -> int | None:
    """The newest that is known; what a slow pipeline delivers late is not part of the past."""
    newest = max((s.samples[-1][0] for some in whole.values() for s in some), default=None)
    if newest is None or not chronicle.raw:
        return newest
    return min(newest, chronicle.at - settle_of(chronicle.interval))


def _of_one_scraper(chronicle: Chronicle, kept: frozenset[str]) -> Chronicle:
    """The same with raw samples of one target: cut into looks they no longer tell which it was."""
    once = {pod: distinct(series, kept, ALIVE_MS) for pod, series in chronicle.raw.items()}
    return replace(chronicle, raw=once)


def _merged(chronicle: Chronicle) -> dict[str, list[Series]]:
    """Each series once: its marks, and from where raw samples begin these alone."""
    found: dict[str, dict[frozenset[tuple[str, str]], Series]] = {}
    for pod, series in chronicle.raw.items():
        found[pod] = {_identity(one): one for one in series}
    for pod, series in chronicle.marks.items():
        known = found.setdefault(pod, {})
        for one in series:
            late = known.get(_identity(one))
            known[_identity(one)] = one if late is None else _joined(one, late)
    return {pod: list(series.values()) for pod, series in found.items()}


def _of_one_target(
    whole: Mapping[str, list[Series]], chronicle: Chronicle, kept: frozenset[str]
) -> dict[str, list[Series]]:
    """The same with each process counted once, however many scrape it.

    Marks stand at the same instants whoever scraped, so they never tell that two series came in
    one scrape: where raw samples chose a target its marks count, elsewhere the first by name.
    """
    found = {}
    for pod, series in whole.items():
        sampled = {_identity(one) for one in chronicle.raw.get(pod, ())}
        chosen = [one for one in series if _identity(one) in sampled]
        told = {shared_labels(one, kept) for one in chosen}
        marked = [one for one in series if shared_labels(one, kept) not in told]
        found[pod] = chosen + first_target(marked, kept)
    return found


def _joined(marks: Series, raw: Series) -> Series:
    """A mark repeats a sample: after the first raw one there is nothing to learn from it."""
    count = bisect_right(marks.samples, raw.samples[0][0] - 1, key=lambda sample: sample[0])
    before = _part(marks, 0, count)
    return replace(raw, samples=before.samples + raw.samples, buckets=before.buckets + raw.buckets)


def _part(series: Series, begin: int, end: int) -> Series:
    return Series(series.labels, series.samples[begin:end], series.buckets[begin:end])


def _identity(series: Series) -> frozenset[tuple[str, str]]:
    return frozenset(series.labels.items())


def _totals(
    counter: Countable, chronicle: Chronicle, whole: PodSeries, until: int
) -> tuple[dict[str, Mapping[str, Counts]], int]:
    """What every pod counted, and since when.

    A pod that came while Prometheus watched counts from zero, from its first request on. Of an
    older one the first mark only starts the count; what it shows later for the first time does
    count from zero, because it was scraped without it.
    """
    firsts = {pod: min(s.samples[0][0] for s in series) for pod, series in whole.items()}
    first = min(firsts.values())
    watched = _watched(chronicle.marks)
    young = {
        pod
        for pod, seen in firsts.items()
        if _is_young(chronicle, pod, seen, watched) and seen <= until
    }
    old = {pod for pod, seen in firsts.items() if seen < until} - young
    longest = until - chronicle.start + 1
    window = Window(since=first, until=until, gap_max=longest)
    counted = dict(counter.counts({p: whole[p] for p in sorted(old)}, window, _seen(firsts, first)))
    window = Window(since=0, until=until, gap_max=longest)
    counted |= counter.counts({p: whole[p] for p in sorted(young)}, window, frozenset(young))
    since = [chronicle.created.get(pod, firsts[pod]) for pod in young]
    return counted, min([*since, *([first] if old else []), until])


def _seen(firsts: Mapping[str, int], first: int) -> frozenset[str]:
    return frozenset(pod for pod, seen in firsts.items() if seen <= first)


def _watched(marks: PodSeries) -> list[int]:
    """The instants of the marks at which Prometheus had anything, in order."""
    return sorted({time for some in marks.values() for s in some for time, _ in s.samples})


def _is_young(chronicle: Chronicle, pod: str, seen: int, watched: Sequence[int]) -> bool:
    """Whether nothing of the pod was counted before it was seen.

    Of a pod that is gone nobody knows when it was created: it was not there at the mark before,
    for no target of it, also of those that are not counted.
    """
    created = chronicle.created.get(pod)
    if created is not None:
        return created >= chronicle.start - BORN_SLACK_MS
    steps = [after - before for before, after in pairwise(watched)]
    if not steps:
        return False
    step = min(steps)
    seen = min([seen, *(one.samples[0][0] for one in chronicle.marks.get(pod, ()))])
    return any(seen - 2 * step < time < seen for time in watched)


def _recent(
    counter: Countable, chronicle: Chronicle, until: int, looks: int
) -> Iterator[PodCounts]:
    """What was gained look by look, oldest first; the first look with data is where it begins.

    All looks are counted at once, each pod of each look as if it were one of its own.
    """
    look = max(chronicle.interval, LOOK_MIN_MS)
    count = min(looks, (until - chronicle.raw_since) // look)
    edges = [until - number * look for number in range(count, -1, -1)]
    lookback = lookback_of(chronicle.interval)
    cut: dict[str, list[Series]] = {}
    for pod, series in chronicle.raw.items():
        first = min(one.samples[0][0] for one in series)
        for one in series:
            for number, piece in _pieces(one, edges, seen_at=first, lookback=lookback):
                cut.setdefault(f"{number}/{pod}", []).append(piece)
    window = Window(since=0, until=until, gap_max=lookback)
    gained: list[dict[str, Mapping[str, Counts]]] = [{} for _ in range(count)]
    for key, segments in counter.counts(cut, window, frozenset()).items():
        which, _, pod = key.partition("/")
        gained[int(which)][pod] = segments
    told = next((number for number, found in enumerate(gained) if found), count)
    return iter(gained[told:])


def _pieces(
    series: Series, edges: Sequence[int], *, seen_at: int, lookback: int
) -> Iterator[tuple[int, Series]]:
    """The series cut into looks, each with the sample before it, from which it counts.

    Where there is none although its pod was being scraped, the series is new: it had been zero.
    """
    times = [time for time, _ in series.samples]
    ends = [bisect_right(times, edge) for edge in edges]
    for number, (begin, end) in enumerate(pairwise(ends)):
        if begin == end:
            continue
        if begin:
            yield number, _part(series, begin - 1, end)
        elif seen_at < times[0]:
            yield number, _from_zero(_part(series, 0, end), max(seen_at, times[0] - lookback))
        elif end - begin > 1:
            yield number, _part(series, 0, end)


def _from_zero(series: Series, time: int) -> Series:
    empty = ((),) if series.buckets else ()
    return replace(
        series, samples=((time, 0.0), *series.samples), buckets=(*empty, *series.buckets)
    )


def created_of(pods: Mapping[str, datetime]) -> dict[str, int]:
    return {pod: milliseconds(created) for pod, created in pods.items()}
