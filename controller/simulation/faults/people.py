"""What people and tools do in the middle of a release: seeded, and at any time."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Final

from controller.domain.records import Intent, IntentAction
from controller.simulation.dice import Dice
from controller.simulation.world import CANARY, REF, STABLE, World

ANOTHER: Final = "v43"
ACTS_MAX: Final = 3
LEFT_ALONE_PROBABILITY: Final = 0.5
WITHIN_SECONDS: Final = (1.0, 1200.0)
PAUSE_SECONDS: Final = (5.0, 120.0)

Act = Callable[[World, random.Random], None]


async def people(world: World, dice: Dice) -> None:
    """In half of the runs nobody touches anything; in the others, up to a few acts."""
    chance = dice.stream("people")
    if chance.random() < LEFT_ALONE_PROBABILITY:
        return
    first, last = WITHIN_SECONDS
    times = sorted(
        first * (last / first) ** chance.random() for _ in range(chance.randint(1, ACTS_MAX))
    )
    while world.pushed_at is None:  # noqa: ASYNC110 - virtual time, and nobody says when
        await asyncio.sleep(1.0)
    for at in times:
        await asyncio.sleep(max(0.0, world.pushed_at + at - world.now))
        name = chance.choice(sorted(ACTS))
        ACTS[name](world, chance)


def _apply(template: str) -> Act:
    def act(world: World, _chance: random.Random) -> None:
        world.push(template)

    return act


def _command(action: IntentAction) -> Act:
    def act(world: World, chance: random.Random) -> None:
        world.did("asked for", action.value)
        intent = Intent(action=action, id=f"{chance.random():.12f}", by="somebody")
        world.cluster.command(REF, intent)

    return act


def _pause(world: World, chance: random.Random) -> None:
    world.did("paused the Deployment")
    world.cluster.set_paused(REF, paused=True)
    asyncio.get_running_loop().call_later(chance.uniform(*PAUSE_SECONDS), _resume, world)


def _resume(world: World) -> None:
    world.did("resumed the Deployment")
    world.cluster.set_paused(REF, paused=False)


def _scale(world: World, chance: random.Random) -> None:
    replicas = chance.randint(1, 2 * world.scenario.shop.replicas)
    world.did("scaled to", str(replicas))
    world.cluster.set_replicas(REF, replicas)


def _delete_pod(world: World, chance: random.Random) -> None:
    pods = [pod.name for pod in world.cluster.pods(REF) if not pod.leaving]
    if pods:
        name = chance.choice(pods)
        world.did("deleted pod", name)
        world.cluster.delete_pod(REF, name)


def _skip(world: World, _chance: random.Random) -> None:
    world.did("set the skip annotation")
    world.cluster.set_skip(REF, "a person says so")


ACTS: Final[Mapping[str, Act]] = {
    "apply another template": _apply(ANOTHER),
    "apply the stable template": _apply(STABLE),
    "apply the canary template": _apply(CANARY),
    "delete a pod": _delete_pod,
    "pause": _pause,
    "resume": lambda world, _chance: _resume(world),
    "scale": _scale,
    "skip": _skip,
    **{f"command {action.value}": _command(action) for action in IntentAction},
}
