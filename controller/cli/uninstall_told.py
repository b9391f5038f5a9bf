"""What the remains on one Deployment mean: a word for them, and words for a person."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from controller.adapters.kube.remains import Part, Remains
from controller.domain.lifecycle import AT_REST, UNDER_ANALYSIS, Phase
from controller.domain.status import Revision, Status


class Left(StrEnum):
    """What is left, the gravest first."""

    HELD = "Held"
    PAUSED = "Paused"
    PAUSED_BY_PERSON = "PausedByPerson"
    STUCK = "Stuck"
    UNJUDGED = "Unjudged"
    MARKED = "Marked"


_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
GRAVITY: Final = {left: place for place, left in enumerate(Left)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One Deployment. `back_to` is the ReplicaSet to go back to, `stuck` those told a wrong number.

    `trial` is what its template asks for, `stable` what ran before; both in words, "" when not
    known. `pods` of each are wanted now, None when its ReplicaSets cannot be seen.
    """

    remains: Remains
    left: Left
    phase: Phase | None = None
    trial: str = ""
    stable: str = ""
    trial_pods: int | None = None
    back_to: str = ""
    stuck: tuple[str, ...] = ()

    @property
    def under_trial(self) -> bool:
        """Whether a release waits for a verdict."""
        return self.left is Left.HELD and self.phase in UNDER_ANALYSIS

    @property
    def key(self) -> tuple[int, str, str]:
        """The gravest first."""
        return GRAVITY[self.left], self.remains.namespace, self.remains.workload.name


def leftover(remains: Remains) -> Leftover | None:
    """What is left of us; None when nothing is, as far as it was seen."""
    status = remains.record.status if remains.record else None
    stuck = _stuck(remains)
    left = _left(remains, status, stuck)
    if left is None:
        return None
    own, former = _own(remains), _former(remains, status)
    return Leftover(
        remains=remains,
        left=left,
        phase=status.phase if status else None,
        trial=", ".join(remains.workload.images),
        stable=_images(former, status.stable if status else None),
        trial_pods=None if remains.parts is None else (own.record.replicas if own else 0),
        back_to=_back_to(former, status),
        stuck=stuck,
    )


def pause_is_doubtful(remains: Remains) -> bool:
    """Whether it is paused, and only its ReplicaSets, which cannot be seen, could say by whom."""
    workload = remains.workload
    plain = workload.opted_in is None and workload.gate_mark is None and remains.canary is None
    return plain and workload.paused and remains.parts is None


def _left(remains: Remains, status: Status | None, stuck: tuple[str, ...]) -> Left | None:
    workload = remains.workload
    if workload.held_by_us:
        return Left.HELD
    ours = workload.opted_in is not None or workload.gate_mark is not None
    if workload.paused:
        if ours:
            return Left.PAUSED_BY_PERSON
        # A Canary that is deleted takes label and mark off, and leaves the pause.
        known = remains.canary is None and any(part.marked for part in remains.parts or ())
        return Left.PAUSED if known else None
    if stuck:
        return Left.STUCK
    if not ours:
        # What its Canary remembers of a release is old then: it was finished without us.
        return None
    under_way = status is not None and status.phase not in AT_REST | {Phase.PAUSED_BY_USER}
    return Left.UNJUDGED if under_way else Left.MARKED


def _stuck(remains: Remains) -> tuple[str, ...]:
    """ReplicaSets with all N pods that say that N was another number: see the moves."""
    wanted = remains.workload.replicas
    return tuple(
        part.record.name
        for part in remains.parts or ()
        if part.record.replicas == wanted > 0 and part.wanted_of not in {"", str(wanted)}
    )


def _own(remains: Remains) -> Part | None:
    """The ReplicaSet of the template that the Deployment asks for."""
    fingerprint = remains.workload.fingerprint
    same = [p for p in remains.parts or () if p.record.fingerprint == fingerprint]
    return max(same, key=lambda p: (p.record.replicas, p.record.revision), default=None)


def _former(remains: Remains, status: Status | None) -> Part | None:
    """The ReplicaSet of what ran before: by the Canary's word, else the one with the most pods."""
    parts, fingerprint = remains.parts or (), remains.workload.fingerprint
    stable = status.stable.fingerprint if status and status.stable else ""
    others = [part for part in parts if part.record.fingerprint != fingerprint]
    if stable == fingerprint:
        return None
    named = [part for part in others if part.record.fingerprint == stable]
    running = [part for part in others if part.record.replicas > 0]
    return max(named or running, key=lambda p: (p.record.replicas, p.record.revision), default=None)


def _images(former: Part | None, stable: Revision | None) -> str:
    images = former.record.images if former else stable.images if stable else ()
    return ", ".join(images)


def _back_to(former: Part | None, status: Status | None) -> str:
    """Without a look at ReplicaSets the Canary may still name the one of stable."""
    if former is not None:
        return former.record.name
    stable = status.stable if status else None
    named = stable.replica_set if stable is not None else ""
    # A person is about to paste it into a shell, and a status is written by whoever may.
    return named if _NAME.fullmatch(named) else ""


def meaning(found: Leftover) -> str:
    """For a person, in one sentence."""
    workload, canary = found.remains.workload, found.remains.canary
    match found.left:
        case Left.HELD:
            return _held(found)
        case Left.PAUSED:
            return (
                "paused; canary-controller looked after it once and does so no more: it left the "
                "pause behind, or somebody else has paused it since"
            )
        case Left.PAUSED_BY_PERSON:
            return (
                "paused by somebody else: canary-controller leaves that alone, only its label goes"
            )
        case Left.STUCK:
            return (
                f"not paused, but {', '.join(found.stuck)} was told another number of pods than "
                f"{workload.replicas}: no rollout would start any more"
            )
        case Left.UNJUDGED:
            return (
                f"not paused: {found.trial} goes on to all pods, or back, by itself "
                f"(phase {found.phase}); but nobody would judge it any more"
            )
        case Left.MARKED:
            gone = "" if canary else f", of the Canary {workload.opted_in!r} that is not there"
            return f"nothing is held; only the label is left{gone if workload.opted_in else ''}"


def _held(found: Leftover) -> str:
    pods = "a number of pods that you may not see"
    if found.trial_pods is not None:
        pods = f"{found.trial_pods} of {found.remains.workload.replicas} pods"
    held = f"stays paused, with {found.trial} on {pods}"
    before = f" and {found.stable} before it" if found.stable else ""
    if found.under_trial:
        return f"{held}{before}: nobody would judge it, and no rollback would come"
    if found.phase in {Phase.ROLLED_BACK, Phase.QUARANTINED}:
        return f"{held}{before}: it was rejected, and is held so that it gets no pods"
    if found.phase is None:
        return f"{held}{before}: no Canary is there any more that would lift the pause"
    return f"{held}{before} (phase {found.phase})"
