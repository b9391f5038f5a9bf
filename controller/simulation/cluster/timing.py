"""How long things take in the simulated cluster."""

from dataclasses import dataclass
from typing import Final

BACK_OFF_FIRST_SECONDS: Final = 10.0
BACK_OFF_MAX_SECONDS: Final = 300.0
BACK_OFF_RESET_SECONDS: Final = 600.0
"""A process that ran so long is restarted at once when it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Spans are from-to, in seconds.

    `start_seconds` is from a pod's creation to Ready, more or less by a share of `start_jitter`;
    its process runs after `process_share` of that. `sync_seconds` is what a controller of
    Kubernetes takes to react, `grace_seconds` what a process takes to end when it is asked to.
    `restart_seconds` is from a first death to the next process.
    """

    start_seconds: float = 5.0
    start_jitter: float = 0.1
    process_share: float = 0.4
    sync_seconds: tuple[float, float] = (0.005, 0.03)
    grace_seconds: tuple[float, float] = (1.0, 2.0)
    restart_seconds: float = 1.0

    def back_off_seconds(self, restarts_in_a_row: int) -> float:
        """How long the kubelet waits before it starts a process again."""
        if restarts_in_a_row == 0:
            return self.restart_seconds
        doubled = BACK_OFF_FIRST_SECONDS * 2.0 ** min(restarts_in_a_row - 1, 16)
        return min(BACK_OFF_MAX_SECONDS, doubled)
