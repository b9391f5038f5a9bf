"""What people asked of a Canary, and what became of it."""

from controller.adapters.http.paths import command_path
from controller.adapters.http.shapes_commands import CommandShape, CommandState
from controller.domain.command import is_done
from controller.domain.records import Intent, Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Command
from controller.engine.commands import command_of


def commands(scene: Scene) -> tuple[CommandShape, ...]:
    """The newest first; one that waits is on top."""
    waiting = _waiting(scene)
    done = tuple(_done(scene.ref, one) for one in reversed(scene.status.commands))
    return (waiting, *done) if waiting else done


def command(scene: Scene, command_id: str) -> CommandShape | None:
    """One of them; None when it is not known, or not any more."""
    done = command_of(scene, command_id)
    if done is not None:
        return _done(scene.ref, done)
    waiting = _waiting(scene)
    return waiting if waiting and waiting.id == command_id else None


def _waiting(scene: Scene) -> CommandShape | None:
    intent = scene.intent
    if not isinstance(intent, Intent) or is_done(intent, scene.status):
        return None
    return CommandShape(
        id=intent.id,
        action=intent.action,
        state=CommandState.WAITING,
        at=None,
        by=intent.by,
        via=intent.via,
        reason=intent.reason,
        release="",
        answer="",
        url=command_path(scene.ref, intent.id),
    )


def _done(ref: Ref, done: Command) -> CommandShape:
    return CommandShape(
        id=done.id,
        action=done.action,
        state=CommandState.TAKEN if done.taken else CommandState.REFUSED,
        at=done.at,
        by=done.by,
        via=done.via,
        reason=done.reason,
        release=done.canary,
        answer=done.answer,
        url=command_path(ref, done.id),
    )
