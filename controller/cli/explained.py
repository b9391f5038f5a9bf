"""One recorded decision told again: what was seen, what was decided, and why nothing else was."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from controller.adapters import transcript
from controller.adapters.recorder import Recording
from controller.cli.explained_seen import Pods, pods_seen, seen_sentences
from controller.domain.case import Plan
from controller.domain.findings import Finding, Outcome
from controller.domain.lifecycle import AT_REST, UNDER_ANALYSIS
from controller.domain.plan import decide
from controller.domain.policy import Policy
from controller.domain.snapshot import Scene, Snapshot
from controller.domain.status import Status
from controller.domain.wording import crash_sentence, finding_sentence, uncovered_sentence

DIFFERENCES_MAX: Final = 20
VALUE_CHARACTERS_MAX: Final = 120
_OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One comparison as it was decided on. `evidence` of `needed` decides."""

    outcome: str
    metric: str
    segment: str
    sentence: str
    evidence: float
    needed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What came of it, and when the next look is to be."""

    phase: str
    message: str
    change: str
    told: tuple[str, ...]
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Whether this version decides the same; if not, where its plan differs."""

    same: bool
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A decision in words, for a terminal or as JSON."""

    canary: str
    at: str
    version: str
    ignored: tuple[str, ...]
    phase: str
    seen: tuple[str, ...]
    pods: tuple[Pods, ...]
    deaths: tuple[str, ...]
    words: str
    compared: tuple[Compared, ...]
    decided: Decided
    otherwise: tuple[str, ...]
    replay: Replay


def account(recording: Recording) -> Account:
    """Everything that is worth telling of an entry; decides it again."""
    entry = recording.entry
    snapshot, plan = entry.snapshot, entry.plan
    status = plan.status
    release = status.release
    crashes = release.crashes if release is not None else snapshot.crashes
    return Account(
        canary=str(entry.ref),
        at=snapshot.now.isoformat(),
        version=recording.version,
        ignored=recording.ignored,
        phase=snapshot.scene.status.phase.value,
        seen=tuple(seen_sentences(snapshot)),
        pods=tuple(pods_seen(snapshot.scene)),
        deaths=tuple(f"{crash.at:%H:%M:%S} UTC: {crash_sentence(crash)}" for crash in crashes),
        words=next((crash.log for crash in reversed(crashes) if crash.log), ""),
        compared=tuple(map(_compared, _by_gravity(status.findings))),
        decided=Decided(
            phase=status.phase.value,
            message=status.message,
            change="" if plan.change is None else str(plan.change),
            told=tuple(f"{said.reason}: {said.message}" for said in plan.occurrences),
            next=_next(plan),
        ),
        otherwise=tuple(_otherwise(snapshot, plan)),
        replay=_replayed(snapshot, plan),
    )


def _next(plan: Plan) -> str:
    if plan.wake_after is not None:
        return f"in {plan.wake_after.total_seconds():g} s"
    return "after the next reading of the metrics" if plan.look else "when something changes"


# What was made of it.


def _compared(finding: Finding) -> Compared:
    return Compared(
        outcome=finding.outcome.value,
        metric=finding.metric.value,
        segment=finding.segment,
        sentence=finding_sentence(finding),
        evidence=finding.evidence,
        needed=finding.needed,
    )


def _by_gravity(findings: tuple[Finding, ...]) -> list[Finding]:
    order = (Outcome.WORSE, Outcome.BLIND, Outcome.UNDECIDED, Outcome.NOT_WORSE)
    return sorted(findings, key=lambda f: (order.index(f.outcome), -_share(f), f.segment))


def _share(finding: Finding) -> float:
    """Of what decides."""
    return finding.evidence / finding.needed if finding.needed > 0 else 0.0


def _otherwise(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """What would have had to be different for another decision on the evidence."""
    status = plan.status
    verdict = _OUTCOMES.get(status.verdict)
    judged = snapshot.scene.status.phase not in AT_REST and status.release is not None
    if not judged or verdict is None:
        return
    worse = [f for f in status.findings if f.outcome is Outcome.WORSE]
    if worse:
        yield from _acquitted(worse)
        return
    yield from _passed(snapshot.scene, status)
    yield from _convicted(status)


def _acquitted(worse: list[Finding]) -> Iterator[str]:
    each = "this comparison" if len(worse) == 1 else f"each of these {len(worse)} comparisons"
    yield f"Not to be rolled back, {each} would have to be better:"
    for finding in worse:
        share = _share(finding)
        less = f" (its evidence {share:.3g} times smaller)" if share > 1 else ""
        yield f"  {finding_sentence(finding)}{less}"


def _passed(scene: Scene, status: Status) -> Iterator[str]:
    """What is missing for the release to go on."""
    if status.phase not in UNDER_ANALYSIS:
        return
    open_ = [f for f in status.findings if f.outcome in {Outcome.UNDECIDED, Outcome.BLIND}]
    # The evidence on single segments convicts only; what it takes to go on is coverage.
    whole = [f for f in open_ if not f.segment or f.outcome is Outcome.BLIND]
    if whole:
        yield "To go on, these would have to be found not worse:"
        yield from (f"  {finding_sentence(finding)}" for finding in whole)
    if status.uncovered:
        yield "To go on, the canary would have to serve more:"
        yield f"  {uncovered_sentence(status.uncovered)}"
    release, policy = status.release, scene.policy
    if release is None or not isinstance(policy, Policy) or release.step >= len(policy.steps):
        return
    if policy.steps[release.step].approval and not release.approved:
        yield "To go on, a person would have to approve this step (promote)"


def _convicted(status: Status) -> Iterator[str]:
    """What comes nearest to a rollback."""
    seen = (f for f in status.findings if f.outcome is not Outcome.BLIND and f.canary.events)
    suspects = [f for f in seen if 0 < _share(f) < 1]
    if suspects:
        nearest = max(suspects, key=_share)
        times = nearest.needed / nearest.evidence
        yield "To be rolled back, the nearest would be:"
        yield f"  {finding_sentence(nearest)} (it would have to be {times:.3g} times as much)"


# The same again.


def _replayed(snapshot: Snapshot, before: Plan) -> Replay:
    try:
        after = decide(snapshot)
    except Exception as error:  # noqa: BLE001 - a file may hold what no cluster ever shows
        return Replay(same=False, differences=(f"it cannot be decided: {error!r}",))
    if after == before:
        return Replay(same=True)
    found = list(_differences(transcript.write(before, Plan), transcript.write(after, Plan), ""))
    more = len(found) - DIFFERENCES_MAX
    shown = found[:DIFFERENCES_MAX]
    return Replay(
        same=False, differences=(*shown, f"and {more} more") if more > 0 else tuple(shown)
    )


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    """Where two documents differ, field by field."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            yield from _differences(before.get(name), after.get(name), f"{path}.{name}".strip("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{index}]")
    else:
        yield f"{path}: it was {_short(before)}, now it is {_short(after)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= VALUE_CHARACTERS_MAX else f"{text[:VALUE_CHARACTERS_MAX]}…"
