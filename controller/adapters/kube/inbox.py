"""Which Canaries wait for a look."""

import asyncio

from controller.domain.records import Ref


class Inbox:
    """Refs that need a look, each once, in order of arrival: never more than there are Canaries."""

    def __init__(self) -> None:
        self._waiting: dict[Ref, None] = {}
        self._filled = asyncio.Event()

    def add(self, ref: Ref) -> None:
        """Ask for a look at `ref`."""
        self._waiting[ref] = None
        self._filled.set()

    async def take(self) -> Ref:
        """The next ref, waiting for one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        ref = next(iter(self._waiting))
        del self._waiting[ref]
        return ref
