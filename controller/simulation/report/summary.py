"""What people ask of a campaign, computed once for every way of showing it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.simulation.campaign import BIN_SECONDS, Bin, Day
from controller.simulation.outcome import Outcome
from controller.simulation.report.statistics import Share, Spread, spread
from controller.simulation.scenario import Ending, Scenario

NOT_ENDED = "NotEnded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """How the runs ended: every ending, and NotEnded for those that had none by the limit."""

    shares: dict[str, Share]

    def __getitem__(self, ending: Ending) -> Share:
        return self.shares[ending.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Failed requests per second over time: the mean of the runs that still went on.

    It ends where fewer than half of the runs did. Point n is the middle of bin n.
    """

    per_second: tuple[float, ...]

    def seconds(self, number: int) -> float:
        return (number + 0.5) * BIN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A campaign in numbers. Times are in seconds, failed requests per run.

    `command` plays it again. `failed_*` are those that would have been good ones without the
    release, `all_failed_*` all of them. `unexpected` are the days that did not end as the scenario
    expects, `false_rollbacks` those on which the healthy twin was rolled back, `broken` the
    promises that did not hold.
    """

    scenario: Scenario
    command: str
    days: tuple[Day, ...]
    endings: Endings
    endings_twin: Endings
    as_expected: Share
    detected: Spread | None
    decided: Spread | None
    ended: Spread | None
    failed: Spread
    failed_unwatched: Spread
    all_failed: Spread
    all_failed_unwatched: Spread
    crashes: Spread
    crashes_unwatched: Spread
    false_rollbacks: Share
    unexpected: tuple[Day, ...]
    falsely_rolled_back: tuple[Day, ...]
    broken: tuple[tuple[int, str], ...]
    typical_seed: int
    line: Line
    line_unwatched: Line

    @property
    def is_as_expected(self) -> bool:
        """Whether every run ended as expected, no promise was broken, and false rollbacks are not
        shown to be more frequent than the policy allows.
        """
        low, _ = self.false_rollbacks.interval
        rare = low <= self.scenario.policy.false_rollback_max
        return not self.unexpected and not self.broken and rare


def summarise(scenario: Scenario, days: Sequence[Day], command: str) -> Summary:
    """The numbers of at least one day. `command` plays the scenario again."""
    assert days, "nothing was played"
    ordered = tuple(sorted(days, key=lambda day: day.seed))
    watched = [day.watched for day in ordered]
    unwatched = [day.unwatched for day in ordered]
    twins = [day.twin for day in ordered]
    false = tuple(day for day in ordered if day.twin.ending is Ending.ROLLED_BACK)
    unexpected = tuple(day for day in ordered if day.watched.ending is not scenario.expect)
    return Summary(
        scenario=scenario,
        command=command,
        days=ordered,
        endings=_endings(watched),
        endings_twin=_endings(twins),
        as_expected=Share(count=len(ordered) - len(unexpected), of=len(ordered)),
        detected=spread(run.seconds_to_detect for run in watched),
        decided=spread(run.decided_at for run in watched),
        ended=spread(run.ended_at for run in watched),
        failed=_certain(run.failed_extra for run in watched),
        failed_unwatched=_certain(run.failed_extra for run in unwatched),
        all_failed=_certain(run.failed for run in watched),
        all_failed_unwatched=_certain(run.failed for run in unwatched),
        crashes=_certain(run.crashes for run in watched),
        crashes_unwatched=_certain(run.crashes for run in unwatched),
        false_rollbacks=Share(count=len(false), of=len(ordered)),
        unexpected=unexpected,
        falsely_rolled_back=false,
        broken=_broken(ordered),
        typical_seed=_typical(scenario, ordered),
        line=_line([day.watched_bins for day in ordered]),
        line_unwatched=_line([day.unwatched_bins for day in ordered]),
    )


def _endings(outcomes: Sequence[Outcome]) -> Endings:
    counted = Counter(name_of(one.ending) for one in outcomes)
    names = [*(ending.value for ending in Ending), NOT_ENDED]
    return Endings(shares={n: Share(count=counted[n], of=len(outcomes)) for n in names})


def name_of(ending: Ending | None) -> str:
    """What an ending is called, also when there was none."""
    return NOT_ENDED if ending is None else ending.value


def _certain(values: Iterable[float]) -> Spread:
    found = spread(values)
    assert found is not None, "nothing was played"
    return found


def _broken(days: Sequence[Day]) -> tuple[tuple[int, str], ...]:
    """Promises that did not hold: the seed, and what."""
    return tuple(
        (day.seed, sentence)
        for day in days
        for run in dict.fromkeys((day.watched, day.twin))
        for sentence in run.broken
    )


def _typical(scenario: Scenario, days: Sequence[Day]) -> int:
    """The seed in the middle: of the runs that ended as most did, by how long that took."""
    usual, _ = Counter(name_of(day.watched.ending) for day in days).most_common(1)[0]
    alike = [day for day in days if name_of(day.watched.ending) == usual]

    def length(day: Day) -> float:
        run = day.watched
        decided = run.decided_at if scenario.expect is Ending.ROLLED_BACK else run.ended_at
        return decided if decided is not None else run.lasted_seconds

    alike.sort(key=lambda day: (length(day), day.seed))
    return alike[(len(alike) - 1) // 2].seed


def _line(runs: Sequence[Sequence[Bin]]) -> Line:
    points = []
    for number in range(max(map(len, runs))):
        # The last bin of a run is not a whole one, and would look like a fall.
        there = [run[number] for run in runs if number < max(1, len(run) - 1)]
        if not there or 2 * len(there) < len(runs):
            break
        points.append(sum(one.failed for one in there) / len(there) / BIN_SECONDS)
    return Line(per_second=tuple(points))
