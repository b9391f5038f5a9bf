"""Turns changes in the cluster into visits, and failures into pauses."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from controller.domain.records import Ref
from controller.engine.ports import Cluster, Conflict, Refused, Unavailable
from controller.engine.queue import Queue
from controller.engine.reconciler import Reconciler

RESYNC_SECONDS: Final = 60.0
HEARTBEAT_SECONDS: Final = 3.0
REFUSED_PAUSE_SECONDS: Final = 15.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Loop:
    """Workers over one queue. A bug in a visit fails that Canary loudly, and no other."""

    cluster: Cluster
    reconciler: Reconciler
    queue: Queue
    workers: int = 4
    failed: Callable[[str], None] = lambda _kind: None
    visiting: Callable[[Ref], AbstractContextManager[None]] = lambda _ref: nullcontext()
    heartbeat: float = field(default=0.0)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._resync())
                for _ in range(self.workers):
                    group.create_task(self._work())
        finally:
            self.queue.close()

    async def _follow(self) -> None:
        async for ref in self.cluster.changes():
            self.queue.add(ref)

    async def _resync(self) -> None:
        """Every Canary now and then, whatever was missed; the heartbeat shows that time passes."""
        waited = RESYNC_SECONDS
        while True:
            self.heartbeat = asyncio.get_running_loop().time()
            if waited >= RESYNC_SECONDS:
                waited = 0.0
                for ref in self.cluster.refs():
                    self.queue.add(ref)
            await asyncio.sleep(HEARTBEAT_SECONDS)
            waited += HEARTBEAT_SECONDS

    async def _work(self) -> None:
        while True:
            ref = await self.queue.take()
            try:
                with self.visiting(ref):
                    await self._visit(ref)
            finally:
                self.queue.done(ref)
            # A visit with nothing to write waits for nothing, and there may be thousands at once.
            await asyncio.sleep(0)

    async def _visit(self, ref: Ref) -> None:
        try:
            pause = await self.reconciler.reconcile(ref)
        except Conflict as conflict:
            self.failed("conflict")
            log.debug("Conflict, looking again: %s", conflict)
            self.queue.back_off(ref)
        except Unavailable as error:
            self.failed("unavailable")
            seconds = self.queue.back_off(ref)
            log.warning("Unavailable, again in %.1f s: %s", seconds, error)
        except Refused as error:
            self.failed("refused")
            log.error("Refused, again in %.0f s: %s", REFUSED_PAUSE_SECONDS, error)  # noqa: TRY400 - no bug
            self.queue.add_after(ref, REFUSED_PAUSE_SECONDS)
        except Exception:
            # A bug. The others go on; this one is visited again, in case it was a passing state.
            self.failed("bug")
            log.exception("A visit failed: this is a bug")
            self.queue.back_off(ref)
        else:
            self.queue.succeed(ref)
            self._plan_next(ref, pause)

    def _plan_next(self, ref: Ref, pause: timedelta | None) -> None:
        if pause is not None:
            self.queue.add_after(ref, pause.total_seconds())
