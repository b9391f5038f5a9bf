"""Storms: rate limits, outages, lost answers and restarts, through the engine's own courier."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.domain.records import Ref
from controller.domain.status import Notice, NoticeKind
from controller.engine.courier import Courier
from tests.adapters.slack import moods
from tests.adapters.slack.moods import Mood
from tests.adapters.slack.slackd import Slackd, slackd
from tests.adapters.slack.story import HASTY_SECONDS, REF, bot, notice

RELEASES = ("one", "two")
SECONDS_MAX = 60.0
# What a dead process had sent arrives, or not, before the next one looks.
IN_FLIGHT_SECONDS = 0.3

MOODS: dict[str, Mood] = {
    "limited": moods.limited(0),
    "503": moods.fails(503),
    "unavailable": moods.refuses("service_unavailable"),
    "hangs": moods.hangs,
    "resets": moods.resets,
    "lost": moods.lost,
    "done but 500": moods.done_but_500,
    "done but internal error": moods.done_but_internal_error,
    "garbles": moods.garbles,
    "late": moods.late(0.2),
}
METHODS = ("chat.postMessage", "chat.update", "chat.*", "conversations.*", "*")


class Hasty(random.Random):
    """A courier's pauses are seconds; here they are moments."""

    def uniform(self, a: float, b: float) -> float:
        return 0.01


@dataclass(slots=True)
class Process:
    """One life of the controller: a bot, a courier, and what is committed as delivered."""

    slack: Slackd
    outbox: list[Notice]
    delivered: set[str] = field(default_factory=set)

    async def live(self, until: set[str]) -> None:
        """Until these keys are delivered; what was is taken out of the outbox."""
        async with bot(self.slack, answer_seconds=HASTY_SECONDS) as notifier:
            news = asyncio.Event()
            courier = Courier(notifier, again=lambda _ref: news.set(), dice=Hasty(7))
            worker = asyncio.create_task(courier.run())
            try:
                while not until <= self.delivered:
                    courier.offer(REF, [n for n in self.outbox if n.key not in self.delivered])
                    await asyncio.wait_for(news.wait(), SECONDS_MAX)
                    news.clear()
                    self.delivered |= courier.delivered(REF)
            finally:
                worker.cancel()
                await asyncio.gather(worker, return_exceptions=True)


def a_story() -> list[Notice]:
    """Two releases whose notices come in turns."""
    kinds = (
        NoticeKind.STARTED,
        NoticeKind.STEP_PASSED,
        NoticeKind.HOLDING,
        NoticeKind.ROLLED_BACK,
    )
    return [
        notice(kind, minutes=number, release=release)
        for number, kind in enumerate(kinds)
        for release in RELEASES
    ]


def check(slack: Slackd, story: Sequence[Notice], release: str) -> None:
    """One message that shows the last state, and every detail once and in order."""
    channel = slack.channel("#exams")
    name = f"{REF}:{release}"
    own = [m for m in channel.messages if m["metadata"]["event_payload"]["release"] == name]
    (root,) = [m for m in own if m in channel.roots()]
    said = [m["metadata"]["event_payload"]["notice"] for m in channel.replies(root)]
    told = [n for n in story if n.release == name]
    details = [n.key for n in told if n.kind in {NoticeKind.HOLDING, NoticeKind.ROLLED_BACK}]
    assert said == details
    assert root["metadata"]["event_payload"]["notice"] == told[-1].key
    assert root["text"].startswith("⏪")


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(
    weather=st.lists(
        st.tuples(st.sampled_from(METHODS), st.sampled_from(sorted(MOODS))), max_size=14
    )
)
def test_whatever_the_weather_nothing_is_lost_doubled_or_out_of_order(
    weather: list[tuple[str, str]],
) -> None:
    async def play() -> None:
        async with slackd() as slack:
            story = a_story()
            for method, mood in weather:
                slack.feels(MOODS[mood], method)
            await Process(slack, story).live({n.key for n in story})
            for release in RELEASES:
                check(slack, story, release)

    asyncio.run(play())


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(
    weather=st.lists(
        st.tuples(st.sampled_from(METHODS), st.sampled_from(sorted(MOODS))), max_size=8
    ),
    lives=st.lists(st.floats(0.0, 0.4), min_size=1, max_size=3),
)
def test_a_process_that_dies_anywhere_leaves_the_next_one_nothing_to_say_twice(
    weather: list[tuple[str, str]], lives: list[float]
) -> None:
    async def play() -> None:
        async with slackd() as slack:
            story = a_story()
            for method, mood in weather:
                slack.feels(MOODS[mood], method)
            process = Process(slack, story)
            for seconds in lives:
                # A life that ends within a call, whatever was on its way.
                life = asyncio.create_task(process.live({n.key for n in story}))
                await asyncio.wait({life}, timeout=seconds)
                life.cancel()
                await asyncio.gather(life, return_exceptions=True)
                # What was delivered was not committed: the outbox has it all once more.
                process = Process(slack, story)
                await asyncio.sleep(IN_FLIGHT_SECONDS)
            await process.live({n.key for n in story})
            for release in RELEASES:
                check(slack, story, release)

    asyncio.run(play())


def test_two_canaries_in_one_channel_do_not_mix() -> None:
    async def play() -> None:
        async with slackd() as slack, bot(slack) as said:
            async with asyncio.TaskGroup() as group:
                for number in range(6):
                    ref = Ref("exams", f"exam-{number}")
                    one = notice(NoticeKind.HOLDING, release=f"of-{number}")
                    group.create_task(said.send(ref, one))
            channel = slack.channel("#exams")
            assert len(channel.roots()) == 6
            assert all(len(channel.replies(root)) == 1 for root in channel.roots())

    asyncio.run(play())
