"""What `promote`, `rollback`, `hold`, `resume` and `retry` do once their flags are read."""

import argparse
import asyncio
import secrets
import sys
from dataclasses import dataclass, replace
from typing import Final

from controller.adapters.kube.looking import Onlooker, Sight
from controller.cli.exits import EXIT_MOVED, EXIT_OK, EXIT_TIMED_OUT, tell
from controller.cli.foretold import foretold
from controller.cli.getting import step_words
from controller.cli.invoked import program
from controller.cli.output import as_json, as_yaml, put
from controller.cli.reached import Reach
from controller.domain.records import Intent, IntentAction, Ref, Workload
from controller.domain.snapshot import Scene
from controller.domain.status import Command
from controller.engine.commands import Asked, Desk, Receipt, command_of, possible
from controller.engine.ports import Conflict, Person, Unavailable

ANSWER_SECONDS_MAX: Final = 600.0
LOOK_SECONDS_FIRST: Final = 0.25
LOOK_SECONDS_MAX: Final = 2.0


class OwnRights:
    """The API server decides when the command is written: nobody has to be asked before."""

    async def person(self, token: str) -> Person | None:  # noqa: ARG002 - the port's
        """Nobody comes with a token here."""
        return None

    async def may(self, *_question: object, name: str = "") -> bool:  # noqa: ARG002
        """Whoever may not is refused by the API server."""
        return True


class Post:
    """Where a command is left. A Canary that was written to meanwhile is looked at again."""

    def __init__(self, onlooker: Onlooker, sight: Sight) -> None:
        self._onlooker = onlooker
        self._scene = _judgeable(sight)

    def scene(self, ref: Ref) -> Scene | None:  # noqa: ARG002 - there is only one
        """As it was seen last."""
        return self._scene

    async def ask(self, ref: Ref, intent: Intent, seen: Scene) -> None:
        """Write it, or raise Conflict."""
        try:
            await self._onlooker.ask(ref, intent, seen)
        except Conflict:
            self._scene = _judgeable(await self._onlooker.look(ref))
            raise


def _judgeable(sight: Sight) -> Scene:
    """A Deployment that one may not see is taken to be there: the controller sees it."""
    if sight.scene.workload is not None or not sight.unseen:
        return sight.scene
    unknown = Workload(
        name=sight.target,
        uid="",
        version="",
        generation=0,
        observed_generation=0,
        replicas=0,
        fingerprint="",
    )
    return replace(sight.scene, workload=unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended, for a person and for a program."""

    state: str
    code: int
    words: str
    answer: str = ""


async def act(reach: Reach, action: IntentAction, arguments: argparse.Namespace) -> int:
    """Ask for it, wait for the answer, tell it; gives the exit code."""
    ref = reach.ref(arguments.name)
    sight, user = await asyncio.gather(reach.onlooker.look(ref), reach.onlooker.user_name())
    post = Post(reach.onlooker, sight)
    scene = _judgeable(sight)
    asked = _asked(scene, action, user or reach.user, arguments)
    if action in possible(scene) and not await _is_wanted(scene, action, arguments):
        tell("nothing was done")
        return EXIT_OK
    receipt = await Desk(post, OwnRights()).ask(asked)
    outcome = await _outcome(reach.onlooker, asked, receipt, arguments.wait)
    if arguments.output:
        _print(asked, outcome, arguments)
    elif outcome.code == EXIT_OK:
        put(outcome.words)
    else:
        tell(outcome.words)
    return outcome.code


def _asked(scene: Scene, action: IntentAction, user: str, arguments: argparse.Namespace) -> Asked:
    release = scene.status.release
    step = arguments.step
    # To pass "this" step must not pass the next one; any other command is meant for the release.
    if step is None and action is IntentAction.PROMOTE and not arguments.revision and release:
        step = release.step + 1
    return Asked(
        ref=scene.ref,
        action=action,
        person=Person(name=user or "unknown"),
        via=program(),
        revision=arguments.revision or (release.canary.fingerprint if release else ""),
        step=step,
        reason=arguments.reason,
        key=arguments.key or secrets.token_hex(12),
    )


async def _is_wanted(scene: Scene, action: IntentAction, arguments: argparse.Namespace) -> bool:
    """Whether a person at a terminal says yes; without one, to type the command was to say it."""
    if arguments.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    said = await _answer(f"{foretold(scene, action)}\nGo on? [y/N] ")
    return said.strip().lower() in {"y", "yes"}


async def _answer(question: str) -> str:
    """A line that a person types. Ctrl-C ends the wait, as it would not end a blocking read."""
    print(question, end="", file=sys.stderr, flush=True)  # noqa: T201 - it is a conversation
    loop = asyncio.get_running_loop()
    typed = asyncio.Event()
    loop.add_reader(sys.stdin, typed.set)
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            await typed.wait()
    except TimeoutError:
        tell("nobody answered")
        return ""
    finally:
        loop.remove_reader(sys.stdin)
    return sys.stdin.readline()


async def _outcome(
    onlooker: Onlooker, asked: Asked, receipt: Receipt, wait_seconds: float
) -> Outcome:
    what = f"{asked.action.value} of {asked.ref}"
    if receipt.done is not None:
        return _done(what, receipt.done, "asked for before with this key: ")
    if not wait_seconds:
        return Outcome(
            state="waiting", code=EXIT_OK, words=f"{what} is asked for; nobody waits for the answer"
        )
    try:
        async with asyncio.timeout(wait_seconds):
            return await _answered(onlooker, asked, what)
    except TimeoutError:
        undo = f"kubectl -n {asked.ref.namespace} annotate canary {asked.ref.name}"
        return Outcome(
            state="waiting",
            code=EXIT_TIMED_OUT,
            words=f"{what}: no controller has taken it within {wait_seconds:g} s. It stays on the "
            "Canary and is done when one runs.\n"
            f"To look: {program()} status {asked.ref.name} -n {asked.ref.namespace}\n"
            f"To take it back: {undo} canary-controller.io/intent-",
        )


async def _answered(onlooker: Onlooker, asked: Asked, what: str) -> Outcome:
    """Look until the controller has answered; the caller has the limit."""
    pause = LOOK_SECONDS_FIRST
    while True:
        try:
            scene = (await onlooker.canary(asked.ref)).scene
        except Unavailable as error:
            tell(f"{what} is asked for; the API server does not answer now: {error}")
        else:
            done = command_of(scene, asked.id)
            if done is not None:
                return _done(what, done, "", scene)
            if scene.intent is not None and getattr(scene.intent, "id", "") != asked.id:
                by = getattr(scene.intent, "by", "somebody")
                return Outcome(
                    state="replaced",
                    code=EXIT_MOVED,
                    words=f"{what}: {by} wrote another command over it before it was taken",
                )
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LOOK_SECONDS_MAX)


def _done(what: str, done: Command, before: str, scene: Scene | None = None) -> Outcome:
    if not done.taken:
        words = f"{what}: {before}refused by the controller: {done.answer}"
        return Outcome(state="refused", code=EXIT_MOVED, words=words, answer=done.answer)
    now = ""
    if scene is not None:
        step = step_words(scene)
        at = "" if step == "-" else f", step {step}"
        now = f"\nnow {scene.status.phase.value}{at}: {scene.status.message}"
    words = f"{what}: {before}taken by the controller ({done.canary}){now}"
    return Outcome(state="taken", code=EXIT_OK, words=words, answer=done.answer)


def _print(asked: Asked, outcome: Outcome, arguments: argparse.Namespace) -> None:
    document = {
        "id": asked.id,
        "key": asked.key,
        "namespace": asked.ref.namespace,
        "name": asked.ref.name,
        "action": asked.action.value,
        "revision": asked.revision,
        "step": asked.step,
        "by": asked.person.name,
        "via": asked.via,
        "reason": asked.reason,
        "state": outcome.state,
        "answer": outcome.answer,
    }
    put(as_json(document) if arguments.output == "json" else as_yaml(document))
    if outcome.code != EXIT_OK:
        tell(outcome.words)
