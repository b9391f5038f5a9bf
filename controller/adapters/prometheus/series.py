"""What Prometheus answers, read into whole records; times are in milliseconds, as it keeps them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.domain.readings import Missing

Sample = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Series:
    """One counter's life as far as it was fetched: samples in order of time."""

    labels: Mapping[str, str]
    samples: tuple[Sample, ...]


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
        pairs = row.get("values") or ([row["value"]] if "value" in row else [])
        # NaN, Inf and negative values are no counts; NaN fails every comparison.
        samples = tuple(
            [
                (round(time * 1_000), value)
                for time, text in pairs
                if 0 <= (value := float(text)) < math.inf
            ]
        )
        if samples:
            found.append(Series(row["metric"], samples))
    return found
