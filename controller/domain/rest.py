"""Between releases: adopt stable, notice a changed template, keep a rejected one out."""

from dataclasses import replace
from typing import Any

from controller.domain.case import SOON, Case, Plan
from controller.domain.changes import Occurrence, Promote
from controller.domain.identify import identify, incumbent, revision_of
from controller.domain.lifecycle import Event, Phase
from controller.domain.policy import Mode
from controller.domain.records import IntentAction, ReplicaSet
from controller.domain.rollback import frozen
from controller.domain.status import NoticeKind, Rejected, Release, Revision
from controller.domain.wording import notice


def at_rest(case: Case) -> Plan:
    """No release runs."""
    if case.workload.paused_by_a_person:
        said = "The Deployment was paused by a person: nothing is touched until that is lifted"
        say = Occurrence(reason="PausedByUser", message=said)
        return case.move(Event.PAUSED_BY_PERSON, say=say, message=said)
    if case.status.stable is None:
        return _find_stable(case)
    if case.workload.fingerprint == case.stable.fingerprint:
        return _settled(case)
    rejected = _rejected(case)
    only_watched = case.policy.mode is Mode.OBSERVE and not case.workload.held_by_us
    if rejected is None or only_watched:
        return _release(case)
    if case.asks(IntentAction.RETRY) and _is_meant(case, rejected):
        return _lift_quarantine(case, rejected)
    return _keep_out(case, rejected)


def paused_by_user(case: Case) -> Plan:
    """Touch nothing until the pause is lifted, then go on from what is there."""
    if case.workload.paused_by_a_person:
        return case.stay()
    release = case.status.release
    said = "The pause was lifted"
    goes_on = (
        release is not None
        and release.promoting
        and release.canary.fingerprint == case.workload.fingerprint
        and not case.workload.held_by_us
    )
    if goes_on:
        return case.move(Event.PROMOTION_RESUMED, message=said)
    return case.move(Event.PAUSE_LIFTED, message=said)


def _find_stable(case: Case) -> Plan:
    """What runs when a Canary is first seen is stable; a first rollout has no canary."""
    scene, workload = case.snapshot.scene, case.workload
    held = incumbent(scene) if workload.held_by_us else None
    if held is not None:
        return _adopt(case, _revision(held), f"stable is what ran when {held.name} was held")
    if workload.held_by_us:
        return case.stay(Promote(), message="The first rollout has no canary: let through")
    if workload.replicas > 0 and not workload.rolled_out:
        return case.stay(wake_after=SOON * 5, message="The rollout that is under way is stable's")
    own = revision_of(scene, workload.fingerprint)
    if own is None:
        return case.stay(wake_after=SOON, message="Waiting for the Deployment's first ReplicaSet")
    return _adopt(case, _revision(own), "what runs is stable")


def _adopt(case: Case, revision: Revision, why: str) -> Plan:
    say = Occurrence(reason="StableFound", message=f"{revision}: {why}")
    return replace(
        case.stay(say=say, stable=revision, message=f"Watching; {why}"), wake_after=SOON * 0
    )


def _settled(case: Case) -> Plan:
    """The template is stable's. A hold that is left over from a release is lifted."""
    rolled_back = _rolled_back(case)
    if rolled_back is not None and case.asks(IntentAction.RETRY):
        return _lift_quarantine(case, rolled_back)
    if case.status.phase is Phase.QUARANTINED:
        said = "The rejected template is gone; stable's is back"
        return case.move(Event.WITHDRAWN, message=said)
    own = case.family.stable
    stable = _revision(own) if own is not None else case.stable
    lift = Promote() if case.workload.gate_mark is not None else None
    wake = SOON if lift else None
    return case.stay(lift, stable=stable, wake_after=wake)


def _release(case: Case) -> Plan:
    """A template that is neither stable nor rejected: try it, or say why it is let through."""
    bypass = _bypass(case)
    release = _begun(case, bypass)
    begun = replace(
        case,
        status=replace(case.status, release=release),
        family=identify(
            case.snapshot.scene,
            stable=case.stable.fingerprint,
            canary=release.canary.fingerprint,
        ),
    )
    fields: dict[str, Any] = {
        "release": replace(release, promoting=True),
        "findings": (),
        "uncovered": (),
        "verdict": "",
    }
    if bypass:
        said = f"{release.canary} is let through: {bypass}"
        say = Occurrence(reason="LetThrough", message=said)
        used = case.workload.skip
        return begun.move(Event.LET_THROUGH, say=say, message=said, skipped=used, **fields)
    why = _no_room(case)
    if why:
        said = f"{release.canary} rolls out, judged on the way ({why})"
        say = Occurrence(reason="RollsOut", message=said)
        return begun.move(Event.NO_ROOM, say=say, message=said, **fields)
    said = f"{release.canary} is held: seeding canary pods"
    say = Occurrence(reason="CanaryHeld", message=said)
    fields["release"] = release
    return begun.move(Event.TEMPLATE_CHANGED, say=say, message=said, **fields)


def _no_room(case: Case) -> str:
    """Why there is no trial on a few pods, but a rollout that is judged on the way."""
    workload = case.workload
    if case.policy.mode is Mode.OBSERVE:
        return "mode Observe"
    if workload.gate_mark is not None and not workload.paused:
        return "the pause was lifted by hand"
    return "one replica has no canary" if workload.replicas <= 1 else ""


def _bypass(case: Case) -> str:
    """Why this template needs no trial; empty when it does."""
    workload = case.workload
    if _skips(case):
        return f"skipped by annotation: {workload.skip or 'no reason given'}"
    if workload.replicas == 0:
        return "the Deployment has no replicas"
    if workload.fingerprint in case.status.recent_stables[: case.policy.rollback_window]:
        return "it was stable before: a person's rollback must not wait"
    if case.family.stable is None:
        return f"the ReplicaSet of {case.stable} is gone: nothing to compare with"
    return ""


def _skips(case: Case) -> bool:
    """Whether the skip annotation lets this change through: each of its texts does so once."""
    return case.workload.skip is not None and case.workload.skip != case.status.skipped


def _begun(case: Case, bypass: str) -> Release:
    own = revision_of(case.snapshot.scene, case.workload.fingerprint)
    revision = (
        _revision(own)
        if own is not None
        else Revision(fingerprint=case.workload.fingerprint, images=case.workload.images)
    )
    return Release(canary=revision, started_at=case.now, step_since=case.now, bypass=bypass)


def _rejected(case: Case) -> Rejected | None:
    same = (r for r in case.status.rejected if r.fingerprint == case.workload.fingerprint)
    return next(same, None)


def _is_meant(case: Case, rejected: Rejected) -> bool:
    """Whether a person who names a revision names this one: it may have been applied just now."""
    assert case.intent is not None
    release = case.status.release
    named = release is not None and release.canary.fingerprint == rejected.fingerprint
    return named or not case.intent.revision


def _rolled_back(case: Case) -> Rejected | None:
    """The template that was rolled back last, as long as it is quarantined."""
    release = case.status.release
    if case.status.phase is not Phase.ROLLED_BACK or release is None:
        return None
    same = (r for r in case.status.rejected if r.fingerprint == release.canary.fingerprint)
    return next(same, None)


def _lift_quarantine(case: Case, rejected: Rejected) -> Plan:
    assert case.intent is not None
    there = case.workload.fingerprint == rejected.fingerprint
    when = "the template is tried again" if there else "applied again, the template is tried"
    said = f"The quarantine was lifted by {case.intent.by}: {when}"
    kept = tuple(r for r in case.status.rejected if r.fingerprint != rejected.fingerprint)
    say = Occurrence(reason="QuarantineLifted", message=said)
    if case.status.phase not in {Phase.QUARANTINED, Phase.ROLLED_BACK}:
        return case.stay(say=say, rejected=kept, message=said, wake_after=SOON * 0)
    return case.move(Event.RETRIED, say=say, rejected=kept, message=said)


def _keep_out(case: Case, rejected: Rejected) -> Plan:
    """A rejected template gets no pods; whoever applied it is named."""
    workload = case.workload
    if workload.gate_mark is not None and not workload.paused:
        # A person lifted the pause of a rejected template: that is their decision, on record.
        return _release(case)
    release = case.status.release
    frozen_by_us = (
        case.status.phase is Phase.ROLLED_BACK
        and release is not None
        and release.strategy == "Freeze"
        and release.canary.fingerprint == workload.fingerprint
    )
    if case.status.phase is Phase.QUARANTINED or frozen_by_us:
        change = frozen(case)
        return case.stay(change, wake_after=SOON if change else None)
    return _quarantine(case, rejected)


def _quarantine(case: Case, rejected: Rejected) -> Plan:
    release = _begun(case, "")
    begun = replace(case, status=replace(case.status, release=release))
    writer, ref = case.workload.writer, case.snapshot.scene.ref
    said = (
        f"{release.canary} was rolled back before and was applied again by {writer}: held with "
        f"no pods. Rejected because: {rejected.reason}. To try it again: "
        f"kubectl canary retry {ref.name} -n {ref.namespace}, or annotate the Canary with "
        "canary-controller.io/intent=retry"
    )
    headline = f"{case.workload.name}: a rejected template was applied again by {writer}"
    return begun.move(
        Event.REJECTED_AGAIN,
        frozen(begun),
        say=Occurrence(reason="Quarantined", message=said, warning=True),
        notice=notice(
            begun, NoticeKind.QUARANTINED, headline, ("Writer", writer), ("Reason", rejected.reason)
        ),
        release=release,
        rejected=tuple(
            replace(r, writer=writer) if r.fingerprint == rejected.fingerprint else r
            for r in case.status.rejected
        ),
        message=said,
    )


def _revision(found: ReplicaSet) -> Revision:
    return Revision(
        fingerprint=found.fingerprint,
        number=found.revision,
        replica_set=found.name,
        images=found.images,
    )
