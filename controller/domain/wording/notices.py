"""What people are told of a release: notices, their facts, and why nothing moves on yet."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from controller.domain.case import Case
from controller.domain.findings import Finding, Metric, Outcome, Uncovered, Verdict
from controller.domain.status import Crash, Notice, NoticeKind, Release
from controller.domain.wording.choosing import blind, chosen, distinct, nearest
from controller.domain.wording.comparisons import (
    RATE,
    canary_sentence,
    finding_sentence,
    would_have_shown,
)
from controller.domain.wording.figures import duration, named
from controller.domain.wording.mounting import left_words

TOO_FEW: Final = "too few requests to tell the canary from stable"
UNREADABLE: Final = "metrics cannot be read"
FINDINGS_MAX: Final = 10
# Nothing moves on without a person.
ASKING: Final = frozenset({NoticeKind.HOLDING, NoticeKind.QUARANTINED})
# Who reads these may be about to roll back, or sees that it was done.
_GOING_BACK: Final = frozenset(
    {NoticeKind.STARTED, NoticeKind.HOLDING, NoticeKind.ROLLING_BACK, NoticeKind.ROLLED_BACK}
)


def conviction(verdict: Verdict) -> str:
    """What decided; where the service as a whole did, the segment that stands out is named too."""
    worst = verdict.worst
    assert worst is not None, "a verdict of worse has a finding"
    said = finding_sentence(worst)
    if worst.metric in {Metric.RESTARTS, Metric.GUARD} or worst.segment:
        return said
    segments = [f for f in verdict.findings if f.metric is worst.metric and f.segment]
    telling = nearest(segments, 1)
    if not telling:
        return said
    most = telling[0]
    return f"{said}. Most telling is {named(most.segment)}: {canary_sentence(most)}"


def uncovered_sentence(uncovered: tuple[Uncovered, ...]) -> str:
    """What the canary was not exercised on."""
    parts = [
        f"{named(u.segment) or 'all'}: {u.requests} of {u.needed} requests" for u in uncovered[:5]
    ]
    more = f" and {len(uncovered) - 5} more" if len(uncovered) > 5 else ""
    return f"not exercised enough: {'; '.join(parts)}{more}"


def missing_evidence(case: Case) -> str:
    """Why the evidence does not allow a promotion yet."""
    return lacking(case.verdict)


def lacking(verdict: Verdict) -> str:
    """What a verdict that is neither worse nor not worse lacks."""
    if verdict.outcome is Outcome.BLIND:
        return "; ".join(map(finding_sentence, blind(verdict.findings))) or UNREADABLE
    if verdict.suspicious:
        return "the canary looks suspicious: " + _suspicion(verdict)
    waiting = [f for f in verdict.findings if f.metric is Metric.GUARD and f.reason]
    if waiting:
        return "; ".join(map(finding_sentence, waiting))
    if verdict.uncovered:
        return uncovered_sentence(verdict.uncovered)
    return "; ".join([TOO_FEW, *_could_hide(verdict)])


def _could_hide(verdict: Verdict) -> Iterable[str]:
    """For the service as a whole: how large a regression would have shown by now."""
    whole = (f for f in verdict.findings if not f.segment and f.metric in RATE)
    return filter(None, map(would_have_shown, whole))


def suspicion(case: Case) -> str:
    """The finding nearest to deciding, in a sentence."""
    return _suspicion(case.verdict)


def _suspicion(verdict: Verdict) -> str:
    worst = verdict.worst
    return finding_sentence(worst) if worst is not None else "no finding"


def crash_sentence(crash: Crash) -> str:
    """How a container died."""
    return (
        f"container {crash.container} of pod {crash.pod} ended with exit code {crash.exit_code}"
        f" ({crash.reason}), death {crash.deaths}"
    )


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
    own = f"{ref}:{release.canary.fingerprint[:12]}:{_stamp(release.started_at)}"
    again = f":{_stamp(case.now)}" if kind is NoticeKind.HOLDING else ""
    said = [crash.log for crash in release.crashes if crash.log]
    return Notice(
        key=f"{own}:{release.step}:{kind.value}{again}",
        kind=kind,
        at=case.now,
        headline=headline,
        facts=(
            ("Workload", f"{ref.namespace}/{case.workload.name}"),
            ("Canary", str(release.canary)),
            *((("Stable", str(case.status.stable)),) if case.status.stable else ()),
            *facts,
            *_left(release, kind),
        ),
        findings=_told(case.status.findings, release.cause) if full else (),
        log=said[-1] if full and said else "",
        release=own,
        revision=release.canary.fingerprint,
        step=release.step + 1,
        channel=case.policy.notifications.slack_channel,
        mentions=case.policy.notifications.mentions,
        asks=kind in ASKING,
    )


def _left(release: Release, kind: NoticeKind) -> tuple[tuple[str, str], ...]:
    """What a rollback leaves as it is, where that matters."""
    if kind not in _GOING_BACK:
        return ()
    said = left_words(release, ended=kind is NoticeKind.ROLLED_BACK)
    return (("Not undone", said),) if said else ()


def _told(findings: Sequence[Finding], cause: str) -> tuple[str, ...]:
    """The findings worth telling, but for the one that is told as the cause already."""
    shown = chosen(findings, FINDINGS_MAX)
    told = [finding_sentence(f) for f in shown]
    rest = rest_sentence(findings, shown)
    return (*(said for said in told if said != cause), *((rest,) if rest else ()))


def rest_sentence(findings: Sequence[Finding], shown: Sequence[Finding]) -> str:
    """What is said of the findings that are not shown; empty when all are."""
    rest = [f for f in distinct(findings) if f not in shown]
    if not rest:
        return ""
    what = "1 more comparison" if len(rest) == 1 else f"{len(rest)} more comparisons"
    worse = sum(f.outcome is Outcome.WORSE for f in rest)
    unseen = sum(f.outcome is Outcome.BLIND for f in rest)
    if worse:
        return f"{what}, {worse} of them worse"
    if unseen:
        return f"{what}, {unseen} of them cannot be judged either"
    return f"{what}, not worse" if len(rest) == 1 else f"{what}, none of them worse"


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
