"""Work beside the decision path: bounded, one task a key, never in the way of a reconcile."""

import asyncio
from collections.abc import Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, Final

AT_ONCE_MAX: Final = 256


@dataclass(slots=True)
class Errands:
    """Starts coroutines in a TaskGroup of its owner; the same key runs once at a time."""

    group: asyncio.TaskGroup
    _running: set[Hashable] = field(default_factory=set)

    def start(self, key: Hashable, work: Coroutine[Any, Any, None]) -> bool:
        """Run it in the background; False when the same key runs already or too many do."""
        if key in self._running or len(self._running) >= AT_ONCE_MAX:
            work.close()
            return False
        self._running.add(key)
        self.group.create_task(self._run(key, work))
        return True

    async def _run(self, key: Hashable, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            self._running.discard(key)
