"""The status page: complete without script, safe with any text, the same words as everywhere."""

import asyncio
import re
from dataclasses import replace
from html.parser import HTMLParser
from http import HTTPStatus
from importlib import resources

import httpx
import pytest

from controller.adapters.http.page import FILES, PACKAGE
from controller.adapters.http.pagewords import OUTCOMES, PHASES, pod_mark, pod_tone, share
from controller.adapters.http.portrait import portrait
from controller.adapters.http.shapes import PodShape
from controller.domain.findings import Finding, Metric, Outcome, Range, Side, Spared
from controller.domain.lifecycle import Phase
from controller.domain.records import Problem, Ref
from controller.domain.status import Result
from tests.adapters.http.bookshelf import (
    Shelf,
    application,
    asked,
    on_trial,
    rolled_back,
    watching,
)
from tests.domain.tabletop import REF


def page(shelf: Shelf, path: str = "/", note: str = "") -> httpx.Response:
    return asyncio.run(asked(application(lambda: shelf, note), path))


class _Read(HTMLParser):
    """The words of a page, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if "id" in named:
            self.ids.append(str(named["id"]))
        if tag == "script":
            self.loaded.append(str(named["src"]))
        if tag == "link":
            self.loaded.append(str(named["href"]))
        self.inline += [name for name in named if name == "style" or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def read(answer: httpx.Response) -> _Read:
    reader = _Read()
    reader.feed(answer.text)
    return reader


def words(shelf: Shelf, path: str = "/", note: str = "") -> str:
    return " ".join(read(page(shelf, path, note)).words)


def test_no_canary_at_all_says_what_to_do() -> None:
    assert "There are none. Create a Canary" in words(Shelf())


def test_a_release_that_runs_is_told_in_words() -> None:
    said = words(on_trial()[0])
    for text in (
        "exams/exam-api ◑ comparing canary with stable",
        "Canary revision 2 (exam:B) · 1 of 1 ready",
        "Step 1 of 2: 1 canary pod",
        "Canary pods: 1 of 1 ready ● 0 ready",
        "… undecided Errors in all 0 of",
        "Did: started 1 canary pod",
    ):
        assert text in said


def test_what_was_compared_is_a_table_of_what_is_worth_a_line() -> None:
    shelf, _ = on_trial()
    well = Finding(
        metric=Metric.ERROR_RATE,
        outcome=Outcome.NOT_WORSE,
        segment="/lti/launch",
        canary=Side(events=0, exposure=31),
        stable=Side(events=2, exposure=280),
        needed=200,
        hidden=0.0921,
        ratio=Range(low=0, high=2.9),
    )
    many = [replace(well, segment=f"/{n}", canary=Side(exposure=100 + n)) for n in range(30)]
    evicted = Finding(
        metric=Metric.RESTARTS,
        outcome=Outcome.NOT_WORSE,
        canary=Side(exposure=3600),
        spared=(Spared(cause="Evicted", canary=2),),
    )
    queue = Finding(
        metric=Metric.GUARD,
        outcome=Outcome.BLIND,
        segment="queue",
        reason="the query gave <no> number",
    )
    shelf.copy(REF, findings=(evicted, well, *many, queue))
    said = words(shelf)
    for text in (
        "? cannot be judged Guard queue the query gave <no> number",
        "Crashes 2 deaths not counted: 2 Evicted of the canary 0 in 1 h of pod time",
        "✓ not worse Errors on /lti/launch 0 of 31 2 of 280 (0.71 %) at most 2.9 times up to 9.2 %",
        "And 29 more comparisons, none of them worse: see all of them",
    ):
        assert text in said
    one = portrait(shelf, REF)
    assert one is not None
    assert [f.shown for f in one.findings] == [True] * 4 + [False] * 29


def test_a_rollback_is_told_with_exit_code_and_last_words() -> None:
    said = words(rolled_back()[0])
    for text in (
        "✕ rolled back",
        "Last words",
        "ended with exit code 1 (Error), death 3",
        "TypeError: cannot read <b>launch</b> of undefined at /app/lti.js:7",
        "Releases before",
        "Did: wrote the template of rs-A back",
    ):
        assert text in said


def test_what_a_container_wrote_is_text_and_never_markup() -> None:
    text = page(rolled_back()[0]).text
    assert "<b>launch" not in text
    assert "&lt;b&gt;launch&lt;/b&gt;" in text


def test_no_name_and_no_message_is_markup() -> None:
    shelf, _ = watching()
    hostile = Ref("<script>x</script>", '"><img src=x onerror=alert(1)>')
    shelf.copy(hostile, message="<svg onload=alert(1)>", phase=Phase.HOLDING)
    answer = page(shelf)
    for markup in ("<script>x", "<img", "<svg"):
        assert markup not in answer.text
    assert read(answer).inline == []
    assert "<svg onload=alert(1)>" in " ".join(read(answer).words)


def test_a_name_cannot_break_out_of_its_attribute() -> None:
    shelf, _ = watching()
    answer = page(shelf, '/canaries/x/"><img src=x onerror=alert(1)>')
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "<img" not in answer.text
    assert read(answer).inline == []


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        (Phase.ANALYSING, "Needs a person no"),
        (Phase.HOLDING, "Needs a person yes: promote the canary, roll it back"),
        (Phase.ROLLED_BACK, "Needs a person not now: the release is undone"),
        (Phase.QUARANTINED, "Needs a person yes: this release was rejected before"),
        (Phase.PAUSED_BY_USER, "Needs a person yes: whoever paused the Deployment"),
    ],
)
def test_the_page_says_whether_a_person_is_needed(phase: Phase, said: str) -> None:
    shelf, _ = on_trial()
    shelf.copy(REF, phase=phase)
    assert said in words(shelf)


def test_a_canary_that_cannot_be_acted_on_needs_a_person() -> None:
    shelf, _ = watching()
    problem = Problem(reason="Bad", field="spec.steps", message="is empty", remedy="Give one")
    shelf.scenes[REF] = replace(shelf.scenes[REF], policy=problem)
    said = words(shelf)
    assert "cannot be acted on spec.steps: is empty. Give one" in said
    assert "Needs a person yes: correct what is said above" in said


def test_every_part_of_main_can_be_found_again_by_the_script() -> None:
    text = page(rolled_back()[0]).text.partition("<main>")[2]
    sections = re.findall(r"<section[^>]*>", text)
    assert len(sections) == 7
    assert all(re.search(r' id="[a-z]+" data-live', section) for section in sections)


def test_pods_are_told_apart_without_colour() -> None:
    shelf, table = on_trial()
    table.unready.add("B")
    table.deaths["B-0"] = 2
    shelf.scenes[REF] = table.scene()
    said = words(shelf)
    assert "Canary pods: 0 of 1 ready ✕ 0 not ready, 2 restarts" in said


def test_a_canary_that_is_gone_is_a_page_that_says_so() -> None:
    answer = page(watching()[0], "/canaries/exams/gone")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.headers["content-type"].startswith("text/html")
    said = " ".join(read(answer).words)
    assert "There is no Canary exams/gone" in said
    assert "exams/exam-api" in said


def test_the_first_page_shows_the_release_that_runs() -> None:
    shelf, _ = rolled_back()
    running = on_trial()[0].scenes[REF]
    shelf.scenes[Ref("shop", "cart")] = replace(running, ref=Ref("shop", "cart"))
    assert words(shelf).startswith("comparing canary with stable: shop/cart")
    assert words(shelf, "/canaries/exams/exam-api").startswith("rolled back: exams/exam-api")


def test_several_canaries_are_listed_first_and_one_alone_last() -> None:
    shelf, _ = watching()
    assert read(page(shelf)).ids[-2] == "list"
    shelf.copy(Ref("shop", "cart"))
    ids = read(page(shelf)).ids
    assert ids.index("list") < ids.index("release")
    ids = read(page(shelf, "/canaries/shop/cart")).ids
    assert ids.index("release") < ids.index("list")


def test_a_long_list_ends_with_where_the_rest_is() -> None:
    shelf, _ = watching()
    for number in range(250):
        shelf.copy(Ref("many", f"n-{number:03}"))
    assert "and 51 more: see /api/v1/canaries" in words(shelf)


def test_the_note_is_on_top() -> None:
    assert "Demo: all of it is simulated" in words(
        watching()[0], note="Demo: all of it is simulated"
    )


def test_everything_comes_from_this_server_and_nothing_is_inline() -> None:
    answer = page(rolled_back()[0])
    found = read(answer)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert found.loaded == ["data:,", "/pages/status.css", "/pages/status.mjs"]
    assert found.inline == []
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_no_id_is_there_twice() -> None:
    shelf, _ = rolled_back()
    shelf.copy(Ref("shop", "cart"))
    ids = read(page(shelf)).ids
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", FILES)
def test_the_vendored_files_are_served_as_what_they_are(name: str) -> None:
    answer = page(Shelf(), f"/pages/{name}")
    assert answer.headers["content-type"].split(";")[0] == FILES[name]
    content = resources.files(PACKAGE).joinpath("pages", name).read_text(encoding="utf-8")
    assert answer.text == content
    assert not re.search(r"https?://|@import|eval\(|innerHTML\s*=[^=]", content)


def test_only_the_vendored_files_are_served() -> None:
    for name in ("status.html", "../page.py", "%2e%2e/page.py"):
        assert page(Shelf(), f"/pages/{name}").status_code == HTTPStatus.NOT_FOUND


def test_head_is_answered_like_get_for_those_who_only_look_whether_it_is_there() -> None:
    shelf, _ = watching()
    answer = asyncio.run(asked(application(lambda: shelf), "/", "HEAD"))
    assert answer.status_code == HTTPStatus.OK


def test_every_phase_every_ending_and_every_outcome_has_words() -> None:
    assert set(PHASES) == set(Phase)
    assert {str(result) for result in Result} <= {str(phase) for phase in PHASES}
    assert set(OUTCOMES) == set(Outcome)


@pytest.mark.parametrize(
    ("ready", "leaving", "deaths", "tone", "mark"),
    [
        (True, False, 0, "good", "●"),
        (False, True, 3, "wait", "○"),
        (False, False, 0, "wait", "◔"),
        (False, False, 1, "bad", "✕"),
    ],
)
def test_a_pod_has_a_mark_of_its_own(
    ready: bool, leaving: bool, deaths: int, tone: str, mark: str
) -> None:
    pod = PodShape(
        name="x",
        role="canary",
        ready=ready,
        leaving=leaving,
        restarts=0,
        deaths=deaths,
        condition="",
    )
    assert (pod_tone(pod), pod_mark(pod)) == (tone, mark)


def test_the_share_of_a_step_is_said_in_pods_or_percent() -> None:
    assert share("1") == "1 canary pod"
    assert share("3") == "3 canary pods"
    assert share("25%") == "25% of the pods are canaries"
