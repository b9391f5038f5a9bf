"""Other services of the demo's cluster, so that there is a list to look at. Nobody uses them."""

import asyncio
from datetime import timedelta
from typing import Final

from controller.domain.policy import Policy, Share, Step
from controller.domain.records import Ref
from controller.simulation.world import World

WATCHED_SECONDS: Final = 30.0

# Without users there are no requests to compare: these are judged by their crashes.
WAITING: Final = Policy(
    target="mail-worker",
    requests=None,
    steps=(
        Step(canary=Share(pods=1), min_duration=timedelta(seconds=30), approval=True),
        Step(canary=Share(percent=50), min_duration=timedelta(seconds=30)),
    ),
    bake=timedelta(seconds=60),
)
QUIET: Final = Policy(target="invoices", requests=None)


async def join(world: World) -> None:
    """One that soon waits for a person, and one where nothing happens."""
    mail = _add(world, "exams", WAITING, "m7", replicas=4)
    _add(world, "billing", QUIET, "i12", replicas=3)
    await asyncio.sleep(WATCHED_SECONDS)
    world.did("pushed", "mail-worker:m8")
    world.cluster.apply_template(mail, "m8")


def _add(world: World, namespace: str, policy: Policy, template: str, *, replicas: int) -> Ref:
    ref = Ref(namespace, policy.target)
    world.cluster.create_deployment(ref, template, replicas=replicas, surge=1, unavailable=0)
    world.cluster.create_canary(ref, policy)
    return ref
