"""Work beside the decision path: bounded, one task a key, never in the way of a reconcile."""

import asyncio
import logging
from collections.abc import Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, Final

AT_ONCE_MAX: Final = 256

log = logging.getLogger(__name__)


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
        except Exception:
            # A bug. What was fetched for one Canary must not end the process, and all the others.
            log.exception("An errand failed: this is a bug")
        finally:
            self._running.discard(key)
