"""Charts as inline SVG: drawn here, coloured by the page's own style sheet."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from controller.simulation.outcome import Moment
from controller.simulation.report.words import clock, number, seconds

LEFT, RIGHT, TOP, BOTTOM = 44, 14, 30, 26
BARS: Final = 24
POINTS_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Frame:
    """How large a chart is, in units of which twelve are a letter's height."""

    style: str
    width: int
    height: int
    ticks: int

    @property
    def right(self) -> int:
        return self.width - RIGHT

    @property
    def floor(self) -> int:
        return self.height - BOTTOM


WIDE: Final = Frame("wide", 680, 250, 8)
NARROW: Final = Frame("narrow", 400, 230, 4)
HALF: Final = Frame("half", 400, 220, 5)


@dataclass(frozen=True, slots=True)
class Scale:
    """From a value to a place on the chart, and the marks on its axis."""

    most: float
    begin: float
    end: float
    step: float

    def at(self, value: float) -> float:
        return self.begin + (self.end - self.begin) * min(1.0, max(0.0, value / self.most))

    def marks(self) -> Iterator[float]:
        for count in range(math.floor(self.most / self.step + 1e-9) + 1):
            yield count * self.step


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line: what it is called, its class in the style sheet, and its points (seconds, value)."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


def histogram(
    values: Sequence[float], marks: Sequence[tuple[str, float]], summary: str, frame: Frame
) -> Markup:
    """How often something took how long; `marks` are lines such as the median."""
    across = _time_scale(max(values), frame)
    width = across.most / BARS
    counts = [0] * BARS
    for value in values:
        counts[min(BARS - 1, int(value / width))] += 1
    up = _count_scale(max(counts), frame, whole=True)
    parts = [*_axes(across, up, "runs", seconds)]
    floor = up.at(0)
    for place, count in enumerate(counts):
        if count:
            x, y = across.at(place * width), up.at(count)
            wide = across.at((place + 1) * width) - x - 1.5
            said = f"{seconds(place * width)} to {seconds((place + 1) * width)}: {count}"
            parts.append(
                f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" '
                f'height="{floor - y:.1f}" rx="1.5"><title>{escape(said)}</title></rect>'
            )
    for line, (name, value) in enumerate(marks):
        parts += _mark(across.at(value), f"{name} {seconds(value)}", line, frame)
    return _svg("How long it took to decide", summary, parts, frame)


def lines(
    series: Sequence[Series], axis: str, events: Sequence[float], summary: str, frame: Frame
) -> Markup:
    """Values over time; `events` are marked on the time axis."""
    last = max((point[0] for one in series for point in one.points), default=0.0)
    across = _time_scale(max(last, 60.0), frame)
    most = max((point[1] for one in series for point in one.points), default=0.0)
    up = _count_scale(most, frame, whole=False)
    parts = [*_axes(across, up, axis, clock)]
    for event in events:
        if event <= across.most:
            x = across.at(event)
            parts.append(f'<path class="event" d="M{x:.1f} {TOP}V{up.at(0):.1f}"/>')
    for one in series:
        places = [f"{across.at(x):.1f} {up.at(y):.1f}" for x, y in one.points]
        if places:
            parts.append(f'<path class="line {one.style}" d="M{" L".join(places)}"/>')
            left, top = places[-1].split()
            parts.append(f'<circle class="end {one.style}" cx="{left}" cy="{top}" r="3.5"/>')
    return _svg(axis, summary, parts, frame)


def pods(moments: Sequence[Moment], until: float, summary: str) -> Markup:
    """Ready pods over time, stable at the bottom and the canary on top of it."""
    shown = _thinned([one for one in moments if one.at <= until])
    across = _time_scale(max(until, 60.0), HALF)
    most = max((one.stable_pods + one.canary_pods for one in shown), default=1)
    up = _count_scale(max(1, most), HALF, whole=True)
    parts = [*_axes(across, up, "pods", clock)]
    stable = [(one.at, 0.0, float(one.stable_ready)) for one in shown]
    both = [
        (one.at, float(one.stable_ready), float(one.stable_ready + one.canary_ready))
        for one in shown
    ]
    wanted = [(one.at, 0.0, float(one.stable_pods + one.canary_pods)) for one in shown]
    if shown:
        parts.append(f'<path class="area stable" d="{_area(stable, across, up)}"/>')
        parts.append(f'<path class="area canary" d="{_area(both, across, up)}"/>')
        parts.append(f'<path class="line wanted" d="{_steps(wanted, across, up)}"/>')
    if shown and shown[-1].at < 0.9 * across.most:
        parts += _mark(across.at(shown[-1].at), "the run is over", 0, HALF)
    return _svg("Pods over time", summary, parts, HALF)


def _thinned(moments: Sequence[Moment]) -> Sequence[Moment]:
    """Those at which something changed: a long run has thousands that are alike."""
    kept: list[Moment] = []
    for one in moments:
        if kept and len(kept) > POINTS_MAX and _pods(one) == _pods(kept[-1]):
            continue
        kept.append(one)
    return kept


def _pods(one: Moment) -> tuple[int, int, int, int]:
    return one.canary_pods, one.canary_ready, one.stable_pods, one.stable_ready


Stretch = tuple[float, float, float]
"""Until when, from what value, to what value."""


def _area(stretches: Sequence[Stretch], across: Scale, up: Scale) -> str:
    top, bottom = [], []
    begin = 0.0
    for end, low, high in stretches:
        left, right = across.at(begin), across.at(end)
        top += [f"{left:.1f} {up.at(high):.1f}", f"{right:.1f} {up.at(high):.1f}"]
        bottom += [f"{left:.1f} {up.at(low):.1f}", f"{right:.1f} {up.at(low):.1f}"]
        begin = end
    return f"M{' L'.join([*top, *reversed(bottom)])}Z"


def _steps(stretches: Sequence[Stretch], across: Scale, up: Scale) -> str:
    places = []
    begin = 0.0
    for end, _, high in stretches:
        places += [f"{across.at(x):.1f} {up.at(high):.1f}" for x in (begin, end)]
        begin = end
    return f"M{' L'.join(places)}"


def _svg(title: str, summary: str, parts: Sequence[str], frame: Frame) -> Markup:
    # Everything in `parts` was made here, of numbers and of texts that were escaped.
    return Markup(  # noqa: S704
        f'<svg class="chart {frame.style}" viewBox="0 0 {frame.width} {frame.height}" role="img" '
        f'aria-label="{escape(title)}: {escape(summary)}">{"".join(parts)}</svg>'
    )


def _axes(across: Scale, up: Scale, axis: str, words: Callable[[float], str]) -> Iterator[str]:
    floor = up.at(0)
    for value in up.marks():
        y = up.at(value)
        yield f'<path class="grid" d="M{across.begin} {y:.1f}H{across.end}"/>'
        yield f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
        yield f"{number(value)}</text>"
    for value in across.marks():
        x = across.at(value)
        yield f'<text class="tick" x="{x:.1f}" y="{floor + 20:.1f}" text-anchor="middle">'
        yield f"{words(value)}</text>"
    yield f'<text class="tick" x="0" y="12">{escape(axis)}</text>'


def _mark(x: float, words: str, line: int, frame: Frame) -> Iterator[str]:
    """A vertical line with its name, on the side where there is room."""
    y = TOP + 10 + 16 * line
    anchor, shift = ("end", -5) if x > frame.width * 0.7 else ("start", 5)
    yield f'<path class="mark" d="M{x:.1f} {TOP}V{frame.floor}"/>'
    yield f'<text class="name" x="{x + shift:.1f}" y="{y}" text-anchor="{anchor}">'
    yield f"{escape(words)}</text>"


def _time_scale(most: float, frame: Frame) -> Scale:
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)
    step = next((one for one in steps if most / one <= frame.ticks), 86400)
    return Scale(max(most, step), LEFT, frame.right, step)


def _count_scale(most: float, frame: Frame, *, whole: bool) -> Scale:
    """Up to a round number, at or a little above the largest value."""
    most = most or 1.0
    size = 10 ** math.floor(math.log10(most))
    step = next(size * part for part in (0.2, 0.5, 1, 2, 5) if most / (size * part) <= 5)
    if whole:
        step = max(1.0, math.ceil(step))
    return Scale(math.ceil(most / step - 1e-9) * step, frame.floor, TOP, step)
