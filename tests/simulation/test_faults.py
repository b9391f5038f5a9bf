"""The faults of a seed: some kinds are left out, each has its own rate, and then it is calm."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from controller.domain.readings import Counts, Missing, Reading, Tally
from controller.engine.ports import Conflict, Refused, Unavailable
from controller.simulation.dice import Dice
from controller.simulation.faults.distortion import distorted
from controller.simulation.faults.forecast import Fault, Forecast, forecast
from controller.simulation.faults.storm import Storm
from controller.simulation.loop import play
from controller.simulation.trace import Befell, Trace
from controller.simulation.weather import CrashNow, Effect, Kind

AT = datetime(2026, 11, 22, tzinfo=UTC)
TALLY = Tally(
    since=AT,
    until=AT,
    pods={name: {"/": Counts(1.0, 10.0)} for name in ("a", "b", "c", "d", "e", "f")},
)


def _storm(*faults: Fault, calm_after: float = 100.0, rate: float = 1.0) -> Storm:
    rates = dict.fromkeys(faults, rate)
    return Storm(Forecast(calm_after_seconds=calm_after, rates=rates), Dice(1), Trace())


def test_a_seed_leaves_some_kinds_out_and_each_is_in_some_seeds() -> None:
    seen = Counter(fault for seed in range(200) for fault in forecast(Dice(seed)).rates)
    assert set(seen) == set(Fault)
    assert all(60 < count < 140 for count in seen.values())


def test_the_same_seed_has_the_same_forecast() -> None:
    assert forecast(Dice(7)) == forecast(Dice(7))
    assert forecast(Dice(7)) != forecast(Dice(8))


@pytest.mark.parametrize(
    ("fault", "effect", "raised"),
    [
        (Fault.CRASH_BEFORE, Effect.COMMIT, CrashNow),
        (Fault.LOST_REQUEST, Effect.TALLY, Unavailable),
        (Fault.CONFLICT, Effect.WRITE, Conflict),
        (Fault.REFUSED, Effect.SEND, Refused),
    ],
)
def test_a_request_that_does_not_arrive(
    fault: Fault, effect: Effect, raised: type[BaseException]
) -> None:
    assert play(_requested(_storm(fault), effect)) == (raised, 0)


@pytest.mark.parametrize(
    ("fault", "raised"), [(Fault.CRASH_AFTER, CrashNow), (Fault.LOST_ANSWER, Unavailable)]
)
def test_a_request_whose_answer_is_lost_was_carried_out(
    fault: Fault, raised: type[BaseException]
) -> None:
    assert play(_requested(_storm(fault), Effect.COMMIT)) == (raised, 1)


def test_reads_are_not_in_conflict_and_commits_not_refused() -> None:
    assert play(_requested(_storm(Fault.CONFLICT), Effect.TALLY)) == (None, 1)
    assert play(_requested(_storm(Fault.REFUSED), Effect.COMMIT)) == (None, 1)


def test_afterwards_it_is_calm() -> None:
    assert play(_requested(_storm(*Fault, calm_after=5.0), Effect.COMMIT, wait=6.0)) == (None, 1)


def test_every_fault_that_befell_is_in_the_trace() -> None:
    storm = _storm(Fault.LOST_ANSWER)
    play(_requested(storm, Effect.COMMIT))
    (befell,) = storm.trace.of(Befell)
    assert (befell.process, befell.fault, befell.detail) == ("p-1", "lost answer", "commit")


async def _requested(
    storm: Storm, effect: Effect, *, wait: float = 0.0
) -> tuple[type[BaseException] | None, int]:
    """What a request raised, and how often it was carried out."""
    done = 0
    await asyncio.sleep(wait)
    try:
        async with storm.weather("p-1").around(effect):
            done += 1
    except (CrashNow, Unavailable, Conflict, Refused) as raised:
        return type(raised), done
    return None, done


def test_one_kind_is_stale_while_the_others_are_fresh() -> None:
    async def lags() -> dict[Kind, float]:
        weather = _storm(Fault.STALE, rate=60.0, calm_after=3600.0).weather("p-1")
        worst = dict.fromkeys(Kind, 0.0)
        fresh_meanwhile = False
        for _ in range(3600):
            await asyncio.sleep(1.0)
            now = {kind: weather.watch_seconds(kind) for kind in Kind}
            fresh_meanwhile |= max(now.values()) > 1.0 and min(now.values()) < 0.1
            worst = {kind: max(worst[kind], now[kind]) for kind in Kind}
        assert fresh_meanwhile
        return worst

    assert all(1.0 < lag < 60.0 for lag in play(lags()).values())


def test_events_are_lost_and_doubled() -> None:
    async def announced(*faults: Fault) -> int:
        return _storm(*faults).weather("p-1").announcements()

    assert play(announced()) == 1
    assert play(announced(Fault.LOST_EVENT)) == 0
    assert play(announced(Fault.DOUBLED_EVENT)) == 2


def test_a_clock_jumps_and_is_right_again_when_it_is_calm() -> None:
    async def watched() -> tuple[float, float]:
        clock = _storm(Fault.CLOCK_JUMP, rate=60.0, calm_after=600.0).clock("p-1")
        worst = 0.0
        for _ in range(599):
            await asyncio.sleep(1.0)
            worst = max(worst, abs(clock.ahead_seconds))
        await asyncio.sleep(2.0)
        return worst, clock.ahead_seconds

    worst, at_last = play(watched())
    assert 1.0 < worst <= 120.0
    assert at_last == 0.0


def test_a_gap_loses_pods_and_a_wrong_scale_keeps_them() -> None:
    chance = Dice(1).stream("test")
    gap = distorted(TALLY, Fault.GAP, chance)
    assert isinstance(gap, Tally)
    assert 0 < len(gap.pods) < len(TALLY.pods)
    scaled = [distorted(TALLY, Fault.WRONG_SCALE, chance) for _ in range(20)]
    wrong = [_wrong(answer) for answer in scaled]
    assert {0.01, 10000.0} == {value for values in wrong for value in values}
    assert {1, 6} == {len(values) for values in wrong}


def _wrong(answer: Reading) -> list[float]:
    assert isinstance(answer, Tally)
    counts = (segments["/"].requests for segments in answer.pods.values())
    return [value for value in counts if value != 10.0]


def test_no_answer_stays_none() -> None:
    missing = Missing("no answer")
    assert distorted(missing, Fault.GAP, Dice(1).stream("test")) is missing


def test_an_old_answer_comes_again() -> None:
    async def asked() -> list[Reading]:
        weather = _storm(Fault.OLD_ANSWER).weather("p-1")
        first, second = Tally(since=AT, until=AT), TALLY
        return [weather.distorted(first), weather.distorted(second)]

    first, second = play(asked())
    assert first == second != TALLY
