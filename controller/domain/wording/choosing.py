"""Which findings are worth a line, when there are more than a person reads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from controller.domain.findings import Finding, Metric, Outcome, Side

LINES_MAX: Final = 12
NEAREST_MAX: Final = 3
LEAST_EXERCISED_MAX: Final = 2
# Of what decides: less than this tells nothing beside what has decided.
TELLING_SHARE_MIN: Final = 0.01


def chosen(findings: Sequence[Finding], lines_max: int = LINES_MAX) -> tuple[Finding, ...]:
    """The findings that a person has to see, gravest first; all of them where they are few.

    Whatever is worse or cannot be judged comes first, then guards, restarts and the service as a
    whole. Of the single segments: those nearest to deciding and, while nothing is worse, those that
    were exercised least, where most can still hide.
    """
    findings = distinct(findings)
    grave = [f for f in findings if f.outcome is Outcome.WORSE] + blind(findings)
    whole = [f for f in findings if not _is_segment(f)]
    segments = [f for f in findings if _is_segment(f) and f.outcome is not Outcome.BLIND]
    kept = [*sorted(grave, key=_gravity), *sorted(whole, key=_gravity)]
    if len(segments) <= NEAREST_MAX + LEAST_EXERCISED_MAX:
        kept += sorted(segments, key=_gravity)
    else:
        kept += _few_of(segments, decided=any(f.outcome is Outcome.WORSE for f in findings))
    return tuple(dict.fromkeys(kept))[:lines_max]


def distinct(findings: Iterable[Finding]) -> list[Finding]:
    """Without segments that are the whole service: where there is one route, it is said once."""
    findings = list(findings)
    wholes = {(f.metric, f.canary, f.stable): f for f in findings if not _is_segment(f)}
    return [f for f in findings if not (_is_segment(f) and _same(f, wholes))]


def _same(segment: Finding, wholes: Mapping[tuple[Metric, Side, Side], Finding]) -> bool:
    whole = wholes.get((segment.metric, segment.canary, segment.stable))
    # Two that say nothing yet are not the same for that.
    exercised = segment.canary.exposure > 0
    graver = segment.outcome is Outcome.WORSE
    return exercised and whole is not None and (whole.outcome is Outcome.WORSE or not graver)


def _few_of(segments: Sequence[Finding], *, decided: bool) -> list[Finding]:
    if decided:
        return [f for f in nearest(segments) if -_distance(f) >= TELLING_SHARE_MIN]
    return nearest(segments) + _least_exercised(segments)


def blind(findings: Iterable[Finding]) -> list[Finding]:
    """Those that cannot be judged; of many that have one reason in common, the first."""
    unseen = [f for f in findings if f.outcome is Outcome.BLIND]
    first: dict[tuple[Metric, str, str], Finding] = {}
    for finding in unseen:
        guard = finding.segment if finding.metric is Metric.GUARD else ""
        first.setdefault((finding.metric, guard, finding.reason), finding)
    return list(first.values())


def _is_segment(finding: Finding) -> bool:
    return bool(finding.segment) and finding.metric is not Metric.GUARD


def nearest(findings: Iterable[Finding], most: int = NEAREST_MAX) -> list[Finding]:
    """Those with events on the canary whose evidence is nearest to deciding."""
    suspects = [f for f in findings if f.canary.events > 0]
    return sorted(suspects, key=_distance)[:most]


def _least_exercised(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: f.canary.exposure)[:LEAST_EXERCISED_MAX]


def _gravity(finding: Finding) -> tuple[int, float]:
    order = {Outcome.WORSE: 0, Outcome.BLIND: 1}
    # A guard that is undecided is out of its bounds.
    pending = finding.metric is Metric.GUARD and finding.outcome is Outcome.UNDECIDED
    return order.get(finding.outcome, 2 if pending else 3), _distance(finding)


def _distance(finding: Finding) -> float:
    """Smaller is nearer to deciding."""
    return -finding.evidence / finding.needed if finding.needed > 0 else 0.0
