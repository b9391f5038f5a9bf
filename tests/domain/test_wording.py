"""What people read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.changes import Seed
from controller.domain.findings import (
    Finding,
    Metric,
    Outcome,
    Range,
    Side,
    Spared,
    Uncovered,
    Verdict,
)
from controller.domain.naming import camel
from controller.domain.policy import Share
from controller.domain.readings import Missing
from controller.domain.records import GateKind
from controller.domain.wording import (
    chosen,
    conviction,
    duration,
    finding_sentence,
    lacking,
    rest_sentence,
    uncovered_sentence,
)
from controller.domain.wording.figures import daily, measured, percent, plain
from tests.domain.tabletop import on_trial

NOON: Final = datetime(2026, 3, 1, 12, 3, 4, tzinfo=UTC)

ERRORS: Final = Finding(
    metric=Metric.ERROR_RATE,
    outcome=Outcome.UNDECIDED,
    canary=Side(events=31, exposure=1000),
    stable=Side(events=12, exposure=9000),
    evidence=80,
    needed=200,
)
LAUNCH: Final = replace(
    ERRORS,
    outcome=Outcome.NOT_WORSE,
    segment="/lti/launch",
    canary=Side(events=0, exposure=31),
    stable=Side(events=0, exposure=280),
    evidence=0.4,
    hidden=0.0921,
)
CRASHES: Final = Finding(
    metric=Metric.RESTARTS,
    outcome=Outcome.WORSE,
    canary=Side(events=3, exposure=720),
    stable=Side(events=0, exposure=86_400 * 2),
    evidence=440,
    needed=200,
    reason="history",
)
QUEUE: Final = Finding(
    metric=Metric.GUARD,
    outcome=Outcome.NOT_WORSE,
    segment="queue",
    canary=Side(events=3),
    bound=5,
)


def segments(count: int, **fields: object) -> list[Finding]:
    """Segments that are exercised the more, the higher their number."""
    return [
        replace(LAUNCH, segment=f"/{n}", canary=Side(events=0, exposure=10 + n), **fields)  # type: ignore[arg-type]
        for n in range(count)
    ]


GOLDEN: Final = {
    "a pass says how large a regression can still hide": (
        LAUNCH,
        "Errors on /lti/launch: canary 0 of 31 requests failed, stable 0 of 280; "
        "a failure rate above 9.2 % would have shown (95 %); "
        "evidence under 0.01 of what decides",
    ),
    "an undecided comparison says how far it is": (
        replace(ERRORS, ratio=Range(low=11.8, high=45.3), hidden=0.047),
        "Errors in all: canary 31 of 1,000 requests failed (3.1 %), stable 12 of 9,000 (0.13 %); "
        "12 to 45 times stable's rate (95 %); "
        "a failure rate above 4.7 % would have shown (95 %); evidence 0.4 of what decides",
    ),
    "a conviction says what it was compared with": (
        replace(
            ERRORS, outcome=Outcome.WORSE, evidence=440, reason="concurrent", ratio=Range(low=3.14)
        ),
        "Errors in all: canary 31 of 1,000 requests failed (3.1 %), stable 12 of 9,000 (0.13 %); "
        "at least 3.1 times stable's rate (95 %); "
        "evidence 2.2 times what decides, compared with stable at the same time",
    ),
    "evidence that decided together with other evidence": (
        replace(ERRORS, outcome=Outcome.WORSE, evidence=199.9, hidden=0.05),
        "Errors in all: canary 31 of 1,000 requests failed (3.1 %), stable 12 of 9,000 (0.13 %); "
        "evidence 0.99 of what decides, enough together with the others",
    ),
    "crashes are told by pod and day": (
        CRASHES,
        "Crashes: canary 3 in 12 min of pod time (360 per pod and day), "
        "stable 0 in 48 h of pod time; "
        "evidence 2.2 times what decides, compared with stable's history",
    ),
    "deaths that are held against nobody are listed": (
        replace(
            CRASHES,
            outcome=Outcome.NOT_WORSE,
            canary=Side(events=0, exposure=3600),
            evidence=0.5,
            reason="",
            hidden=70 / 86_400,
            spared=(Spared(cause="Evicted", canary=2), Spared(cause="Deleted", stable=1)),
        ),
        "Crashes: canary 0 in 1 h of pod time, stable 0 in 48 h of pod time; "
        "more than 70 per pod and day would have shown (95 %); "
        "evidence under 0.01 of what decides; "
        "3 deaths not counted: 2 Evicted of the canary; 1 Deleted of stable",
    ),
    "a limit of crashes": (
        replace(CRASHES, reason="limit", bound=2),
        "Crashes: canary 3 in 12 min of pod time (360 per pod and day), more than the limit of 2",
    ),
    "a limit of the error rate": (
        replace(ERRORS, outcome=Outcome.WORSE, reason="limit", bound=0.02),
        "Errors in all: canary 31 of 1,000 requests failed (3.1 %), more than the limit of 2 %",
    ),
    "slow requests": (
        replace(LAUNCH, metric=Metric.SLOW_REQUESTS, ratio=Range(low=0.0, high=2.345)),
        "Slow requests on /lti/launch: canary 0 of 31 requests were slow, stable 0 of 280; "
        "at most 2.3 times stable's rate (95 %); "
        "a share of slow requests above 9.2 % would have shown (95 %); "
        "evidence under 0.01 of what decides",
    ),
    "requests slower than a bound": (
        Finding(
            metric=Metric.SLOW_REQUESTS,
            outcome=Outcome.WORSE,
            canary=Side(events=14, exposure=100),
            stable=Side(events=3, exposure=900),
            evidence=120.0,
            needed=100.0,
            reason="concurrent",
            bound=0.5,
        ),
        "Requests slower than 500 ms in all: canary 14 of 100 requests were slow (14 %), stable "
        "3 of 900 (0.33 %); evidence 1.2 times what decides, compared with stable at the same time",
    ),
    "a metric that cannot be read": (
        replace(ERRORS, outcome=Outcome.BLIND, reason="Prometheus is away"),
        "Errors in all: cannot be judged, Prometheus is away",
    ),
    "nothing asked yet": (
        Finding(metric=Metric.ERROR_RATE, outcome=Outcome.UNDECIDED),
        "Errors in all: canary no requests, stable no requests",
    ),
    "a guard within bounds": (QUEUE, "Guard queue: 3, within bounds"),
    "a guard that compares": (
        replace(QUEUE, stable=Side(events=2.5)),
        "Guard queue: 3, stable 2.5, within bounds",
    ),
    "a guard above its limit": (
        replace(
            QUEUE,
            outcome=Outcome.WORSE,
            canary=Side(events=7.25),
            reason="maximum",
            since=NOON,
        ),
        "Guard queue: 7.25, above the limit of 5 since 12:03:04 UTC",
    ),
    "a guard below its limit, not for long": (
        replace(QUEUE, outcome=Outcome.UNDECIDED, reason="minimum", since=NOON),
        "Guard queue: 3, below the limit of 5 since 12:03:04 UTC, not yet for as long as it may be",
    ),
    "a guard that is too many times stable's": (
        replace(QUEUE, outcome=Outcome.WORSE, reason="ratio", bound=1.5, since=NOON),
        "Guard queue: 3, stable 0, more than 1.5 times stable's value since 12:03:04 UTC",
    ),
    "a guard that cannot be evaluated": (
        replace(QUEUE, outcome=Outcome.BLIND, reason="the query gave no number"),
        "Guard queue: cannot be judged, the query gave no number",
    ),
    "a guard that was out of bounds before it went blind": (
        replace(QUEUE, outcome=Outcome.BLIND, reason="no answer", since=NOON),
        "Guard queue: cannot be judged, no answer; "
        "it was out of bounds since 12:03:04 UTC when last seen",
    ),
}


@pytest.mark.parametrize(("finding", "sentence"), GOLDEN.values(), ids=GOLDEN.keys())
def test_a_finding_reads(finding: Finding, sentence: str) -> None:
    assert finding_sentence(finding) == sentence


def test_words() -> None:
    assert duration(timedelta(hours=2, minutes=5)) == "2 h 5 min"
    assert camel("decided_at") == "decidedAt"
    assert [str(Share(pods=2)), str(Share(percent=12.5))] == ["2", "12.5%"]
    assert str(Missing("stale", "10 s old")) == "stale: 10 s old"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"),
        (1e-9, "less than 0.001 %"),
        (0.000123, "0.012 %"),
        (0.0004, "0.04 %"),
        (0.0921, "9.2 %"),
        (0.5, "50 %"),
        (0.905, "90 %"),
        (0.9949, "99.5 %"),
        (0.99999, "more than 99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_has_two_digits_and_is_never_all_or_nothing_by_rounding(
    share: float, said: str
) -> None:
    assert percent(share) == said


def test_numbers_are_not_more_precise_than_what_is_known() -> None:
    assert [plain(v) for v in (0, 3, 0.123, 4.56, 45.6, 999, 1234, 1e6)] == [
        *("0", "3", "0.12", "4.6", "46", "999", "1,200", "1,000,000"),
    ]
    assert daily(1 / 86_400 / 3) == "0.33 per pod and day"
    said = [measured(v) for v in (3.0, 0.123456, 1234.5678, 98765.4, 1e-9, 1e20, -2.5, 1e6)]
    assert said == [
        *("3", "0.1235", "1235", "98,770", "1.000e-09", "1.000e+20", "-2.5", "1,000,000"),
    ]


@given(st.floats(0, 1e18), st.floats(0, 1e18), st.floats(0, 1), st.sampled_from(list(Metric)))
def test_every_finding_can_be_said_in_numbers_that_can_be_read(
    events: float, evidence: float, hidden: float, metric: Metric
) -> None:
    finding = replace(
        ERRORS,
        metric=metric,
        canary=Side(events=events, exposure=1e7),
        evidence=evidence,
        hidden=hidden,
        ratio=Range(low=hidden, high=events),
    )
    said = finding_sentence(finding)
    assert metric is Metric.GUARD or "e+" not in said
    assert "nan" not in said


def test_evidence_that_is_far_beyond_is_said_so() -> None:
    assert "more than 1,000 times what decides" in finding_sentence(replace(ERRORS, evidence=1e99))


def test_a_range_that_says_nothing_is_not_said() -> None:
    for nothing in (Range(low=0), Range(low=0.66), Range(low=0.00001, high=1e6)):
        assert "times stable" not in finding_sentence(replace(ERRORS, ratio=nothing))
    same = finding_sentence(replace(ERRORS, ratio=Range(low=2.01, high=2.02)))
    assert "; 2 times stable's rate (95 %)" in same


def test_what_can_hide_is_not_said_where_everything_can() -> None:
    assert "would have shown" not in finding_sentence(replace(LAUNCH, hidden=1.0))


def test_the_words_of_what_is_missing_name_at_most_five_routes() -> None:
    gaps = tuple(Uncovered(segment=f"/{n}", requests=0, needed=5) for n in range(7))
    said = uncovered_sentence(gaps)
    assert "/4: 0 of 5 requests" in said
    assert said.endswith("and 2 more")


def test_a_fault_of_the_whole_service_names_the_route_that_stands_out() -> None:
    whole = replace(ERRORS, outcome=Outcome.WORSE, evidence=300)
    assert conviction(Verdict(outcome=Outcome.WORSE, findings=(whole,))) == finding_sentence(whole)
    route = replace(LAUNCH, segment="/lti", canary=Side(events=9, exposure=10), evidence=9)
    said = conviction(Verdict(outcome=Outcome.WORSE, findings=(whole, route, LAUNCH)))
    assert said.endswith("Most telling is /lti: canary 9 of 10 requests failed (90 %)")


def test_a_guard_that_convicts_is_the_whole_reason() -> None:
    guard = replace(QUEUE, outcome=Outcome.WORSE, reason="maximum", since=NOON)
    verdict = Verdict(outcome=Outcome.WORSE, findings=(ERRORS, guard))
    assert conviction(verdict) == finding_sentence(guard)


def test_what_is_lacking_names_the_guard_that_is_out_of_bounds_for_now() -> None:
    guard = replace(QUEUE, outcome=Outcome.UNDECIDED, reason="maximum", since=NOON)
    undecided = Verdict(outcome=Outcome.UNDECIDED, findings=(LAUNCH, guard))
    assert lacking(undecided) == finding_sentence(guard)


def test_what_is_lacking_says_how_much_would_have_shown_by_now() -> None:
    whole = replace(LAUNCH, segment="", outcome=Outcome.UNDECIDED)
    said = lacking(Verdict(outcome=Outcome.UNDECIDED, findings=(CRASHES, whole, LAUNCH)))
    assert said == (
        "too few requests to tell the canary from stable; "
        "a failure rate above 9.2 % would have shown (95 %)"
    )


def test_a_suspicion_is_what_a_release_waits_for_first() -> None:
    crash = replace(CRASHES, outcome=Outcome.UNDECIDED, evidence=20, reason="")
    held = Verdict(outcome=Outcome.UNDECIDED, findings=(LAUNCH, crash), suspicious=True)
    assert lacking(held) == f"the canary looks suspicious: {finding_sentence(crash)}"


def test_many_blind_segments_lack_one_thing() -> None:
    unseen = segments(50, outcome=Outcome.BLIND, reason="away")
    guard = replace(QUEUE, outcome=Outcome.BLIND, reason="no answer")
    said = lacking(Verdict(outcome=Outcome.BLIND, findings=(*unseen, guard)))
    assert said == "Errors on /0: cannot be judged, away; Guard queue: cannot be judged, no answer"
    assert lacking(Verdict(outcome=Outcome.BLIND)) == "metrics cannot be read"


def test_a_very_long_name_of_a_segment_is_cut() -> None:
    assert len(finding_sentence(replace(LAUNCH, segment="/" + "x" * 10_000))) < 400


def test_few_findings_are_all_shown() -> None:
    few = (CRASHES, ERRORS, LAUNCH, QUEUE)
    assert set(chosen(few)) == set(few)
    assert rest_sentence(few, chosen(few)) == ""


def test_of_many_segments_that_are_well_the_least_exercised_and_the_nearest_are_shown() -> None:
    suspect = replace(LAUNCH, segment="/suspect", canary=Side(events=2, exposure=500), evidence=20)
    many = [ERRORS, *segments(50), suspect, QUEUE]
    shown = chosen(many)
    assert [f.segment for f in shown] == ["", "queue", "/suspect", "/0", "/1"]
    assert rest_sentence(many, shown) == "48 more comparisons, none of them worse"


def test_what_is_worse_comes_first_and_leaves_no_room_for_what_is_well() -> None:
    worse = replace(ERRORS, outcome=Outcome.WORSE, segment="/bad", evidence=1e4)
    many = [replace(CRASHES, outcome=Outcome.NOT_WORSE), *segments(50), worse]
    assert [f.segment for f in chosen(many)] == ["/bad", ""]


def test_beside_what_is_worse_a_segment_is_shown_when_it_tells_something() -> None:
    worse = replace(ERRORS, outcome=Outcome.WORSE)
    bad = replace(LAUNCH, segment="/bad", canary=Side(events=4, exposure=9), evidence=20)
    one = replace(LAUNCH, segment="/one", canary=Side(events=1, exposure=900), evidence=0.1)
    assert [f.segment for f in chosen([worse, *segments(50), one, bad])] == ["", "/bad"]


def test_the_only_route_is_the_service_and_is_said_once() -> None:
    only = replace(ERRORS, segment="/only")
    assert chosen([ERRORS, only]) == (ERRORS,)
    assert rest_sentence([ERRORS, only], (ERRORS,)) == ""
    graver = replace(only, outcome=Outcome.WORSE)
    assert chosen([ERRORS, graver]) == (graver, ERRORS)


def test_one_reason_of_many_segments_is_said_once() -> None:
    unseen = segments(50, outcome=Outcome.BLIND, reason="away")
    whole = replace(ERRORS, outcome=Outcome.BLIND, reason="away")
    guards = [replace(QUEUE, segment=n, outcome=Outcome.BLIND, reason="away") for n in "ab"]
    many = [whole, *unseen, *guards]
    shown = chosen(many)
    assert list(shown) == [whole, *guards]
    assert rest_sentence(many, shown).endswith("50 of them cannot be judged either")


def test_what_does_not_fit_is_counted_with_what_is_worse_in_it() -> None:
    many = segments(20, outcome=Outcome.WORSE)
    assert rest_sentence(many, chosen(many)) == "8 more comparisons, 8 of them worse"
    assert rest_sentence((ERRORS, LAUNCH), (ERRORS,)) == "1 more comparison, not worse"


def test_the_gate_that_catches_is_named_to_people() -> None:
    table = on_trial(gate=GateKind.CATCH)
    assert "gate: catch" in table.status.outbox[0].headline
    assert Seed(1) not in table.changes or table.sets["B"] == 1
