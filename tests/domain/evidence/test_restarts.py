"""Crashes: how many it takes, what stable's own crashes excuse, and how long suspicion lasts."""

from dataclasses import replace

import pytest

from controller.domain.evidence import CrashWindow, Evidence, History
from controller.domain.findings import Metric, Outcome
from controller.domain.policy import Policy, Restarts
from tests.domain.evidence.service import HOUR, POLICY, crash_window, finding_of

QUIET_DAY = History(restarts=0, pod_seconds=24 * HOUR)
ALONE = replace(POLICY, requests=None)


def crash(evidence: Evidence, pods: int = 10, quiet: int = 4) -> None:
    """The canary crashes and is watched for a while: history waits whether stable does too."""
    evidence.add_crashes(crash_window(pods=pods))
    evidence.add_crashes(crash_window(canary=1, pods=pods))
    for _ in range(quiet):
        evidence.add_crashes(crash_window(pods=pods))


def crashes_needed(evidence: Evidence, pods: int, *, stable_gone: bool = False) -> int:
    """Crashes of one canary pod, 30 s (10 s for a lone pod) apart, until it is judged WORSE."""
    for crashes in range(1, 40):
        crash(evidence, 1 if stable_gone else pods, quiet=0 if stable_gone else 4)
        if evidence.verdict(stable_gone=stable_gone).outcome is Outcome.WORSE:
            return crashes
    raise AssertionError("never convicted")


@pytest.mark.parametrize(
    ("pods", "concurrent", "with_history"),
    [(2, 11, 4), (3, 7, 3), (5, 5, 2), (10, 3, 2), (20, 3, 2), (50, 2, 2)],
)
def test_crashes_of_one_pod_that_convict_it(pods: int, concurrent: int, with_history: int) -> None:
    assert crashes_needed(Evidence.begin(POLICY, History()), pods) == concurrent
    assert crashes_needed(Evidence.begin(POLICY, QUIET_DAY), pods) == with_history


@pytest.mark.parametrize("policy", [POLICY, ALONE], ids=["with requests", "restarts alone"])
@pytest.mark.parametrize("pods", [2, 10, 1000, 100_000])
def test_one_crash_holds_and_never_convicts(policy: Policy, pods: int) -> None:
    for gone in (False, True):
        evidence = Evidence.begin(policy, QUIET_DAY)
        evidence.add_crashes(crash_window(canary=1, pods=pods))
        verdict = evidence.verdict(stable_gone=gone)
        assert verdict.outcome is Outcome.UNDECIDED
        assert verdict.suspicious


def test_the_finding_names_the_tier_and_the_numbers() -> None:
    evidence = Evidence.begin(POLICY, QUIET_DAY)
    assert crashes_needed(evidence, 10) == 2
    finding = finding_of(evidence, Metric.RESTARTS)
    assert finding.outcome is Outcome.WORSE
    assert finding.reason == "history"
    assert finding.evidence >= finding.needed == 100
    assert (finding.canary.events, finding.canary.exposure) == (2, 60)
    assert (finding.stable.events, finding.stable.exposure) == (0, 540)


def test_crashes_that_stable_has_too_do_not_convict() -> None:
    evidence = Evidence.begin(POLICY, QUIET_DAY)
    for _ in range(10):
        evidence.add_crashes(crash_window(canary=1, stable=9))
        assert evidence.verdict().outcome is Outcome.UNDECIDED


def test_a_stable_crash_minutes_ago_silences_history() -> None:
    evidence = Evidence.begin(POLICY, QUIET_DAY)
    evidence.add_crashes(crash_window(stable=1))
    for _ in range(24):
        evidence.add_crashes(crash_window())
    evidence.add_crashes(crash_window(canary=1))
    evidence.add_crashes(crash_window(canary=1))
    assert evidence.verdict().outcome is Outcome.UNDECIDED


def test_a_stable_crash_half_an_hour_ago_does_not() -> None:
    evidence = Evidence.begin(POLICY, QUIET_DAY)
    evidence.add_crashes(crash_window(stable=1))
    for _ in range(30):
        evidence.add_crashes(crash_window(seconds=60))
    for _ in range(4):
        crash(evidence)
    assert evidence.verdict().outcome is Outcome.WORSE


def test_three_rapid_crashes_convict_a_lone_pod_without_history() -> None:
    evidence = Evidence.begin(POLICY, History(pod_seconds=60))
    assert crashes_needed(evidence, 1, stable_gone=True) == 3
    assert finding_of(evidence, Metric.RESTARTS).needed == 100


def test_two_crashes_convict_a_lone_pod_whose_history_is_long_and_quiet() -> None:
    evidence = Evidence.begin(POLICY, QUIET_DAY)
    assert crashes_needed(evidence, 1, stable_gone=True) == 2


def test_rare_crashes_of_a_lone_pod_that_always_crashed_rarely_do_not_convict() -> None:
    evidence = Evidence.begin(POLICY, History(restarts=24, pod_seconds=24 * HOUR))
    for _ in range(3):
        evidence.add_crashes(crash_window(canary=1, pods=1, seconds=HOUR))
        assert evidence.verdict(stable_gone=True).outcome is not Outcome.WORSE


def test_suspicion_ends_after_three_quiet_gaps() -> None:
    evidence = Evidence.begin(ALONE, QUIET_DAY)
    evidence.add_crashes(crash_window(seconds=35))
    evidence.add_crashes(crash_window(canary=1, seconds=5))
    for _ in range(11):
        evidence.add_crashes(crash_window(seconds=10))
        assert evidence.verdict().suspicious
    evidence.add_crashes(crash_window(seconds=10))
    verdict = evidence.verdict()
    assert not verdict.suspicious
    assert verdict.outcome is Outcome.NOT_WORSE


def test_suspicion_ends_after_ten_minutes_at_the_latest() -> None:
    evidence = Evidence.begin(ALONE, QUIET_DAY)
    evidence.add_crashes(crash_window(seconds=HOUR))
    evidence.add_crashes(crash_window(canary=1))
    evidence.add_crashes(crash_window(seconds=590))
    assert evidence.verdict().suspicious
    evidence.add_crashes(crash_window(seconds=10))
    assert not evidence.verdict().suspicious


def test_a_crash_seen_before_any_time_had_passed_is_weighed_with_the_next_look() -> None:
    evidence = Evidence.begin(POLICY, QUIET_DAY)
    evidence.add_crashes(crash_window(canary=1, seconds=0))
    assert evidence.verdict().suspicious
    evidence.add_crashes(crash_window(seconds=5))
    crash(evidence)
    assert evidence.verdict().outcome is Outcome.WORSE


def test_history_waits_whether_stable_crashes_as_well() -> None:
    evidence = Evidence.begin(POLICY, QUIET_DAY)
    for crashes in (1, 1, 0, 0):
        evidence.add_crashes(crash_window(canary=crashes))
        assert evidence.verdict().outcome is Outcome.UNDECIDED
    hit = Evidence.load(evidence.dump(), POLICY)
    evidence.add_crashes(crash_window())
    assert evidence.verdict().outcome is Outcome.WORSE
    hit.add_crashes(crash_window(stable=3))
    assert hit.verdict().outcome is Outcome.UNDECIDED


def test_a_pod_that_dies_before_it_ever_ran_is_judged_all_the_same() -> None:
    evidence = Evidence.begin(POLICY, QUIET_DAY)
    for _ in range(2):
        evidence.add_crashes(
            CrashWindow(
                canary_crashes=1,
                stable_crashes=0,
                canary_seconds=0,
                stable_seconds=90,
                seconds=10,
            )
        )
    evidence.add_crashes(crash_window(seconds=15))
    assert evidence.verdict().outcome is Outcome.WORSE


def test_the_length_of_a_window_need_not_be_told() -> None:
    told, guessed = (Evidence.begin(POLICY, QUIET_DAY) for _ in range(2))
    for crashes in (0, 1, 0, 1):
        window = crash_window(canary=crashes)
        told.add_crashes(window)
        guessed.add_crashes(replace(window, seconds=0.0))
    assert told.dump() == guessed.dump()


def test_extra_restarts_that_are_tolerated_are_not_held_against_the_canary() -> None:
    crashy = replace(POLICY, restarts=Restarts(extra_per_pod_day=24 * 60))
    evidence = Evidence.begin(crashy, QUIET_DAY)
    for _ in range(30):
        evidence.add_crashes(crash_window(canary=1, seconds=60))
        assert evidence.verdict().outcome is Outcome.UNDECIDED


def test_how_often_one_looked_does_not_matter() -> None:
    needed = {}
    for looks in (1, 100):
        evidence = Evidence.begin(POLICY, QUIET_DAY)
        for _ in range(looks):
            evidence.add_crashes(crash_window(seconds=100 / looks))
        evidence.add_crashes(crash_window(canary=1))
        evidence.add_crashes(crash_window(canary=1))
        needed[looks] = finding_of(evidence, Metric.RESTARTS).evidence
    assert needed[1] == pytest.approx(needed[100], rel=1e-3)
