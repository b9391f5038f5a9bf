"""Seeding, analysing and holding: a few canary pods run, and the evidence grows."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from controller.domain import rollback
from controller.domain.case import SOON, Case, Plan
from controller.domain.changes import Catch, Change, Occurrence, Promote, Seed
from controller.domain.findings import Outcome
from controller.domain.interrupt import interruption
from controller.domain.lifecycle import Event, Phase
from controller.domain.policy import OnInconclusive, Step
from controller.domain.readings import UNREAD
from controller.domain.records import GateKind, IntentAction
from controller.domain.scaling import cleared, is_settled, scaled, seedable
from controller.domain.status import NoticeKind
from controller.domain.weigh import exposure_changed
from controller.domain.wording import duration, missing_evidence, notice, suspicion

START_LIMIT: Final = timedelta(minutes=10)


def seed(case: Case) -> Plan:
    """Bring up the first step's canary pods; crashes on the way count already."""
    early = interruption(case) or _commanded(case)
    if early is not None:
        return early
    change = _held_with(case, _pods_wanted(case))
    if case.family.canary_ready > 0 and case.workload.held_by_us:
        release = replace(case.release, step_since=case.now, ready_at=None)
        return case.move(
            Event.CANARY_READY,
            change,
            say=Occurrence(reason="CanaryStarted", message=_started(case)),
            notice=notice(case, NoticeKind.STARTED, _started(case)),
            release=release,
            message=_started(case),
        )
    if case.phase_age >= START_LIMIT:
        why = f"no canary pod became Ready in {duration(START_LIMIT)}: {_waiting(case)}"
        return _to_holding(case, Event.INCONCLUSIVE, why)
    return case.stay(change, look=True, wake_after=SOON, message=_waiting(case))


def analyse(case: Case) -> Plan:
    """Hold the step until the evidence decides, a person does, or time is up."""
    early = interruption(case) or _commanded(case)
    if early is not None:
        return early
    case = _with_readiness(case)
    change = _held_with(case, _pods_wanted(case))
    step, release = _step(case), case.release
    ready_for = case.now - release.ready_at if release.ready_at else timedelta(0)
    if change is None and ready_for >= step.min_duration and _may_pass(case, step):
        if step.approval and not release.approved:
            why = f"step {release.step + 1} waits for approval; the evidence is good"
            return _to_holding(case, Event.APPROVAL_NEEDED, why)
        return _pass(case)
    if case.now - release.step_since >= step.max_duration and not _is_unread(case):
        why = f"no decision in {duration(step.max_duration)}: {_lacking(case)}"
        return _to_holding(case, Event.INCONCLUSIVE, why)
    return case.stay(change, look=True, message=_progress(case))


def hold(case: Case) -> Plan:
    """Wait for a person, with rollback still armed."""
    early = interruption(case) or _commanded(case)
    if early is not None:
        return early
    change = _held_with(case, _pods_wanted(case))
    return case.stay(change, look=True, message=f"Holding: {case.release.held_for}")


def _commanded(case: Case) -> Plan | None:
    """What a person asked for."""
    by = f"by {case.intent.by}" if case.intent is not None else ""
    if (back := rollback.asked_for(case)) is not None:
        return back
    if case.asks(IntentAction.PROMOTE_FULL):
        return _promote(case, Event.PROMOTED_BY_PERSON)
    if case.asks(IntentAction.PROMOTE) and case.status.phase is not Phase.SEEDING:
        return _pass(case)
    if case.asks(IntentAction.HOLD) and case.status.phase is not Phase.HOLDING:
        return _to_holding(case, Event.HELD_BY_PERSON, f"asked for {by}")
    if case.asks(IntentAction.RESUME) and case.status.phase is Phase.HOLDING:
        release = replace(case.release, held_for="", approved=True, step_since=case.now)
        return case.move(Event.RESUMED_BY_PERSON, release=release, message=f"Resumed {by}")
    return None


def _may_pass(case: Case, step: Step) -> bool:
    """Not worse and exercised; or undecided past its time, where the user chose to go on.

    Blind never passes, and neither does a canary that looks suspicious.
    """
    if case.verdict.outcome is Outcome.NOT_WORSE:
        return True
    late = case.now - case.release.step_since >= step.max_duration
    goes_on = case.policy.on_inconclusive is OnInconclusive.CONTINUE
    undecided = case.verdict.outcome is Outcome.UNDECIDED and not case.verdict.suspicious
    looked = bool(case.release.evidence) and not _is_unread(case)
    return late and goes_on and undecided and looked


def _pass(case: Case) -> Plan:
    """On to the next step that has more pods; after the last, promote."""
    replicas = case.workload.replicas
    steps = case.policy.steps
    now_wanted = _pods_wanted(case)
    for index in range(case.release.step + 1, len(steps)):
        more = steps[index].canary.of(replicas) > now_wanted
        if more or steps[index].approval:
            break
    else:
        return _promote(case, Event.LAST_STEP_PASSED)
    wanted = steps[index].canary.of(replicas)
    said = f"Step {index + 1} of {len(steps)}: {wanted} of {replicas} pods"
    release = replace(
        exposure_changed(case.policy, case.release),
        step=index,
        step_since=case.now,
        ready_at=None,
        held_for="",
        approved=False,
    )
    return case.move(
        Event.STEP_PASSED,
        scaled(case, wanted),
        say=Occurrence(reason="StepPassed", message=said),
        notice=notice(
            replace(case, status=replace(case.status, release=release)),
            NoticeKind.STEP_PASSED,
            f"{case.workload.name}: {case.release.canary}, {said[0].lower()}{said[1:]}",
        ),
        release=release,
        message=said,
    )


def _promote(case: Case, event: Event) -> Plan:
    asked = case.asks(IntentAction.PROMOTE, IntentAction.PROMOTE_FULL)
    by = f" as {case.intent.by} asked for" if asked and case.intent is not None else ""
    said = (
        f"Promoting {case.release.canary}{by}: the Deployment's own strategy finishes the rollout"
    )
    return case.move(
        event,
        Promote(),
        say=Occurrence(reason="Promoting", message=said),
        release=replace(
            exposure_changed(case.policy, case.release),
            held_for="",
            promoting=True,
            promoted_by=case.intent.by if asked and case.intent is not None else "",
        ),
        message=said,
    )


def _to_holding(case: Case, event: Event, why: str) -> Plan:
    headline = f"{case.workload.name}: {case.release.canary} waits for a person"
    step = f"step {case.release.step + 1} of {len(case.policy.steps)}"
    told = f"Held at {step}, {case.release.canary}: {why}"
    return case.move(
        event,
        say=Occurrence(reason="Holding", message=told, warning=True),
        notice=notice(case, NoticeKind.HOLDING, headline, ("Why", why), full=True),
        release=replace(case.release, held_for=why),
        message=f"Holding: {why}",
    )


def _is_unread(case: Case) -> bool:
    """Whether this process has yet to look at the metrics: "blind" says nothing then."""
    return case.policy.requests is not None and case.snapshot.requests == UNREAD


def _with_readiness(case: Case) -> Case:
    """Since when all canary pods of the step are Ready; a flapping pod starts the time anew."""
    all_ready = case.family.canary_ready >= _pods_wanted(case)
    since = (case.release.ready_at or case.now) if all_ready else None
    release = replace(case.release, ready_at=since)
    return replace(case, status=replace(case.status, release=release))


def _step(case: Case) -> Step:
    return case.policy.steps[min(case.release.step, len(case.policy.steps) - 1)]


def _pods_wanted(case: Case) -> int:
    return _step(case).canary.of(case.workload.replicas)


def _held_with(case: Case, wanted: int) -> Change | None:
    """What is still to be done until the workload is held with this many canary pods.

    With one replica or none left there is no room for a canary: stable has all, and we wait. But
    a canary that serves already stays: the deployment controller takes it for the whole workload,
    and whatever stable gets beside it is taken away again.
    """
    if not case.workload.held_by_us:
        return Catch()
    canary = case.family.canary
    if case.workload.replicas <= 1:
        serves = case.workload.replicas > 0 and canary is not None and canary.ready > 0
        return None if serves else rollback.frozen(case)
    if case.family.others and (canary is None or canary.replicas == 0):
        if not is_settled(case):
            return None
        change = cleared(case)
        if change is not None:
            return change
    if canary is None:
        return Seed(min(wanted, seedable(case)))
    return scaled(case, wanted)


def _started(case: Case) -> str:
    gate = "" if case.status.gate is GateKind.POLICY else " (gate: catch)"
    return (
        f"{case.workload.name}: trying {case.release.canary} on {_pods_wanted(case)} of "
        f"{case.workload.replicas} pods{gate}"
    )


def _waiting(case: Case) -> str:
    reasons = sorted(
        {
            f"{container.name} of {pod.name} waits: {container.waiting}"
            for pod in case.family.canary_pods
            for container in pod.containers
            if container.waiting
        }
    )
    return "; ".join(reasons[:3]) or "Waiting for the first canary pod to become Ready"


def _lacking(case: Case) -> str:
    wanted = _pods_wanted(case)
    if case.family.canary_ready < wanted:
        return f"{case.family.canary_ready} of {wanted} canary pods are Ready; {_waiting(case)}"
    return missing_evidence(case)


def _progress(case: Case) -> str:
    release = case.release
    step = f"Step {release.step + 1} of {len(case.policy.steps)}"
    if case.verdict.suspicious:
        return f"{step} is held: {suspicion(case)}"
    if case.verdict.outcome is Outcome.NOT_WORSE:
        return f"{step}: not worse so far"
    return f"{step}: {_lacking(case)}"
