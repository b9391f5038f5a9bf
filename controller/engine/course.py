"""The course of a release: how counts and evidence grew, for people to see over time.

Made of what the cluster shows, not of what was decided here, so that a process that only watches
has it too. It lives in memory: what was before this process is not known, and that is said.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from controller.domain.findings import Finding, Metric, Side
from controller.domain.lifecycle import Phase
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Release, Revision, Status

# A point is about a kilobyte; in all, and for each release whatever their number.
POINTS_IN_ALL: Final = 20_000
POINTS_MAX: Final = 240
POINTS_MIN: Final = 24
MARKS_MAX: Final = 60
COURSES_MAX: Final = 1_000

COUNTED: Final = (Metric.RESTARTS, Metric.ERROR_RATE, Metric.SLOW_REQUESTS)


@dataclass(frozen=True, slots=True)
class Track:
    """One comparison at one instant. Counts are those since the beginning of the release.

    The rate of a while is the difference of two points. `segment` empty is the whole service; of
    the segments only the most telling one is kept. `blind`: why nothing new is known.
    """

    metric: Metric
    segment: str
    canary: Side
    stable: Side
    evidence: float
    blind: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """What was known at an instant.

    `evidence` is that of all comparisons together, which is what decides: the canary is worse when
    it reaches `needed`.
    """

    at: datetime
    phase: Phase
    step: int
    evidence: float
    needed: float
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: a change of phase, a step, a crash or a person's command."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A release over time, as far as this process has seen it: since `known_since`.

    Points are `spacing` apart at least, zero while there are few; the last one is always there.
    """

    canary: Revision
    started_at: datetime
    known_since: datetime
    points: tuple[Point, ...] = ()
    marks: tuple[Mark, ...] = ()
    spacing: timedelta = timedelta(0)


@dataclass(slots=True)
class Courses:
    """The course of each Canary's release that runs, or ran last."""

    _lines: dict[Ref, "_Line"] = field(default_factory=dict)

    def saw(self, scene: Scene, now: datetime) -> None:
        """Take in what the cluster shows of a Canary; costs nothing where nothing is new."""
        line = self._lines.get(scene.ref)
        status = scene.status
        release = status.release
        if line is not None and line.status is status:
            return
        if release is not None and (line is None or not line.is_of(release)):
            line = _Line(release, status, now)
            self._lines.pop(scene.ref, None)
            self._lines[scene.ref] = line
            if len(self._lines) > COURSES_MAX:
                del self._lines[next(iter(self._lines))]
        if line is not None:
            line.see(status, now, self._room())

    def of(self, ref: Ref) -> Course | None:
        """The course of the release that runs or ran last; None: none was seen."""
        line = self._lines.get(ref)
        return line.course() if line is not None else None

    def forget(self, ref: Ref) -> None:
        self._lines.pop(ref, None)

    def _room(self) -> int:
        return max(POINTS_MIN, min(POINTS_MAX, POINTS_IN_ALL // max(1, len(self._lines))))


class _Line:
    """A course in the making."""

    def __init__(self, release: Release, status: Status, now: datetime) -> None:
        self.status = status
        self._release = release
        self._known_since = now
        self._points: list[Point] = []
        self._marks: list[Mark] = []
        self._spacing = timedelta(0)
        self._course: Course | None = None
        self._crashes = {_death(crash) for crash in release.crashes}
        self._commands = {command.id for command in status.commands}
        self._mark(now, "phase", status.phase.value)

    def is_of(self, release: Release) -> bool:
        mine = self._release
        return (mine.canary.fingerprint, mine.started_at) == (
            release.canary.fingerprint,
            release.started_at,
        )

    def see(self, status: Status, now: datetime, room: int) -> None:
        before, self.status = self.status, status
        if before is status and self._points:
            return
        for mark in self._happened(before, status, now):
            self._mark(mark.at, mark.kind, mark.text)
        release = status.release
        if release is None:
            return
        self._release = release
        point = _point(status, release, now)
        if point is not None and not (self._points and _says_the_same(self._points[-1], point)):
            self._add(point, room)

    def course(self) -> Course:
        if self._course is None:
            self._course = Course(
                canary=self._release.canary,
                started_at=self._release.started_at,
                known_since=self._known_since,
                points=tuple(self._points),
                marks=tuple(self._marks),
                spacing=self._spacing,
            )
        return self._course

    def _add(self, point: Point, room: int) -> None:
        self._course = None
        points = self._points
        if len(points) > 1 and points[-1].at - points[-2].at < self._spacing:
            points.pop()  # It was the newest only for a while.
        points.append(point)
        if len(points) > room:
            self._spacing = 2 * (points[-1].at - points[0].at) / len(points)
            self._points = _thinned(points, self._spacing)

    def _mark(self, at: datetime, kind: str, text: str) -> None:
        self._course = None
        self._marks.append(Mark(at, kind, text))
        del self._marks[:-MARKS_MAX]

    def _happened(self, before: Status, after: Status, now: datetime) -> Iterator[Mark]:
        if after.phase is not before.phase:
            yield Mark(now, "phase", after.phase.value)
        old, new = before.release, after.release
        if old is not None and new is not None and new.step > old.step:
            yield Mark(now, "step", f"step {new.step + 1}")
        for crash in new.crashes if new is not None else ():
            if _death(crash) not in self._crashes:
                self._crashes.add(_death(crash))
                yield Mark(crash.at, "crash", f"{crash.pod} died ({crash.reason})")
        for command in after.commands:
            if command.id not in self._commands:
                self._commands.add(command.id)
                yield Mark(command.at, "command", f"{command.by}: {command.action.value}")


def _death(crash: object) -> tuple[object, ...]:
    return tuple(getattr(crash, name) for name in ("pod", "container", "deaths"))


def _point(status: Status, release: Release, now: datetime) -> Point | None:
    """None before anything was compared."""
    counted = [finding for finding in status.findings if finding.metric in COUNTED]
    if not counted:
        return None
    return Point(
        at=now,
        phase=status.phase,
        step=release.step + 1,
        evidence=sum(finding.evidence for finding in counted),
        needed=max(finding.needed for finding in counted),
        tracks=tuple(_tracks(counted)),
    )


def _tracks(findings: Sequence[Finding]) -> Iterator[Track]:
    for metric in COUNTED:
        own = [finding for finding in findings if finding.metric is metric]
        yield from (_track(finding) for finding in own if not finding.segment)
        segments = [finding for finding in own if finding.segment]
        if segments:
            yield _track(max(segments, key=lambda finding: finding.evidence))


def _track(finding: Finding) -> Track:
    blind = finding.reason if finding.outcome.value == "Blind" else ""
    return Track(
        finding.metric, finding.segment, finding.canary, finding.stable, finding.evidence, blind
    )


def _says_the_same(one: Point, other: Point) -> bool:
    return (one.phase, one.step, one.evidence, one.tracks) == (
        other.phase,
        other.step,
        other.evidence,
        other.tracks,
    )


def _thinned(points: Iterable[Point], spacing: timedelta) -> list[Point]:
    """Points at least so far apart, the first and the last among them."""
    kept: list[Point] = []
    *early, last = points
    for point in early:
        if not kept or point.at - kept[-1].at >= spacing:
            kept.append(point)
    return [*kept, last]
