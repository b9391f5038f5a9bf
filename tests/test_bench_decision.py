"""The bench of decisions: its traces are what they say, its rules are right, its judge is ours."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.bench.decision.__main__ import LANES_WHERE_RARE, main, tasks
from tests.bench.decision.batch import Batch
from tests.bench.decision.figures import figures
from tests.bench.decision.judging import Judge, OneByOne, Opinion
from tests.bench.decision.limits import information_limit
from tests.bench.decision.measuring import Fates, Task, joined, measure
from tests.bench.decision.report import show, write
from tests.bench.decision.rules import (
    Totals,
    chi_square,
    failed_checks,
    lindon_malek,
    mann_whitney,
    other_rules,
)
from tests.bench.decision.scenarios import LOOKS, SCENARIOS, Scenario, named, scenarios
from tests.bench.decision.summary import quantile, summarise, wilson
from tests.bench.decision.traces import Floats, Moment, Served, Traces


def traces_of(scenario: Scenario, lanes: int = 20) -> Traces:
    return Traces(scenario, lanes, np.random.default_rng(7))


def rate(looks: list[Served], pods: slice, routes: slice = slice(None)) -> float:
    errors = sum(look.errors[:, pods, routes].sum() for look in looks)
    return float(errors / sum(look.requests[:, pods, routes].sum() for look in looks))


def released(name: str, lanes: int = 20, first: int = 0, last: int = LOOKS) -> list[Moment]:
    return list(traces_of(named(name), lanes).release())[first:last]


# What the traces are.


def test_the_past_is_healthy_and_as_busy_as_the_scenario_says() -> None:
    looks = list(traces_of(named("severe 1% → 20%")).past())
    assert rate(looks, slice(None)) == pytest.approx(0.01, rel=0.05)
    requests = sum(look.requests.sum() for look in looks)
    assert requests == pytest.approx(100 * 1800 * 20, rel=0.01)
    rare = sum(look.requests[..., -1].sum() for look in looks)
    assert rare == pytest.approx(0.005 * requests, rel=0.03)


def test_only_the_canary_turns_bad_and_not_before_the_onset() -> None:
    served = [moment.served for moment in released("severe, onset 10min")]
    assert rate(served[:120], slice(0, 1)) == pytest.approx(0.01, rel=0.1)
    assert rate(served[120:], slice(0, 1)) == pytest.approx(0.20, rel=0.05)
    assert rate(served, slice(1, None)) == pytest.approx(0.01, rel=0.05)


def test_a_rare_route_fails_alone() -> None:
    served = [moment.served for moment in released("rare route 30% (base 0.1%)")]
    assert rate(served, slice(0, 1), slice(-1, None)) == pytest.approx(0.3, rel=0.1)
    assert rate(served, slice(0, 1), slice(0, -1)) == pytest.approx(0.001, rel=0.1)


def test_an_outage_hits_both_alike() -> None:
    served = [moment.served for moment in released("outage both 30% 3min")]
    expected = (180 * 0.30 + 1620 * 0.001) / 1800
    assert rate(served, slice(0, 1)) == pytest.approx(expected, rel=0.05)
    assert rate(served, slice(1, None)) == pytest.approx(expected, rel=0.05)


def test_a_crash_outage_kills_pods_of_both() -> None:
    moments = released("crash outage both (1/pod/min, 3min)", lanes=100)
    assert sum(m.canary_crashes.sum() for m in moments) == pytest.approx(300, rel=0.2)
    assert sum(m.stable_crashes.sum() for m in moments) == pytest.approx(2700, rel=0.1)


def test_a_deadly_route_is_in_nobodys_counter_and_the_restarts_back_off() -> None:
    moments = released("crash on rare route", lanes=50)
    assert sum(m.served.requests[:, 0, -1].sum() for m in moments) == 0
    crashes = np.stack([m.canary_crashes for m in moments])
    assert crashes[:60].sum() > 2 * crashes[-60:].sum() > 0
    # The others take the traffic of a canary that is down.
    total = sum(m.served.requests[:, 1:].sum() for m in moments)
    assert total == pytest.approx(50 * 100 * 1800, rel=0.05)


def test_bursts_come_to_the_rates_they_are_named_for() -> None:
    for name in (
        "bursty healthy ~1% (beta-bin phi~4)",
        "bursty healthy ~1% (pod bursts ~30 err)",
    ):
        looks = [moment.served for moment in released(name)]
        assert rate(looks, slice(None)) == pytest.approx(0.01, rel=0.2), name
        errors = np.stack([look.errors.sum(axis=2) for look in looks])
        assert errors.var() > 3 * errors.mean(), name


def test_pods_that_differ_do_so_for_good() -> None:
    looks = list(traces_of(named("pod heterogeneity 30% sd, 1%")).past())
    pods = sum(look.errors.sum(axis=2) for look in looks)
    requests = sum(look.requests.sum(axis=2) for look in looks)
    assert np.log(pods / requests).std() == pytest.approx(0.3, rel=0.2)


def test_the_rare_route_can_stick_to_one_side() -> None:
    sticky = released("sticky rare route (all on canary 60s blocks)", lanes=2)
    assert all(m.served.requests[:, 1:, -1].sum() == 0 for m in sticky[:12])
    assert all(m.served.requests[:, 0, -1].sum() == 0 for m in sticky[12:60])
    never = released("0.2% route never on the canary", lanes=2)
    assert all(m.served.requests[:, 0, -1].sum() == 0 for m in never)
    assert sum(m.served.requests[..., -1].sum() for m in never) == pytest.approx(720, rel=0.2)


def test_the_controller_may_take_more_pods_in_the_middle() -> None:
    moments = released("share step 10 → 50% @5min, 1%", lanes=2)
    assert [moments[at].served.canaries for at in (0, 59, 60, 359)] == [1, 1, 5, 5]


def test_history_of_restarts_is_chance_quiet_or_none() -> None:
    crashes, seconds = traces_of(named("healthy 0.1%"), 200).past_restarts()
    assert seconds == 240 * 3600
    assert crashes.mean() == pytest.approx(10, rel=0.1)
    quiet, seconds = traces_of(named("crash on rare route, 24 quiet pod-hours")).past_restarts()
    assert (quiet.sum(), seconds) == (0, 24 * 3600)
    assert traces_of(named("crash on rare route, no history")).past_restarts()[1] == 0


# What the other rules do.


def totals(canary: Floats, stable: Floats, per_look: float = 100.0) -> Totals:
    """One lane; each side serves so many requests a look."""
    requests = np.full((1, len(canary)), per_look)
    return Totals(
        canary_errors=canary[None, :],
        canary_requests=requests,
        stable_errors=stable[None, :],
        stable_requests=requests,
        canary_crashes=np.zeros((1, len(canary))),
    )


def bad_from(look: int, errors: float) -> Totals:
    canary = np.ones(LOOKS)
    canary[look:] = errors
    return totals(canary, np.ones(LOOKS))


def test_a_threshold_fires_after_its_failed_checks() -> None:
    trace = bad_from(24, 10.0)
    assert failed_checks(trace, 60.0, 0.05, failures=4) == [120 + 4 * 60]
    assert failed_checks(trace, 10.0, 0.05, failures=2) == [120 + 2 * 10]
    assert failed_checks(trace, 10.0, 0.10, failures=2) == [np.inf]


def test_a_check_without_requests_passes() -> None:
    silent = replace(bad_from(0, 0.0), canary_requests=np.zeros((1, LOOKS)))
    assert failed_checks(silent, 10.0, 0.0, failures=1) == [np.inf]


def test_mann_whitney_needs_five_minutes_and_sees_a_shift() -> None:
    assert mann_whitney(bad_from(0, 10.0), [4]) == [np.inf]
    assert mann_whitney(bad_from(0, 10.0), range(4, 31)) == [300]
    assert mann_whitney(bad_from(0, 1.0), [30]) == [np.inf]


def test_chi_square_waits_for_five_errors() -> None:
    canary = np.full(LOOKS, 4.0)
    assert chi_square(totals(canary, np.zeros(LOOKS)), 0.05) == [10]
    assert chi_square(totals(np.ones(LOOKS), np.ones(LOOKS)), 0.05) == [np.inf]


def test_lindon_malek_sees_a_shift_and_only_to_the_worse() -> None:
    worse = totals(np.full(LOOKS, 10.0), np.ones(LOOKS))
    assert lindon_malek(worse, 0.5, 0.01)[0] < 60
    better = totals(np.ones(LOOKS), np.full(LOOKS, 10.0))
    assert lindon_malek(better, 0.5, 0.01) == [np.inf]


def test_any_restart_fires_at_the_first() -> None:
    crashes = np.zeros((1, LOOKS))
    crashes[0, [7, 9]] = 1
    fired = other_rules(replace(bad_from(0, 1.0), canary_crashes=crashes), 0.5)
    assert fired["any restart"] == [40]
    assert len(fired) == 9


# Limits and summaries.


def test_the_information_limits_are_those_of_the_analysis() -> None:
    for name, seconds in {
        "mild 1% → 2%": 205,
        "mild 0.1% → 1%": 56,
        "severe 1% → 20%": 2,
        "rare route 100% (base 0.1%)": 43,
        "rare route 100% (base 1%)": 48,
        "rare route 30% (base 0.1%)": 148,
        "low traffic 1/s 1% → 20%": 170,
        "low traffic 1/s 1% → 100%": 24,
    }.items():
        limit = information_limit(named(name))
        assert limit is not None, name
        assert round(limit) == seconds, name
    assert information_limit(named("healthy 1%")) is None
    assert information_limit(named("crash on rare route")) is None


def test_an_interval_of_nothing_seen_is_not_empty() -> None:
    assert wilson(0.0, 3000) == pytest.approx((0.0, 0.00128), abs=1e-5)
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)


def test_a_median_that_fewer_than_half_reach_is_none() -> None:
    assert quantile(np.array([5.0, 10.0, np.inf]), 0.5) == 10.0
    assert quantile(np.array([5.0, np.inf, np.inf]), 0.5) is None


class Scripted:
    """Finds every lane worse at one instant, and not worse from another on."""

    def __init__(self, lanes: int, pods: int) -> None:
        self.lanes, self.remembered, self.begun = lanes, 0, False

    def remember(self, served: Served) -> None:
        assert served.canaries == 0
        self.remembered += 1

    def begin(self, restarts: Floats, pod_seconds: float) -> None:
        assert self.remembered == 360
        self.begun = True

    def weigh(self, moment: Moment) -> Opinion:
        assert self.begun
        worse = np.arange(self.lanes) < (moment.seconds >= 600) * self.lanes / 2
        return Opinion(worse, np.full(self.lanes, moment.seconds >= 20))


def scripted(name: str) -> Fates:
    task = Task(scenario=named(name), lanes=4, chunk=0, seed=1)
    return measure(task, Scripted)


def test_a_promotion_waits_for_the_least_duration_and_a_rollback_ends_a_lane() -> None:
    fates = scripted("severe, onset 10min")
    assert fates.rollbacks["bets"].tolist() == [605, 605, np.inf, np.inf]
    assert fates.promotions.tolist() == [60, 60, 60, 60]
    result = summarise(named("severe, onset 10min"), fates)
    assert (result.bets.rollback_rate, result.bets.median_s, result.bets.p90_s) == (0.5, 5, None)
    assert (result.bets.promote_rate, result.bets.promote_median_s) == (1.0, 60)
    early = {row.rule: row.early_rate for row in result.rows}
    assert early["bets"] == 0
    assert early["Flagger 10s x 2"] == 1.0


def test_a_promotion_without_a_route_is_noticed() -> None:
    assert scripted("0.2% route never on the canary").unexercised.all()
    assert not scripted("severe, onset 10min").unexercised.any()


def test_what_it_took_to_decide_is_counted_until_then() -> None:
    crashes = scripted("crash on rare route").crashes
    assert (crashes[:2] > 0).all()
    assert crashes[:2].max() < crashes[2:].min()
    failures = scripted("rare route 100% (base 1%)").failures
    assert failures[:2].max() < failures[2:].min()


def test_rows_are_written_as_the_issue_asks(tmp_path: Path) -> None:
    scenario = named("healthy 0.1%")
    result = summarise(scenario, joined([scripted("healthy 0.1%"), scripted("healthy 0.1%")]))
    write([result], tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["rule"] for row in rows][:2] == ["bets", "Flagger 1m x 5"]
    assert len(rows) == 10
    assert set(rows[0]) == {
        "scenario",
        "rule",
        "rollback_rate",
        "median_s",
        "p90_s",
        "limit_s",
        "promote_rate",
        "promote_median_s",
    }
    assert rows[0]["rollback_rate"] == 0.5
    assert rows[1]["promote_rate"] is None
    assert rows[0]["limit_s"] is None


def test_all_is_shown_and_what_is_missed_says_so() -> None:
    results = [
        summarise(named(name), scripted(name)) for name in ("healthy 0.1%", "severe 1% → 20%")
    ]
    asked = figures(results)
    reached = {figure.what: figure.reached for figure in asked}
    assert reached["false rollbacks: healthy 0.1%"] is False
    assert reached["promotion: healthy 0.1%"] is True
    assert reached["promoted though bad: severe 1% → 20%"] is False
    out = io.StringIO()
    show(results, asked, Console(file=out))
    assert "severe 1% → 20%" in out.getvalue()
    assert "NO" in out.getvalue()


# What there is to do.


def test_rare_failures_get_more_releases_and_the_same_dice() -> None:
    todo = tasks(scenarios("healthy 0.1%"), quick=False, seed=1)
    assert sum(task.lanes for task in todo) == LANES_WHERE_RARE
    again = tasks(scenarios("healthy 0.1%"), quick=False, seed=1)
    drawn = [task.dice.random() for task in todo]
    assert drawn == [task.dice.random() for task in again]
    assert len(set(drawn)) == len(drawn)
    assert len({each.name for each in SCENARIOS}) == len(SCENARIOS)


def test_an_unknown_name_is_refused() -> None:
    assert main({"ONLY": "no such scenario"}) == 2
    with pytest.raises(ValueError, match="no scenario"):
        named("no such scenario")


# The judge is the one of production.


@pytest.mark.parametrize(
    "name",
    ["rare route 100% (base 1%)", "share step 10 → 50% @5min, 1%", "crash on rare route"],
)
def test_many_at_once_are_judged_as_one_by_one(name: str) -> None:
    lanes = 2
    judges: list[Judge] = [Batch(lanes, 10), OneByOne(lanes)]
    opinions = []
    for judge in judges:
        traces = traces_of(named(name), lanes)
        restarts, pod_seconds = traces.past_restarts()
        for served in list(traces.past())[:60]:
            judge.remember(served)
        judge.begin(restarts, pod_seconds)
        seen = [judge.weigh(moment) for moment, _ in zip(traces.release(), range(80), strict=False)]
        opinions.append(np.stack([np.stack(opinion) for opinion in seen]))
    assert (opinions[0] == opinions[1]).all()
    assert opinions[0].any()


def test_a_quick_run_measures_prints_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.json"
    wanted = {"QUICK": "1", "ONLY": "rare route 100% (base 1%)", "JSON": str(file), "SEED": "3"}
    assert main(wanted) == 0
    printed = capsys.readouterr()
    assert "rare route always fails at 1% base" in printed.out
    assert "1/1" in printed.err
    bets = json.loads(file.read_text())[0]
    assert bets["rollback_rate"] == 1.0
