"""A day of stable's past comes back whole, at a bounded cost, whatever befell its pods."""

import asyncio
from datetime import timedelta

import pytest

from controller.adapters.prometheus import siblings
from controller.adapters.prometheus.chronicle import Chronicle, past_of
from controller.adapters.prometheus.counters import counter_of
from controller.adapters.prometheus.lives import read_lives
from controller.adapters.prometheus.past import LOOKS, MARKS, SERIES_MAX, Size
from controller.adapters.prometheus.series import Series, instant
from controller.domain.evidence.streams import OTHERS
from controller.domain.policy import RequestSource, SegmentRules, SlowRequests
from controller.domain.readings import Counts, Lives, Missing, Past
from controller.engine.ports import Stable
from tests.adapters.prometheus.historian import (
    BUCKET,
    DAY,
    NOW,
    REQUESTS,
    SOURCE,
    Historian,
    ago,
    asked,
    counter,
    read,
    stable,
    total,
)

SHORT_STEP_MS = 15_000


def whole(found: Past | Missing) -> Past:
    assert isinstance(found, Past), found
    return found


def of(past: Past, pod: str) -> Counts:
    return total(past.pods[pod].values())


def test_a_pod_older_than_the_span_counts_what_it_gained_in_it() -> None:
    historian = Historian()
    historian.pod("web-1-aaaaa", ago(days=3), ago(), errors=lambda ms: ms // 60_000)
    past = whole(read(historian, stable("web-1-aaaaa", created=NOW - timedelta(days=3))))
    seconds = (past.until - past.since).total_seconds()
    assert timedelta(hours=23) <= past.until - past.since <= DAY
    assert of(past, "web-1-aaaaa").requests == pytest.approx(seconds * (10 + 1 / 60), rel=0.001)
    assert of(past, "web-1-aaaaa").errors == pytest.approx(seconds / 60, abs=2)
    assert NOW - past.until < timedelta(seconds=25)


def test_a_younger_one_counts_from_its_first_request() -> None:
    historian = Historian()
    historian.pod("web-1-aaaaa", ago(hours=2.5), ago(), errors=lambda _: 7)
    past = whole(read(historian, stable("web-1-aaaaa", created=NOW - timedelta(hours=2.5))))
    assert past.since == NOW - timedelta(hours=2.5)
    assert of(past, "web-1-aaaaa").errors == 7
    assert of(past, "web-1-aaaaa").requests == pytest.approx(2.5 * 3600 * 10, rel=0.002)


def test_errors_that_begin_late_count_from_zero() -> None:
    """Their series is not there before: `increase` would not see the first of them."""
    historian = Historian()
    historian.pod(
        "web-1-aaaaa", ago(days=3), ago(), errors=lambda ms: 4 if ms > 70 * 3_600_000 else 0
    )
    past = whole(read(historian, stable("web-1-aaaaa", created=NOW - timedelta(days=3))))
    assert of(past, "web-1-aaaaa").errors == 4


def test_pods_that_are_gone_are_in_it() -> None:
    historian = Historian()
    historian.pod("web-1-aaaaa", ago(days=3), ago())
    historian.pod("web-1-bbbbb", ago(hours=20), ago(hours=10), errors=lambda _: 3)
    historian.pod("web-1-ccccc", ago(days=3), ago(hours=12), errors=lambda ms: ms // 3_600_000)
    historian.pod("web-2-ddddd", ago(hours=20), ago(), errors=lambda _: 9)
    historian.pod("web-1-tool-eeeee", ago(hours=20), ago(), errors=lambda _: 9)
    past = whole(read(historian, stable("web-1-aaaaa", created=NOW - timedelta(days=3))))
    assert set(past.pods) == {"web-1-aaaaa", "web-1-bbbbb", "web-1-ccccc"}
    gone = of(past, "web-1-bbbbb")
    assert gone.errors == 3
    assert gone.requests == pytest.approx(36_000 * 10, rel=0.11)
    assert of(past, "web-1-ccccc").errors == pytest.approx(12, abs=1)


def test_a_restart_takes_nothing_away() -> None:
    historian = Historian()
    before = [(ago(hours=20) + n * 60_000, float(n)) for n in range(600)]
    after = [(ago(hours=10) + n * 60_000, float(n)) for n in range(600)]
    historian.add(REQUESTS, before + after, pod="web-1-aaaaa", code="200", handler="/")
    past = whole(read(historian, stable("web-1-aaaaa", created=NOW - timedelta(hours=21))))
    assert of(past, "web-1-aaaaa").requests == pytest.approx(1200, abs=65)


def test_the_last_minutes_come_look_by_look() -> None:
    historian = Historian()
    for pod in ("web-1-aaaaa", "web-1-bbbbb"):
        historian.pod(pod, ago(days=3), ago(), interval=SHORT_STEP_MS)
    past = whole(
        read(historian, stable("web-1-aaaaa", "web-1-bbbbb", created=NOW - timedelta(days=3)))
    )
    assert LOOKS - 3 <= len(past.recent) <= LOOKS
    for look in past.recent:
        assert set(look) == {"web-1-aaaaa", "web-1-bbbbb"}
        assert {pod: total(look[pod].values()).requests for pod in look} == {
            "web-1-aaaaa": pytest.approx(150),
            "web-1-bbbbb": pytest.approx(150),
        }


def test_a_burst_is_in_the_look_in_which_it_was_first_seen() -> None:
    """Also when it is the first error that the pod ever had."""
    historian = Historian()
    start = ago(days=3)
    fifth = ago(seconds=5 * 15)
    historian.pod("web-1-aaaaa", start, ago(), errors=lambda ms: 30 if start + ms > fifth else 0)
    past = whole(read(historian, stable("web-1-aaaaa", created=instant(start))))
    errors = [sum(c.errors for c in look["web-1-aaaaa"].values()) for look in past.recent]
    assert sum(errors) == 30
    assert max(errors) == 30
    assert 3 <= errors[::-1].index(30) <= 4


def test_segments_are_those_that_stable_has_most_of() -> None:
    historian = Historian()
    for number in range(6):
        historian.pod(
            "web-1-aaaaa", ago(days=2), ago(), good_per_second=10 - number, route=f"/{number}"
        )
    source = RequestSource(preset="promhttp", segments=SegmentRules(most=2, deny=("/5",)))
    who = stable("web-1-aaaaa", created=NOW - timedelta(days=2))
    past = whole(read(historian, who, source=source))
    assert set(past.pods["web-1-aaaaa"]) == {"/0", "/1", OTHERS}
    assert {name for look in past.recent for name in look["web-1-aaaaa"]} == {"/0", "/1", OTHERS}


def test_slow_requests_have_a_past_too() -> None:
    historian = Historian()
    times = range(ago(hours=5), ago(), 15_000)
    for bound, share in (("0.5", 0.9), ("+Inf", 1.0)):
        counted = [(time, (time - times[0]) / 1000 * share) for time in times]
        historian.add(BUCKET, counted, pod="web-1-aaaaa", le=bound, handler="/")
    past = whole(
        read(
            historian,
            stable("web-1-aaaaa", created=NOW - timedelta(hours=5)),
            slow=SlowRequests(threshold=timedelta(milliseconds=500)),
        )
    )
    counts = of(past, "web-1-aaaaa")
    assert counts.requests == pytest.approx(5 * 3600, rel=0.01)
    assert counts.errors / counts.requests == pytest.approx(0.1, rel=0.01)
    look = total(past.recent[-1]["web-1-aaaaa"].values())
    assert look.errors == pytest.approx(1.5, rel=0.01)


def test_where_a_day_takes_too_long_an_hour_will_do() -> None:
    historian = Historian(answers={"[86400s:": Missing("refused", "too many samples")})
    historian.pod("web-1-aaaaa", ago(days=3), ago())
    past = whole(read(historian, stable("web-1-aaaaa", created=NOW - timedelta(days=3))))
    assert timedelta(minutes=55) < past.until - past.since < timedelta(hours=2)
    assert len(past.recent) > 100


def test_what_is_read_is_never_more_than_was_asked_for() -> None:
    historian = Historian()
    historian.pod("web-1-aaaaa", ago(days=3), ago())
    who = stable("web-1-aaaaa", created=NOW - timedelta(days=3))
    past = whole(read(historian, who, span=timedelta(minutes=20)))
    assert timedelta(minutes=18) < past.until - past.since <= timedelta(minutes=20)
    assert 70 < len(past.recent) <= 80


def test_at_the_worst_it_is_what_living_pods_show() -> None:
    raw = Size(series=3, interval=15_000).recent // 1000 + 1
    slow = Missing("timeout", "slow")
    historian = Historian(answers={"s:": slow, f"[{raw}s]": slow})
    historian.pod("web-1-aaaaa", ago(days=3), ago(), errors=lambda _: 5)
    historian.pod("web-1-bbbbb", ago(days=3), ago(hours=1))
    past = whole(read(historian, stable("web-1-aaaaa", created=NOW - timedelta(days=3))))
    assert past.since == NOW - timedelta(days=3)
    assert set(past.pods) == {"web-1-aaaaa"}
    assert of(past, "web-1-aaaaa").errors == 5
    assert of(past, "web-1-aaaaa").requests == pytest.approx(3 * 86_400 * 10, rel=0.001)
    assert past.recent == ()


def test_a_source_that_is_away_is_not_asked_again_and_again() -> None:
    historian = Historian(answers={"[86400s:": Missing("unreachable", "connection refused")})
    historian.pod("web-1-aaaaa", ago(days=3), ago())
    found = read(historian, stable("web-1-aaaaa", created=NOW - timedelta(days=3)))
    assert found == Missing("unreachable", "connection refused")
    assert sum("s:" in text for text in historian.asked) == 1


def test_all_of_it_is_over_in_time() -> None:
    async def run() -> float:
        from controller.adapters.prometheus.past import BUDGET_SECONDS, read_past  # noqa: PLC0415

        loop = asyncio.get_running_loop()
        began = loop.time()
        historian = Historian(answers={"[86400s:": 0.2, "[3600s:": 0.2})
        historian.pod("web-1-aaaaa", ago(days=3), ago())
        who = stable("web-1-aaaaa", created=NOW - timedelta(days=3))
        assert isinstance(await read_past(historian, counter(), asked(who)), Past)
        assert all(text.count("web-1-[a-z0-9]+") <= 1 for text in historian.asked)
        return BUDGET_SECONDS - (loop.time() - began)

    assert asyncio.run(run()) > 0


def test_too_many_series_are_refused_before_they_are_fetched() -> None:
    historian = Historian()
    for number in range(SERIES_MAX + 1):
        labels = {"pod": "web-1-aaaaa", "code": "200", "handler": f"/{number}"}
        historian.add(REQUESTS, [(ago(seconds=5), 1.0)], **labels)
    found = read(historian, stable("web-1-aaaaa", created=NOW - timedelta(days=3)))
    assert isinstance(found, Missing)
    assert found.reason == "too many series"
    assert len(historian.asked) == 2


def test_more_series_get_fewer_marks_and_looks() -> None:
    few, many = Size(series=100, interval=15_000), Size(series=15_000, interval=15_000)
    assert (few.marks, few.looks) == (MARKS, LOOKS)
    assert many.marks < MARKS
    assert many.looks < LOOKS


def test_nobody_and_nothing_have_no_past() -> None:
    historian = Historian()
    nobody = Stable(replica_sets=frozenset(), pods={})
    assert read(historian, nobody) == Missing("no pods", "stable has none")
    found = read(historian, stable("web-1-aaaaa", created=NOW))
    assert isinstance(found, Missing)
    assert found.reason == "no series"


def test_siblings_are_told_by_their_names_and_nobody_else_is() -> None:
    who = stable("web-1-aaaaa", "other", created=NOW, sets=("web-1", "we.b-1"))
    assert siblings.siblings(who) == r'"we\\.b-1-[a-z0-9]+|web-1-[a-z0-9]+|other"'
    long = "x" * 60
    cut = Stable(replica_sets=frozenset({long}), pods={f"{long[:58]}abcde": NOW})
    assert siblings.siblings(cut) == f'"{long[:58]}abcde"'


KSM = "kube_pod_container_status_restarts_total"


def lives(historian: Historian, who: Stable, span: timedelta = DAY) -> Lives | Missing:
    return asyncio.run(read_lives(historian, asked(who, span)))


def restarting(
    historian: Historian, pod: str, since: int, until: int, *at: int, begun: int = 0, **labels: str
) -> None:
    samples = [
        (time, float(begun + sum(time >= one for one in at)))
        for time in range(since, until + 1, 30_000)
    ]
    historian.add(KSM, samples, pod=pod, uid=f"uid-{pod}", **({"container": "app"} | labels))


def test_restarts_and_lives_of_pods_that_are_gone() -> None:
    historian = Historian()
    restarting(historian, "web-1-aaaaa", ago(hours=30), ago(), ago(hours=25), ago(hours=3))
    restarting(historian, "web-1-bbbbb", ago(hours=20), ago(hours=16), ago(hours=18))
    restarting(historian, "web-1-ccccc", ago(hours=30), ago(hours=22), ago(hours=23), begun=40)
    found = lives(historian, stable("web-1-aaaaa", created=NOW - timedelta(hours=30)))
    assert isinstance(found, Lives), found
    assert found.restarts == {"web-1-aaaaa": 1, "web-1-bbbbb": 1, "web-1-ccccc": 1}
    hours = {pod: seconds / 3600 for pod, seconds in found.seconds.items()}
    assert hours == {
        "web-1-aaaaa": pytest.approx(24, abs=0.2),
        "web-1-bbbbb": pytest.approx(4, abs=0.2),
        "web-1-ccccc": pytest.approx(2, abs=0.2),
    }


def test_two_instances_of_kube_state_metrics_count_once_and_containers_add_up() -> None:
    historian = Historian()
    for instance in ("10.0.0.1:8080", "10.0.0.2:8080"):
        for container, times in (("app", (ago(hours=3), ago(hours=2))), ("side", (ago(hours=1),))):
            labels = {"instance": instance, "container": container}
            restarting(historian, "web-1-aaaaa", ago(hours=10), ago(), *times, **labels)
    found = lives(historian, stable("web-1-aaaaa", created=NOW - timedelta(hours=10)))
    assert isinstance(found, Lives), found
    assert found.restarts == {"web-1-aaaaa": 3}
    assert found.seconds == {"web-1-aaaaa": pytest.approx(36_000)}


def test_a_pod_that_was_there_for_a_moment_is_not_forgotten() -> None:
    historian = Historian()
    restarting(historian, "web-1-aaaaa", ago(hours=30), ago())
    begun = ago(hours=5) - ago(hours=5) % 600_000 + 100_000
    restarting(historian, "web-1-bbbbb", begun, begun + 200_000, begun + 60_000)
    found = lives(historian, stable("web-1-aaaaa", created=NOW - timedelta(hours=30)))
    assert isinstance(found, Lives), found
    assert found.restarts["web-1-bbbbb"] == 1
    assert 0 < found.seconds["web-1-bbbbb"] <= 600


def test_without_kube_state_metrics_lives_are_missing() -> None:
    found = lives(Historian(), stable("web-1-aaaaa", created=NOW))
    assert isinstance(found, Missing)
    assert found.reason == "no series"
    assert lives(Historian(), Stable(replica_sets=frozenset(), pods={})) == Missing(
        "no pods", "stable has none"
    )
    away = Historian(answers={KSM: Missing("unreachable", "gone")})
    assert lives(away, stable("a", created=NOW)) == Missing("unreachable", "gone")


def scraped_by(job: str, *, late_ms: int, raw: bool) -> tuple[Series, Series | None]:
    """A day of marks and half an hour of samples of one process, as one of its scrapers has it."""
    labels = {"__name__": "http_requests_total", "pod": "web-1-a", "namespace": "shop"}
    labels |= {"code": "200", "handler": "/a", "job": job}
    hour = 3_600_000
    marks = Series(labels, tuple((n * hour, n * 1_000.0) for n in range(1, 25)))
    begin = 23 * hour + 1_800_000 + late_ms
    samples = tuple((begin + n * 15_000, 23_500.0 + 4 * n) for n in range(119))
    return marks, Series(labels, samples) if raw else None


@pytest.mark.parametrize("raw", [True, False])
def test_a_pod_that_two_jobs_scrape_is_counted_once_in_the_past_too(*, raw: bool) -> None:
    def requests(*jobs: str) -> float:
        seen = [scraped_by(job, late_ms=7_000 * n, raw=raw) for n, job in enumerate(jobs)]
        chronicle = Chronicle(
            marks={"web-1-a": [marks for marks, _ in seen]},
            raw={"web-1-a": [samples for _, samples in seen if samples is not None]} if raw else {},
            created={},
            start=0,
            raw_since=23 * 3_600_000 + 1_800_000,
            interval=15_000,
            at=24 * 3_600_000,
        )
        past = past_of(counter_of(RequestSource(preset="promhttp"), None), chronicle, 10)
        assert past is not None
        return total(counts for pod in past.pods.values() for counts in pod.values()).requests

    assert requests("a", "b") == requests("a") > 20_000


MARK_MS = 3_600_000
RAW_MS = 23 * MARK_MS + 1_800_000


def scraped(
    hours: range, samples: range = range(0), *, more: float = 0, **labels: str
) -> tuple[Series, Series]:
    """Marks at these hours, a thousand requests apart, and raw samples with so many more."""
    shown = {"__name__": "http_requests_total", "pod": "web-1-a", "code": "200", **labels}
    late = 7_000 if labels["job"] == "b" else 0
    raw = tuple((RAW_MS + late + n * 15_000, 23_500.0 + 4 * n + more) for n in samples)
    return Series(shown, tuple((h * MARK_MS, h * 1_000.0 + more) for h in hours)), Series(
        shown, raw
    )


def day(*seen: tuple[Series, Series], created: int | None = None) -> Past:
    chronicle = Chronicle(
        marks={"web-1-a": [marks for marks, _ in seen if marks.samples]},
        raw={"web-1-a": [raw for _, raw in seen if raw.samples]},
        created={} if created is None else {"web-1-a": created},
        start=0,
        raw_since=RAW_MS,
        interval=15_000,
        at=24 * MARK_MS,
    )
    past = past_of(counter_of(SOURCE, None), chronicle, 119)
    assert past is not None
    return past


ALWAYS, LATELY = range(1, 25), range(119)


def test_errors_of_a_process_that_ended_are_counted_once_whoever_scraped_it() -> None:
    """Its pod lives, but of these series nothing but marks is left."""
    jobs = ("a", "b")
    living = [scraped(ALWAYS, LATELY, job=job) for job in jobs]
    ended = [scraped(range(1, 9), code="500", job=job) for job in jobs]
    assert day(*living, *ended) == day(living[0], ended[0])
    assert of(day(*living, *ended), "web-1-a").errors == 7_000


def test_a_job_that_was_removed_adds_nothing_to_the_one_that_stayed() -> None:
    stayed, removed = scraped(ALWAYS, LATELY, job="b"), scraped(range(1, 15), job="a")
    assert day(stayed, removed) == day(stayed)


@pytest.mark.parametrize("created", [None, -30 * MARK_MS])
def test_a_job_that_was_renamed_does_not_count_all_the_years_before_again(
    created: int | None,
) -> None:
    years = 1e9
    before = scraped(range(1, 15), job="a", more=years)
    after = scraped(range(14, 25), LATELY, job="b", more=years)
    assert of(day(before, after, created=created), "web-1-a").requests == 9_972


def test_a_first_burst_that_two_jobs_saw_is_in_its_look_once() -> None:
    jobs = ("a", "b")
    living = [scraped(ALWAYS, LATELY, job=job) for job in jobs]
    failed = [scraped(range(0), range(2, 119), code="500", job=job) for job in jobs]
    once, twice = day(living[0], failed[0]), day(*living, *failed)
    assert [look["web-1-a"] for look in twice.recent] == [look["web-1-a"] for look in once.recent]
    assert twice.pods == once.pods


def test_a_label_that_is_the_applications_own_tells_no_targets_apart() -> None:
    source = RequestSource(preset="promhttp", segment_by="endpoint")
    seen = [scraped(ALWAYS, job="a", endpoint=route)[0] for route in ("/login", "/exam")]
    chronicle = Chronicle(
        marks={"web-1-a": seen},
        raw={},
        created={},
        start=0,
        raw_since=RAW_MS,
        interval=15_000,
        at=24 * MARK_MS,
    )
    past = past_of(counter_of(source, None), chronicle, 10)
    assert past is not None
    assert {name: counts.requests for name, counts in past.pods["web-1-a"].items()} == {
        "/login": 23_000,
        "/exam": 23_000,
    }
