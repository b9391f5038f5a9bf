"""Histograms into two counters: requests that were fast enough, and those that were slow. Pure."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

from controller.adapters.prometheus.series import Bucket, Sample, Series

BUCKET: Final = "_bucket"
NAME: Final = "__name__"
LE: Final = "le"
SECONDS_PER_UNIT: Final[Mapping[str, float]] = {"s": 1.0, "ms": 0.001}
ROUNDING_SECONDS: Final = 0.0005
ROUNDING_SHARE: Final = 0.01
EXACT: Final = 1e-6
# How much wider than its lower bound an exponential bucket is: schemas 8 and 1, and a little more.
FINEST: Final = 1.002
COARSEST: Final = 1.5

Bounds = tuple[float, float]
UNBOUNDED: Final[Bounds] = (0.0, math.inf)


class Pace(NamedTuple):
    """A counter of requests that were all `slow`, or none of them."""

    series: Series
    slow: bool


@dataclass(slots=True)
class _Histogram:
    """The series that make one histogram: the two buckets fetched of a classic one, or a native."""

    fast: Series | None = None
    all: Series | None = None
    natives: list[Series] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A duration in the histogram's unit. It was written in whole milliseconds."""

    value: float
    unit: str

    @classmethod
    def of(cls, duration: timedelta, unit: str) -> "Threshold":
        return cls(duration.total_seconds() / SECONDS_PER_UNIT[unit], unit)

    def is_at(self, bound: float) -> bool:
        """Whether this is what a person writes for the bound, such as 358ms for 0.357913941."""
        rounding = min(ROUNDING_SECONDS / SECONDS_PER_UNIT[self.unit], ROUNDING_SHARE * self.value)
        return abs(bound - self.value) <= rounding


def matchers_of(metric: str, threshold: Threshold) -> str:
    """Selects a classic histogram's two buckets that matter, and a native histogram as it is.

    A bound can be spelt in many ways ("1", "1.0", "5e-05"), and clients do. What is found beyond
    the bound is left out afterwards.
    """
    whole = metric.removesuffix(BUCKET)
    value, in_seconds = threshold.value, threshold.unit == "s"
    places, step = (3, 0.001) if in_seconds else (0, 1.0)
    plain = f"{value:.12f}".rstrip("0").rstrip(".")
    # "0.5" and "0.500"; "0.4999..." and "0.5001..."; "5e-05", as Go and Python write it.
    spellings = {re.escape(plain) + ("0*" if "." in plain else r"(\.0+)?")}
    spellings |= {
        re.escape(f"{number:.{places}f}") + ("[0-9]*" if in_seconds else r"(\.[0-9]+)?")
        for number in (value - step, value)
        if number >= 0
    }
    spellings |= {re.escape(f"{value:g}"), re.escape(repr(value))}
    bounds = "|".join([*sorted(spellings), r"\+Inf", ""]).replace("\\", "\\\\")
    return f'{NAME}=~"{whole}|{whole}{BUCKET}",{LE}=~"{bounds}"'


def paces(series: Iterable[Series], threshold: Threshold) -> list[Pace]:
    """What of these histograms is at most `threshold`, and what is above, where that can be told.

    Of a histogram that is kept in both forms the classic one is taken.
    """
    counters: list[Pace] = []
    for histogram in _histograms(series, threshold).values():
        if histogram.fast is not None and histogram.all is not None:
            counters += _classic(histogram.fast, histogram.all)
        else:
            for native in histogram.natives:
                if _straddled(native, threshold) is None:
                    counters += _native(native, threshold)
    return counters


def between(series: Sequence[Series], threshold: Threshold) -> Bounds | None:
    """The bounds next to a threshold at which none of a pod's buckets ends; None when one does.

    `UNBOUNDED` when they are not known: of a classic histogram only two buckets are fetched.
    """
    classic = False
    found: Bounds | None = None
    for one in series:
        if one.buckets:
            found = _straddled(one, threshold) or found
        else:
            bound = bound_of(one.labels)
            if bound is not None and threshold.is_at(bound):
                return None
            classic = classic or bound == math.inf
    if any(one.buckets for one in series):
        return found
    return UNBOUNDED if classic else None


def nearest(bounds: Iterable[float], threshold: Threshold) -> Bounds:
    """The bounds next to the threshold; 0 and infinity where there is none."""
    below, above = UNBOUNDED
    for bound in bounds:
        if bound < threshold.value:
            below = max(below, bound)
        else:
            above = min(above, bound)
    return below, above


def offered(bounds: Bounds, unit: str) -> str:
    """The bounds that could be asked for instead, as a threshold is written: "250ms and 1s"."""
    rounded = [(bound, _milliseconds(bound, unit)) for bound in bounds if 0 < bound < math.inf]
    writable = [
        _written(number)
        for bound, number in rounded
        if Threshold.of(timedelta(milliseconds=number), unit).is_at(bound)
    ]
    return " and ".join(writable)


def _milliseconds(bound: float, unit: str) -> int:
    return round(bound * SECONDS_PER_UNIT[unit] * 1_000)


def _written(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1_000)
    return (f"{seconds}s" if seconds else "") + (f"{rest}ms" if rest else "")


def bound_of(labels: Mapping[str, str]) -> float | None:
    """The upper bound of a classic bucket; None when it has none that is a number."""
    try:
        return float(labels[LE])
    except (KeyError, ValueError):
        return None


def _histograms(
    series: Iterable[Series], threshold: Threshold
) -> dict[frozenset[tuple[str, str]], _Histogram]:
    found: dict[frozenset[tuple[str, str]], _Histogram] = {}
    for one in series:
        identity = frozenset(item for item in one.labels.items() if item[0] not in (LE, NAME))
        histogram = found.setdefault(identity, _Histogram())
        bound = bound_of(one.labels)
        if one.buckets:
            histogram.natives.append(one)
        elif bound is None:
            continue
        elif bound == math.inf:
            histogram.all = one
        elif threshold.is_at(bound):
            histogram.fast = _nearer(histogram.fast, one, threshold)
    return found


def _nearer(known: Series | None, other: Series, threshold: Threshold) -> Series:
    """Of two buckets that end at the threshold but for rounding, the one that ends nearer."""
    if known is None:
        return other

    def distance(one: Series) -> float:
        return abs((bound_of(one.labels) or 0.0) - threshold.value)

    return min(known, other, key=distance)


def _classic(fast: Series, whole: Series) -> list[Pace]:
    """Both buckets come in one scrape; where one is missing, neither tells anything."""
    counted = dict(fast.samples)
    read = [(time, value, counted[time]) for time, value in whole.samples if time in counted]
    return _paces(fast.labels, whole.labels, read, slow=False)


def _native(native: Series, threshold: Threshold) -> list[Pace]:
    read = []
    for (time, count), buckets in zip(native.samples, native.buckets, strict=True):
        above = sum(bucket.number for bucket in buckets if _above(bucket, threshold))
        read.append((time, count, min(count, above)))
    return _paces(native.labels, native.labels, read, slow=True)


def _paces(
    part: Mapping[str, str],
    rest: Mapping[str, str],
    read: Sequence[tuple[int, float, float]],
    *,
    slow: bool,
) -> list[Pace]:
    """The counters of a part of the requests, which are `slow` or not, and of the rest of them.

    `read` are time, all requests, and those of the part: what the process itself counts. A client
    may read its buckets one after the other, so that their difference goes back by the request that
    came in between. That is no new process, which counts from zero: either of the counters that
    were read says so. It is shown by a sample of zero at the same time.
    """
    if not read:
        return []
    parts: list[Sample] = []
    rests: list[Sample] = []
    before, level = (0.0, 0.0), 0.0
    for time, whole, counted in read:
        if whole < before[0] or counted < before[1]:
            parts.append((time, 0.0))
            rests.append((time, 0.0))
            level = 0.0
        before, level = (whole, counted), max(level, whole - counted)
        parts.append((time, counted))
        rests.append((time, level))
    return [
        Pace(Series(part, tuple(parts)), slow=slow),
        Pace(Series(rest, tuple(rests)), slow=not slow),
    ]


def _above(bucket: Bucket, threshold: Threshold) -> bool:
    return bucket.low > threshold.value or threshold.is_at(bucket.low)


def _straddled(native: Series, threshold: Threshold) -> Bounds | None:
    """The bounds next to the threshold when none of the histogram's is there.

    Whom a bucket counts that has the threshold within it was slow or not: that cannot be told. The
    widest one, as older samples may be finer. Exponential bounds are known before any request has
    fallen next to the threshold.
    """
    found = [
        (bucket.low, bucket.high)
        for buckets in native.buckets
        for bucket in buckets
        if bucket.low < threshold.value < bucket.high
        and not threshold.is_at(bucket.low)
        and not threshold.is_at(bucket.high)
    ]
    if found:
        return max(found, key=lambda bounds: bounds[1] - bounds[0])
    schema = _schema(native.buckets[-1])
    if schema is None:
        return None
    steps = math.log2(threshold.value) * 2**schema
    below, above = (2.0 ** (step / 2**schema) for step in (math.floor(steps), math.ceil(steps)))
    near = threshold.is_at(below) or threshold.is_at(above)
    return None if near else (below, above)


def _schema(buckets: Iterable[Bucket]) -> int | None:
    """Of exponential bounds, powers of 2 ** (2 ** -n), the n > 0; None when they may be custom."""
    found = {_step(bucket) for bucket in buckets if 0 < bucket.low < bucket.high < math.inf}
    return found.pop() if len(found) == 1 else None


def _step(bucket: Bucket) -> int | None:
    """The n of one bucket that may be one of an exponential histogram."""
    ratio = bucket.high / bucket.low
    if not FINEST < ratio < COARSEST:
        return None
    schema = round(-math.log2(math.log2(ratio)))
    off = (math.log2(bucket.low) * 2**schema) % 1
    fits = math.isclose(math.log2(ratio) * 2**schema, 1, rel_tol=EXACT)
    return schema if fits and min(off, 1 - off) < EXACT else None


def of_pods(pods: Mapping[str, Sequence[Series]], threshold: Threshold) -> Bounds | None:
    """Bounds next to the threshold in the first pod whose histogram does not end a bucket at it."""
    for name in sorted(pods):
        found = between(pods[name], threshold)
        if found is not None:
            return found
    return None
