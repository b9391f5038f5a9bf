"""Rolling back: stable gets all pods, the canary none, and the template is quarantined."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from controller.domain.case import SOON, Case, Plan, with_notice
from controller.domain.changes import Change, Freeze, Occurrence, Scale, Undo
from controller.domain.lifecycle import Event, Phase
from controller.domain.policy import Mode, RollbackStrategy
from controller.domain.records import IntentAction
from controller.domain.scaling import scaled
from controller.domain.status import REJECTED_MAX, NoticeKind, Rejected, Result
from controller.domain.wording import duration, left_over, notice, rollback_facts

SLOW_AFTER: Final = timedelta(seconds=60)


def begin(case: Case, event: Event, cause: str) -> Plan:
    """Decide to roll back: intent and quarantine are committed, then the change is made."""
    if case.policy.mode is Mode.OBSERVE:
        return _only_observe(case, cause)
    if case.family.stable is None:
        return _impossible(case, cause)
    release = replace(
        case.release,
        cause=cause,
        decided_at=case.now,
        strategy=_strategy(case).value,
        undone=False,
        held_for="",
    )
    said = f"Rolling back {release.canary}: {cause}"
    rejected = Rejected(
        fingerprint=release.canary.fingerprint,
        at=case.now,
        reason=cause,
        writer=case.workload.writer,
    )
    kept = [r for r in case.status.rejected if r.fingerprint != rejected.fingerprint]
    decided = replace(case, status=replace(case.status, release=release))
    return case.move(
        event,
        towards_stable(decided),
        say=Occurrence(reason="RollingBack", message=said + left_over(release), warning=True),
        release=release,
        rejected=(*kept, rejected)[-REJECTED_MAX:],
        message=said,
    )


def asked_for(case: Case) -> Plan | None:
    """Roll back because a person says so."""
    if case.intent is None or not case.asks(IntentAction.ROLLBACK):
        return None
    cause = f"asked for by {case.intent.by}: {case.intent.reason or 'no reason given'}"
    return begin(case, Event.ROLLED_BACK_BY_PERSON, cause)


def _impossible(case: Case, cause: str) -> Plan:
    """There is nothing to go back to: a person has to know, once, and as soon as that is clear."""
    lost = f"Cannot roll back: the ReplicaSet of {case.stable} is gone."
    remedy = "Apply a good template; a revisionHistoryLimit of 1 or more keeps the way back"
    said = f"{lost} {remedy}. Cause: {cause}"
    if case.release.warned:
        return case.stay(look=True, message=said)
    headline = f"{case.workload.name}: {case.release.canary} is worse and cannot be rolled back"
    facts = (("Why", f"{lost} {remedy}"), ("Reason", cause))
    told = notice(case, NoticeKind.HOLDING, headline, *facts, full=True)
    return case.stay(
        say=Occurrence(reason="RollbackImpossible", message=said, warning=True),
        look=True,
        message=said,
        outbox=with_notice(case.status.outbox, told),
        release=replace(case.release, warned=True),
    )


def roll_back(case: Case) -> Plan:
    """Make it so until it is so; the same change again is harmless."""
    case = _with_undone(case)
    release, fingerprint = case.release, case.workload.fingerprint
    if fingerprint not in {case.stable.fingerprint, release.canary.fingerprint}:
        reason = "another template was applied during the rollback"
        headline = f"{case.workload.name}: {release.canary} was being rolled back when {reason}"
        why = ("Reason", release.cause)
        return case.move(
            Event.SUPERSEDED,
            say=Occurrence(reason="Superseded", message=f"{release.canary}: {reason}"),
            notice=notice(case, NoticeKind.ROLLED_BACK, headline, why, full=True),
            history=case.ended(Result.ROLLED_BACK, release.cause),
            release=replace(release, evidence="", promoting=False),
            message=reason,
        )
    if case.workload.paused_by_a_person:
        return _left_alone(case)
    if _is_done(case):
        return _rolled_back(case)
    if case.phase_age >= SLOW_AFTER and not release.warned:
        return _slow(case)
    said = f"Rolling back {release.canary}: {release.cause}"
    return case.stay(towards_stable(case), wake_after=SOON, message=said)


def frozen(case: Case) -> Change | None:
    """What is still to be done until the workload is paused with stable at N and canary at none."""
    stable = case.family.stable
    if stable is None:
        return None
    workload = case.workload
    canaries = [rs for rs in (case.family.canary, *case.family.others) if rs is not None]
    if not workload.held_by_us:
        return Freeze(stable.name, stable.replicas, ())
    if workload.observed_generation < workload.generation:
        return None  # Numbers are old: taking pods away now could take the last ones.
    # With a surge of one and nothing unavailable, two revisions of nearly the same size cannot
    # pass each other: the deployment controller gives each pod back to the larger, or the newer.
    stuck = case.status.phase is Phase.ROLLING_BACK and case.phase_age >= SLOW_AFTER
    scale = scaled(case, 0, given_up=1 if stuck else 0)
    if _keeps_canaries(case, scale):
        return scale
    if stable.replicas != workload.replicas or any(rs.replicas > 0 for rs in canaries):
        running = tuple(rs.name for rs in canaries if rs.replicas > 0)
        return Freeze(stable.name, workload.replicas, running)
    return None


def towards_stable(case: Case) -> Change | None:
    """The next change on the way back, by the release's strategy."""
    if case.release.strategy == RollbackStrategy.FREEZE.value:
        return frozen(case)
    stable = case.family.stable
    if stable is None:
        return None
    back = case.workload.fingerprint == case.stable.fingerprint
    return None if back and not case.workload.paused else Undo(stable.name)


def _keeps_canaries(case: Case, scale: Scale | None) -> bool:
    """Whether pods that are not stable's still have to serve until more of stable's are Ready."""
    left = dict(scale.replica_sets) if scale is not None else {}
    leaving = (case.family.canary, *case.family.others)
    return any(rs is not None and left.get(rs.name, rs.replicas) > 0 for rs in leaving)


def _strategy(case: Case) -> RollbackStrategy:
    """Auto: a self-healing GitOps tool would revert an Undo within seconds."""
    chosen = case.policy.rollback
    if chosen is not RollbackStrategy.AUTO:
        return chosen
    # With one replica a Freeze would take the only pod before stable's is there.
    freezes = case.workload.gitops is not None and case.workload.replicas > 1
    return RollbackStrategy.FREEZE if freezes else RollbackStrategy.UNDO


def _with_undone(case: Case) -> Case:
    """Remember that the stable template was back; if it is replaced again, stop undoing.

    Whoever re-applies the rejected template would otherwise be fought for ever.
    """
    release = case.release
    if release.strategy != RollbackStrategy.UNDO.value:
        return case
    if case.workload.fingerprint == case.stable.fingerprint:
        release = replace(release, undone=True)
    elif release.undone:
        release = replace(release, strategy=RollbackStrategy.FREEZE.value)
    return replace(case, status=replace(case.status, release=release))


def _is_done(case: Case) -> bool:
    stable, canary, workload = case.family.stable, case.family.canary, case.workload
    running = any(not pod.leaving for pod in case.family.canary_pods)
    if stable is None or running or (canary is not None and canary.replicas > 0):
        return False
    ready = stable.replicas == workload.replicas and case.family.stable_ready >= workload.replicas
    if case.release.strategy == RollbackStrategy.FREEZE.value:
        return ready and workload.held_by_us
    back = workload.fingerprint == case.stable.fingerprint and not workload.paused
    return ready and back and workload.rolled_out


def _rolled_back(case: Case) -> Plan:
    release = case.release
    assert release.decided_at is not None
    took = duration(case.now - release.decided_at)
    said = f"Rolled back {release.canary} in {took}: {release.cause}"
    headline = f"{case.workload.name}: {release.canary} was rolled back"
    return case.move(
        Event.UNDONE,
        say=Occurrence(reason="RolledBack", message=said + left_over(release), warning=True),
        notice=notice(case, NoticeKind.ROLLED_BACK, headline, *rollback_facts(case), full=True),
        history=case.ended(Result.ROLLED_BACK, release.cause),
        release=replace(release, evidence="", promoting=False),
        message=said,
    )


def _slow(case: Case) -> Plan:
    """Tell people once that it takes long, and go on."""
    headline = f"{case.workload.name}: the rollback is slow"
    why = ("Reason", case.release.cause)
    slow = notice(case, NoticeKind.ROLLING_BACK, headline, why, full=True)
    return case.stay(
        towards_stable(case),
        wake_after=SOON,
        outbox=with_notice(case.status.outbox, slow),
        release=replace(case.release, warned=True),
    )


def _left_alone(case: Case) -> Plan:
    """A person's own pause comes before the way back: it goes on when the pause is lifted."""
    said = "A person paused the Deployment during the rollback: it goes on when that is lifted"
    say = Occurrence(reason="PausedByUser", message=said, warning=True)
    return case.stay(say=None if case.status.message == said else say, message=said)


def _only_observe(case: Case, cause: str) -> Plan:
    """Observe mode: say what would have been done."""
    said = f"Would have rolled back {case.release.canary} (mode Observe): {cause}"
    return case.stay(
        say=Occurrence(reason="WouldRollBack", message=said, warning=True),
        look=True,
        release=replace(case.release, cause=cause, decided_at=case.now),
        message=said,
    )
