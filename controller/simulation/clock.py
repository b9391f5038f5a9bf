"""The wall's time in a run: when it began, plus the seconds of its loop."""

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

BEGAN_AT: Final = datetime(2026, 11, 22, 13, 24, tzinfo=UTC)


def instant(seconds: float) -> datetime:
    """The wall's time at a second of the run, in whole milliseconds."""
    return BEGAN_AT + timedelta(milliseconds=round(seconds * 1000))


def second(at: float) -> datetime:
    """A time as the API has it: in whole seconds."""
    return instant(math.floor(at))


@dataclass(slots=True)
class SimulatedClock:
    """One process's clock. `ahead_seconds` is by how much it is wrong."""

    ahead_seconds: float = 0.0

    def now(self) -> datetime:
        return instant(asyncio.get_running_loop().time() + self.ahead_seconds)
