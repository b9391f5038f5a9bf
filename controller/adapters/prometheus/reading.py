"""One release's question about its pods, and the answer from their series. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controller.adapters.prometheus.counting import (
    Window,
    distinct,
    increase,
    newest,
    seen_by,
)
from controller.adapters.prometheus.presets import Preset
from controller.adapters.prometheus.series import Series, instant
from controller.domain.readings import Counts, Missing, Tally

SEGMENTS_MAX: Final = 50
OTHER: Final = "other"
NO_ROUTE: Final = "(no route)"

# Read this far back until it is known how often pods are scraped.
FIRST_LOOKBACK_MS: Final = 300_000
LOOKBACK_MIN_MS: Final = 10_000
LOOKBACK_INTERVALS: Final = 3.5  # one missed scrape, and jitter, do not lose the baseline
WINDOW_MAX_MS: Final = 3_600_000
INTERVAL_GUESS_MS: Final = 15_000
SETTLE_MIN_MS: Final = 500
SETTLE_MAX_MS: Final = 5_000
STALE_MIN_MS: Final = 5_000
STALE_INTERVALS: Final = 3

PodSeries = Mapping[str, Sequence[Series]]


def lookback_of(interval: int | None) -> int:
    """Milliseconds before `since` in which a series' last sample is looked for."""
    if interval is None:
        return FIRST_LOOKBACK_MS
    return max(LOOKBACK_MIN_MS, round(LOOKBACK_INTERVALS * interval))


def settle_of(interval: int | None) -> int:
    """Milliseconds a sample may take from being taken to being readable."""
    return min(max((interval or INTERVAL_GUESS_MS) // 2, SETTLE_MIN_MS), SETTLE_MAX_MS)


def stale_after(interval: int | None) -> int:
    """Milliseconds after which a pod without a new sample is no longer being scraped."""
    return max(STALE_INTERVALS * (interval or INTERVAL_GUESS_MS), STALE_MIN_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: pods with their creation times, after `since` until about `now`.

    `segment_by` is a label, "" for no split.
    """

    preset: Preset
    segment_by: str
    pods: Mapping[str, int]
    since: int | None
    now: int

    def start(self, lookback: int) -> int:
        """How far back samples are needed; never further than the longest window."""
        since = self.now if self.since is None else self.since
        return max(since - lookback, self.now - WINDOW_MAX_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was fetched: each pod's series, and from when on they are complete.

    `interval` is how many milliseconds apart scrapes are, None when it is not known yet.
    """

    pods: PodSeries
    starts: Mapping[str, int]
    interval: int | None

    @property
    def newest(self) -> int:
        return max((newest(series) for series in self.pods.values()), default=0)


def window_of(question: Question, evidence: Evidence) -> Window:
    """The instants between which samples count.

    No later than the newest sample: what a slow pipeline delivers late then still lies ahead. When
    nothing arrived for longer than an interval the pipeline is slow, and its order may be too.
    """
    interval = evidence.interval
    settle = settle_of(interval)
    last = min(evidence.newest, question.now)
    late = question.now - last > (interval or INTERVAL_GUESS_MS) + settle
    until = last - settle if late else min(question.now - settle, last)
    if question.since is None:
        return Window(since=0, until=until, gap_max=until)
    lookback = lookback_of(interval)
    since = max(question.since, question.start(lookback) + lookback)
    return Window(since=since, until=max(since, until), gap_max=lookback)


def unplaced(question: Question, evidence: Evidence) -> Mapping[str, int]:
    """Pods whose first samples may or may not be their first ever, and from when on to look again.

    What was fetched cannot tell: they are older than it, and in it only after `since`. A young
    pod's whole life tells. An old one's last minutes tell whether it is merely scraped rarely.
    """
    if question.since is None:
        return {}
    window = window_of(question, evidence)
    again = {}
    for pod, series in evidence.pods.items():
        created, start = question.pods[pod], evidence.starts[pod]
        known = created >= start or seen_by(series, window.since)
        if known or not any(window.holds(one.samples[0]) for one in series):
            continue
        young = question.now - created <= WINDOW_MAX_MS
        earlier = created - 1_000 if young else question.now - FIRST_LOOKBACK_MS
        if earlier < start:
            again[pod] = earlier
    return again


def answer(question: Question, evidence: Evidence) -> Tally | Missing:
    """Requests and errors by pod and segment, or why there are none."""
    interval = evidence.interval
    last = evidence.newest
    if question.now - last > stale_after(interval):
        age = (question.now - last) / 1_000
        return Missing("stale", f"{question.preset.counter}: last sample {age:.0f} s ago")
    window = window_of(question, evidence)
    fresh_from = question.now - stale_after(interval)
    pods: dict[str, dict[str, Counts]] = {}
    for pod, series in evidence.pods.items():
        counted = any(window.holds(sample) for one in series for sample in one.samples)
        if not counted and newest(series) < fresh_from:
            continue
        pods[pod] = {}
        for segment, counts in _pod_counts(question, evidence, pod, window):
            pods[pod][segment] = pods[pod].get(segment, Counts()) + counts
    since = _since(question, window)
    return Tally(since=instant(since), until=instant(window.until), pods=_bounded(pods))


def _since(question: Question, window: Window) -> int:
    """Where the counts begin: for `since` None with the oldest pod."""
    if question.since is None:
        return min(window.until, *question.pods.values())
    return window.since


def _pod_counts(
    question: Question, evidence: Evidence, pod: str, window: Window
) -> Iterator[tuple[str, Counts]]:
    """What each of the pod's series gained.

    A series nobody has seen before counts from zero if it cannot have been there: the pod was being
    scraped without it, or the pod's whole life was fetched. Else the pod was out of reach.
    """
    series = evidence.pods[pod]
    preset = question.preset
    born = (
        question.since is None
        or seen_by(series, window.since)
        or question.pods[pod] >= evidence.starts[pod]
    )
    keep = frozenset({preset.status, question.segment_by})
    failed = re.compile(preset.failed)
    for one in distinct(series, keep, lookback_of(evidence.interval)):
        gained = increase(one.samples, window, born=born)
        if gained > 0:
            errors = gained if failed.fullmatch(one.labels.get(preset.status, "")) else 0.0
            yield _segment(question, one), Counts(errors, gained)


def _segment(question: Question, series: Series) -> str:
    """The series' segment; "" is the whole service and means that nothing is split."""
    if not question.segment_by:
        return ""
    return series.labels.get(question.segment_by) or NO_ROUTE


def _bounded(pods: Mapping[str, Mapping[str, Counts]]) -> Mapping[str, Mapping[str, Counts]]:
    """The same with the rarest segments summed up: a route may be anything a caller sent."""
    totals: dict[str, float] = {}
    for segments in pods.values():
        for segment, counts in segments.items():
            totals[segment] = totals.get(segment, 0.0) + counts.requests
    if len(totals) <= SEGMENTS_MAX:
        return pods
    named = set(sorted(totals, key=lambda segment: (-totals[segment], segment))[:SEGMENTS_MAX])
    bounded: dict[str, dict[str, Counts]] = {}
    for pod, segments in pods.items():
        bounded[pod] = {}
        for segment, counts in segments.items():
            name = segment if segment in named else OTHER
            bounded[pod][name] = bounded[pod].get(name, Counts()) + counts
    return bounded
