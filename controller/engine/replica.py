"""One of several processes: each of them follows the cluster, and the one that leads acts."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from controller.domain.records import Ref
from controller.domain.status import Status
from controller.engine.course import Courses
from controller.engine.journal import Journal
from controller.engine.leadership import Alone, Leadership
from controller.engine.loop import HEARTBEAT_SECONDS
from controller.engine.service import LOOK_INTERVAL, Hooks, Memory, Ports, Service, assemble

# While many Canaries are read at once, others in this loop get their turn after so many.
TURN: Final = 50

log = logging.getLogger(__name__)


class _TermOver(Exception):
    """The Lease is not ours any more."""


@dataclass(slots=True, kw_only=True)
class Replica:
    """Follows every release, so that people see it here and a term can begin at once.

    A term has an engine of its own, and nothing of it is left when it is over: what counts is in
    the statuses.
    """

    ports: Ports
    hooks: Hooks
    leadership: Leadership | Alone
    memory: Memory
    look_interval: timedelta = LOOK_INTERVAL
    workers: int = 4
    turned: Callable[[], None] = lambda: None
    service: Service | None = None
    heartbeat: float = 0.0
    _seen: dict[Ref, Status] = field(default_factory=dict)

    @property
    def leads(self) -> bool:
        """Whether this replica acts."""
        return self.service is not None and self.leadership.seconds_left() > 0

    @property
    def journal(self) -> Journal:
        return self.memory.journal

    @property
    def courses(self) -> Courses:
        return self.memory.courses

    async def run(self) -> None:
        """Until cancelled; the Lease is given back when all work has ended."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat(), name="heartbeat")
                group.create_task(self.leadership.run(), name="lease")
                while True:
                    await self._stand_by()
                    await self._lead()
        finally:
            await self.leadership.release()

    async def _beat(self) -> None:
        """Show that time passes, and that the loop of a term does so too."""
        while True:
            beating = self.service.loop.heartbeat if self.service is not None else 0.0
            self.heartbeat = beating or asyncio.get_running_loop().time()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _stand_by(self) -> None:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self._follow(), name="follow")
            await self.leadership.won()
            following.cancel()

    async def _lead(self) -> None:
        """A term, from the Lease's taking until it is lost."""
        try:
            async with asyncio.TaskGroup() as group:
                self.service = assemble(
                    self.ports,
                    self.hooks,
                    group,
                    look_interval=self.look_interval,
                    workers=self.workers,
                    memory=self.memory,
                )
                self.turned()
                self.service.start(group)
                group.create_task(self._end_of_term(), name="term")
        except* _TermOver:
            self._seen.clear()
        finally:
            self.service = None
            self.turned()

    async def _end_of_term(self) -> None:
        await self.leadership.lost()
        raise _TermOver

    async def _follow(self) -> None:
        """Take in what the leader does, as the cluster shows it."""
        cluster, count = self.ports.cluster, 0
        async for ref in cluster.changes():
            try:
                self._see(ref)
            except Exception:
                # A bug. What cannot be shown here keeps nobody from standing by.
                self.hooks.failed("bug")
                log.exception("A change was not taken in: this is a bug")
            count += 1
            if count % TURN == 0:
                await asyncio.sleep(0)

    def _see(self, ref: Ref) -> None:
        scene = self.ports.cluster.scene(ref)
        if scene is None:
            self._seen.pop(ref, None)
            self.courses.forget(ref)
            return
        now = self.ports.clock.now()
        before = self._seen.get(ref)
        if before is not None and before is not scene.status:
            self.journal.witness(scene, before, now)
        self._seen[ref] = scene.status
        self.courses.saw(scene, now)
