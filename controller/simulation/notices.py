"""Where notices arrive in a run."""

import asyncio
from dataclasses import dataclass

from controller.domain.records import Ref
from controller.domain.status import Notice
from controller.simulation.trace import Told, Trace
from controller.simulation.weather import Effect, Weather


@dataclass(frozen=True, slots=True)
class SimulatedNotifier:
    """The people's channel, as one process of the controller reaches it."""

    process: str
    weather: Weather
    trace: Trace

    async def send(self, ref: Ref, notice: Notice) -> None:
        async with self.weather.around(Effect.SEND):
            at = asyncio.get_running_loop().time()
            self.trace.add(Told(at=at, process=self.process, ref=ref, notice=notice))
