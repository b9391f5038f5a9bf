"""The course of a release as charts: numbers for the script, a table and a sentence for all."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from controller.domain.findings import Metric, Side
from controller.domain.wording import duration
from controller.domain.wording.figures import count, named, percent, plain
from controller.engine.course import Course, Point, Track

Z: Final = 1.96
"""A normal distribution is within it on either side, except with 5 %."""
LINES_MAX: Final = 12
DIGITS: Final = 4
# Below it evidence speaks for the canary, and a log scale would go on for ever.
EVIDENCE_LEAST: Final = 0.01
MARKS_MAX: Final = 40
UNKNOWN_SECONDS_MIN: Final = 60
NONE: Final = "\N{EN DASH}"
CANARY: Final = "canary"
STABLE: Final = "stable"

Number = float | None


@dataclass(frozen=True, slots=True)
class Legend:
    """How a line is drawn, and what it is. `kind` is a class of the style sheet."""

    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a chart's table."""

    at: datetime
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A picture, and all of it in words. `summary` is read in place of the picture."""

    id: str
    title: str
    said: str
    summary: str
    legend: tuple[Legend, ...]
    columns: tuple[str, ...]
    lines: tuple[Row, ...]
    data: dict[str, Any]


def charts(course: Course | None) -> tuple[Chart, ...]:
    """Error rates and evidence over time; empty where nothing was compared yet."""
    if course is None or not course.points:
        return ()
    made = [_rates(course, "", "rate")]
    telling = _telling(course)
    if telling:
        made.append(_rates(course, telling, "segment"))
    made.append(_evidence(course))
    return tuple(chart for chart in made if chart is not None)


def band(side: Side) -> tuple[Number, Number, Number]:
    """A rate, and the ends of its 95 % interval (Wilson's); None where there was no request."""
    n = side.exposure
    if n <= 0:
        return None, None, None
    rate = min(1.0, side.events / n)
    middle = rate + Z * Z / (2 * n)
    wide = Z * math.sqrt(rate * (1 - rate) / n + Z * Z / (4 * n * n))
    low, high = ((middle + way * wide) / (1 + Z * Z / n) for way in (-1, 1))
    # Without a failure the least that is possible is none, whatever rounding says.
    return rate, max(0.0, low) if side.events else 0.0, min(1.0, high)


def _rates(course: Course, segment: str, name: str) -> Chart | None:
    found = [(p, t) for p in course.points if (t := _track(p, Metric.ERROR_RATE, segment))]
    if not found:
        return None
    where = f"on {named(segment)}" if segment else "of all requests"
    sides = {
        CANARY: [band(track.canary) for _, track in found],
        STABLE: [band(track.stable) for _, track in found],
    }
    columns = [part for side in sides.values() for part in zip(*side, strict=True)]
    last = found[-1][1]
    said = [f"{who} {_rate(side)}" for who, side in ((CANARY, last.canary), (STABLE, last.stable))]
    return Chart(
        id=name,
        title=f"Error rate {where}",
        said=f"since the release began, with the 95 % range of each. {_known(course)}".strip(),
        summary=f"at last {said[0]}, {said[1]}.",
        legend=(
            Legend("line-canary", "canary, with its range"),
            Legend("line-stable", "stable, with its range"),
        ),
        columns=("Time", "Canary", "Canary's range", "Stable", "Stable's range"),
        lines=_lines(found, _rate_cells),
        data={
            "kind": "rate",
            "at": _instants([point for point, _ in found]),
            "series": [[_rounded(value) for value in column] for column in columns],
            "marks": _marks(course),
        },
    )


def _evidence(course: Course) -> Chart | None:
    points = [point for point in course.points if point.needed > 0]
    if not points:
        return None
    last = points[-1]
    parts = [(metric, label) for metric, label in _PARTS if _any(points, metric)]
    series = [[_above(p.evidence) for p in points], [p.needed for p in points]]
    series += [[_above(_part(p, metric)) for p in points] for metric, _ in parts]
    return Chart(
        id="evidence",
        title="Evidence that the canary is worse",
        said="on a log scale: it is rolled back where the evidence reaches the threshold.",
        summary=f"at last {plain(last.evidence)} of the {plain(last.needed)} that decide.",
        legend=(
            Legend("line-evidence", "all comparisons together"),
            Legend("line-needed", f"threshold: {plain(last.needed)}"),
            *(Legend(f"line-{metric.value}", label) for metric, label in parts),
        ),
        columns=("Time", "Together", "Threshold", *(label for _, label in parts)),
        lines=_lines(
            [(point, None) for point in points],
            lambda point, _: (
                plain(point.evidence),
                plain(point.needed),
                *(plain(_part(point, metric)) for metric, _ in parts),
            ),
        ),
        data={
            "kind": "evidence",
            "at": _instants(points),
            "series": [[_rounded(value) for value in one] for one in series],
            "parts": [metric.value for metric, _ in parts],
            "marks": _marks(course),
        },
    )


_PARTS: Final = (
    (Metric.RESTARTS, "crashes"),
    (Metric.ERROR_RATE, "errors"),
    (Metric.SLOW_REQUESTS, "slow requests"),
)


def _telling(course: Course) -> str:
    """The segment that tells more than the service as a whole; empty: none does."""
    last = course.points[-1]
    tracks = [t for t in last.tracks if t.metric is Metric.ERROR_RATE]
    whole = max((t.evidence for t in tracks if not t.segment), default=0.0)
    telling = max((t for t in tracks if t.segment), key=lambda t: t.evidence, default=None)
    if telling is None or telling.evidence <= max(1.0, whole):
        return ""
    return telling.segment


def _track(point: Point, metric: Metric, segment: str) -> Track | None:
    return next((t for t in point.tracks if (t.metric, t.segment) == (metric, segment)), None)


def _part(point: Point, metric: Metric) -> float:
    """The evidence of a metric: of the whole, or of the segment that tells most."""
    return max((t.evidence for t in point.tracks if t.metric is metric), default=0.0)


def _any(points: Sequence[Point], metric: Metric) -> bool:
    return any(track.metric is metric for point in points for track in point.tracks)


def _lines(
    found: Sequence[tuple[Point, Any]], cells: Callable[[Point, Any], tuple[str, ...]]
) -> tuple[Row, ...]:
    """So many that a person reads them, evenly spread, the newest first."""
    step = max(1, math.ceil(len(found) / LINES_MAX))
    return tuple(Row(point.at, cells(point, track)) for point, track in found[::-1][::step])


def _rate_cells(_point: Point, track: Track) -> tuple[str, ...]:
    return (
        *(_rate(track.canary), _range(track.canary)),
        *(_rate(track.stable), _range(track.stable)),
    )


def _rate(side: Side) -> str:
    if side.exposure <= 0:
        return "no requests"
    return f"{percent(min(1.0, side.rate))} ({count(side.events)} of {count(side.exposure)})"


def _range(side: Side) -> str:
    _, low, high = band(side)
    return NONE if low is None or high is None else f"{percent(low)} to {percent(high)}"


def _known(course: Course) -> str:
    """A process that was started later does not know what was before."""
    missed = course.known_since - course.started_at
    return (
        f"Its first {duration(missed)} are not known here." if missed.total_seconds() > 60 else ""
    )


def _marks(course: Course) -> list[dict[str, Any]]:
    return [
        {"at": round(mark.at.timestamp(), 1), "kind": mark.kind, "text": mark.text}
        for mark in course.marks[-MARKS_MAX:]
    ]


def _instants(points: Sequence[Point]) -> list[float]:
    return [round(point.at.timestamp(), 1) for point in points]


def _above(evidence: float) -> float:
    return max(evidence, EVIDENCE_LEAST)


def _rounded(value: Number) -> Number:
    return None if value is None else float(f"{value:.{DIGITS}g}")
