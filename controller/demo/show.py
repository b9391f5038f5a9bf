"""The demo put together: a story in virtual time, the service's pages, and what is shown of it."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from controller.adapters.slack.webhook import connect
from controller.demo.counter import Counter, Everybody
from controller.demo.pace import Pace
from controller.demo.serving import Stand, served_somewhere
from controller.demo.story import SEED, Encore, Story
from controller.demo.telling import Ending, Line, Shown, Told
from controller.demo.terminal import Screen
from controller.engine.ports import Notifier, Refused, Unavailable
from controller.simulation.outcome import Outcome
from controller.simulation.run import play_scenario
from controller.simulation.scenario import Scenario

REFRESH_SECONDS: Final = 0.25
# Real ones, for a person to look around before the next release comes.
REST_SECONDS: Final = 20.0
STOPPING: Final = (signal.SIGTERM, signal.SIGINT)

NEXT: Final = "The next release waits for you at its last step"

T = TypeVar("T")
Seen = asyncio.Queue[Shown | BaseException]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a person asked for. `port` None: 8080, or another one if that is taken."""

    port: int | None = None
    speed: float = 10.0
    once: bool = False
    webhook: str | None = field(default=None, repr=False)


class Failed(Exception):
    """The story did not end as it should; the message says how it ended."""


class Interrupted(Exception):
    """A person stopped the demo before its story had ended."""


async def show(scenario: Scenario, wishes: Wishes, screen: Screen) -> None:
    """Play, serve and tell. Raises Refused, Failed or Interrupted; leaves nothing behind."""
    loop = asyncio.get_running_loop()
    stop, seen = asyncio.Event(), Seen()
    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)

    def hand_over(shown: Shown | BaseException) -> None:
        # The loop is closed already when the thread ends later than it was asked to.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(seen.put_nowait, shown)

    story, pace = _played(scenario, wishes, hand_over)
    async with AsyncExitStack() as stack:
        stand = Stand(
            view=lambda: story.view,
            counter=Counter(story.ask, pace.submit),
            note=f"A demo: a cluster in memory, {wishes.speed:g} times faster than real. "
            "Promote, hold and roll back as you like.",
        )
        address = await stack.enter_async_context(served_somewhere(stand, wishes.port, screen.say))
        slack = await _slack(wishes, address, stack)
        screen.say(f"Dashboard: {address}   API: {address}/docs   Ctrl-C ends the demo")
        stack.callback(pace.stop)
        pace.start()
        audience = _Audience(story, screen, slack, seen)
        ending = await _unless(stop, audience.watch())
        without = await _unless(stop, asyncio.to_thread(_without, scenario))
        screen.table(ending, without)
        _check(ending)
        screen.say(_last_words(ending))
        if not wishes.once:
            screen.say(f"It is your turn: {address}   {NEXT}   Ctrl-C ends the demo")
            with contextlib.suppress(Interrupted):
                await _unless(stop, audience.watch())


def _played(
    scenario: Scenario, wishes: Wishes, hand_over: Callable[[Shown | BaseException], None]
) -> tuple[Story, Pace]:
    encore = None if wishes.once else Encore(rest_seconds=REST_SECONDS * wishes.speed)
    story = Story(scenario, hand_over, access=Everybody(), encore=encore)
    return story, Pace(story, wishes.speed, failed=hand_over)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives. Raises Interrupted when the demo is to stop first."""
    async with asyncio.TaskGroup() as group:
        working, stopped = group.create_task(work), group.create_task(stop.wait())
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        stopped.cancel()
    if working.cancelled():
        raise Interrupted("stopped before the story had ended")
    return working.result()


@dataclass(slots=True)
class _Audience:
    """Shows what the thread of the story hands over."""

    story: Story
    screen: Screen
    slack: Notifier | None
    seen: Seen

    async def watch(self) -> Ending:
        """Until the story ends. Slack is told beside it: a slow one delays nothing."""
        async with asyncio.TaskGroup() as group:
            while True:
                self.screen.now(self.story.view)
                try:
                    async with asyncio.timeout(REFRESH_SECONDS):
                        shown = await self.seen.get()
                except TimeoutError:
                    continue
                match shown:
                    case Line():
                        self.screen.line(shown)
                    case Told():
                        self.screen.told(shown)
                        group.create_task(self._tell(shown))
                    case Ending():
                        return shown
                    case _:
                        raise shown

    async def _tell(self, told: Told) -> None:
        if self.slack is None:
            return
        try:
            await self.slack.send(told.ref, told.notice)
        except (Refused, Unavailable) as error:
            self.screen.say(f"Slack was not told: {error}")


async def _slack(wishes: Wishes, address: str, stack: AsyncExitStack) -> Notifier | None:
    if wishes.webhook is None:
        return None
    return await stack.enter_async_context(connect(wishes.webhook, dashboard_url=address))


def _without(scenario: Scenario) -> Outcome:
    return play_scenario(scenario, SEED, with_controller=False).outcome


def _check(ending: Ending) -> None:
    """What a person did meanwhile is no failure of ours."""
    if ending.by_people:
        return
    if not ending.promoted:
        raise Failed("the good release was not promoted")
    if not ending.rolled_back:
        raise Failed("the release with the bug was not rolled back")


def _last_words(ending: Ending) -> str:
    if ending.promoted and ending.rolled_back:
        return "The good release was promoted, the one with the bug was rolled back."
    good = "promoted" if ending.promoted else "not promoted"
    bad = "rolled back" if ending.rolled_back else "not rolled back"
    return f"With your commands, the good release was {good}, the one with the bug was {bad}."
