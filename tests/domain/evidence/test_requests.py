"""Error rates: what is found and how fast, what is excused, and what a promotion needs."""

from dataclasses import replace

from controller.domain.evidence import Evidence, History, RequestPast
from controller.domain.findings import Metric, Outcome, Uncovered
from controller.domain.policy import CoverageRule, ErrorRate
from controller.domain.readings import Counts, Missing
from tests.domain.evidence.service import (
    POLICY,
    RARE,
    ROUTES,
    Failing,
    Service,
    canary_fails,
    crash_window,
    finding_of,
    healthy,
    history_of,
    rare_route_fails,
    request_window,
    seconds_to_conviction,
)


def delays(failing: Failing, base: float, traces: int, looks: int = 60) -> list[float]:
    found = []
    for seed in range(traces):
        evidence = Evidence.begin(POLICY, history_of(base))
        seconds = seconds_to_conviction(evidence, Service(failing=failing, seed=seed), looks)
        found.append(seconds if seconds is not None else float("inf"))
    return sorted(found)


def test_a_rare_route_that_always_fails_is_found_within_a_minute() -> None:
    found = delays(rare_route_fails(0.001), 0.001, traces=15)
    assert found[len(found) // 2] <= 60
    assert found[-1] <= 240


def test_a_route_that_begins_to_fail_later_is_found_as_well() -> None:
    found = delays(rare_route_fails(0.001, since=300), 0.001, traces=7, looks=120)
    assert found[0] > 300
    assert found[len(found) // 2] - 300 <= 120


def test_a_canary_that_fails_often_is_convicted_in_two_looks() -> None:
    found = delays(canary_fails(0.2, 0.01), 0.01, traces=7)
    assert found[len(found) // 2] == 10
    assert found[0] >= 10, "no decision may rest on a single look"


def test_no_single_look_decides_however_bad_it_is() -> None:
    evidence = Evidence.begin(POLICY, history_of())
    all_bad = {route: Counts(1e6, 1e6) for route in ROUTES}
    evidence.add_requests(request_window(all_bad, {route: Counts(0, 1e7) for route in ROUTES}))
    assert evidence.verdict().outcome is Outcome.UNDECIDED


def test_the_guilty_route_carries_the_decision() -> None:
    evidence = Evidence.begin(POLICY, history_of())
    assert seconds_to_conviction(evidence, Service(failing=rare_route_fails(0.001)), 60)
    verdict = evidence.verdict()
    guilty = [finding for finding in verdict.findings if finding.outcome is Outcome.WORSE]
    assert [finding.segment for finding in guilty] == [RARE]
    assert guilty[0].reason in ("concurrent", "history")
    assert guilty[0].canary.rate == 1.0
    assert verdict.worst == guilty[0]
    assert verdict.findings[0].metric is Metric.RESTARTS
    assert [f.segment for f in verdict.findings[1:]] == ["", *sorted(ROUTES)]


def test_a_new_route_is_held_to_an_absolute_bound() -> None:
    evidence = Evidence.begin(POLICY, history_of())
    for _ in range(8):
        evidence.add_requests(
            request_window(
                {"/exams": Counts(0, 25), "/new": Counts(1, 1)}, {"/exams": Counts(0, 225)}
            )
        )
    finding = finding_of(evidence, Metric.ERROR_RATE, "/new")
    assert finding.outcome is Outcome.WORSE
    assert finding.reason == "history"


def test_a_new_route_that_stable_serves_too_is_compared_with_stable() -> None:
    evidence = Evidence.begin(POLICY, history_of())
    for _ in range(20):
        evidence.add_requests(
            request_window(
                {"/exams": Counts(0, 25), "/new": Counts(1, 1)},
                {"/exams": Counts(0, 225), "/new": Counts(9, 9)},
            )
        )
    assert finding_of(evidence, Metric.ERROR_RATE, "/new").outcome is not Outcome.WORSE


def test_a_runaway_label_does_not_grow_the_state() -> None:
    evidence = Evidence.begin(POLICY, history_of())
    for look in range(100):
        fresh = {f"/exam/{look}-{number}": Counts(0, 1) for number in range(20)}
        evidence.add_requests(request_window(fresh, fresh))
    segments = {finding.segment for finding in evidence.verdict().findings}
    assert len(segments) == 1 + 16
    others = finding_of(evidence, Metric.ERROR_RATE, "(other segments)")
    assert others.canary.exposure == 2000 - 15
    assert len(evidence.dump()) < 8192


def test_too_many_routes_in_history_share_a_stream() -> None:
    routes = {f"/r{number:03d}": Counts(0, 1000 - number) for number in range(200)}
    evidence = Evidence.begin(POLICY, History(errors=RequestPast(segments=routes)))
    evidence.add_requests(request_window(routes, routes))
    findings = evidence.verdict().findings
    assert len(findings) == 2 + 64
    others = finding_of(evidence, Metric.ERROR_RATE, "(other segments)")
    assert others.canary.exposure == sum(1000 - number for number in range(63, 200))


def test_a_healthy_canary_is_promoted_once_it_was_exercised() -> None:
    evidence = Evidence.begin(POLICY, history_of(0.01))
    outcomes = []
    for window in Service(failing=healthy(0.01), seed=3).windows(120):
        evidence.add_requests(window)
        outcomes.append(evidence.verdict().outcome)
    assert outcomes[0] is Outcome.UNDECIDED
    assert outcomes[-1] is Outcome.NOT_WORSE
    assert all(f.outcome is Outcome.NOT_WORSE for f in evidence.verdict().findings)


def test_a_worse_canary_is_not_promoted_before_it_is_convicted() -> None:
    for seed in range(5):
        evidence = Evidence.begin(POLICY, history_of(0.001))
        service = Service(failing=canary_fails(0.015, 0.001), seed=seed)
        for window in service.windows(120):
            evidence.add_requests(window)
            outcome = evidence.verdict().outcome
            assert outcome is not Outcome.NOT_WORSE
            if outcome is Outcome.WORSE:
                break


def test_what_was_not_exercised_is_named_with_what_is_missing() -> None:
    evidence = Evidence.begin(POLICY, history_of())
    stable = {route: Counts(0, 1000) for route in ROUTES}
    canary = {"/exams": Counts(0, 5000), "/login": Counts(0, 5000), RARE: Counts(0, 2)}
    for _ in range(20):
        evidence.add_requests(request_window(canary | {RARE: Counts(0, 0)}, stable))
    evidence.add_requests(request_window(canary, stable))
    verdict = evidence.verdict()
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.uncovered == (
        Uncovered(segment="/results", requests=0, needed=5),
        Uncovered(segment=RARE, requests=2, needed=5),
    )


def test_a_sliver_of_the_traffic_may_stay_uncovered() -> None:
    policy = replace(POLICY, coverage=CoverageRule(min_requests=5, ignorable_share=0.006))
    evidence = Evidence.begin(policy, history_of())
    covered = {route: Counts(0, 50) for route in ROUTES if route != RARE}
    evidence.add_requests(request_window(covered, covered))
    assert evidence.verdict().uncovered == ()


def test_a_fresh_service_is_covered_by_what_stable_serves_meanwhile() -> None:
    evidence = Evidence.begin(POLICY, History())
    evidence.add_requests(
        request_window({"/a": Counts(0, 50)}, {"/a": Counts(0, 900), "/b": Counts(0, 100)})
    )
    uncovered = evidence.verdict().uncovered
    assert uncovered == (Uncovered(segment="/b", requests=0, needed=5),)


def test_a_canary_without_requests_is_never_good_enough() -> None:
    evidence = Evidence.begin(POLICY, History())
    for _ in range(100):
        evidence.add_requests(request_window({}, {}))
    verdict = evidence.verdict()
    assert verdict.outcome is Outcome.UNDECIDED
    assert verdict.uncovered == (Uncovered(segment="", requests=0, needed=5),)
    for _ in range(100):
        evidence.add_requests(request_window({}, {"/a": Counts(0, 1000)}))
    assert evidence.verdict().outcome is Outcome.UNDECIDED


def test_a_service_without_segments_is_judged_as_a_whole() -> None:
    history = History(errors=RequestPast(segments={"": Counts(100, 100_000)}), pod_seconds=864_000)
    evidence = Evidence.begin(POLICY, history)
    for _ in range(100):
        evidence.add_requests(request_window({"": Counts(0, 100)}, {"": Counts(1, 900)}))
    verdict = evidence.verdict()
    assert verdict.outcome is Outcome.NOT_WORSE
    assert [(f.metric, f.segment) for f in verdict.findings] == [
        (Metric.RESTARTS, ""),
        (Metric.ERROR_RATE, ""),
    ]
    for _ in range(5):
        evidence.add_requests(request_window({"": Counts(30, 100)}, {"": Counts(1, 900)}))
    assert evidence.verdict().outcome is Outcome.WORSE


def test_blind_neither_passes_nor_fails() -> None:
    evidence = Evidence.begin(POLICY, history_of(0.01))
    for window in Service(failing=healthy(0.01), seed=3).windows(120):
        evidence.add_requests(window)
    verdict = evidence.verdict(blind=Missing("unreachable", "no answer in 5 s"))
    assert verdict.outcome is Outcome.BLIND
    blind = [f for f in verdict.findings if f.metric is Metric.ERROR_RATE]
    assert {f.outcome for f in blind} == {Outcome.BLIND}
    assert {f.reason for f in blind} == {"unreachable: no answer in 5 s"}
    assert verdict.findings[0].outcome is Outcome.NOT_WORSE


def test_crashes_convict_while_requests_are_blind() -> None:
    evidence = Evidence.begin(POLICY, history_of())
    for crashes in (1, 1, 0, 0, 0):
        evidence.add_crashes(crash_window(canary=crashes))
    verdict = evidence.verdict(blind=Missing("unreachable"))
    assert verdict.outcome is Outcome.WORSE
    assert [f.metric for f in verdict.findings if f.outcome is Outcome.WORSE] == [Metric.RESTARTS]


def test_judged_by_restarts_alone_no_requests_are_asked_for() -> None:
    evidence = Evidence.begin(replace(POLICY, requests=None), History())
    evidence.add_crashes(crash_window())
    verdict = evidence.verdict(blind=Missing("not asked"))
    assert verdict.outcome is Outcome.NOT_WORSE
    assert [f.metric for f in verdict.findings] == [Metric.RESTARTS]
    assert verdict.uncovered == ()


def test_history_alone_convicts_when_stable_is_gone() -> None:
    evidence = Evidence.begin(POLICY, history_of(0.001))
    for _ in range(4):
        evidence.add_requests(request_window({"/exams": Counts(8, 40)}, {}))
    assert evidence.verdict().outcome is not Outcome.WORSE
    verdict = evidence.verdict(stable_gone=True)
    assert verdict.outcome is Outcome.WORSE
    assert {f.reason for f in verdict.findings if f.outcome is Outcome.WORSE} == {"history"}


def test_history_does_not_convict_while_stable_suffers_likewise() -> None:
    evidence = Evidence.begin(POLICY, history_of(0.001))
    for _ in range(30):
        evidence.add_requests(
            request_window({"/exams": Counts(8, 40)}, {"/exams": Counts(72, 360)})
        )
        assert evidence.verdict().outcome is Outcome.UNDECIDED


def test_a_wider_margin_tolerates_more() -> None:
    wide = replace(POLICY, error_rate=ErrorRate(ratio=20.0, difference=0.05))
    service = canary_fails(0.05, 0.01)
    assert (
        seconds_to_conviction(Evidence.begin(wide, history_of(0.01)), Service(failing=service), 60)
        is None
    )
    assert (
        seconds_to_conviction(
            Evidence.begin(POLICY, history_of(0.01)), Service(failing=service), 60
        )
        is not None
    )


def test_a_changed_share_of_traffic_is_known_at_once() -> None:
    def odds(*, told: bool) -> float:
        evidence = Evidence.begin(POLICY, history_of(0.01))
        half = request_window({"/exams": Counts(0, 2500)}, {"/exams": Counts(0, 2500)}, pods=2)
        evidence.add_requests(half)
        if told:
            evidence.exposure_changed()
        evidence.add_requests(
            request_window({"/exams": Counts(3, 25)}, {"/exams": Counts(0, 225)}, pods=10)
        )
        return finding_of(evidence, Metric.ERROR_RATE).evidence

    # At one to nine an error of the canary's means more than at equal shares.
    assert odds(told=True) > 2 * odds(told=False)
