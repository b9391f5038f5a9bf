"""The controller's processes in a run: the real engine, started anew whenever it is gone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from controller.domain.status import Result
from controller.engine.ports import Cluster, Metrics, Notifier
from controller.engine.service import Hooks, Ports, Service, assemble
from controller.simulation.clock import SimulatedClock
from controller.simulation.dice import Dice
from controller.simulation.trace import Befell, Ended, Started, Trace
from controller.simulation.weather import CrashNow

RESTART_SECONDS: Final = 1.5
"""From the end of a process until the next one runs: Kubernetes starts the first one at once."""
BUG: Final = "bug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What one process is made of, besides the engine; `close` when it is gone."""

    cluster: Cluster
    metrics: Metrics
    notifier: Notifier
    clock: SimulatedClock
    close: Callable[[], None]


@dataclass(slots=True)
class _Observed:
    """What would be metrics of the process: a bug in a visit is part of what happened."""

    process: str
    trace: Trace

    def released(self, result: Result, cause: str) -> None:
        """Nobody counts in a run: it is all in the trace."""

    def rollback_sent(self, seconds: float) -> None:
        """Nobody counts in a run: it is all in the trace."""

    def failed(self, kind: str) -> None:
        if kind == BUG:
            at = asyncio.get_running_loop().time()
            self.trace.add(Befell(at=at, process=self.process, fault=BUG))


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Keeps a controller running, as Kubernetes does.

    `make` gives a process its body, by the name of the process. A bug of ours that ends a process
    ends the run.
    """

    name: str
    make: Callable[[str], Body]
    dice: Dice
    trace: Trace
    service: Service | None = None
    _lives: int = 0
    _kill: asyncio.Event = field(default_factory=asyncio.Event)
    _back_in_seconds: float = RESTART_SECONDS

    def kill(self, *, back_in_seconds: float = RESTART_SECONDS) -> None:
        """SIGKILL, and a new process after so long."""
        self._back_in_seconds = back_in_seconds
        self._kill.set()

    async def run(self) -> None:
        """One life after the other, until cancelled."""
        while True:
            self._lives += 1
            self._back_in_seconds = RESTART_SECONDS
            self._kill.clear()
            await self._live(f"{self.name}-{self._lives}")
            await asyncio.sleep(self._back_in_seconds)

    async def _live(self, process: str) -> None:
        loop = asyncio.get_running_loop()
        body = self.make(process)
        why = "stopped"
        self.trace.add(Started(at=loop.time(), process=process))
        try:
            async with asyncio.TaskGroup() as group:
                self._assembled(process, body, group).start(group)
                group.create_task(self._killed())
        except* CrashNow:
            why = "killed" if self._kill.is_set() else "crashed"
        finally:
            self.service = None
            body.close()
            self.trace.add(Ended(at=loop.time(), process=process, why=why))

    async def _killed(self) -> None:
        await self._kill.wait()
        raise CrashNow

    def _assembled(self, process: str, body: Body, group: asyncio.TaskGroup) -> Service:
        observed = _Observed(process, self.trace)
        ports = Ports(
            cluster=body.cluster,
            metrics=body.metrics,
            notifier=body.notifier,
            clock=body.clock,
            dice=self.dice.stream(f"engine of {process}"),
        )
        hooks = Hooks(observer=observed, failed=observed.failed)
        self.service = assemble(ports, hooks, group)
        return self.service
