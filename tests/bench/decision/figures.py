"""The figures that the issue asks for: each with its target, what was measured, and whether met."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.bench.decision.scenarios import BAD, FINE, LOOK_SECONDS, Scenario
from tests.bench.decision.summary import Result, wilson
from tests.bench.decision.traces import Floats

LIMIT_RATIO_MAX: Final = 1.5
# Where the limit is shorter than this, the looks and "no decision on a single look" set the pace.
COARSE_SECONDS: Final = 2 * LOOK_SECONDS
FAILURES_MAX: Final = 10
ONSET_RATIO_MAX: Final = 1.2
PROMOTION_MEDIAN_MAX_SECONDS: Final = 150.0
PROMOTION_ERROR_MAX: Final = 0.05
PROMOTION_RATIO: Final = 1.5
PROMOTION_DIFFERENCE: Final = 0.005

DELAYS: Final = (
    "mild 1% → 2%",
    "mild 0.1% → 1%",
    "severe 1% → 20%",
    "severe 0.1% → 20%",
    "rare route 100% (base 0.1%)",
    "rare route 100% (base 1%)",
    "rare route 30% (base 0.1%)",
    "low traffic 1/s 1% → 20%",
    "low traffic 1/s 1% → 100%",
)
ONSETS: Final = {
    "severe, onset 10min": "severe 1% → 20%",
    "mild 0.1% → 1% onset 10min": "mild 0.1% → 1%",
    "rare route 100% onset 10min": "rare route 100% (base 0.1%)",
}
CRASHES: Final = {
    "crash on rare route, 24 quiet pod-hours": 2,
    "crash on rare route, no history": 3,
}
RARE_AT_ONE_PERCENT: Final = "rare route 100% (base 1%)"
PROMOTED_SOON: Final = "healthy 0.1%"

Results = Mapping[str, Result]


@dataclass(frozen=True, slots=True)
class Figure:
    """One promise and what became of it; `reached` None: too few releases to tell."""

    what: str
    target: str
    measured: str
    reached: bool | None


def figures(results: Iterable[Result]) -> tuple[Figure, ...]:
    """All figures whose scenarios were run."""
    by_name = {result.scenario.name: result for result in results}
    return (
        *_false_rollbacks(by_name),
        *_delays(by_name),
        *_counts(by_name),
        *_onsets(by_name),
        *_promotions(by_name),
    )


def _false_rollbacks(results: Results) -> Iterator[Figure]:
    for scenario in FINE:
        if scenario.name in results and scenario.false_max is not None:
            row = results[scenario.name].bets
            yield _share(
                f"false rollbacks: {scenario.name}",
                row.rollback_rate,
                row.lanes,
                scenario.false_max,
            )
    late = [each for each in results.values() if each.scenario.onset_seconds > 0]
    if late:
        lanes = sum(each.bets.lanes for each in late)
        early = sum(each.bets.early_rate * each.bets.lanes for each in late) / lanes
        yield _share("false rollbacks before a bug begins, all such scenarios", early, lanes, 0.001)


def _delays(results: Results) -> Iterator[Figure]:
    for name in DELAYS:
        if name not in results:
            continue
        row = results[name].bets
        what = f"delay over the information limit: {name}"
        if row.median_s is None or row.limit_s is None or row.ratio is None:
            yield Figure(
                what, f"<= {LIMIT_RATIO_MAX:g}", "fewer than half are found", reached=False
            )
        elif row.limit_s < COARSE_SECONDS:
            measured = f"{row.median_s:g} s (limit {row.limit_s:.1f} s)"
            target = f"<= {COARSE_SECONDS:g} s, two looks"
            yield Figure(what, target, measured, row.median_s <= COARSE_SECONDS)
        else:
            measured = f"{row.ratio:.2f} ({row.median_s:g} s of {row.limit_s:.0f} s)"
            yield Figure(what, f"<= {LIMIT_RATIO_MAX:g}", measured, row.ratio <= LIMIT_RATIO_MAX)


def _counts(results: Results) -> Iterator[Figure]:
    rare = results.get(RARE_AT_ONE_PERCENT)
    if rare is not None:
        yield _until_decided(
            "rare route always fails at 1% base: its failed requests until decided",
            rare,
            rare.fates.failures,
            FAILURES_MAX,
        )
    for name, most in CRASHES.items():
        if name in results:
            result = results[name]
            yield _until_decided(
                f"crashes until decided: {name}", result, result.fates.crashes, most
            )


def _until_decided(what: str, result: Result, counts: Floats, most: int) -> Figure:
    median, share = result.until_decided(counts)
    told = "none decided" if median is None else f"{median:g} ({share:.1%} decided)"
    reached = median is not None and median <= most and share >= 0.5
    return Figure(what, f"median <= {most}", told, reached)


def _onsets(results: Results) -> Iterator[Figure]:
    for late, soon in ONSETS.items():
        if late not in results or soon not in results:
            continue
        after, before = results[late].bets.median_s, results[soon].bets.median_s
        if after is None or before is None:
            told, reached = "fewer than half are found", False
        else:
            told = f"{after:g} s against {before:g} s ({after / before - 1:+.0%})"
            # Finer than one look nobody can tell.
            reached = after <= max(before * ONSET_RATIO_MAX, before + LOOK_SECONDS)
        target = f"<= {ONSET_RATIO_MAX - 1:+.0%} (or one look)"
        yield Figure(f"found as fast as from the start: {late}", target, told, reached)


def _promotions(results: Results) -> Iterator[Figure]:
    if PROMOTED_SOON in results:
        median = results[PROMOTED_SOON].bets.promote_median_s
        told = "fewer than half" if median is None else f"{median:g} s"
        reached = median is not None and median <= PROMOTION_MEDIAN_MAX_SECONDS
        target = f"median <= {PROMOTION_MEDIAN_MAX_SECONDS:g} s"
        yield Figure(f"promotion: {PROMOTED_SOON}", target, told, reached)
    if results:
        missed = sum(int(each.fates.unexercised.sum()) for each in results.values())
        lanes = sum(each.bets.lanes for each in results.values())
        what = "promoted while a route of more than 0.1% of the traffic was unexercised"
        yield Figure(what, "never", f"{missed} of {lanes}", missed == 0)
    for scenario in BAD:
        if scenario.name in results and _at_promotion_margin(scenario):
            row = results[scenario.name].bets
            part = "one route is bad" if scenario.rare is not None else "bad"
            what = f"promoted though {part}: {scenario.name}"
            yield _share(what, row.promote_rate or 0.0, row.lanes, PROMOTION_ERROR_MAX)


def _at_promotion_margin(scenario: Scenario) -> bool:
    """Whether the canary is at the promotion margin or worse from its first request."""
    margin = PROMOTION_RATIO * scenario.base + PROMOTION_DIFFERENCE
    rates = [rate for rate in (scenario.canary, scenario.rare) if rate is not None]
    bad = scenario.deadly or any(rate >= margin - 1e-9 for rate in rates)
    return bad and scenario.onset_seconds == 0


def _share(what: str, rate: float, lanes: int, most: float) -> Figure:
    low, high = wilson(rate, lanes)
    measured = f"{rate:.2%} of {lanes} ({low:.2%} to {high:.2%})"
    # Had it just been reached, less than one would have been seen.
    untold = rate <= most and lanes * most < 1
    return Figure(what, f"<= {most:.1%}", measured, None if untold else rate <= most)
