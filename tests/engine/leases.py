"""The one Lease of several replicas, and each one's way to it."""

import asyncio
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from controller.engine.leadership import LeaseRecord
from controller.engine.ports import Conflict, Unavailable

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Store:
    """The one Lease, as the API server keeps it: no version comes twice."""

    record: LeaseRecord | None = None
    versions: int = 0
    writes: list[tuple[float, str]] = field(default_factory=list)

    def write(self, record: LeaseRecord) -> LeaseRecord:
        known = self.record.version if self.record is not None else ""
        if record.version != known:
            raise Conflict("the Lease has moved")
        self._keep(record)
        self.writes.append((asyncio.get_running_loop().time(), record.holder))
        assert self.record is not None, "it was kept a moment ago"
        return self.record

    def delete(self) -> None:
        """As a person does who hopes that this helps."""
        self.record = None

    def wipe(self) -> None:
        """As `kubectl replace` does with a Lease without a spec."""
        self._keep(
            LeaseRecord(holder="", seconds=0, acquired_at=NEVER, renewed_at=NEVER, transitions=0)
        )

    def _keep(self, record: LeaseRecord) -> None:
        self.versions += 1
        self.record = replace(record, version=str(self.versions))


@dataclass
class Way:
    """One replica's way to the store. Both halves of a call may take long, or never arrive."""

    store: Store
    dice: random.Random
    slow_seconds: float = 0.0
    lost: float = 0.0
    cut: bool = False
    frozen_until: float = 0.0

    async def read(self) -> LeaseRecord | None:
        await self._half()
        found = self.store.record
        await self._half()
        return found

    async def write(self, record: LeaseRecord) -> LeaseRecord:
        await self._half()
        # What is on the way arrives even if nobody waits for the answer any more.
        written = self.store.write(record)
        await self._half()
        return written

    async def thawed(self) -> None:
        """While the process is stopped, whatever it awaits comes when it goes on."""
        now = asyncio.get_running_loop().time()
        if self.frozen_until > now:
            await asyncio.sleep(self.frozen_until - now)

    async def _half(self) -> None:
        await self.thawed()
        if self.cut:
            raise Unavailable("connection refused")
        if self.dice.random() < self.lost:
            await asyncio.Event().wait()
        if self.slow_seconds:
            await asyncio.sleep(self.dice.uniform(0, self.slow_seconds))
