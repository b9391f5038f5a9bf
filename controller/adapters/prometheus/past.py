"""Stable's own past, read at a cost that does not grow with its length or its traffic."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from controller.adapters.prometheus.chronicle import (
    LOOK_MIN_MS,
    Chronicle,
    Countable,
    created_of,
    past_of,
)
from controller.adapters.prometheus.counting import interval_of
from controller.adapters.prometheus.reading import INTERVAL_GUESS_MS
from controller.adapters.prometheus.selecting import Selection
from controller.adapters.prometheus.series import Series
from controller.adapters.prometheus.server import UNREACHABLE
from controller.adapters.prometheus.siblings import Asked, Fetch, by_pod, selector
from controller.domain.readings import Missing, Past

# The whole of it: a release that begins does not wait for its history for longer.
BUDGET_SECONDS: Final = 8.0
QUERY_SECONDS: Final = 5.0
QUERY_MIN_SECONDS: Final = 0.5

PROBE_MS: Final = 300_000
INTERVAL_MAX_MS: Final = 60_000
SERIES_MAX: Final = 20_000
# An answer is some megabytes at most; and so long a look-by-look count keeps a core busy.
MARK_SAMPLES_MAX: Final = 250_000
LOOK_SAMPLES_MAX: Final = 36_000
MARKS: Final = 24
MARKS_MIN: Final = 6
STEP_MIN_MS: Final = 60_000
LOOKS: Final = 360
LOOKS_MIN: Final = 12
RECENT_MAX_MS: Final = 2 * 3_600_000
SHORT: Final = timedelta(hours=1)

Pods = dict[str, list[Series]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many series the living pods have, and how often they are scraped (milliseconds)."""

    series: int
    interval: int

    @property
    def marks(self) -> int:
        return _within(MARK_SAMPLES_MAX // max(1, self.series), MARKS_MIN, MARKS)

    @property
    def looks(self) -> int:
        longest = min(LOOKS, RECENT_MAX_MS // max(self.interval, LOOK_MIN_MS))
        return _within(LOOK_SAMPLES_MAX // max(1, self.series), LOOKS_MIN, longest)

    @property
    def recent(self) -> int:
        """Milliseconds that the looks take together, and a sample before them."""
        return self.looks * max(self.interval, LOOK_MIN_MS) + 2 * self.interval


async def read_past(fetch: Fetch, counter: Countable, asked: Asked) -> Past | Missing:
    """What stable counted in the last `span`, or in as much of it as could be had in time.

    First the whole span, then an hour, then what the living pods' counters show by themselves.
    """
    if not asked.stable.pods and not asked.stable.replica_sets:
        return Missing("no pods", "stable has none")
    reader = _Reader(fetch, counter, asked, asyncio.get_running_loop().time() + BUDGET_SECONDS)
    size = await reader.size()
    if isinstance(size, Missing):
        return size
    if size.series > SERIES_MAX:
        most = f"at most {SERIES_MAX} are read"
        return Missing("too many series", f"{size.series} of stable's pods that live; {most}")
    recent = asyncio.ensure_future(reader.recent(size))
    try:
        found: Past | Missing = Missing("timeout", "there was no time left to ask")
        for span in dict.fromkeys((asked.span, min(asked.span, SHORT))):
            found = await reader.spanning(replace(asked, span=span), size, recent)
            if isinstance(found, Past) or found.reason == UNREACHABLE:
                return found
        lasting = await reader.showing(size, recent)
        return lasting if isinstance(lasting, Past) else found
    finally:
        recent.cancel()


@dataclass(frozen=True, slots=True)
class _Reader:
    """The queries of one read, all over by `deadline` (seconds of the loop)."""

    fetch: Fetch
    counter: Countable
    asked: Asked
    deadline: float

    async def size(self) -> Size | Missing:
        """Two numbers per selection that say what the rest will cost."""
        answers = await asyncio.gather(
            *(self._size(selection) for selection in self.counter.selections)
        )
        sizes = []
        for answer in answers:
            if isinstance(answer, Missing):
                return answer
            sizes.append(answer)
        return Size(
            series=sum(size.series for size in sizes),
            interval=max((size.interval for size in sizes), default=INTERVAL_GUESS_MS),
        )

    async def _size(self, selection: Selection) -> Size | Missing:
        scraped = f"count_over_time({selector(selection, self.asked)}[{PROBE_MS // 1000}s])"
        counted, spaced = await asyncio.gather(
            self._ask(f"count({scraped})"), self._ask(f"quantile(0.5, {scraped})")
        )
        if isinstance(counted, Missing):
            return counted
        if isinstance(spaced, Missing):
            return spaced
        samples = _only(spaced)
        interval = round(PROBE_MS / samples) if samples else INTERVAL_GUESS_MS
        return Size(series=round(_only(counted)), interval=min(interval, INTERVAL_MAX_MS))

    async def recent(self, size: Size) -> Pods:
        """The last minutes as they were scraped; nothing when that cannot be had."""
        found = await self._pods(f"[{self._recent_ms(size) // 1000 + 1}s]", gone=True)
        return {} if isinstance(found, Missing) else found

    async def spanning(
        self, asked: Asked, size: Size, recent: asyncio.Future[Pods]
    ) -> Past | Missing:
        """The counters at a few instants of the span, and since the last of these."""
        step = max(STEP_MIN_MS, (asked.at - asked.start) // size.marks) // 1000
        span = round(asked.span.total_seconds())
        marks = await self._pods(f"[{span}s:{step}s]", gone=True)
        if isinstance(marks, Missing):
            return marks
        return await self._told(asked, marks, size, await recent)

    async def showing(self, size: Size, recent: asyncio.Future[Pods]) -> Past | Missing:
        """What the counters of living pods show, which is all that they ever counted."""
        if not self.asked.stable.pods:
            return Missing("no pods", "stable's are gone")
        shown = await self._pods("", gone=False)
        if isinstance(shown, Missing):
            return shown
        span = self.asked.now - min(self.asked.stable.pods.values())
        return await self._told(replace(self.asked, span=span), shown, size, await recent)

    async def _told(self, asked: Asked, marks: Pods, size: Size, recent: Pods) -> Past | Missing:
        """In a thread: there may be some hundred thousand samples to go through."""
        spacing = interval_of(recent)
        chronicle = Chronicle(
            marks=marks,
            raw=recent,
            created=created_of(asked.stable.pods),
            start=asked.start,
            raw_since=asked.at - self._recent_ms(size),
            interval=size.interval if spacing is None else _whole_seconds(spacing),
            at=asked.at,
        )
        past = await asyncio.to_thread(past_of, self.counter, chronicle, size.looks)
        if past is not None and not past.pods:
            return Missing("nothing to count", "the pods' series have nothing that is asked for")
        if past is None:
            wanted = " and ".join(
                selector(selection, asked)[:200] for selection in self.counter.selections
            )
            return Missing("no series", f"{wanted} finds nothing")
        return past

    def _recent_ms(self, size: Size) -> int:
        return min(size.recent, self.asked.at - self.asked.start)

    async def _pods(self, window: str, *, gone: bool) -> Pods | Missing:
        """The series of all selections, by pod."""
        selections: Sequence[Selection] = self.counter.selections
        answers = await asyncio.gather(
            *(self._ask(f"{selector(s, self.asked, gone=gone)}{window}") for s in selections)
        )
        pods: Pods = {}
        for selection, answer in zip(selections, answers, strict=True):
            if isinstance(answer, Missing):
                return answer
            for pod, series in by_pod(selection, answer).items():
                pods.setdefault(pod, []).extend(series)
        return pods

    async def _ask(self, text: str) -> list[Series] | Missing:
        left = self.deadline - asyncio.get_running_loop().time()
        if left < QUERY_MIN_SECONDS:
            return Missing("timeout", "there was no time left to ask")
        return await self.fetch(text, self.asked.at, min(left, QUERY_SECONDS))


def _only(series: Sequence[Series]) -> float:
    """The value of an answer with one number; 0 when there is nothing."""
    return series[0].samples[-1][1] if series else 0.0


def _whole_seconds(milliseconds: int) -> int:
    """As scrape intervals are written; a look that is a little shorter would miss a scrape."""
    return max(1_000, round(milliseconds, -3))


def _within(wanted: int, least: int, most: int) -> int:
    return min(most, max(least, wanted))
