"""What ends or interrupts a release from outside, whatever its phase: looked at before all else."""

from dataclasses import replace

from controller.domain import rollback
from controller.domain.case import Case, Plan
from controller.domain.changes import Occurrence
from controller.domain.findings import Outcome
from controller.domain.lifecycle import Event, Phase
from controller.domain.policy import Mode
from controller.domain.status import NoticeKind, Result
from controller.domain.wording import conviction, notice


def interruption(case: Case) -> Plan | None:
    """A person's own hand first, then another template, then a verdict that ends the release."""
    workload, release = case.workload, case.release
    if workload.fingerprint == case.stable.fingerprint:
        return _end(case, Event.WITHDRAWN, Result.WITHDRAWN, "the template is stable's again")
    if workload.fingerprint != release.canary.fingerprint:
        return _end(case, Event.SUPERSEDED, Result.SUPERSEDED, "another template was applied")
    if workload.paused_by_a_person:
        said = "A person paused the Deployment: nothing is touched until the pause is lifted"
        say = Occurrence(reason="PausedByUser", message=said)
        return case.move(Event.PAUSED_BY_PERSON, say=say, message=said)
    lifted = workload.gate_mark is not None and not workload.paused
    if lifted and case.status.phase not in {Phase.PROMOTING, Phase.BAKING}:
        said = f"The pause was lifted by hand: {release.canary} is rolled out, still watched"
        say = Occurrence(reason="PromotedByHand", message=said, warning=True)
        release = replace(release, promoting=True, held_for="")
        return case.move(Event.PROMOTED_BY_PERSON, say=say, release=release, message=said)
    return convicted(case)


def convicted(case: Case) -> Plan | None:
    """Roll back at once when the evidence says worse; mode Observe says so once and goes on."""
    said = case.policy.mode is Mode.OBSERVE and case.release.cause
    if case.verdict.outcome is not Outcome.WORSE or said:
        return None
    return rollback.begin(case, Event.CANARY_WORSE, conviction(case.verdict))


def _end(case: Case, event: Event, result: Result, why: str) -> Plan:
    said = f"The release of {case.release.canary} ended: {why}"
    headline = f"{case.workload.name}: {said}"
    return case.move(
        event,
        say=Occurrence(reason=result.value, message=said),
        notice=notice(case, NoticeKind.INTERRUPTED, headline),
        history=case.ended(result, why),
        release=replace(case.release, evidence="", held_for="", promoting=False),
        findings=(),
        uncovered=(),
        verdict="",
        message=said,
    )
