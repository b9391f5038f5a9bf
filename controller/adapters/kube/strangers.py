"""Whether somebody else writes the statuses that this process alone should write."""

import asyncio
import logging
import math
from typing import Final

from controller.adapters.kube.store import Entry
from controller.adapters.kube.translate import CanaryRecord
from controller.domain.status import Status

AGAIN_SECONDS: Final = 600.0
# Canaries whose last status is remembered; the oldest are forgotten first.
REMEMBERED_MAX: Final = 10_000

_logger = logging.getLogger(__name__)


class Strangers:
    """Two controllers that know nothing of each other, found by what they do to one Canary.

    While this process leads, nobody but it writes a status: one that it finds and did not leave
    behind is another's. What a person or a controller did before is never taken for that, and so
    is nothing of which the answer was lost: it may have been our own.
    """

    def __init__(self) -> None:
        self.met = 0
        self._left: dict[str, Status] = {}
        self._told_at = -math.inf

    def look(self, found: Entry[CanaryRecord] | None) -> None:
        """Compare what is there before a write with what was left behind by the last one."""
        left = self._left.pop(found.uid, None) if found is not None else None
        if found is None or left is None or left == found.record.status:
            return
        self.met += 1
        now = asyncio.get_running_loop().time()
        if now - self._told_at < AGAIN_SECONDS:
            return
        self._told_at = now
        _logger.warning(
            "Somebody else writes the status of %s/%s: a second controller that watches the same "
            "Canaries, or a person. Two controllers that both act judge and step each other's "
            "releases: let one of them alone watch the namespace (namespace), or let them share "
            "a Lease (lease_namespace and lease_name)",
            found.key.namespace,
            found.key.name,
        )

    def wrote(self, answer: Entry[CanaryRecord]) -> None:
        """Remember what an own write has left behind."""
        self._left[answer.uid] = answer.record.status
        if len(self._left) > REMEMBERED_MAX:
            del self._left[next(iter(self._left))]

    def forget(self) -> None:
        """A term begins or is over: others may have led meanwhile."""
        self._left.clear()
