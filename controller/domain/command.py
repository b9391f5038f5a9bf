"""A person's command: whether it is meant for what runs, and what is put on record of it."""

from dataclasses import replace

from controller.domain.case import Case
from controller.domain.changes import Occurrence
from controller.domain.lifecycle import Phase
from controller.domain.records import Intent, IntentAction
from controller.domain.status import COMMANDS_MAX, Command, Status


def is_done(intent: Intent, status: Status) -> bool:
    """Whether it was acted on before, by this process or another."""
    if intent.id == status.intent_done:
        return True
    return intent.keyed and any(command.id == intent.id for command in status.commands)


def is_meant(intent: Intent, status: Status) -> bool:
    """Whether what it was asked for is what runs now. A release that is over is no obstacle."""
    release = status.release
    if release is None:
        return True
    canary = release.canary
    named = {"", canary.fingerprint, str(canary.number), canary.replica_set}
    return intent.revision in named and intent.step in {None, release.step + 1}


def answered(case: Case, intent: Intent, after: Status) -> tuple[Status, Occurrence]:
    """The status with the command on record, and what people are told of it."""
    answer = _answer(case, intent, after)
    release = case.status.release or after.release
    record = Command(
        id=intent.id,
        action=intent.action,
        at=case.now,
        by=intent.by,
        via=intent.via,
        reason=intent.reason,
        canary=str(release.canary) if release else "",
        taken=not answer.warning,
        answer=answer.message,
    )
    commands = (*after.commands, record)[-COMMANDS_MAX:]
    return replace(after, intent_done=intent.id, commands=commands), answer


def _answer(case: Case, intent: Intent, after: Status) -> Occurrence:
    who = f"{intent.by} asked for {intent.action.value}"
    via = f" by {intent.via}" if intent.via else ""
    why = f" ({intent.reason})" if intent.reason else ""
    asked = f"{who}{via}{why}"
    if not is_meant(intent, case.status):
        running = case.release
        meant = f"revision {intent.revision}" if intent.revision else "the release"
        at = f" at step {intent.step}" if intent.step is not None else ""
        message = (
            f"{asked} of {meant}{at}, but {running.canary} runs at step {running.step + 1}: "
            "nothing was done"
        )
        return Occurrence(reason="CommandRefused", message=message, warning=True)
    holds = intent.action is IntentAction.HOLD and case.status.phase is Phase.HOLDING
    if holds or _has_moved(case.status, after):
        return Occurrence(reason="CommandTaken", message=asked)
    message = f"{asked}: not possible while {case.status.phase.value}"
    return Occurrence(reason="CommandRefused", message=message, warning=True)


def _has_moved(before: Status, after: Status) -> bool:
    """Whether a plan did more than look."""
    steps = [s.release and (s.release.step, s.release.approved) for s in (before, after)]
    same = before.phase == after.phase and before.rejected == after.rejected
    return not same or steps[0] != steps[1]
