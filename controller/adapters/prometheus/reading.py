"""One release's question about its pods, and the answer from their series. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controller.adapters.prometheus.counters import Counter
from controller.adapters.prometheus.counting import Window, newest, seen_by
from controller.adapters.prometheus.series import Series, instant
from controller.domain.readings import Missing, Tally

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
    """What is asked: pods with their creation times, after `since` until about `now`."""

    pods: Mapping[str, int]
    since: int
    now: int

    def start(self, lookback: int) -> int:
        """How far back samples are needed; never further than the longest window."""
        return max(self.since - lookback, self.now - WINDOW_MAX_MS)


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
    lookback = lookback_of(interval)
    since = max(question.since, question.start(lookback) + lookback)
    return Window(since=since, until=max(since, until), gap_max=lookback)


def unplaced(question: Question, evidence: Evidence) -> Mapping[str, int]:
    """Pods whose first samples may or may not be their first ever, and from when on to look again.

    What was fetched cannot tell: they are older than it, and in it only after `since`. A young
    pod's whole life tells. An old one's last minutes tell whether it is merely scraped rarely.
    """
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


def answer(counter: Counter, question: Question, evidence: Evidence) -> Tally | Missing:
    """Requests and errors by pod and segment, or why there are none.

    Every segment is called here what it is called in every other look: too many are pooled by the
    evidence, which remembers which. A pod is named when its counters were read, changed or not.
    """
    interval = evidence.interval
    last = evidence.newest
    if question.now - last > stale_after(interval):
        age = (question.now - last) / 1_000
        return Missing("stale", f"{counter.metric}: last sample {age:.0f} s ago")
    window = window_of(question, evidence)
    fresh_from = question.now - stale_after(interval)
    read = {
        pod: series
        for pod, series in evidence.pods.items()
        if newest(series) >= fresh_from
        or any(window.holds(sample) for one in series for sample in one.samples)
    }
    counts = counter.counts(read, window, _born(question, evidence, window))
    return Tally(since=instant(window.since), until=instant(window.until), pods=counts)


def _born(question: Question, evidence: Evidence, window: Window) -> frozenset[str]:
    """Pods of which a series that nobody has seen before counts from zero.

    It cannot have been there: the pod was being scraped without it, or the pod's whole life was
    fetched. Else the pod was out of reach.
    """
    return frozenset(
        pod
        for pod, series in evidence.pods.items()
        if seen_by(series, window.since) or question.pods[pod] >= evidence.starts[pod]
    )
