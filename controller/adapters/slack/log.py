"""The Notifier port for those who configured none: each notice is one line of the log."""

import logging

from controller.domain.records import Ref
from controller.domain.status import Notice

logger = logging.getLogger(__name__)


class LogNotifier:
    """Writes every notice to the log, evidence and last words included."""

    async def send(self, ref: Ref, notice: Notice) -> None:
        """Never fails."""
        parts = [
            notice.headline,
            *(f"{name}: {value}" for name, value in notice.facts),
            *notice.findings,
            *([f"log: {notice.log.strip()}"] if notice.log.strip() else []),
            f"key {notice.key}",
        ]
        # A line of its own each would be many log records, told apart by nobody.
        line = " | ".join(" ⏎ ".join(part.splitlines()) for part in parts)
        logger.info("notice for %s, %s: %s", ref, notice.kind.value, line)
