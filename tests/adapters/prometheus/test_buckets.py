"""Histograms, classic and native, into requests that were fast enough and those that were slow."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.adapters.prometheus.buckets import (
    UNBOUNDED,
    Pace,
    Threshold,
    between,
    matchers_of,
    nearest,
    offered,
    paces,
)
from controller.adapters.prometheus.counting import Window, increase
from controller.adapters.prometheus.series import Bucket, Series

HALF = Threshold(0.5, "s")


def classic(le: str, *counts: float, **labels: str) -> Series:
    samples = tuple((5_000 * n, count) for n, count in enumerate(counts))
    return Series({"__name__": "took_bucket", "le": le, **labels}, samples)


def native(*samples: list[tuple[float, float, float]]) -> Series:
    buckets = tuple(tuple(Bucket(*bucket) for bucket in sample) for sample in samples)
    counts = tuple((5_000 * n, sum(b.number for b in found)) for n, found in enumerate(buckets))
    return Series({"__name__": "took"}, counts, buckets)


def values(found: list[Pace]) -> dict[str, list[float]]:
    return {
        "slow" if pace.slow else "fast": [value for _, value in pace.series.samples]
        for pace in found
    }


def test_what_is_above_the_threshold_is_slow() -> None:
    found = paces([classic("0.5", 1, 5, 9), classic("+Inf", 1, 6, 12)], HALF)
    assert values(found) == {"fast": [1, 5, 9], "slow": [0, 1, 3]}


def test_bounds_are_numbers_however_they_are_spelt() -> None:
    for spelling in ("0.5", "0.50", "5e-1", ".5"):
        found = paces([classic(spelling, 1), classic("+Inf", 2), classic("0.25", 0)], HALF)
        assert values(found) == {"fast": [1], "slow": [1]}


def test_every_status_and_route_has_a_histogram_of_its_own() -> None:
    series = [
        classic("0.5", 1, code="200"),
        classic("+Inf", 1, code="200"),
        classic("0.5", 0, code="500"),
        classic("+Inf", 4, code="500"),
    ]
    assert [pace.series.samples[0][1] for pace in paces(series, HALF)] == [1, 0, 0, 4]


def test_a_scrape_that_brought_one_of_the_two_tells_nothing() -> None:
    whole = classic("+Inf", 1, 6, 12)
    part = Series(classic("0.5", 0).labels, ((0, 1.0), (10_000, 9.0)))
    assert values(paces([part, whole], HALF)) == {"fast": [1, 9], "slow": [0, 3]}


def test_a_classic_histogram_without_the_bound_says_that_it_is_none() -> None:
    assert paces([classic("+Inf", 7)], HALF) == []
    assert between([classic("+Inf", 7)], HALF) == UNBOUNDED
    assert between([classic("+Inf", 7), classic("0.50", 7)], HALF) is None
    assert between([], HALF) is None


def test_a_native_histogram_is_split_at_a_bound_of_its_buckets() -> None:
    one = native([(0.25, 0.5, 3), (0.5, 1.0, 2)], [(0.25, 0.5, 4), (1.0, 2.0, 5)])
    assert values(paces([one], HALF)) == {"fast": [3, 4], "slow": [2, 5]}


def test_a_native_histogram_with_the_threshold_within_a_bucket_cannot_tell() -> None:
    one = native([(0.25, 0.5, 3), (0.5, 1.0, 2)])
    assert paces([one], Threshold(0.75, "s")) == []
    assert between([one], Threshold(0.75, "s")) == (0.5, 1.0)


def test_exponential_bounds_are_known_before_a_request_falls_next_to_the_threshold() -> None:
    """Else a release would begin well, and be blind from the first such request on."""
    low, high = 2 ** (-24 / 8), 2 ** (-23 / 8)
    one = native([(0, 1e-9, 1), (low, high, 60), (2**-1.125, 0.5, 18)])
    found = between([one], Threshold(0.7, "s"))
    assert found is not None
    assert offered(found, "s") == "648ms and 707ms"
    assert between([one], HALF) is None
    assert values(paces([one], Threshold(0.707, "s"))) == {"fast": [79], "slow": [0]}


def test_custom_bounds_are_not_taken_for_exponential_ones() -> None:
    one = native([(0.25, 0.5, 3), (0.5, 1.0, 2)])
    assert values(paces([one], Threshold(0.2, "s"))) == {"fast": [0], "slow": [5]}
    assert between([native([(0.1, 0.25, 3)])], Threshold(0.75, "s")) is None


def test_a_histogram_kept_in_both_forms_is_counted_once() -> None:
    both = [native([(0.5, 1.0, 2)]), classic("0.5", 0), classic("+Inf", 2)]
    assert values(paces(both, HALF)) == {"fast": [0], "slow": [2]}
    coarse = [native([(0.5, 1.0, 2)]), classic("+Inf", 2)]
    assert values(paces(coarse, HALF)) == {"fast": [0], "slow": [2]}


def test_the_unit_is_the_histograms() -> None:
    half = timedelta(milliseconds=500)
    assert Threshold.of(half, "s") == HALF
    assert Threshold.of(half, "ms") == Threshold(500, "ms")


def test_the_nearest_bounds_are_offered_as_a_threshold_is_written() -> None:
    bounds = [0.0004, 0.1, 0.25, 1.0, 2.5, float("inf")]

    def told(value: float) -> str:
        return offered(nearest(bounds, Threshold(value, "s")), "s")

    assert told(0.5) == "250ms and 1s"
    assert told(2.0) == "1s and 2s500ms"
    assert told(5.0) == "2s500ms"
    assert told(0.05) == "100ms"
    assert offered((0.25, 1.0), "ms") == "1ms"
    assert offered(nearest([], HALF), "s") == ""


def test_a_bound_with_more_digits_is_written_rounded() -> None:
    """Micrometer's, for one."""
    assert offered((0.268435456, 0.357913941), "s") == "268ms and 358ms"
    found = paces([classic("0.357913941", 3), classic("+Inf", 4)], Threshold(0.358, "s"))
    assert values(found) == {"fast": [3], "slow": [1]}
    assert not Threshold(0.357, "s").is_at(0.357913941)
    assert not Threshold(0.001, "s").is_at(0.0008)


@pytest.mark.parametrize(
    ("threshold", "spellings"),
    [
        (HALF, ("0.5", "0.50", "0.500", "0.499999999")),
        (Threshold(1, "s"), ("1", "1.0", "1.00", "1.0004")),
        (Threshold(500, "ms"), ("500", "500.0", "499.9")),
        (Threshold(0.00005, "s"), ("5e-05", "0.00005")),
        (Threshold(0.358, "s"), ("0.358", "0.357913941")),
        (Threshold(1.432, "s"), ("1.431655766",)),
    ],
)
def test_the_selector_finds_the_bound_in_its_usual_spellings(
    threshold: Threshold, spellings: tuple[str, ...]
) -> None:
    text = matchers_of("took", threshold)
    names, bounds = (part.replace("\\\\", "\\") for part in re.findall(r'=~"([^"]*)"', text))
    assert all(re.fullmatch(names, name) for name in ("took", "took_bucket"))
    assert not re.fullmatch(names, "took_count")
    assert all(re.fullmatch(bounds, spelling) for spelling in (*spellings, "+Inf", ""))
    assert not any(re.fullmatch(bounds, other) for other in ("0.25", "5", "0.55", "10", "5000"))


ANY = st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(st.lists(st.tuples(ANY, ANY, st.floats(0, 1e12)), max_size=4), min_size=1, max_size=3),
    st.lists(st.tuples(ANY, st.floats(0, 1e12)), max_size=4),
    st.sampled_from([HALF, Threshold(1, "ms"), Threshold(0.75, "s"), Threshold(1e6, "ms")]),
)
def test_garbage_is_no_error_and_never_more_slow_requests_than_requests(
    natives: list[list[tuple[float, float, float]]],
    bounds: list[tuple[float, float]],
    threshold: Threshold,
) -> None:
    series = [native(*natives), *(classic(str(bound), number) for bound, number in bounds)]
    between(series, threshold)
    for pace in paces(series, threshold):
        assert all(value >= 0 for _, value in pace.series.samples)


def gained(found: list[Pace], *, slow: bool, since: int = -1, until: int = 10**9) -> float:
    window = Window(since=since, until=until, gap_max=60_000)
    return sum(
        increase(pace.series.samples, window, born=False) for pace in found if pace.slow is slow
    )


def test_a_request_that_came_between_the_reads_of_two_buckets_is_no_new_process() -> None:
    found = paces(
        [classic("0.5", 90_000, 91_001, 92_000), classic("+Inf", 100_000, 101_000, 102_000)], HALF
    )
    assert gained(found, slow=True) == 0
    assert gained(found, slow=False) == 2_000


def test_a_new_process_counts_from_zero_even_if_it_was_slower_than_the_one_before() -> None:
    found = paces([classic("0.5", 990, 20), classic("+Inf", 1_000, 60)], HALF)
    assert (gained(found, slow=True), gained(found, slow=False)) == (40, 20)


def test_a_native_histogram_of_a_new_process_counts_from_zero() -> None:
    found = paces([native([(0.25, 0.5, 990), (0.5, 1, 10)], [(0.25, 0.5, 20), (0.5, 1, 40)])], HALF)
    assert (gained(found, slow=True), gained(found, slow=False)) == (40, 20)


def test_a_native_histogram_read_while_it_counts_is_no_new_process() -> None:
    """The slow request is in its bucket already, and not yet in the count."""
    one = native([(0.25, 0.5, 90), (0.5, 1, 10)], [(0.25, 0.5, 90), (0.5, 1, 11)])
    torn = replace(one, samples=tuple((time, 100.0) for time, _ in one.samples))
    found = paces([torn], HALF)
    assert (gained(found, slow=True), gained(found, slow=False)) == (1, 0)


steps = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans(), st.booleans()),
    min_size=2,
    max_size=30,
)


@given(steps)
def test_however_the_two_buckets_are_read_nobody_was_slow_who_was_not(
    steps: list[tuple[int, int, bool, bool]],
) -> None:
    """`late`: a fast request between the two reads, seen in one of the buckets alone."""
    whole: list[float] = []
    quick: list[float] = []
    requests = fast = slow = truly_slow = 0
    for number, (more_fast, more_slow, late, restarted) in enumerate(steps):
        if restarted and number:
            requests = fast = slow = 0
        fast, slow, requests = fast + more_fast, slow + more_slow, requests + more_fast + more_slow
        truly_slow += more_slow if number else 0
        # The bucket is read after the total: with one request more, which is in both the next time.
        fast, requests = fast + late, requests + late
        whole.append(requests - late)
        quick.append(fast)
    found = paces([classic("0.5", *quick), classic("+Inf", *whole)], HALF)
    restarts_seen = sum(b < a for a, b in pairwise(whole)) + sum(b < a for a, b in pairwise(quick))
    counted = gained(found, slow=True)
    assert counted >= 0
    if not any(restarted for *_, restarted in steps[1:]):
        assert restarts_seen == 0
        # One request may be told from another only at the first sample and at the last.
        assert abs(counted - truly_slow) <= 1
    middle = 5_000 * (len(steps) // 2)
    halves = gained(found, slow=True, until=middle) + gained(found, slow=True, since=middle)
    assert halves == counted


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), min_size=2, max_size=30
    )
)
def test_between_two_reads_nobody_was_slow_who_did_not_come(
    reads: list[tuple[int, int, bool]],
) -> None:
    """Each bucket grows as it likes, as if read at any moment; a new process begins at zero."""
    whole: list[float] = []
    quick: list[float] = []
    for more, more_fast, restarted in reads:
        fresh = restarted or not whole
        whole.append(more if fresh else whole[-1] + more)
        quick.append(more_fast if fresh else quick[-1] + more_fast)
    found = paces([classic("0.5", *quick), classic("+Inf", *whole)], HALF)
    counted = []
    for number in range(1, len(reads)):
        now, before = 5_000 * number, 5_000 * (number - 1)
        slow = gained(found, slow=True, since=before, until=now)
        counted.append(slow)
        if whole[number] < whole[number - 1] or quick[number] < quick[number - 1]:
            assert slow == max(0, whole[number] - quick[number])
            assert gained(found, slow=False, since=before, until=now) == quick[number]
        else:
            assert 0 <= slow <= whole[number] - whole[number - 1]
    assert sum(counted) == gained(found, slow=True)
