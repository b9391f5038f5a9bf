"""The desk where people's commands come in: each is checked, put on record, and written down.

Nothing is done here: a command becomes an intent on the Canary and takes the usual road.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from controller.domain.command import is_done, is_meant
from controller.domain.lifecycle import JUDGED, Phase
from controller.domain.records import Intent, IntentAction, Problem, Ref
from controller.domain.snapshot import Scene
from controller.domain.status import Command
from controller.engine.ports import Access, Conflict, Person, Refused, Unavailable, Verb

REASON_CHARACTERS_MAX: Final = 500
ID_CHARACTERS: Final = 24
# A release's status is written every few seconds, and the watch tells of it a moment later.
AGAIN_SECONDS: Final = (0.05, 0.1, 0.2, 0.4, 0.8)

# What a right is needed for. To go on and to try again are both to let a template through.
VERBS: Final[Mapping[IntentAction, Verb]] = {
    IntentAction.PROMOTE: Verb.PROMOTE,
    IntentAction.PROMOTE_FULL: Verb.PROMOTE,
    IntentAction.RESUME: Verb.PROMOTE,
    IntentAction.RETRY: Verb.PROMOTE,
    IntentAction.ROLLBACK: Verb.ROLLBACK,
    IntentAction.HOLD: Verb.HOLD,
}

_HELD_OPEN: Final = frozenset({Phase.SEEDING, Phase.ANALYSING, Phase.HOLDING})
# When a command can do something; the life cycle has the last word.
POSSIBLE: Final[Mapping[IntentAction, frozenset[Phase]]] = {
    IntentAction.PROMOTE: frozenset({Phase.ANALYSING, Phase.HOLDING}),
    IntentAction.PROMOTE_FULL: _HELD_OPEN,
    IntentAction.ROLLBACK: JUDGED,
    IntentAction.HOLD: _HELD_OPEN,
    IntentAction.RESUME: frozenset({Phase.HOLDING}),
    IntentAction.RETRY: frozenset({Phase.QUARANTINED, Phase.ROLLED_BACK}),
}

audit = logging.getLogger("controller.audit")


class Absent(Refused):
    """There is no such Canary, or none that this person may see."""


class Forbidden(Refused):
    """RBAC does not allow it."""


class KeyReused(Refused):
    """The key was used before, for another command."""


class Stale(Conflict):
    """The Canary was written to between our look and our write, again and again."""


class Moved(Conflict):
    """The world is not as the person saw it: another revision, step or phase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asks for. `revision` and `step` are what they saw; `via` is the way it came.

    `key` is the person's own: said again, it is the same command. `step` counts from 1.
    """

    ref: Ref
    action: IntentAction
    person: Person
    via: str
    revision: str
    step: int | None = None
    reason: str = ""
    key: str

    @property
    def id(self) -> str:
        """Of person, Canary and key: nobody repeats or blocks what another one asked for."""
        said = "\0".join((self.person.name, str(self.ref), self.key))
        return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()[:ID_CHARACTERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A command that was written down. `done` is what became of it, None: it waits."""

    id: str
    action: IntentAction
    done: Command | None = None


class Canaries(Protocol):
    """What the desk needs of a cluster."""

    def scene(self, ref: Ref) -> Scene | None:
        """What is known now; None when there is no such Canary."""
        ...

    async def ask(self, ref: Ref, intent: Intent, seen: Scene) -> None:
        """Put a command on the Canary, if it is still as it was seen; else Conflict."""
        ...


@dataclass(slots=True)
class Desk:
    """Takes commands. `allowed` and `denied` count them."""

    cluster: Canaries
    access: Access
    count: Callable[[IntentAction, str], None] = lambda _action, _result: None

    async def ask(self, asked: Asked) -> Receipt:
        """Write a command down.

        Raises Absent, Forbidden, Moved (see what is there now), Conflict (another command waits),
        KeyReused, Unavailable (ask again with the same key: whether it was written is not known).
        """
        try:
            receipt = await self._ask(asked)
        except (Conflict, Refused) as no:
            self._note(asked, f"refused: {no}")
            self.count(asked.action, "refused")
            raise
        except (Unavailable, asyncio.CancelledError) as error:
            # An answer that was lost says nothing of what was done.
            self._note(asked, f"not known to be written: {error!r}")
            self.count(asked.action, "unknown")
            raise
        self._note(asked, "repeated" if receipt.done else "accepted")
        self.count(asked.action, "accepted")
        return receipt

    async def _ask(self, asked: Asked) -> Receipt:
        await self._check_right(asked)
        for pause_seconds in AGAIN_SECONDS:
            try:
                return await self._write(asked)
            except Stale:
                await asyncio.sleep(pause_seconds)
        return await self._write(asked)

    async def _write(self, asked: Asked) -> Receipt:
        """Against what is known now. Stale when it was written to meanwhile: a look is saved."""
        scene = self.cluster.scene(asked.ref)
        if scene is None:
            raise Absent(f"there is no Canary {asked.ref}")
        known = _known(scene, asked)
        if known is not None:
            return known
        _check_world(scene, asked)
        _check_waiting(scene, asked)
        intent = Intent(
            action=asked.action,
            id=asked.id,
            revision=asked.revision,
            step=asked.step,
            by=asked.person.name,
            via=asked.via,
            reason=" ".join(asked.reason.split())[:REASON_CHARACTERS_MAX],
            keyed=True,
        )
        try:
            await self.cluster.ask(asked.ref, intent, scene)
        except Conflict as error:
            raise Stale(f"{asked.ref} is being written to by others: ask again") from error
        return Receipt(id=asked.id, action=asked.action)

    async def _check_right(self, asked: Asked) -> None:
        """Whoever may not even see the Canary is not told whether it is there."""
        ref, person, verb = asked.ref, asked.person, VERBS[asked.action]
        if await self.access.may(person, verb, ref.namespace, ref.name):
            return
        if not await self.access.may(person, Verb.GET, ref.namespace, ref.name):
            raise Absent(f"there is no Canary {ref}, or {person.name} may not see it")
        raise Forbidden(
            f"{person.name} may not {asked.action.value} {ref}: ask an administrator for the verb "
            f"{verb.value} on canaries.canary-controller.io in the namespace {ref.namespace}; "
            "the ClusterRole canary-operator has it"
        )

    def _note(self, asked: Asked, result: str) -> None:
        said = (
            f"{asked.id} {asked.action.value} {asked.ref} by {asked.person.name} via {asked.via} "
            f"(revision {asked.revision}, step {asked.step}, "
            f"reason {asked.reason[:REASON_CHARACTERS_MAX]!r}): {result}"
        )
        # One line, whatever somebody has put into a name.
        audit.info("%s", "".join(c if c.isprintable() else "?" for c in said))


def command_of(scene: Scene, command_id: str) -> Command | None:
    """What became of a command; None when it waits or is not known (any more)."""
    return next((c for c in scene.status.commands if c.id == command_id), None)


def possible(scene: Scene) -> tuple[IntentAction, ...]:
    """What can be asked for now, in the order of IntentAction."""
    if isinstance(scene.policy, Problem) or scene.workload is None:
        return ()
    return tuple(action for action in IntentAction if scene.status.phase in POSSIBLE[action])


def _known(scene: Scene, asked: Asked) -> Receipt | None:
    """The answer to a command that was asked for before with this key."""
    done = command_of(scene, asked.id)
    waits = isinstance(scene.intent, Intent) and scene.intent.id == asked.id
    said = done or (scene.intent if waits else None)
    if not isinstance(said, Command | Intent):
        return None
    meant = (said.revision, said.step) == (asked.revision, asked.step) or not said.revision
    if said.action is not asked.action or not meant:
        of = f" of revision {said.revision}" if said.revision else ""
        at = "" if said.step is None else f" at step {said.step}"
        raise KeyReused(
            f"this key was used for {said.action.value}{of}{at} before: use a new one for another "
            "command"
        )
    return Receipt(id=asked.id, action=said.action, done=done)


def _check_world(scene: Scene, asked: Asked) -> None:
    """Against what is there now. The decision looks again: this is for a better answer."""
    status = scene.status
    release = status.release
    if isinstance(scene.policy, Problem):
        raise Moved(f"{scene.ref} cannot be acted on: {scene.policy}")
    if scene.workload is None:
        raise Moved(f"{scene.ref} cannot be acted on: its Deployment does not exist")
    if status.phase not in POSSIBLE[asked.action] or release is None:
        when = ", ".join(sorted(phase.value for phase in POSSIBLE[asked.action]))
        raise Moved(
            f"{asked.action.value} is not possible while {scene.ref} is {status.phase.value} "
            f"({status.message}); it is while {when}"
        )
    probe = Intent(
        action=asked.action, id=asked.id, revision=asked.revision, step=asked.step, keyed=True
    )
    assert not is_done(probe, status), "what is done was answered before"
    if not is_meant(probe, status):
        raise Moved(
            f"{scene.ref} runs {release.canary} (fingerprint {release.canary.fingerprint}) at step "
            f"{release.step + 1}, not revision {asked.revision}"
            f"{'' if asked.step is None else f' at step {asked.step}'}: look at it, and ask again"
        )


def _check_waiting(scene: Scene, asked: Asked) -> None:
    """One command at a time. To roll back may replace any other: it must never wait."""
    waiting = scene.intent
    if not isinstance(waiting, Intent) or is_done(waiting, scene.status):
        return
    if asked.action is IntentAction.ROLLBACK and waiting.action is not IntentAction.ROLLBACK:
        return
    raise Conflict(
        f"{waiting.by} asked for {waiting.action.value} of {scene.ref} just before, and it was not "
        "acted on yet: look at what comes of it, and ask again"
    )
