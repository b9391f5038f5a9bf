"""Counters into counts: resets, new series, gaps, and that cutting time changes nothing."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.adapters.prometheus.counting import Window, distinct, increase, interval_of
from controller.adapters.prometheus.series import Sample, Series

LONG = 10**12


def gain(
    samples: Iterable[tuple[int, float]],
    since: int = 0,
    until: int = LONG,
    *,
    born: bool = False,
    gap_max: int = LONG,
) -> float:
    window = Window(since=since, until=until, gap_max=gap_max)
    return increase([(t * 1_000, v) for t, v in samples], window, born=born)


def test_what_lies_between_two_samples_is_counted() -> None:
    assert gain([(0, 100), (5, 103), (10, 110)]) == 10


def test_a_reset_counts_from_zero_and_is_not_a_negative() -> None:
    assert gain([(0, 100), (5, 104), (10, 3), (15, 5)]) == 4 + 3 + 2


def test_a_series_that_is_born_at_four_counts_four() -> None:
    assert gain([(5, 4), (10, 6)], born=True) == 6


def test_a_series_that_nobody_could_see_before_only_starts_the_count() -> None:
    assert gain([(5, 4), (10, 6)], born=False) == 2


def test_a_birth_before_the_window_is_not_counted_again() -> None:
    assert gain([(5, 4), (10, 6)], since=5_000, born=True) == 2


def test_a_sample_at_a_boundary_belongs_to_the_read_that_ends_there() -> None:
    samples = [(0, 0), (5, 1), (10, 3)]
    assert gain(samples, since=0, until=5_000) == 1
    assert gain(samples, since=5_000, until=10_000) == 2


def test_what_happened_while_nobody_could_scrape_is_not_counted() -> None:
    assert gain([(0, 0), (5, 10), (65, 900), (70, 905)], gap_max=17_500) == 10 + 5


def test_a_restart_while_nobody_could_scrape_counts_from_zero() -> None:
    assert gain([(0, 0), (5, 10), (65, 2)], gap_max=17_500) == 10 + 2


def test_no_samples_are_no_increase() -> None:
    assert gain([], born=True) == 0


# Timelines: samples a few seconds apart, a counter that grows, resets now and then.
STEPS = st.lists(
    st.tuples(
        st.integers(min_value=1, max_value=40_000),
        st.integers(min_value=0, max_value=50),
        st.sampled_from([False] * 9 + [True]),
    ),
    min_size=1,
    max_size=40,
)


def timeline(steps: list[tuple[int, int, bool]]) -> list[Sample]:
    time, value, samples = 0, 0, []
    for spacing, added, restarted in steps:
        time += spacing
        value = added if restarted else value + added
        samples.append((time, float(value)))
    return samples


@given(STEPS, st.lists(st.integers(min_value=0, max_value=1_000_000), max_size=10), st.booleans())
@settings(max_examples=200)
def test_however_time_is_cut_the_sum_is_the_same(
    steps: list[tuple[int, int, bool]], cuts: list[int], born: bool
) -> None:
    samples = timeline(steps)
    bounds = [0, *sorted(cuts), 1_000_000 + samples[-1][0]]

    def count(since: int, until: int) -> float:
        return increase(samples, Window(since=since, until=until, gap_max=20_000), born=born)

    parts = sum(count(a, b) for a, b in pairwise(bounds))
    assert parts == count(0, bounds[-1])


@given(STEPS)
@settings(max_examples=100)
def test_a_count_is_never_negative_and_never_more_than_was_shown(
    steps: list[tuple[int, int, bool]],
) -> None:
    samples = timeline(steps)
    counted = increase(samples, Window(since=0, until=LONG, gap_max=LONG), born=True)
    assert 0 <= counted <= sum(added for _, added, _ in steps)


def series(times: Iterable[int], **labels: str) -> Series:
    return Series(labels, tuple((time * 1_000, 1.0) for time in times))


def test_the_scrape_interval_is_the_usual_spacing() -> None:
    assert interval_of({"a": [series([0, 5, 10, 25, 30])]}) == 5_000


def test_the_slowest_pod_sets_the_interval() -> None:
    pods = {"a": [series([0, 5, 10])], "b": [series([0, 60, 120])]}
    assert interval_of(pods) == 60_000


def test_a_spacing_seen_once_tells_only_when_nothing_else_does() -> None:
    assert interval_of({"a": [series([0, 40])]}) == 40_000
    assert interval_of({"a": [series([0, 40])], "b": [series([0, 5, 10])]}) == 5_000
    assert interval_of({"a": [series([0])]}) is None


def test_a_pod_scraped_for_two_services_is_counted_once() -> None:
    one = series([0, 5, 10], instance="10.0.0.1:80", service="api", code="200")
    again = series([1, 6, 11], instance="10.0.0.1:80", service="api-headless", code="200")
    assert distinct([again, one], frozenset({"code"}), 17_500) == [one]


def test_when_the_chosen_target_ends_the_other_is_taken() -> None:
    ended = series([0, 5], instance="10.0.0.1:80", job="a")
    other = series([1, 6, 31], instance="10.0.0.1:80", job="b")
    assert distinct([ended, other], frozenset(), 17_500) == [other]


def test_a_label_of_the_application_that_sounds_like_a_targets_splits_nothing_off() -> None:
    login = series([0, 5, 10], instance="10.0.0.1:80", endpoint="/login")
    exam = series([0, 5, 10], instance="10.0.0.1:80", endpoint="/exam")
    assert distinct([login, exam], frozenset(), 17_500) == [login, exam]


def test_two_containers_of_a_pod_are_two_servers() -> None:
    app = series([0, 5], instance="10.0.0.1:80")
    sidecar = series([1, 6], instance="10.0.0.1:81")
    assert distinct([app, sidecar], frozenset(), 17_500) == [app, sidecar]


def test_a_request_that_two_libraries_count_is_counted_once() -> None:
    inner = series([0, 5], http_route="/exam", otel_scope_name="fastapi")
    outer = series([0, 5], http_route="/exam", otel_scope_name="opentelemetry.asgi")
    alone = series([0, 5], http_route="/login", otel_scope_name="opentelemetry.asgi")
    assert distinct([outer, alone, inner], frozenset(), 17_500) == [inner, alone]
