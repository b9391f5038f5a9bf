"""A release over time, as the REST API answers it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from controller.adapters.http.shape import Shape
from controller.domain.findings import Metric, Side
from controller.domain.lifecycle import Phase


class TrackShape(Shape):
    """One comparison at one instant, counted since the beginning of the release.

    The rate of a while is the difference of two points.
    """

    metric: Metric
    segment: Annotated[
        str, Field(description="empty: the whole service; of the segments, the most telling one")
    ]
    canary: Side
    stable: Side
    evidence: float
    blind: Annotated[str, Field(description="why nothing new is known; empty: it is")]


class PointShape(Shape):
    """What was known at an instant."""

    at: datetime
    phase: Phase
    step: Annotated[int, Field(description="counted from 1")]
    evidence: Annotated[float, Field(description="of all comparisons together")]
    needed: Annotated[float, Field(description="the evidence from which on the canary is worse")]
    tracks: tuple[TrackShape, ...]


class MarkShape(Shape):
    """Something that happened."""

    at: datetime
    kind: Annotated[str, Field(description="phase, step, crash or command")]
    text: str


class CourseShape(Shape):
    """How counts and evidence grew. It lives in memory: what was before is not known."""

    revision: Annotated[str, Field(description="the fingerprint of the canary")]
    started_at: datetime
    known_since: Annotated[
        datetime, Field(description="what was before this instant, this process has not seen")
    ]
    spacing_seconds: Annotated[
        float, Field(description="between two points at least; 0 while there are few")
    ]
    points: Annotated[tuple[PointShape, ...], Field(description="oldest first")]
    marks: Annotated[tuple[MarkShape, ...], Field(description="oldest first")]
