"""What holds of the evidence for any numbers."""

import math
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.evidence import (
    Bursts,
    CrashWindow,
    Evidence,
    History,
    RequestPast,
    RequestWindow,
)
from controller.domain.evidence.windows import PodCounts
from controller.domain.findings import Finding, Metric, Outcome, Verdict
from controller.domain.policy import Policy
from controller.domain.readings import Counts

POLICY = Policy(target="exam-api")
PAST = RequestPast(
    segments={"/a": Counts(20, 20_000), "/b": Counts(0, 300)},
    pods={"p": Counts(9, 10_000), "q": Counts(11, 10_300)},
)
HISTORY = History(
    errors=PAST,
    pod_seconds=2 * 86400.0,
)
ROUTES = ["/a", "/b", "/late", "", "/exam/1"]

anything = st.floats(allow_nan=True, allow_infinity=True)
whole = st.integers(-5, 10**15)


@st.composite
def sound_counts(draw: st.DrawFn) -> Counts:
    requests = draw(st.integers(0, 400))
    return Counts(float(draw(st.integers(0, requests))), float(requests))


def sides(counts: st.SearchStrategy[Counts]) -> st.SearchStrategy[dict[str, dict[str, Counts]]]:
    segments = st.dictionaries(st.sampled_from(ROUTES), counts, max_size=4)
    return st.dictionaries(st.sampled_from(["p", "q", "r"]), segments, max_size=3)


def windows(counts: st.SearchStrategy[Counts]) -> st.SearchStrategy[RequestWindow]:
    return st.builds(
        RequestWindow,
        seconds=st.sampled_from([0.0, 5.0, 15.0, 300.0]),
        canary=sides(counts),
        stable=sides(counts),
        canary_pods=st.integers(0, 3),
        stable_pods=st.integers(0, 9),
    )


crash_windows = st.builds(
    CrashWindow,
    canary_crashes=st.integers(0, 3),
    stable_crashes=st.integers(0, 3),
    canary_seconds=st.floats(0, 100),
    stable_seconds=st.floats(0, 1000),
    seconds=st.sampled_from([0.0, 1.0, 5.0]),
)
garbage = st.builds(Counts, anything, anything)
garbage_windows = st.builds(
    RequestWindow,
    seconds=anything,
    canary=sides(garbage),
    stable=sides(garbage),
    canary_pods=whole,
    stable_pods=whole,
)
garbage_crashes = st.builds(
    CrashWindow,
    canary_crashes=st.integers(-(10**15), -1),
    stable_crashes=whole,
    canary_seconds=anything,
    stable_seconds=anything,
    seconds=anything,
)
looks = st.lists(windows(sound_counts()), max_size=8)


def numbers(verdict: Verdict) -> list[float]:
    return [
        value
        for f in verdict.findings
        for value in (
            f.evidence,
            f.needed,
            f.canary.events,
            f.canary.exposure,
            f.stable.events,
            f.stable.exposure,
        )
    ]


def after(
    windows: list[RequestWindow], crashes: list[CrashWindow], history: History = HISTORY
) -> Evidence:
    evidence = Evidence.begin(POLICY, history)
    for window in windows:
        evidence.add_requests(window)
    for crash in crashes:
        evidence.add_crashes(crash)
    return evidence


@given(st.lists(garbage_windows, max_size=5), st.lists(garbage_crashes, max_size=5), st.booleans())
def test_garbage_neither_raises_nor_decides(
    windows: list[RequestWindow], crashes: list[CrashWindow], gone: bool
) -> None:
    history = History(
        errors=RequestPast(
            segments={"/a": Counts(math.nan, 1.0), "/b": Counts(5.0, 1.0), "": Counts(-1.0, 1.0)},
            pods={"p": Counts(math.inf, math.inf)},
            bursts={
                "": Bursts((math.nan, -1.0), (math.inf, 1e300)),
                "/a": Bursts((1e300, 1), (1, 1)),
            },
        ),
        restarts=-1,
        pod_seconds=math.nan,
    )
    # Among garbage there may be sound counts by chance; those may count, but not for much.
    verdict = after(windows, crashes, history).verdict(stable_gone=gone)
    assert all(map(math.isfinite, numbers(verdict)))
    if all(not _sound(c) for w in windows for p in w.canary.values() for c in p.values()):
        assert verdict.outcome is Outcome.UNDECIDED


def _sound(counts: Counts) -> bool:
    return 0 <= counts.errors <= counts.requests < math.inf


@given(looks, st.lists(crash_windows, max_size=8), st.integers(0, 8), st.booleans())
def test_a_resumed_release_goes_on_exactly_alike(
    windows: list[RequestWindow], crashes: list[CrashWindow], cut: int, gone: bool
) -> None:
    running = after(windows[:cut], crashes[:cut])
    resumed = Evidence.load(running.dump(), POLICY)
    for evidence in (running, resumed):
        for window in windows[cut:]:
            evidence.add_requests(window)
        for crash in crashes[cut:]:
            evidence.add_crashes(crash)
    assert resumed.dump() == running.dump()
    assert resumed.verdict(stable_gone=gone) == running.verdict(stable_gone=gone)


def by_stream(verdict: Verdict) -> dict[tuple[Metric, str], Finding]:
    return {(finding.metric, finding.segment): finding for finding in verdict.findings}


def with_more_errors(window: RequestWindow, more: int) -> RequestWindow:
    return replace(
        window,
        canary={
            pod: {
                segment: Counts(min(counts.errors + more, counts.requests), counts.requests)
                for segment, counts in segments.items()
            }
            for pod, segments in window.canary.items()
        },
    )


@given(looks, st.lists(st.integers(0, 200), min_size=8, max_size=8), st.booleans())
def test_more_canary_errors_never_lower_the_evidence(
    windows: list[RequestWindow], more: list[int], gone: bool
) -> None:
    milder, harsher = Evidence.begin(POLICY, HISTORY), Evidence.begin(POLICY, HISTORY)
    for window, errors in zip(windows, more, strict=False):
        milder.add_requests(window)
        harsher.add_requests(with_more_errors(window, errors))
        mild, harsh = milder.verdict(stable_gone=gone), harsher.verdict(stable_gone=gone)
        for stream, finding in by_stream(mild).items():
            assert by_stream(harsh)[stream].evidence >= finding.evidence * (1 - 1e-3) - 1e-9
        order = [Outcome.NOT_WORSE, Outcome.UNDECIDED, Outcome.WORSE]
        assert order.index(harsh.outcome) >= order.index(mild.outcome)


def reordered(side: PodCounts, dice: Random) -> dict[str, dict[str, Counts]]:
    pods = {pod: dict(dice.sample(list(s.items()), len(s))) for pod, s in side.items()}
    return dict(dice.sample(list(pods.items()), len(pods)))


@given(looks, st.randoms(use_true_random=False))
def test_the_order_of_pods_and_segments_does_not_matter(
    windows: list[RequestWindow], dice: Random
) -> None:
    other = [
        replace(w, canary=reordered(w.canary, dice), stable=reordered(w.stable, dice))
        for w in windows
    ]
    backwards = dict(reversed(list(PAST.segments.items())))
    history = replace(HISTORY, errors=replace(PAST, segments=backwards))
    assert after(windows, []).dump() == after(other, [], history).dump()


@given(looks, st.lists(crash_windows, max_size=8), st.booleans())
def test_findings_are_finite_and_name_each_stream_once(
    windows: list[RequestWindow], crashes: list[CrashWindow], gone: bool
) -> None:
    verdict = after(windows, crashes).verdict(stable_gone=gone)
    assert all(map(math.isfinite, numbers(verdict)))
    assert verdict.findings[0].metric is Metric.RESTARTS
    assert len(by_stream(verdict)) == len(verdict.findings)
    convicted = [f for f in verdict.findings if f.outcome is Outcome.WORSE]
    assert bool(convicted) == (verdict.outcome is Outcome.WORSE)
    assert all(f.reason in {"concurrent", "history"} for f in convicted)
