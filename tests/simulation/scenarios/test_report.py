"""What a campaign came to is computed once, and shown without trusting a word of it."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest

from controller.simulation.campaign import BIN_SECONDS, play_days
from controller.simulation.report import words
from controller.simulation.report.as_json import as_json
from controller.simulation.report.html import as_html
from controller.simulation.report.statistics import Share, spread
from controller.simulation.report.summary import Summary, summarise
from controller.simulation.scenario import Ending, Scenario
from controller.simulation.scenarios import catalogue
from tests.simulation.scenarios.policies import policy_of
from tests.simulation.scenarios.shows import show

VOID = {"meta", "br"}


def summary_of(scenario: Scenario, days: int = 5) -> Summary:
    played = list(play_days(scenario, range(1, days + 1), show, workers=1))
    return summarise(scenario, played, f"canaryctl simulate {scenario.name}")


def page_of(summary: Summary) -> str:
    seed = summary.typical_seed
    runs = [
        show(summary.scenario, seed, with_controller=with_it).outcome for with_it in (True, False)
    ]
    return as_html(summary, *runs)


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 50, 0, 0.0713), (50, 50, 0.9287, 1), (5, 10, 0.2366, 0.7634), (0, 0, 0, 1)],
)
def test_an_interval_is_of_use_at_both_ends(count: int, of: int, low: float, high: float) -> None:
    assert Share(count=count, of=of).interval == pytest.approx((low, high), abs=1e-4)


def test_days_without_a_number_do_not_count_as_zero() -> None:
    found = spread([None, 4.0, 2.0, None])
    assert found is not None
    assert (found.of, found.median, found.p90) == (2, 3.0, pytest.approx(3.8))
    assert spread([None]) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0 s"), (0.44, "0.4 s"), (43.2, "43 s"), (310, "5 min 10 s"), (3900, "65 min")],
)
def test_a_time_is_said_as_people_say_it(value: float, said: str) -> None:
    assert words.seconds(value) == said


def test_a_share_is_never_rounded_to_all_or_to_nothing() -> None:
    assert [words.percent(share) for share in (0, 0.0001, 0.5, 0.9999, 1)] == [
        "0 %",
        "< 0.1 %",
        "50 %",
        "> 99.9 %",
        "100 %",
    ]


def test_a_good_release_is_its_own_twin() -> None:
    summary = summary_of(catalogue.scenario("healthy", policy_of))
    assert summary.endings[Ending.PROMOTED].count == 5
    assert summary.endings_twin == summary.endings
    assert summary.detected is None
    assert summary.is_as_expected


def test_a_broken_promise_is_not_as_expected() -> None:
    scenario = catalogue.scenario("incident", policy_of)
    day = next(iter(play_days(scenario, [1], show, workers=1)))
    broken = dataclasses.replace(day, watched=dataclasses.replace(day.watched, broken=("S3",)))
    summary = summarise(scenario, [broken], "again")
    assert summary.broken == ((1, "S3"),)
    assert not summary.is_as_expected


def test_failures_are_put_where_they_happened() -> None:
    scenario = catalogue.scenario("incident", policy_of)
    (day,) = play_days(scenario, [3], show, workers=1)
    run = show(scenario, 3, with_controller=True).outcome
    assert sum(one.failed for one in day.watched_bins) == run.failed
    assert len(day.watched_bins) == -(-run.moments[-1].at // BIN_SECONDS)


def test_the_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    for name in ("incident", "healthy"):
        page = page_of(summary_of(catalogue.scenario(name, policy_of)))
        parser = Balanced()
        parser.feed(page)
        assert parser.open == []
        assert {"svg", "table", "pre"} <= parser.seen
        assert not {"script", "link", "img", "iframe"} & parser.seen
        assert not re.search(r"(?:src|href)=|url\(|@import|https?:", page)
        for chart in re.findall(r"<svg[^>]*>", page):
            assert 'role="img"' in chart
            assert "aria-label=" in chart


def test_no_text_of_a_scenario_or_a_run_is_taken_for_html() -> None:
    evil = "<script>alert(1)</script>&\"'"
    scenario = dataclasses.replace(
        catalogue.scenario("incident", policy_of),
        title=evil,
        story=evil,
        name=evil,
        expect=Ending.HELD,
    )
    page = page_of(summary_of(scenario))
    assert "<script" not in page
    assert "</script" not in page
    assert "<b>1</b>" not in page
    assert "&lt;b&gt;1&lt;/b&gt;" in page


def test_the_same_campaign_gives_the_same_bytes() -> None:
    scenario = catalogue.scenario("incident", policy_of)
    assert as_json(summary_of(scenario)) == as_json(summary_of(scenario))
    assert page_of(summary_of(scenario)) == page_of(summary_of(scenario))


def test_the_keys_of_the_json_are_stable() -> None:
    found = json.loads(as_json(summary_of(catalogue.scenario("incident", policy_of))))
    assert list(found) == [
        "format",
        "scenario",
        "expected",
        "seeds",
        "asExpected",
        "endings",
        "secondsFromHarmToDecision",
        "secondsFromPushToDecision",
        "secondsFromPushToEnd",
        "failedRequests",
        "allFailedRequests",
        "crashes",
        "peopleRollBackAfterSeconds",
        "healthyTwin",
        "unexpectedSeeds",
        "falselyRolledBackSeeds",
        "brokenPromises",
        "typicalSeed",
        "runs",
    ]
    assert list(found["runs"][0]["withController"]) == [
        "ending",
        "reason",
        "harmedAt",
        "decidedAt",
        "endedAt",
        "requests",
        "failed",
        "failedForTheRelease",
        "crashes",
    ]
