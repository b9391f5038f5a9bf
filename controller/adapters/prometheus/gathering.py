"""One look's evidence from a source: where its pods are found, and the samples that are needed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from controller.adapters.prometheus.buckets import (
    BUCKET,
    LE,
    UNBOUNDED,
    Bounds,
    Threshold,
    bound_of,
    nearest,
    offered,
)
from controller.adapters.prometheus.counters import BySlowness, Counter
from controller.adapters.prometheus.counting import interval_of
from controller.adapters.prometheus.fetching import Fetcher, PodSeries, Span, Wanted
from controller.adapters.prometheus.placing import Places, best, schemes_of
from controller.adapters.prometheus.reading import Evidence, Question, lookback_of, unplaced
from controller.adapters.prometheus.selecting import Ask, Scheme, Selection, selector
from controller.domain.readings import Missing

REMEMBERED_MAX: Final = 2_000
INTERVAL_FADE: Final = 0.8
INTERVAL_MAX_MS: Final = 300_000
PROBED_MAX: Final = 100
BOUNDS_SECONDS: Final = 2.0
BOUNDS_KEPT_MS: Final = 60_000
NOT_A_BOUND: Final = "threshold is no bucket bound"


class Known(NamedTuple):
    """The bounds next to a threshold, as they were when last looked at."""

    bounds: Bounds  # UNBOUNDED where they could not be had
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was fetched, and the counter with the labels that it was found by."""

    counter: Counter
    evidence: Evidence


class Gatherer:
    """Fetches what questions need; remembers scrape intervals and pod labels between them."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._places = Places()
        self._intervals: dict[tuple[Selection, str], int] = {}
        self._bounds_known: dict[tuple[Selection, str, Threshold], Known] = {}

    def interval(self, counter: Counter, namespace: str) -> int | None:
        """Milliseconds between the scrapes of these series, as far as it is known."""
        return self._intervals.get((counter.selections[0], namespace))

    async def gather(
        self, counter: Counter, pod_label: str | None, question: Question, namespace: str
    ) -> Gathered | Missing:
        """The pods' series; for pods that they do not place, all that was ever scraped of them."""
        key = (counter.selections[0], namespace)
        start = question.start(lookback_of(self._intervals.get(key)))
        ask = Ask(namespace=namespace, pods=frozenset(question.pods), start=start, at=question.now)
        found = await self._found(counter, schemes_of(pod_label), ask)
        if isinstance(found, Missing):
            return found
        counter, pods = found
        evidence = self._noticed(key, pods, dict.fromkeys(pods, start))
        again = unplaced(question, evidence)
        if again:
            earliest = min(again.values())
            more = replace(ask, pods=frozenset(again), start=earliest)
            whole = await self._fetcher.pods(counter.selections, more)
            if isinstance(whole, Missing):
                return whole
            starts = {**evidence.starts, **dict.fromkeys(whole, earliest)}
            evidence = self._noticed(key, {**pods, **whole}, starts)
        off = await self._off_bounds(counter, evidence.pods, ask)
        return off or Gathered(counter=counter, evidence=evidence)

    async def place(self, counter: Counter, pod_label: str | None, ask: Ask) -> Counter | Missing:
        """The counter with the labels by which these pods are found."""
        schemes = schemes_of(pod_label)
        scheme = self._places.known((counter.selections[0], schemes, ask.namespace))
        if scheme is None and (len(schemes) == 1 or not ask.pods):
            scheme = schemes[0]
        return counter.at(scheme) if scheme else await self._probed(counter, schemes, ask)

    async def _found(
        self, counter: Counter, schemes: tuple[Scheme, ...], ask: Ask
    ) -> tuple[Counter, PodSeries] | Missing:
        """What the likeliest label finds, so that most never need a probe; or what another does."""
        key = (counter.selections[0], schemes, ask.namespace)
        scheme = self._places.known(key) or schemes[0]
        likely = counter.at(scheme)
        pods = await self._fetcher.pods(likely.selections, ask)
        if isinstance(pods, Missing):
            return pods
        if pods:
            self._places.note(key, scheme)
            return likely, pods
        if len(schemes) == 1:
            return nowhere(counter, schemes, ask)
        other = await self._probed(counter, schemes, ask)
        if isinstance(other, Missing):
            return other
        pods = await self._fetcher.pods(other.selections, ask)
        if isinstance(pods, Missing):
            return pods
        return (other, pods) if pods else nowhere(counter, schemes, ask)

    async def _probed(
        self, counter: Counter, schemes: tuple[Scheme, ...], ask: Ask
    ) -> Counter | Missing:
        """Looks under all labels at once, for some of the pods: they are all named alike."""
        selection = counter.selections[0]
        ask = replace(ask, pods=frozenset(sorted(ask.pods)[:PROBED_MAX]))
        found = await self._fetcher.put(Wanted(selection, Span.NOW, schemes), ask)
        if isinstance(found, Missing):
            return found
        scheme = best(schemes, ask, found)
        if scheme is None:
            return nowhere(counter, schemes, ask)
        self._places.note((selection, schemes, ask.namespace), scheme)
        return counter.at(scheme)

    async def _off_bounds(self, counter: Counter, pods: PodSeries, ask: Ask) -> Missing | None:
        """Why slow requests cannot be told, with the thresholds next to it that could be had."""
        between = counter.between(pods)
        if between is None or not isinstance(counter.telling, BySlowness):
            return None
        if between == UNBOUNDED:
            between = await self._bounds(counter, counter.telling, ask)
        return Missing(NOT_A_BOUND, offered(between, counter.telling.threshold.unit))

    async def _bounds(self, counter: Counter, telling: BySlowness, ask: Ask) -> Bounds:
        """The bounds of a classic histogram next to the threshold, of which two were fetched."""
        selection = replace(counter.selections[0], metric=counter.metric + BUCKET, matchers="")
        known = self._bounds_known.get((selection, ask.namespace, telling.threshold))
        if known is not None and 0 <= ask.at - known.at < BOUNDS_KEPT_MS:
            return known.bounds
        text = f"count by ({LE}) ({selector(selection, [ask])})"
        found = await self._fetcher.series(text, ask.at, BOUNDS_SECONDS)
        between = UNBOUNDED
        if not isinstance(found, Missing):
            bounds = [bound for one in found if (bound := bound_of(one.labels)) is not None]
            between = nearest(bounds, telling.threshold)
        while len(self._bounds_known) >= REMEMBERED_MAX:
            del self._bounds_known[next(iter(self._bounds_known))]
        self._bounds_known[selection, ask.namespace, telling.threshold] = Known(between, ask.at)
        return between

    def _noticed(
        self, key: tuple[Selection, str], pods: PodSeries, starts: Mapping[str, int]
    ) -> Evidence:
        """Evidence with its scrape interval, which is remembered.

        The slowest pods of a namespace set the pace, and fade when they are no longer there.
        """
        seen, old = interval_of(pods), self._intervals.pop(key, None)
        interval = old if seen is None else max(seen, round(INTERVAL_FADE * (old or 0)))
        interval = interval and min(interval, INTERVAL_MAX_MS)
        if interval is not None:
            self._intervals[key] = interval
            if len(self._intervals) > REMEMBERED_MAX:
                del self._intervals[next(iter(self._intervals))]
        return Evidence(pods=pods, starts=starts, interval=interval)


def nowhere(counter: Counter, schemes: tuple[Scheme, ...], ask: Ask) -> Missing:
    """No series at all: most often a label that is named otherwise, so show what was looked for."""
    selection = counter.at(schemes[0]).selections[0]
    tried = ", ".join(dict.fromkeys(scheme.pod for scheme in schemes))
    return nothing(selection, ask, f"are the pods scraped? Labels tried for their names: {tried}")


def nothing(selection: Selection, ask: Ask, hint: str) -> Missing:
    wanted = selector(selection, [ask])
    shown = wanted if len(wanted) <= 200 else f"{wanted[:200]}..."
    return Missing("no series", f"{shown} finds nothing; {hint}")
