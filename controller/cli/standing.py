"""What `canaryctl status` does once its flags are read."""

import argparse
import asyncio
import random
from contextlib import suppress
from typing import Any, Final

from controller.adapters.clock import SystemClock
from controller.adapters.kube.client import NotFound
from controller.adapters.kube.looking import Sight
from controller.adapters.kube.looking_watch import Following
from controller.adapters.kube.names import GROUP, KIND
from controller.cli.drawing import Canvas, Paper, canvas, parts_of
from controller.cli.exits import (
    EXIT_NOT_FOUND,
    EXIT_OK,
    EXIT_ROLLED_BACK,
    EXIT_TIMED_OUT,
    EXIT_UNDER_WAY,
    EXIT_UNEXPECTED,
    EXIT_WAITS,
    tell,
)
from controller.cli.getting import problem_words
from controller.cli.output import as_json, as_yaml, put, whole
from controller.cli.reached import Reach
from controller.domain.lifecycle import AT_REST, Phase
from controller.domain.records import Ref
from controller.domain.snapshot import Scene
from controller.engine.commands import possible

LOOK_SECONDS: Final = 0.5

_BACK: Final = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.QUARANTINED})
_WAITING: Final = frozenset({Phase.HOLDING, Phase.PAUSED_BY_USER})


async def show_status(reach: Reach, arguments: argparse.Namespace) -> int:
    """Show the Canary in the way that was asked for; gives the exit code."""
    ref = reach.ref(arguments.name or await _only_one(reach))
    if arguments.watch or arguments.wait_for:
        code = await _follow(reach, ref, arguments)
    else:
        sight = await reach.onlooker.look(ref)
        _show(sight, arguments)
        code = code_of(sight.scene) if arguments.exit_code else EXIT_OK
    return code


async def _only_one(reach: Reach) -> str:
    names = [sight.scene.ref.name for sight in await reach.onlooker.canaries(reach.namespace)]
    if len(names) == 1:
        return names[0]
    where = f"in the namespace {reach.namespace}"
    if not names:
        raise NotFound(f"there are no Canaries {where}")
    raise NotFound(f"there are {len(names)} Canaries {where}: say which ({', '.join(names[:8])})")


def _show(sight: Sight, arguments: argparse.Namespace) -> None:
    match arguments.output:
        case "json":
            put(as_json(_document(sight)))
        case "yaml":
            put(as_yaml(_document(sight)))
        case "name":
            put(f"{KIND.lower()}.{GROUP}/{sight.scene.ref.name}")
        case _:
            Paper().show(parts_of(sight, SystemClock().now(), wide=arguments.output == "wide"))


def _document(sight: Sight) -> dict[str, Any]:
    """The Canary as it is, and beside it what else is known of its release."""
    scene = sight.scene
    return {
        "canary": whole(sight.document),
        "replicaSets": [
            {
                "name": rs.name,
                "revision": rs.revision,
                "fingerprint": rs.fingerprint,
                "images": list(rs.images),
                "replicas": rs.replicas,
                "ready": rs.ready,
                "pods": [
                    {
                        "name": pod.name,
                        "ready": pod.ready,
                        "leaving": pod.leaving,
                        "deaths": pod.deaths,
                    }
                    for pod in scene.pods
                    if pod.replica_set == rs.uid
                ],
            }
            for rs in scene.replica_sets
        ],
        "possible": [action.value for action in possible(scene)],
        "problem": problem_words(scene),
        "unseen": list(sight.unseen),
    }


async def _follow(reach: Reach, ref: Ref, arguments: argparse.Namespace) -> int:
    following = Following(reach.onlooker, ref, random.Random())  # noqa: S311 - spreads retries
    task = asyncio.create_task(following.run())
    shown = canvas(wide=arguments.output == "wide")
    try:
        with shown:
            if not arguments.wait_for:
                return await _draw(following, task, shown, arguments)
            try:
                async with asyncio.timeout(arguments.timeout):
                    return await _draw(following, task, shown, arguments)
            except TimeoutError:
                pass
        phases = " or ".join(sorted(arguments.wait_for))
        tell(f"{ref} was not seen {phases} within {arguments.timeout:g} s")
        return EXIT_TIMED_OUT
    finally:
        task.cancel()
        with suppress(BaseException):
            await task


async def _draw(
    following: Following,
    task: "asyncio.Task[None]",
    shown: Canvas,
    arguments: argparse.Namespace,
) -> int:
    """Show each change; returns when there is nothing to wait for any more."""
    clock = SystemClock()
    while True:
        if task.done():
            await task
        if following.gone:
            shown.say("the Canary was deleted")
            return EXIT_NOT_FOUND
        sight = following.sight()
        if sight is not None:
            shown.now(sight, clock.now(), following.trouble)
            if arguments.wait_for and (code := reached(sight, arguments.wait_for)) is not None:
                return code
        await asyncio.wait([task], timeout=LOOK_SECONDS)


def reached(sight: Sight, wanted: frozenset[Phase]) -> int | None:
    """With which code to stop waiting; None: what is asked for now is not there yet."""
    scene = sight.scene
    phase = scene.status.phase
    if not is_of_now(scene):
        return None
    if phase in wanted or (phase is Phase.IDLE and Phase.PROMOTED in wanted):
        return EXIT_OK
    if phase not in AT_REST:
        return None
    return EXIT_ROLLED_BACK if phase in _BACK else EXIT_UNEXPECTED


def is_of_now(scene: Scene) -> bool:
    """Whether the status is about the template that the Deployment has now.

    A template that was applied a moment ago is not noticed yet: the phase is the last release's.
    Where the Deployment cannot be seen, the status is all there is.
    """
    status, workload = scene.status, scene.workload
    if workload is None or status.phase not in AT_REST:
        return True
    if status.stable is not None and workload.fingerprint == status.stable.fingerprint:
        return True
    rejected = {one.fingerprint for one in status.rejected}
    return status.phase in _BACK and workload.fingerprint in rejected


def code_of(scene: Scene) -> int:
    """How things are, as an exit code."""
    phase = scene.status.phase
    if phase in _BACK:
        return EXIT_ROLLED_BACK
    if phase in _WAITING or problem_words(scene):
        return EXIT_WAITS
    return EXIT_OK if phase in AT_REST and is_of_now(scene) else EXIT_UNDER_WAY
