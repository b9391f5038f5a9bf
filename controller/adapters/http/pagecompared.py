"""What was compared, as tables: segments with their coverage, and all that is not a segment."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from controller.adapters.http.pagewords import METRICS
from controller.adapters.http.shapes import CanaryShape, FindingShape
from controller.domain.findings import Metric, Outcome
from controller.domain.policy import Policy
from controller.domain.snapshot import Scene

LINES_MAX: Final = 12
WHOLE: Final = "All requests"
_GRAVITY: Final = {Outcome.WORSE: 0, Outcome.BLIND: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of what is needed the canary was exercised on a segment."""

    requests: int
    needed: int

    @property
    def enough(self) -> bool:
        return self.requests >= self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison in a table. `coverage` None: none is asked for; `finding` None: no traffic."""

    what: str
    finding: FindingShape | None
    coverage: Coverage | None = None

    @property
    def grave(self) -> bool:
        """Whether it has to be seen whatever else there is."""
        short = self.coverage is not None and not self.coverage.enough
        worse = self.finding is not None and self.finding.outcome in _GRAVITY
        return short or worse


def compared_facts(one: CanaryShape, scene: Scene) -> dict[str, Any]:
    """Lines about segments, those that are folded away, and lines about everything else."""
    needed = scene.policy.coverage.min_requests if isinstance(scene.policy, Policy) else 0
    segments = sorted(_segments(one, needed), key=_order)
    lines_max = max(LINES_MAX, sum(line.grave for line in segments))
    return {
        "segments": segments[:lines_max],
        "folded": segments[lines_max:],
        "others": [
            Line(what=_what(finding), finding=finding)
            for finding in one.findings
            if finding.metric is not Metric.ERROR_RATE
        ],
    }


def _segments(one: CanaryShape, needed: int) -> Iterable[Line]:
    short = {u.segment: Coverage(requests=u.requests, needed=u.needed) for u in one.uncovered}
    seen = set()
    for finding in one.findings:
        if finding.metric is not Metric.ERROR_RATE:
            continue
        seen.add(finding.segment)
        coverage = short.get(finding.segment)
        if coverage is None and finding.segment:
            requests = int(finding.canary.exposure)
            coverage = Coverage(requests=requests, needed=min(needed, requests))
        yield Line(what=finding.segment or WHOLE, finding=finding, coverage=coverage)
    for segment, coverage in short.items():
        if segment not in seen:
            yield Line(what=segment or WHOLE, finding=None, coverage=coverage)


def _order(line: Line) -> tuple[int, int, float, str]:
    """The whole first, then what is grave, then what stable is used for most."""
    finding = line.finding
    gravity = 2 if finding is None else _GRAVITY.get(finding.outcome, 3)
    traffic = finding.stable.exposure if finding else 0.0
    return (line.what != WHOLE, 2 if line.grave and gravity > 2 else gravity, -traffic, line.what)


def _what(finding: FindingShape) -> str:
    if finding.metric is Metric.GUARD:
        return finding.words.what
    if finding.metric is Metric.SLOW_REQUESTS:
        return finding.words.what
    return METRICS[finding.metric]
