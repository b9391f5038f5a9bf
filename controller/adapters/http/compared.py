"""The findings as the API and the pages show them: what a person has to see comes first."""

from collections.abc import Sequence
from dataclasses import asdict

from controller.adapters.http.shapes import FindingShape, WordsShape
from controller.domain.findings import Finding
from controller.domain.wording import chosen, finding_sentence, rest_sentence, words


def compared(findings: Sequence[Finding]) -> tuple[tuple[FindingShape, ...], str]:
    """All findings, and what is said of those that are not shown on the page."""
    shown = chosen(findings)
    rest = [finding for finding in findings if finding not in shown]
    shapes = [_shape(f, shown=True) for f in shown] + [_shape(f, shown=False) for f in rest]
    return tuple(shapes), rest_sentence(findings, shown)


def _shape(finding: Finding, *, shown: bool) -> FindingShape:
    return FindingShape(
        metric=finding.metric,
        segment=finding.segment,
        outcome=finding.outcome,
        canary=finding.canary,
        stable=finding.stable,
        evidence=finding.evidence,
        needed=finding.needed,
        reason=finding.reason,
        ratio=finding.ratio,
        hidden=finding.hidden,
        spared=finding.spared,
        bound=finding.bound,
        since=finding.since,
        sentence=finding_sentence(finding),
        words=WordsShape(**asdict(words(finding))),
        shown=shown,
    )
