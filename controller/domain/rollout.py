"""Promoting and baking: the user's own strategy runs to its end, with rollback still armed."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from controller.domain import rollback
from controller.domain.case import SOON, Case, Plan, with_notice
from controller.domain.changes import Occurrence, Promote
from controller.domain.findings import Outcome
from controller.domain.interrupt import interruption
from controller.domain.lifecycle import Event
from controller.domain.policy import Policy
from controller.domain.status import NoticeKind, Result, Revision, Status
from controller.domain.wording import duration, missing_evidence, notice

# A bake without sight is no bake: it lasts longer then, but not for ever.
BLIND_BAKES_MAX: Final = 4
# As long as a Deployment's own progressDeadlineSeconds is by default.
SLOW_AFTER: Final = timedelta(minutes=10)


def promote(case: Case) -> Plan:
    """Unpause, and watch the rollout to its end."""
    early = interruption(case) or rollback.asked_for(case)
    if early is not None:
        return early
    workload = case.workload
    if workload.paused or workload.gate_mark is not None:
        return case.stay(Promote(), look=True, wake_after=SOON)
    if workload.rolled_out:
        bake = duration(case.policy.bake)
        said = f"{case.release.canary} runs on all pods; watched for {bake} more"
        return case.move(Event.ROLLED_OUT, message=said)
    if case.phase_age >= SLOW_AFTER and not case.release.held_for:
        return _slow(case)
    return case.stay(look=True)


def _slow(case: Case) -> Plan:
    """A rollout that does not finish is neither a crash nor an error: a person has to look."""
    workload = case.workload
    why = (
        f"the rollout does not finish: {workload.updated} of {workload.replicas} pods are of "
        f"{case.release.canary}, {workload.available} are available. The command rollback goes back"
    )
    headline = f"{workload.name}: {case.release.canary} does not become available"
    told = notice(case, NoticeKind.HOLDING, headline, ("Why", why), full=True)
    return case.stay(
        say=Occurrence(reason="RolloutSlow", message=why, warning=True),
        look=True,
        message=why,
        outbox=with_notice(case.status.outbox, told),
        release=replace(case.release, held_for=why),
    )


def bake(case: Case) -> Plan:
    """Everything runs the canary; whatever comes next, it is stable once the bake is over."""
    workload = case.workload
    if workload.fingerprint not in {case.release.canary.fingerprint, case.stable.fingerprint}:
        worse = case.verdict.outcome is Outcome.WORSE
        end = "judged worse, and could not be rolled back" if worse else "it ran on all pods"
        return _baked(case, f"another template was applied after that; {end}")
    early = interruption(case) or rollback.asked_for(case)
    if early is not None:
        return early
    unsure = case.verdict.outcome is Outcome.BLIND or case.verdict.suspicious
    if unsure and _bake_time(case) <= case.phase_age < _bake_time(case) * BLIND_BAKES_MAX:
        return case.stay(look=True, message=f"The bake goes on: {missing_evidence(case)}")
    if case.phase_age >= _bake_time(case):
        return _baked(case, _why_stable(case))
    return case.stay(look=True)


def as_stable(status: Status, revision: Revision, policy: Policy) -> Status:
    """The status with another stable revision; the former ones are remembered for a while."""
    former = (status.stable.fingerprint,) if status.stable else ()
    recent = [f for f in (*former, *status.recent_stables) if f != revision.fingerprint]
    unique = tuple(dict.fromkeys(recent))
    return replace(status, stable=revision, recent_stables=unique[: policy.rollback_window])


def _why_stable(case: Case) -> str:
    """Why what went through its bake is stable; in mode Observe it may have been judged worse."""
    release = case.release
    if release.cause:
        return f"mode Observe; it would have been rolled back: {release.cause}"
    if release.promoted_by:
        return f"{release.promoted_by} asked for it; it was not worse on the way"
    return release.bypass or "not worse than stable"


def _bake_time(case: Case) -> timedelta:
    return timedelta(0) if case.release.bypass else case.policy.bake


def _baked(case: Case, why: str) -> Plan:
    release = case.release
    said = f"Promoted {release.canary}: {why}"
    headline = f"{case.workload.name}: {release.canary} was promoted"
    status = as_stable(case.status, release.canary, case.policy)
    return case.move(
        Event.BAKED,
        say=Occurrence(reason="Promoted", message=said),
        notice=notice(case, NoticeKind.PROMOTED, headline, ("Reason", why), full=True),
        stable=status.stable,
        rejected=tuple(
            r for r in case.status.rejected if r.fingerprint != release.canary.fingerprint
        ),
        recent_stables=status.recent_stables,
        history=case.ended(Result.PROMOTED, why),
        release=replace(release, evidence="", promoting=False),
        findings=(),
        uncovered=(),
        verdict="",
        message=said,
    )
