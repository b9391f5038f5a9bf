"""A person's command: whether it is meant for what runs, and what is put on record of it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

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
        revision=intent.revision,
        step=intent.step,
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
    if _DONE[intent.action](case.status, after):
        return Occurrence(reason="CommandTaken", message=asked)
    if after.phase is not case.status.phase:
        message = f"{asked}: something else came first. {after.message}"
    else:
        message = f"{asked}: not possible while {case.status.phase.value}"
    return Occurrence(reason="CommandRefused", message=message, warning=True)


def _stepped(before: Status, after: Status) -> bool:
    """Whether it went on, to the next step or to all pods."""
    if _promoted(before, after):
        return True
    was, now = before.release, after.release
    return was is not None and now is not None and now.step > was.step


def _promoted(before: Status, after: Status) -> bool:
    return after.phase is Phase.PROMOTING and before.phase is not Phase.PROMOTING


def _rolled_back(before: Status, after: Status) -> bool:
    return after.phase is Phase.ROLLING_BACK and before.phase is not Phase.ROLLING_BACK


def _held(_before: Status, after: Status) -> bool:
    return after.phase is Phase.HOLDING


def _resumed(before: Status, after: Status) -> bool:
    return before.phase is Phase.HOLDING and after.phase is Phase.ANALYSING


def _let_in(before: Status, after: Status) -> bool:
    return len(after.rejected) < len(before.rejected)


# What there is to see of a command that was carried out. Another thing may have come first.
_DONE: Final[Mapping[IntentAction, Callable[[Status, Status], bool]]] = {
    IntentAction.PROMOTE: _stepped,
    IntentAction.PROMOTE_FULL: _promoted,
    IntentAction.ROLLBACK: _rolled_back,
    IntentAction.HOLD: _held,
    IntentAction.RESUME: _resumed,
    IntentAction.RETRY: _let_in,
}
