"""A Prometheus in memory that evaluates what histories are asked with, as the real one does."""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import median

from controller.adapters.prometheus.counters import Counter, counter_of
from controller.adapters.prometheus.past import read_past
from controller.adapters.prometheus.selecting import Scheme
from controller.adapters.prometheus.series import Series, milliseconds
from controller.adapters.prometheus.siblings import Asked
from controller.domain.policy import RequestSource, SlowRequests
from controller.domain.readings import Counts, Missing, Past
from controller.engine.ports import Stable
from tests.adapters.prometheus.stub import matches

NOW = datetime(2026, 1, 2, 12, 17, 33, tzinfo=UTC)
REQUESTS = "http_requests_total"
BUCKET = "http_request_duration_seconds_bucket"
SOURCE = RequestSource(preset="promhttp")
DAY = timedelta(hours=24)
LOOKBACK_MS = 300_000

SELECTOR = r"(?P<name>\w*)\{(?P<matchers>.*)\}"
SHAPE = re.compile(
    rf"^(?P<function>count\(count_over_time\(|quantile\(0\.5, count_over_time\(|max_over_time\(|)"
    rf"{SELECTOR}(\[(?P<seconds>\d+)s(?P<sub>:(?P<step>\d+)s)?\])?\)*$"
)


def ago(**span: float) -> int:
    """Milliseconds of an instant so long before NOW."""
    return milliseconds(NOW - timedelta(**span))


@dataclass
class Historian:
    """Series that end at their last sample, with a staleness marker."""

    series: list[Series] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Missing | float] = field(default_factory=dict)

    def add(self, name: str, samples: Iterable[tuple[int, float]], **labels: str) -> None:
        shown = {"__name__": name, "namespace": "exams", **labels}
        self.series.append(Series(shown, tuple(samples)))

    def pod(  # noqa: PLR0913 - a life has as many sides
        self,
        pod: str,
        since: int,
        until: int,
        *,
        good_per_second: float = 10.0,
        errors: Callable[[int], float] = lambda _since_start: 0.0,
        interval: int = 15_000,
        route: str = "/exam",
        **labels: str,
    ) -> None:
        """A pod whose process began at `since`; `errors` by milliseconds since then."""
        times = range(since + interval, until + 1, interval)
        good = [(time, (time - since) / 1000 * good_per_second) for time in times]
        bad = [(time, errors(time - since)) for time in times]
        self.add(REQUESTS, good, pod=pod, code="200", handler=route, **labels)
        if shown := [sample for sample in bad if sample[1] > 0]:
            self.add(REQUESTS, shown, pod=pod, code="500", handler=route, **labels)

    async def __call__(self, text: str, at: int, timeout_seconds: float) -> list[Series] | Missing:
        self.asked.append(text)
        await asyncio.sleep(0)
        for part, answer in self.answers.items():
            if part in text:
                if isinstance(answer, Missing):
                    return answer
                await asyncio.sleep(min(answer, timeout_seconds))
                return Missing("timeout", "slow")
        shape = SHAPE.match(text)
        assert shape is not None, text
        seconds = int(shape["seconds"] or 0) * 1000
        found = []
        for one in self.series:
            if shape["name"] in ("", one.labels["__name__"]) and matches(
                shape["matchers"], dict(one.labels)
            ):
                samples = self._samples(one, shape, at, seconds)
                if samples:
                    found.append(replace(one, samples=samples))
        return _reduced(shape["function"], found, at)

    def _samples(
        self, one: Series, shape: re.Match[str], at: int, seconds: int
    ) -> tuple[tuple[int, float], ...]:
        if shape["sub"]:
            step = int(shape["step"]) * 1000
            first = -(-(at - seconds) // step) * step
            marks = [(time, _value(one, time)) for time in range(first, at + 1, step)]
            return tuple((time, value) for time, value in marks if value is not None)
        if shape["seconds"]:
            return tuple(s for s in one.samples if at - seconds < s[0] <= at)
        value = _value(one, at)
        return () if value is None else ((at, value),)


def _value(one: Series, time: int) -> float | None:
    """The newest sample that is not older than five minutes; none after the series' end."""
    if time >= one.samples[-1][0] + 60_000:
        return None
    seen = [value for when, value in one.samples if time - LOOKBACK_MS < when <= time]
    return seen[-1] if seen else None


def _reduced(function: str, found: Sequence[Series], at: int) -> list[Series]:
    if function.startswith("max"):
        return [replace(one, samples=((at, max(v for _, v in one.samples)),)) for one in found]
    if not function or not found:
        return list(found)
    if function.startswith("count"):
        return [Series({}, ((at, float(len(found))),))]
    return [Series({}, ((at, median(len(one.samples) for one in found)),))]


def stable(*pods: str, created: datetime, sets: tuple[str, ...] = ("web-1",)) -> Stable:
    return Stable(replica_sets=frozenset(sets), pods=dict.fromkeys(pods, created))


def counter(source: RequestSource = SOURCE, slow: SlowRequests | None = None) -> Counter:
    return counter_of(source, slow).at(Scheme(pod="pod", namespace="namespace"))


def asked(who: Stable, span: timedelta = DAY) -> Asked:
    return Asked(namespace="exams", stable=who, span=span, now=NOW)


def read(
    historian: Historian,
    who: Stable,
    *,
    span: timedelta = DAY,
    source: RequestSource = SOURCE,
    slow: SlowRequests | None = None,
) -> Past | Missing:
    return asyncio.run(read_past(historian, counter(source, slow), asked(who, span)))


def total(pods: Iterable[Counts]) -> Counts:
    return sum(pods, Counts())
