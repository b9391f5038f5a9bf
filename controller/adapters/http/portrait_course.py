"""The course of a release, as the API and the pages show it."""

from controller.adapters.http.shapes_course import CourseShape, MarkShape, PointShape, TrackShape
from controller.engine.course import Course, Point, Track


def course_shape(course: Course) -> CourseShape:
    """All that is remembered of it."""
    return CourseShape(
        revision=course.canary.fingerprint,
        started_at=course.started_at,
        known_since=course.known_since,
        spacing_seconds=course.spacing.total_seconds(),
        points=tuple(_point(point) for point in course.points),
        marks=tuple(MarkShape(at=m.at, kind=m.kind, text=m.text) for m in course.marks),
    )


def _point(point: Point) -> PointShape:
    return PointShape(
        at=point.at,
        phase=point.phase,
        step=point.step,
        evidence=point.evidence,
        needed=point.needed,
        tracks=tuple(_track(track) for track in point.tracks),
    )


def _track(track: Track) -> TrackShape:
    return TrackShape(
        metric=track.metric,
        segment=track.segment,
        canary=track.canary,
        stable=track.stable,
        evidence=track.evidence,
        blind=track.blind,
    )
