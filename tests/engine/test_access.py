"""Who may: asked once, believed for seconds, and no answer is a no."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from controller.engine import access
from controller.engine.access import Gatekeeper, expiry_of
from controller.engine.ports import Person, Refused, Unavailable, Verb
from controller.simulation.loop import play

START: Final = datetime(2026, 5, 4, 12, tzinfo=UTC)
ADA: Final = Person(name="ada", uid="1", groups=("teachers",))


@dataclass
class Clock:
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Registry:
    """Knows tokens and rights; counts the questions, and can be slow or broken."""

    tokens: dict[str, Person] = field(default_factory=lambda: {"good": ADA})
    rights: set[tuple[str, Verb, str, str]] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    fault: Exception | None = None
    gate: asyncio.Event | None = None
    at_once: int = 0
    at_once_most: int = 0

    async def whose(self, token: str) -> Person | None:
        await self._answer(token)
        return self.tokens.get(token)

    async def allowed(self, person: Person, verb: Verb, namespace: str, name: str) -> bool:
        await self._answer(f"{person.name} {verb.value} {namespace}/{name}")
        return (person.name, verb, namespace, name) in self.rights

    async def _answer(self, question: str) -> None:
        self.asked.append(question)
        self.at_once += 1
        self.at_once_most = max(self.at_once_most, self.at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.fault is not None:
                raise self.fault
        finally:
            self.at_once -= 1


def token_until(end: float | object) -> str:
    """A JWT that says that it ends then."""
    parts = ({"alg": "none"}, {"sub": "ada", "exp": end})
    coded = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join((*coded, "c2lnbmF0dXJl"))


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 10))


def test_a_token_is_asked_about_once_and_again_when_it_is_not_believed_any_more() -> None:
    async def story() -> None:
        registry, clock = Registry(), Clock()
        keeper = Gatekeeper(registry, clock)
        for _ in range(3):
            assert await keeper.person("good") == ADA
        clock.wait(access.TOKEN_SECONDS - 0.1)
        assert await keeper.person("good") == ADA
        assert registry.asked == ["good"]
        clock.wait(0.1)
        assert await keeper.person("good") == ADA
        assert registry.asked == ["good", "good"]

    run(story())


def test_a_revoked_token_is_refused_well_within_a_minute_in_all_ways() -> None:
    # The API server's own cache of tokens, ours, and how often a stream that is open asks.
    assert 10 + access.TOKEN_SECONDS + 15 < 60
    assert 10 + access.TOKEN_SECONDS + access.RIGHT_SECONDS < 60

    async def story() -> None:
        registry, clock = Registry(), Clock()
        keeper = Gatekeeper(registry, clock)
        assert await keeper.person("good") == ADA
        del registry.tokens["good"]
        clock.wait(access.TOKEN_SECONDS)
        assert await keeper.person("good") is None

    run(story())


def test_a_refusal_is_forgotten_sooner() -> None:
    async def story() -> None:
        registry, clock = Registry(tokens={}), Clock()
        keeper = Gatekeeper(registry, clock)
        assert await keeper.person("good") is None
        registry.tokens["good"] = ADA
        assert await keeper.person("good") is None
        clock.wait(access.NO_SECONDS)
        assert await keeper.person("good") == ADA

    run(story())


def test_a_token_is_never_believed_after_its_own_end() -> None:
    async def story() -> None:
        registry, clock = Registry(), Clock()
        keeper = Gatekeeper(registry, clock)
        token = token_until((START + timedelta(seconds=10)).timestamp())
        registry.tokens[token] = ADA
        assert await keeper.person(token) == ADA
        clock.wait(9.9)
        assert await keeper.person(token) == ADA
        clock.wait(0.1)
        assert await keeper.person(token) is None
        assert len(registry.asked) == 1

    run(story())


@pytest.mark.parametrize(
    "end", ["soon", None, True, 1e300, float("nan"), float("inf"), -1e300, [1], {"a": 1}]
)
def test_an_end_that_makes_no_sense_shortens_nothing(end: object) -> None:
    assert expiry_of(token_until(end)) is None or end is True


@pytest.mark.parametrize(
    "token", ["", "a", "a.b.c", "a.e30.c", "a.W10.c", "a..c", "a.b", "a.b.c.d"]
)
def test_what_is_no_jwt_has_no_end(token: str) -> None:
    assert expiry_of(token) is None


@pytest.mark.parametrize(
    "token",
    ["", " ", "a b", "a\nb", "t\u00f6ken", "a,b", '"a"', "=", "a=b", "x" * 16_385, "\ud800"],
)
def test_what_cannot_be_a_token_is_not_asked_about(token: str) -> None:
    async def story() -> None:
        registry = Registry(tokens={token: ADA})
        assert await Gatekeeper(registry, Clock()).person(token) is None
        assert registry.asked == []

    run(story())


def test_many_who_ask_at_once_ask_one_question() -> None:
    async def story() -> None:
        registry = Registry(gate=asyncio.Event())
        keeper = Gatekeeper(registry, Clock())
        waiting = [asyncio.create_task(keeper.person("good")) for _ in range(50)]
        await asyncio.sleep(0.01)
        assert registry.gate is not None
        registry.gate.set()
        assert await asyncio.gather(*waiting) == [ADA] * 50
        assert registry.asked == ["good"]

    run(story())


def test_one_who_goes_away_takes_nobody_s_answer_along() -> None:
    async def story() -> None:
        registry = Registry(gate=asyncio.Event())
        keeper = Gatekeeper(registry, Clock())
        first = asyncio.create_task(keeper.person("good"))
        await asyncio.sleep(0)
        second = asyncio.create_task(keeper.person("good"))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert first.cancelled()
        assert registry.gate is not None
        registry.gate.set()
        assert await second == ADA
        assert await keeper.person("good") == ADA
        assert registry.asked == ["good"]

    run(story())


def test_a_question_that_nobody_waits_for_ends_quietly() -> None:
    async def story() -> None:
        registry = Registry(gate=asyncio.Event(), fault=Unavailable("away"))
        keeper = Gatekeeper(registry, Clock())
        only = asyncio.create_task(keeper.person("good"))
        await asyncio.sleep(0.01)
        only.cancel()
        await asyncio.gather(only, return_exceptions=True)
        assert registry.gate is not None
        registry.gate.set()
        await asyncio.sleep(0.01)
        registry.fault = None
        assert await keeper.person("good") == ADA

    run(story())


@pytest.mark.parametrize("fault", [Unavailable("away"), Refused("403 may not create tokenreviews")])
def test_no_answer_is_a_no_that_is_not_remembered(fault: Exception) -> None:
    async def story() -> None:
        registry, clock = Registry(), Clock()
        keeper = Gatekeeper(registry, clock)
        assert await keeper.person("good") == ADA
        clock.wait(access.TOKEN_SECONDS)
        registry.fault = fault
        with pytest.raises(Unavailable, match=str(fault)):
            await keeper.person("good")
        with pytest.raises(Unavailable, match=str(fault)):
            await keeper.may(ADA, Verb.GET, "exams")
        registry.fault = None
        assert await keeper.person("good") == ADA
        assert not await keeper.may(ADA, Verb.GET, "exams")

    run(story())


def test_an_error_of_ours_is_not_taken_for_an_answer() -> None:
    async def story() -> None:
        registry = Registry(fault=ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            await Gatekeeper(registry, Clock()).person("good")

    run(story())


def test_rights_are_those_of_person_verb_and_place() -> None:
    async def story() -> None:
        registry, clock = Registry(rights={("ada", Verb.HOLD, "exams", "api")}), Clock()
        keeper = Gatekeeper(registry, clock)
        eve = Person(name="ada", uid="1", groups=("teachers", "masters"))
        extra = Person(name="ada", uid="1", groups=("teachers",), extra={"scopes": ("a",)})
        for _ in range(2):
            assert await keeper.may(ADA, Verb.HOLD, "exams", "api")
            assert not await keeper.may(ADA, Verb.HOLD, "exams")
            assert not await keeper.may(ADA, Verb.HOLD, "")
            assert not await keeper.may(ADA, Verb.PROMOTE, "exams", "api")
            assert not await keeper.may(ADA, Verb.HOLD, "exam", "sapi")
            assert await keeper.may(eve, Verb.HOLD, "exams", "api")
            assert await keeper.may(extra, Verb.HOLD, "exams", "api")
        assert len(registry.asked) == 7
        registry.rights.clear()
        assert await keeper.may(ADA, Verb.HOLD, "exams", "api")
        clock.wait(access.RIGHT_SECONDS)
        assert not await keeper.may(ADA, Verb.HOLD, "exams", "api")

    run(story())


def test_a_clock_that_is_set_back_makes_nothing_live_longer() -> None:
    async def story() -> None:
        registry, clock = Registry(), Clock()
        keeper = Gatekeeper(registry, clock)
        assert await keeper.person("good") == ADA
        del registry.tokens["good"]
        clock.wait(-3600)
        assert await keeper.person("good") is None

    run(story())


def test_few_questions_are_asked_at_once_and_bad_tokens_do_not_hold_up_rights() -> None:
    async def story() -> None:
        registry = Registry(gate=asyncio.Event())
        keeper = Gatekeeper(registry, Clock())
        flood = [asyncio.create_task(keeper.person(f"bad{n}")) for n in range(100)]
        await asyncio.sleep(0.01)
        assert registry.at_once == access.REVIEWS_AT_ONCE_MAX
        right = asyncio.create_task(keeper.may(ADA, Verb.GET, "exams"))
        await asyncio.sleep(0.01)
        assert registry.asked[-1] == "ada get exams/"
        assert registry.gate is not None
        registry.gate.set()
        assert await asyncio.gather(*flood) == [None] * 100
        assert not await right
        assert registry.at_once_most == access.REVIEWS_AT_ONCE_MAX + 1

    run(story())


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_a_moment() -> None:
    async def story() -> None:
        registry = Registry(gate=asyncio.Event())
        keeper = Gatekeeper(registry, Clock())
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(Unavailable, match="no answer within 5 s"):
            await keeper.person("good")
        # Those behind a full queue wait no longer either.
        flood = [keeper.person(f"bad{n}") for n in range(4 * access.REVIEWS_AT_ONCE_MAX)]
        answers = await asyncio.gather(*flood, return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in answers)
        assert loop.time() - begun == pytest.approx(2 * access.REVIEW_SECONDS, abs=0.1)

    play(story())


def test_too_many_questions_are_turned_away() -> None:
    async def story() -> None:
        registry = Registry(gate=asyncio.Event())
        keeper = Gatekeeper(registry, Clock())
        flood = [asyncio.create_task(keeper.person(f"bad{n}")) for n in range(access.FLIGHTS_MAX)]
        await asyncio.sleep(0.01)
        with pytest.raises(Unavailable, match="too many"):
            await keeper.person("good")
        assert registry.gate is not None
        registry.gate.set()
        await asyncio.gather(*flood)
        assert await keeper.person("good") == ADA

    run(story())


def test_a_flood_of_bad_tokens_drives_out_no_good_one() -> None:
    async def story() -> None:
        registry, clock = Registry(), Clock()
        keeper = Gatekeeper(registry, clock)
        assert await keeper.person("good") == ADA
        for number in range(access.TOKENS_MAX + 10):
            await keeper.person(f"bad{number}")
        count = len(registry.asked)
        assert await keeper.person("good") == ADA
        assert len(registry.asked) == count
        # The bad ones are bounded themselves: the first is forgotten.
        await keeper.person("bad0")
        assert len(registry.asked) == count + 1

    run(story())


def test_questions_that_are_under_way_end_with_the_process(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = Registry()

    async def story() -> None:
        registry.gate = asyncio.Event()
        asking = asyncio.create_task(Gatekeeper(registry, Clock()).person("good"))
        await asyncio.sleep(0.01)
        assert not asking.done()

    run(story())
    assert registry.at_once == 0
    assert caplog.text == ""


def test_a_token_is_not_in_any_message() -> None:
    async def story() -> None:
        registry = Registry(fault=Unavailable("away"))
        keeper = Gatekeeper(registry, Clock())
        with pytest.raises(Unavailable) as raised:
            await keeper.person("a-secret-token")
        assert "a-secret-token" not in repr(raised.value)
        assert "a-secret-token" not in repr(keeper)

    run(story())
