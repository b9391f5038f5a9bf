"""The loop of visits: fair to whatever else runs in the process."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from controller.domain.records import Ref
from controller.engine.loop import Loop
from controller.engine.queue import Queue
from controller.simulation.loop import play

REFS = [Ref("exams", f"exam-{n}") for n in range(500)]


class Many:
    """A cluster with many Canaries, where nothing happens."""

    def refs(self) -> Iterable[Ref]:
        return REFS

    async def changes(self) -> AsyncIterator[Ref]:
        await asyncio.Event().wait()
        yield REFS[0]


class Quiet:
    """Visits that find nothing to do, and so wait for nothing."""

    def __init__(self) -> None:
        self.visits = 0

    async def reconcile(self, _: Ref) -> timedelta | None:
        self.visits += 1
        return None


def test_visits_that_wait_for_nothing_leave_the_others_their_turn() -> None:
    async def story() -> None:
        quiet, seen = Quiet(), []
        stubs: dict[str, Any] = {"cluster": Many(), "reconciler": quiet}
        loop = Loop(queue=Queue(dice=random.Random(1)), **stubs)
        running = asyncio.create_task(loop.run())
        while quiet.visits < len(REFS):
            seen.append(quiet.visits)
            await asyncio.sleep(0)
        running.cancel()
        jumps = [after - before for before, after in pairwise(seen)]
        assert max(jumps) <= loop.workers

    play(story())
