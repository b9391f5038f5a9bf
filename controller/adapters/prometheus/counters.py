"""How the counters of one source are read: which to fetch, and what is an event in them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from controller.adapters.prometheus import buckets
from controller.adapters.prometheus.counting import Window, distinct, increase
from controller.adapters.prometheus.patterns import covers
from controller.adapters.prometheus.presets import PRESETS, Preset
from controller.adapters.prometheus.queries import Selector, selector_of
from controller.adapters.prometheus.segments import segment_of
from controller.adapters.prometheus.selecting import Scheme, Selection
from controller.adapters.prometheus.series import Series
from controller.domain.policy import OwnQuery, RequestSource, SegmentRules, SlowRequests
from controller.domain.readings import Counts


class Flow(NamedTuple):
    """A counter, and whether what it gains are requests, errors, or requests that are errors."""

    series: Series
    requests: bool
    errors: bool


class Telling(Protocol):
    """How errors are told from the rest."""

    @property
    def labels(self) -> frozenset[str]:
        """Labels that are the application's own, whatever their names."""
        ...

    def flows(self, series: Sequence[Series]) -> Iterable[Flow]: ...


@dataclass(frozen=True, slots=True)
class ByStatus:
    """The whole value of the label `status` matches `failed`."""

    status: str
    failed: str

    @property
    def labels(self) -> frozenset[str]:
        return frozenset({self.status})

    def flows(self, series: Sequence[Series]) -> Iterator[Flow]:
        for one in series:
            is_error = covers(self.failed, one.labels.get(self.status, ""))
            yield Flow(one, requests=True, errors=is_error)


@dataclass(frozen=True, slots=True)
class ByCounter:
    """Errors have a counter of their own, which may be a part of that of all requests."""

    requests: Selector
    errors: Selector

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(m.name for m in (*self.requests.matchers, *self.errors.matchers))

    def flows(self, series: Sequence[Series]) -> Iterator[Flow]:
        # What both selectors find has been fetched twice.
        once = {frozenset(one.labels.items()): one for one in series}
        for one in once.values():
            yield Flow(one, self.requests.selects(one.labels), self.errors.selects(one.labels))


@dataclass(frozen=True, slots=True)
class BySlowness:
    """Requests that took longer than `threshold`."""

    threshold: buckets.Threshold

    @property
    def labels(self) -> frozenset[str]:
        return frozenset({buckets.LE})

    def flows(self, series: Sequence[Series]) -> Iterator[Flow]:
        for pace in buckets.paces(series, self.threshold):
            yield Flow(pace.series, requests=True, errors=pace.slow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One source: what to fetch, how errors are told, how requests are split.

    `metric` is the name to show. `selections` name the pod's label that was found or asked for.
    """

    metric: str
    selections: tuple[Selection, ...]
    telling: Telling
    segment_by: str
    rules: SegmentRules

    @property
    def most(self) -> int:
        """How many segments to tell apart by themselves."""
        return self.rules.most

    def at(self, scheme: Scheme) -> "Counter":
        """The same with the labels by which the pods were found."""
        selections = tuple(
            replace(one, pod_label=scheme.pod, namespace_label=scheme.namespace)
            for one in self.selections
        )
        return replace(self, selections=selections)

    @property
    def kept(self) -> frozenset[str]:
        """Labels that are the application's own, whatever their names."""
        return self.telling.labels | {self.segment_by}

    def counts(
        self, pods: Mapping[str, Sequence[Series]], window: Window, born: frozenset[str]
    ) -> dict[str, dict[str, Counts]]:
        """What each pod gained in the window by segment.

        `pods` are all series of all selections. Those of `born` count from zero at their first
        sample. A pod of whose series none can be counted is absent; what is denied is nowhere.
        """
        found: dict[str, dict[str, Counts]] = {}
        for pod, series in pods.items():
            flows = list(self.telling.flows(distinct(series, self.kept, window.gap_max)))
            if flows:
                found[pod] = self._segments(flows, window, born=pod in born)
        return found

    def _segments(self, flows: Iterable[Flow], window: Window, *, born: bool) -> dict[str, Counts]:
        segments: dict[str, Counts] = {}
        for flow in flows:
            gained = increase(flow.series.samples, window, born=born)
            segment = segment_of(self.segment_by, flow.series.labels, self.rules)
            if gained > 0 and segment is not None:
                added = Counts(gained if flow.errors else 0.0, gained if flow.requests else 0.0)
                segments[segment] = segments.get(segment, Counts()) + added
        # An error's own counter may be ahead of the requests': whatever failed was a request.
        return {s: Counts(c.errors, max(c.requests, c.errors)) for s, c in segments.items()}

    def between(self, pods: Mapping[str, Sequence[Series]]) -> buckets.Bounds | None:
        """The bounds next to a threshold that is none; None when all is well."""
        if not isinstance(self.telling, BySlowness):
            return None
        return buckets.of_pods(pods, self.telling.threshold)


def counter_of(source: RequestSource, slow: SlowRequests | None) -> Counter:
    """How a source is read in which `problem_of` finds none."""
    row = PRESETS[source.preset] if source.query is None else _row(source.query)
    segment_by = row.route if source.segment_by is None else source.segment_by
    if slow is not None:
        selection, telling = _histogram(row, source.query, slow)
        return Counter(
            metric=row.histogram,
            selections=(selection,),
            telling=telling,
            segment_by=segment_by,
            rules=source.segments,
        )
    selections = [Selection(metric=row.counter, matchers=row.matchers)]
    errors: Telling = ByStatus(row.status, row.failed)
    if source.query is not None and source.query.errors:
        own = selector_of(source.query.errors)
        errors = ByCounter(selector_of(source.query.requests), own)
        selections.append(Selection(metric=own.metric, matchers=own.text))
    return Counter(
        metric=row.counter,
        selections=tuple(selections),
        telling=errors,
        segment_by=segment_by,
        rules=source.segments,
    )


def _row(query: OwnQuery) -> Preset:
    """A person's own counters as a preset has them."""
    requests = selector_of(query.requests)
    histogram = selector_of(query.histogram).metric if query.histogram else ""
    return Preset(
        counter=requests.metric,
        matchers=requests.text,
        status=query.status,
        failed=query.failed,
        route=query.segment,
        histogram=histogram.removesuffix(buckets.BUCKET),
        unit=query.unit,
    )


def _histogram(
    row: Preset, query: OwnQuery | None, slow: SlowRequests
) -> tuple[Selection, BySlowness]:
    threshold = buckets.Threshold.of(slow.threshold, row.unit)
    own = selector_of(query.histogram).text if query is not None else row.matchers
    wanted = buckets.matchers_of(row.histogram, threshold)
    selection = Selection(metric="", matchers=f"{wanted},{own}" if own else wanted)
    return selection, BySlowness(threshold)
