"""Parts of the world that a scenario takes away for a while, over whatever weather there is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from controller.domain.readings import Reading
from controller.engine.ports import Unavailable
from controller.simulation.scenario import Away, Part
from controller.simulation.weather import Effect, Kind, Weather

NEEDS: Final[Mapping[Effect, Part]] = {
    Effect.COMMIT: Part.API_SERVER,
    Effect.WRITE: Part.API_SERVER,
    Effect.LET_GO: Part.API_SERVER,
    Effect.RECORD: Part.API_SERVER,
    Effect.LOG: Part.API_SERVER,
    Effect.MOUNT: Part.API_SERVER,
    Effect.SEND: Part.SLACK,
    Effect.TALLY: Part.PROMETHEUS,
    Effect.RESTARTS: Part.PROMETHEUS,
    Effect.PAST: Part.PROMETHEUS,
    Effect.LIVES: Part.PROMETHEUS,
    Effect.GUARD: Part.PROMETHEUS,
}


@dataclass(slots=True)
class Outages:
    """When which part is away, in seconds of the run; nothing before the push is known."""

    planned: tuple[Away, ...]
    pushed_at: float | None = None

    def back_at(self, part: Part) -> float | None:
        """When a part that is away now will be back; None while it is there."""
        if self.pushed_at is None:
            return None
        since = asyncio.get_running_loop().time() - self.pushed_at
        ends = [
            away.at + away.seconds
            for away in self.planned
            if away.part is part and away.at <= since < away.at + away.seconds
        ]
        return self.pushed_at + max(ends) if ends else None


@dataclass(slots=True)
class WithOutages:
    """The weather of one process, worse while a part is away."""

    weather: Weather
    outages: Outages

    @asynccontextmanager
    async def around(self, effect: Effect) -> AsyncIterator[None]:
        part = NEEDS[effect]
        if self.outages.back_at(part) is not None:
            raise Unavailable(f"{part.value} does not answer")
        async with self.weather.around(effect):
            yield

    def watch_seconds(self, kind: Kind) -> float:
        seconds = self.weather.watch_seconds(kind)
        back_at = self.outages.back_at(Part.API_SERVER)
        if back_at is None:
            return seconds
        return seconds + back_at - asyncio.get_running_loop().time()

    def announcements(self) -> int:
        return self.weather.announcements()

    def distorted(self, answer: Reading, about: str = "requests") -> Reading:
        return self.weather.distorted(answer, about)
