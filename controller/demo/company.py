"""Other services of the demo's cluster, so that there is a list to look at. Nobody uses them."""

import asyncio
from datetime import timedelta
from typing import Final

from controller.domain.policy import Policy, Share, Step
from controller.domain.records import Ref
from controller.simulation.world import World

SEEN_SECONDS: Final = 2.0
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
    mail, invoices = Ref("exams", WAITING.target), Ref("billing", QUIET.target)
    create = world.cluster.create_deployment
    create(mail, "m7", replicas=4, surge=1, unavailable=0)
    create(invoices, "i12", replicas=3, surge=1, unavailable=0)
    # A Canary that is seen before its Deployment says that there is none.
    await asyncio.sleep(SEEN_SECONDS)
    world.cluster.create_canary(mail, WAITING)
    world.cluster.create_canary(invoices, QUIET)
    await asyncio.sleep(WATCHED_SECONDS)
    world.did("pushed", "mail-worker:m8")
    world.cluster.apply_template(mail, "m8")
