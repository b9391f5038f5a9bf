"""What Prometheus answers, read into whole records; times are in milliseconds, as it keeps them."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from controller.domain.readings import Missing

Sample = tuple[int, float]


class Bucket(NamedTuple):
    """How many observations a native histogram has after `low` until `high`."""

    low: float
    high: float
    number: float


@dataclass(frozen=True, slots=True)
class Series:
    """One counter's life as far as it was fetched: samples in order of time.

    Of a native histogram the samples are how many observations there were, and `buckets` the
    buckets of each; both are equally long. Buckets without an observation are left out.
    """

    labels: Mapping[str, str]
    samples: tuple[Sample, ...]
    buckets: tuple[tuple[Bucket, ...], ...] = ()


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down.

    Integers, so that a sample at a boundary is on the same side of it in every read.
    """
    return int(instant.timestamp() * 1_000_000 + 0.5) // 1_000


def instant(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1_000, tz=UTC)


def parse(result: object) -> list[Series] | Missing:
    """The series of a vector or matrix; a scalar or string is no series at all."""
    if not isinstance(result, list):
        return Missing("not a vector", f"the answer is a {type(result).__name__}")
    found = []
    for row in result:
        if not isinstance(row, dict) or not isinstance(row.get("metric"), dict):
            return Missing("not a vector", "the answer is a scalar or a string")
        natives = row.get("histograms") or ([row["histogram"]] if "histogram" in row else [])
        if natives:
            samples, buckets = _natives(natives)
        else:
            samples, buckets = _floats(row), ()
        if samples:
            found.append(Series(row["metric"], samples, buckets))
    return found


def _floats(row: Mapping[str, Any]) -> tuple[Sample, ...]:
    pairs = row.get("values") or ([row["value"]] if "value" in row else [])
    # NaN, Inf and negative values are no counts; NaN fails every comparison.
    return tuple(
        [
            (round(time * 1_000), value)
            for time, text in pairs
            if 0 <= (value := float(text)) < math.inf
        ]
    )


def _natives(
    pairs: Iterable[tuple[float, Mapping[str, Any]]],
) -> tuple[tuple[Sample, ...], tuple[tuple[Bucket, ...], ...]]:
    samples, buckets = [], []
    for time, histogram in pairs:
        count = float(histogram["count"])
        if 0 <= count < math.inf:
            samples.append((round(time * 1_000), count))
            buckets.append(tuple(_buckets(histogram.get("buckets") or ())))
    return tuple(samples), tuple(buckets)


def _buckets(rows: Iterable[tuple[Any, str, str, str]]) -> Iterator[Bucket]:
    # The first of a row says which of the bounds belong to the bucket: of durations it matters not.
    for _, low, high, text in rows:
        number = float(text)
        if 0 < number < math.inf:
            yield Bucket(float(low), float(high), number)
