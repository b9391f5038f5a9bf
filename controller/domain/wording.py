"""What people read: the same sentences in Slack, Events, status and log."""

from datetime import datetime, timedelta
from typing import Final

from controller.domain.case import Case
from controller.domain.findings import Finding, Metric, Outcome, Side, Uncovered, Verdict
from controller.domain.status import Crash, Notice, NoticeKind, Release

COMPARED_WITH: Final = {
    "concurrent": ", compared with stable at the same time",
    "history": ", compared with stable's history",
}


def finding_sentence(finding: Finding) -> str:
    """One comparison in a sentence, with its numbers."""
    what, numbers = _compared(finding)
    if finding.outcome is Outcome.BLIND:
        return f"{what}: cannot be judged, {finding.reason}"
    if finding.needed <= 0:
        return f"{what}: {numbers}"
    weight = f"evidence {_short(finding.evidence)} of the {_short(finding.needed)} that decide"
    return f"{what}: {numbers}; {weight}{COMPARED_WITH.get(finding.reason, '')}"


def conviction(verdict: Verdict) -> str:
    """What decided; where the service as a whole did, the segment that stands out is named too."""
    worst = verdict.worst
    assert worst is not None, "a verdict of worse has a finding"
    said = finding_sentence(worst)
    if worst.metric is not Metric.ERROR_RATE or worst.segment:
        return said
    failing = [f for f in verdict.findings if f.segment and f.canary.events > 0]
    if not failing:
        return said
    most = max(failing, key=lambda f: f.evidence)
    return f"{said}. Most telling is {most.segment}: canary {_failed(most.canary)}"


def uncovered_sentence(uncovered: tuple[Uncovered, ...]) -> str:
    """What the canary was not exercised on."""
    parts = [f"{u.segment or 'all'}: {u.requests} of {u.needed} requests" for u in uncovered[:5]]
    more = f" and {len(uncovered) - 5} more" if len(uncovered) > 5 else ""
    return f"not exercised enough: {'; '.join(parts)}{more}"


def missing_evidence(case: Case) -> str:
    """Why the evidence does not allow a promotion yet."""
    verdict = case.verdict
    if verdict.outcome is Outcome.BLIND:
        blind = [f for f in verdict.findings if f.outcome is Outcome.BLIND]
        return "; ".join(finding_sentence(f) for f in blind) or "metrics cannot be read"
    if verdict.suspicious:
        return "the canary looks suspicious: " + suspicion(case)
    if verdict.uncovered:
        return uncovered_sentence(verdict.uncovered)
    return "too few requests to tell the canary from stable"


def suspicion(case: Case) -> str:
    """The finding nearest to deciding, in a sentence."""
    worst = case.verdict.worst
    return finding_sentence(worst) if worst is not None else "no finding"


def crash_sentence(crash: Crash) -> str:
    """How a container died."""
    return (
        f"container {crash.container} of pod {crash.pod} ended with exit code {crash.exit_code}"
        f" ({crash.reason}), death {crash.deaths}"
    )


def duration(span: timedelta) -> str:
    """A span of time as a person says it."""
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def notice(
    case: Case, kind: NoticeKind, headline: str, *facts: tuple[str, str], full: bool = False
) -> Notice:
    """A notice of the running release; `full` with what was compared and the last words.

    The key names workload, canary, start and phase: the same event has the same key wherever the
    process died in between. A release may be held more than once in a step: then its instant, too,
    which is committed together with the notice.
    """
    release = case.release
    ref = case.snapshot.scene.ref
    key = f"{ref}:{release.canary.fingerprint[:12]}:{_stamp(release.started_at)}:{release.step}"
    again = f":{_stamp(case.now)}" if kind is NoticeKind.HOLDING else ""
    said = [crash.log for crash in release.crashes if crash.log]
    worded = [finding_sentence(f) for f in case.status.findings if _is_telling(f)]
    return Notice(
        key=f"{key}:{kind.value}{again}",
        kind=kind,
        at=case.now,
        headline=headline,
        facts=(
            ("Workload", f"{ref.namespace}/{case.workload.name}"),
            ("Canary", str(release.canary)),
            *((("Stable", str(case.status.stable)),) if case.status.stable else ()),
            *facts,
        ),
        findings=tuple(w for w in worded if w != release.cause)[:8] if full else (),
        log=said[-1] if full and said else "",
    )


def _stamp(at: datetime) -> str:
    """An instant in milliseconds, in as few characters as can still be read."""
    return f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}"


def rollback_facts(case: Case) -> tuple[tuple[str, str], ...]:
    """Why, how it died, how long each part took and what was done."""
    release = case.release
    facts = [("Reason", release.cause)]
    if release.crashes:
        facts.append(("Crash", crash_sentence(release.crashes[-1])))
    facts.append(("Took", _timing(case, release)))
    facts.append(("Done", _deed(case)))
    return tuple(facts)


def _timing(case: Case, release: Release) -> str:
    assert release.decided_at is not None
    parts = [f"decided {duration(release.decided_at - release.started_at)} after the push"]
    if release.first_crash_at is not None and release.first_crash_at <= release.decided_at:
        parts.append(f"{duration(release.decided_at - release.first_crash_at)} after first crash")
    parts.append(f"all pods stable {duration(case.now - release.decided_at)} after the decision")
    return ", ".join(parts)


def _deed(case: Case) -> str:
    stable = str(case.stable)
    if case.release.strategy == "Freeze":
        return (
            f"Freeze: the Deployment stays paused, {stable} has all pods, the canary none. "
            "The template is as it was applied: fix it at its source"
        )
    return f"Undo: the template of {stable} was written back; the rejected one is quarantined"


def _compared(finding: Finding) -> tuple[str, str]:
    match finding.metric:
        case Metric.RESTARTS:
            canary, stable = _crashes(finding.canary), _crashes(finding.stable)
            return "Crashes", f"canary {canary}, stable {stable}"
        case Metric.ERROR_RATE:
            canary, stable = _failed(finding.canary), _failed(finding.stable)
            where = f"on {finding.segment}" if finding.segment else "in all"
            return f"Errors {where}", f"canary {canary}, stable {stable}"


def _is_telling(finding: Finding) -> bool:
    return finding.outcome in {Outcome.WORSE, Outcome.BLIND} or finding.canary.events > 0


def _crashes(side: Side) -> str:
    return f"{side.events:g} in {duration(timedelta(seconds=side.exposure))} of pod time"


def _failed(side: Side) -> str:
    return f"{side.events:g} of {side.exposure:g} requests failed ({side.rate:.2%})"


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1e4 else f"{value:.0e}"
