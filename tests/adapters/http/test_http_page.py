"""The dashboard without a browser: complete without script, safe with any text, all in words."""

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from http import HTTPStatus
from importlib import resources

import httpx
import pytest
from fastapi import Request

from controller.adapters.http.kinds import Kind
from controller.adapters.http.page import build_page
from controller.adapters.http.pagefiles import FILES, HASH, PACKAGE, file_path
from controller.adapters.http.pagelist import ROWS_MAX
from controller.adapters.http.pagelive import paint
from controller.adapters.http.pagetemplates import HEADERS
from controller.adapters.http.pagewords import OUTCOMES, PHASES, pod_mark, pod_tone
from controller.adapters.http.problems import Trouble
from controller.adapters.http.shapes import PodShape
from controller.adapters.http.sight import Calling
from controller.domain.findings import Finding, Metric, Outcome, Range, Side, Spared, Uncovered
from controller.domain.lifecycle import Phase
from controller.domain.policy import Share, Step
from controller.domain.records import IntentAction, Problem, Ref
from controller.domain.status import Result
from controller.engine.ports import Verb
from tests.adapters.http.bookshelf import (
    OpenDoor,
    Rights,
    Shelf,
    application,
    asked,
    on_trial,
    rolled_back,
    watching,
)
from tests.domain.tabletop import REF

ONE = "/canaries/exams/exam-api"


def page(shelf: Shelf, path: str = "/", note: str = "") -> httpx.Response:
    return asyncio.run(asked(application(lambda: shelf, note), path))


def guarded(shelf: Shelf, rights: Rights, path: str = ONE) -> httpx.Response:
    app = application(Shelf)
    app.router.routes.clear()
    app.include_router(build_page(lambda: shelf, OpenDoor(), rights))
    return asyncio.run(asked(app, path))


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
        if tag in {"script", "img"}:
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
    assert "There are no Canaries that you may see. Create one" in words(Shelf())


def test_a_release_that_runs_is_told_in_words() -> None:
    said = words(on_trial()[0], ONE)
    for text in (
        "exams/ exam-api ◑ comparing canary with stable",
        "Canary revision 2 (exam:B) 1 of 1 ready",
        "Step 1 1 of 10 pods, 30 s or longer now",
        "Step 2 5 of 10 pods, 30 s or longer to come",
        "Promote all 10 pods to come",
        "Watch 2 min, rollback armed to come",
        "Canary 1 of 1 ready ● 0 ready",
        "All requests … undecided 0 of",
        "Did: started 1 canary pod",
    ):
        assert text in said


def test_what_was_compared_is_a_table_with_coverage() -> None:
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
    short = (
        Uncovered(segment="/7", requests=3, needed=5),
        Uncovered(segment="/refund", requests=0, needed=5),
    )
    shelf.copy(REF, findings=(evicted, well, *many, queue), uncovered=short)
    said = words(shelf, ONE)
    for text in (
        "Guard queue the query gave <no> number ? cannot be judged",
        "Crashes 2 deaths not counted: 2 Evicted of the canary ✓ not worse 0 in 1 h of pod time",
        "/7 ✓ not worse 0 of 107 2 of 280 (0.71 %) at most 2.9 times up to 9.2 % 3 of 5 requests",
        "/refund ? not exercised no requests \N{EN DASH} \N{EN DASH} anything 0 of 5 requests",
        "20 more segments, none of them worse",
    ):
        assert text in said
    assert said.index("/refund") < said.index("/0 "), "what is grave comes first"


def test_a_rollback_is_told_with_exit_code_and_last_words() -> None:
    said = words(rolled_back()[0], ONE)
    for text in (
        "✕ rolled back",
        "Last words",
        "ended with exit code 1 (Error), death 3",
        "TypeError: cannot read <b>launch</b> of undefined at /app/lti.js:7",
        "Releases before",
        "Did: wrote the template of rs-A back",
        "Step 1 1 of 10 pods, 30 s or longer it ended here",
        "Step 2 5 of 10 pods, 30 s or longer not reached",
    ):
        assert text in said


def test_what_a_container_wrote_is_text_and_never_markup() -> None:
    text = page(rolled_back()[0], ONE).text
    assert "<b>launch" not in text
    assert "&lt;b&gt;launch&lt;/b&gt;" in text


def test_no_name_and_no_message_is_markup() -> None:
    shelf, _ = watching()
    hostile = Ref("<script>x</script>", '"><img src=x onerror=alert(1)>')
    shelf.copy(hostile, message="<svg onload=alert(1)>", phase=Phase.HOLDING)
    answer = page(shelf)
    for markup in ("<script>x", "<img src=x", "<svg"):
        assert markup not in answer.text
    assert read(answer).inline == []
    assert "<svg onload=alert(1)>" in " ".join(read(answer).words)


def test_a_name_cannot_break_out_of_its_attribute() -> None:
    shelf, _ = watching()
    answer = page(shelf, '/canaries/x/"><img src=x onerror=alert(1)>')
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "<img src=x" not in answer.text
    assert read(answer).inline == []


@pytest.mark.parametrize(
    ("phase", "group", "why"),
    [
        (Phase.ANALYSING, "runs", ""),
        (Phase.HOLDING, "needs", "Promote the canary, roll it back, or resume the comparison."),
        (Phase.ROLLED_BACK, "quiet", ""),
        (Phase.QUARANTINED, "needs", "This template was rejected before: push another one, or"),
        (Phase.PAUSED_BY_USER, "needs", "Whoever paused the Deployment has to resume it."),
        (Phase.PROMOTING, "runs", ""),
        (Phase.PROMOTED, "quiet", ""),
    ],
)
def test_the_list_says_who_is_needed_and_why(phase: Phase, group: str, why: str) -> None:
    shelf, _ = on_trial()
    shelf.copy(REF, phase=phase)
    line = paint(shelf, REF, False)
    assert f'data-group="{group}"' in line
    assert why in line
    assert ("Needs a person." in words(shelf, ONE)) is (group == "needs")


def test_a_canary_that_cannot_be_acted_on_needs_a_person() -> None:
    shelf, _ = watching()
    problem = Problem(reason="Bad", field="spec.steps", message="is empty", remedy="Give one")
    shelf.scenes[REF] = replace(shelf.scenes[REF], policy=problem)
    said = words(shelf, ONE)
    assert "cannot be acted on spec.steps: is empty. Give one" in said
    assert "Needs a person. Correct what is said above" in said
    assert 'data-group="needs"' in paint(shelf, REF, False)
    assert "Promote" not in said


def test_who_waits_longest_comes_first_and_of_the_quiet_the_newest() -> None:
    shelf, _ = watching()
    for number, phase in enumerate((Phase.HOLDING, Phase.HOLDING, Phase.PROMOTED, Phase.PROMOTED)):
        since = shelf.at.replace(minute=number)
        shelf.copy(Ref("shop", f"n-{number}"), phase=phase, since=since)
    ids = [one for one in read(page(shelf)).ids if one.startswith("shop.")]
    assert ids == ["shop.n-0", "shop.n-1", "shop.n-3", "shop.n-2"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["exams.exam-api", "shop.cart"]),
        ("?namespace=shop", ["shop.cart"]),
        ("?phase=Holding", ["shop.cart"]),
        ("?phase=Holding&namespace=exams", []),
        ("?phase=<nonsense>", ["exams.exam-api", "shop.cart"]),
        ("?namespace=" + "x" * 999, []),
    ],
)
def test_the_list_is_filtered(query: str, shown: list[str]) -> None:
    shelf, _ = on_trial()
    shelf.copy(Ref("shop", "cart"), phase=Phase.HOLDING)
    answer = page(shelf, f"/{query}")
    ids = [one for one in read(answer).ids if one.count(".") == 1]
    assert sorted(ids) == shown


def test_a_long_list_ends_with_where_the_rest_is() -> None:
    shelf, _ = watching()
    for number in range(ROWS_MAX):
        shelf.copy(Ref("many", f"n-{number:03}"))
    assert "And 1 more: filter by namespace or phase" in words(shelf)


def effects(shelf: Shelf, action: IntentAction) -> str:
    found = re.search(rf'id="effects-{action.value}">(.*?)</dd>', page(shelf, ONE).text)
    assert found is not None
    return " ".join(unescape(re.sub("<[^>]*>", "", found[1])).split())


def test_each_button_says_exactly_what_it_will_do() -> None:
    shelf, table = on_trial()
    table.policy = replace(table.policy, steps=(*table.policy.steps, Step(canary=Share(pods=7))))
    shelf.scenes[REF] = table.scene()
    promote = effects(shelf, IntentAction.PROMOTE)
    assert "revision 2 (exam:B) leaves step 1 of 3 (1 of 10 pods) without waiting" in promote
    assert "It goes on to step 2 of 3: 5 of 10 pods." in promote
    full = effects(shelf, IntentAction.PROMOTE_FULL)
    assert "3 steps are cut short: all 10 pods get revision 2 (exam:B)." in full
    assert "It is watched for 2 min after that" in full
    back = effects(shelf, IntentAction.ROLLBACK)
    assert "Rolls back to revision 1: all 10 pods run revision 1 (exam:A)." in back
    assert "The pod of revision 2 (exam:B) goes, and its template is quarantined" in back
    assert "stays at step 1 of 3 (1 of 10 pods)" in effects(shelf, IntentAction.HOLD)
    assert effects(shelf, IntentAction.RETRY) == ""


def test_at_the_last_step_to_promote_is_to_let_it_through() -> None:
    shelf, _ = on_trial()
    release = shelf.scenes[REF].status.release
    assert release is not None
    shelf.copy(REF, phase=Phase.HOLDING, release=replace(release, step=1))
    said = effects(shelf, IntentAction.PROMOTE)
    assert said.startswith("This is the last step: all 10 pods get revision 2 (exam:B).")
    assert "The comparison goes on at step 2 of 2" in effects(shelf, IntentAction.RESUME)


def test_a_gitops_tool_keeps_its_template_when_it_is_rolled_back() -> None:
    shelf, table = on_trial()
    table.gitops = "Argo CD"
    shelf.scenes[REF] = table.scene()
    back = effects(shelf, IntentAction.ROLLBACK)
    assert "The Deployment's template stays as Argo CD wrote it, with no pods of it." in back


def test_what_is_not_possible_says_when_it_is() -> None:
    said = words(on_trial()[0], ONE)
    assert "Not possible: possible only while “waiting for a person”." in said
    assert "Not possible: possible only while “rolled back” or “rejected again, kept out”." in said


def test_what_one_may_not_do_says_whom_to_ask() -> None:
    shelf, _ = on_trial()
    answer = guarded(shelf, Rights(forbidden={(Verb.ROLLBACK, "exams")}))
    asks = "you may not: ask an administrator for the verb rollback on canaries in exams"
    assert answer.text.count(f'title="{asks}"') == 1
    assert 'data-may="hold promote"' in answer.text


def test_what_one_may_not_see_is_as_if_it_were_not_there() -> None:
    shelf, _ = on_trial()
    blind = Rights(forbidden={(Verb.GET, ""), (Verb.GET, "exams")})
    assert guarded(shelf, blind).status_code == HTTPStatus.NOT_FOUND
    listed = guarded(shelf, blind, "/")
    assert listed.status_code == HTTPStatus.OK
    assert "exam-api" not in listed.text


def test_a_cluster_that_does_not_answer_shows_nothing_to_anybody() -> None:
    for path in ("/", ONE):
        answer = guarded(on_trial()[0], Rights(away=True), path)
        assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert "retry-after" in answer.headers
        assert "The cluster does not answer" in answer.text
        assert "exam:B" not in answer.text


class _Shut:
    """A door that lets nobody in."""

    async def caller(self, request: Request) -> Calling:
        raise Trouble(Kind.UNAUTHENTICATED, "there is no token")


@pytest.mark.parametrize(
    ("path", "following"),
    [("/", "/"), ("/?namespace=shop", "/%3Fnamespace%3Dshop"), (ONE, ONE)],
)
def test_whoever_is_not_signed_in_is_sent_to_sign_in_and_back(path: str, following: str) -> None:
    app = application(Shelf)
    app.router.routes.clear()
    app.include_router(build_page(Shelf, _Shut(), Rights()))
    answer = asyncio.run(asked(app, path))
    assert answer.status_code == HTTPStatus.SEE_OTHER
    assert answer.headers["location"] == f"/sign-in?next={following}"


def test_a_canary_that_is_gone_is_a_page_that_says_so() -> None:
    answer = page(watching()[0], "/canaries/exams/gone")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no Canary exams/gone" in " ".join(read(answer).words)


def test_pods_are_told_apart_without_colour() -> None:
    shelf, table = on_trial()
    table.unready.add("B")
    table.deaths["B-0"] = 2
    shelf.scenes[REF] = table.scene()
    said = words(shelf, ONE)
    assert "Canary 0 of 1 ready ✕ 0 not ready, 2 restarts" in said


def test_the_course_is_drawn_and_is_a_table_too() -> None:
    said = words(on_trial()[0], ONE)
    assert "Error rate of all requests since the release began" in said
    assert "Time Canary Canary's range Stable Stable's range" in said
    assert "Evidence that the canary is worse on a log scale" in said
    text = page(on_trial()[0], ONE).text
    assert 'role="img" aria-label="Evidence that the canary is worse: at last' in text


def test_the_note_is_on_top() -> None:
    assert "Demo: all of it is simulated" in words(
        watching()[0], note="Demo: all of it is simulated"
    )


@pytest.mark.parametrize("path", ["/", ONE, "/canaries/no/such"])
def test_everything_comes_from_this_server_and_nothing_is_inline(path: str) -> None:
    answer = page(rolled_back()[0], path)
    found = read(answer)
    policy = answer.headers["content-security-policy"]
    assert policy == HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert all(loaded.startswith(f"/pages/{HASH}/") for loaded in found.loaded)
    assert found.inline == []
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", ONE])
def test_no_id_is_there_twice(path: str) -> None:
    shelf, _ = rolled_back()
    shelf.copy(Ref("shop", "cart"))
    ids = read(page(shelf, path)).ids
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", FILES)
def test_the_files_are_served_under_a_name_that_ages_never(path: str) -> None:
    answer = page(Shelf(), file_path(path))
    assert answer.content == FILES[path]
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    old = page(Shelf(), f"/pages/0123456789abcdef/{path}")
    assert old.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", [path for path in FILES if not path.startswith("vendor/")])
def test_our_own_files_load_from_nowhere_else_and_can_be_read(path: str) -> None:
    text = FILES[path].decode()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|eval\(|innerHTML", text)
    assert len(text.splitlines()) <= 300


def test_only_the_files_of_the_pages_are_served() -> None:
    for name in ("base.html", "vendor/VERSIONS", "../page.py", "%2e%2e/page.py"):
        assert page(Shelf(), f"/pages/{HASH}/{name}").status_code == HTTPStatus.NOT_FOUND


def test_what_is_vendored_is_what_was_written_down() -> None:
    folder = resources.files(PACKAGE).joinpath("pages", "vendor")
    said = folder.joinpath("VERSIONS").read_text(encoding="utf-8")
    assert "uPlot 1.6.32" in said
    recorded = dict(reversed(line.split("  ")) for line in said.splitlines() if "  " in line)
    found = {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest()
        for one in folder.iterdir()
        if one.name != "VERSIONS"
    }
    assert found == recorded


def test_head_is_answered_like_get_for_those_who_only_look_whether_it_is_there() -> None:
    shelf, _ = watching()
    answer = asyncio.run(asked(application(lambda: shelf), "/", "HEAD"))
    assert answer.status_code == HTTPStatus.OK


def test_every_phase_every_ending_and_every_outcome_has_words() -> None:
    assert set(PHASES) == set(Phase)
    assert {str(result) for result in Result} <= {str(phase) for phase in PHASES}
    assert set(OUTCOMES) == set(Outcome)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("shelf", [watching, on_trial, rolled_back])
def test_every_phase_has_a_page(phase: Phase, shelf: Callable[[], tuple[Shelf, object]]) -> None:
    filled, _ = shelf()
    filled.copy(REF, phase=phase)
    assert page(filled, ONE).status_code == HTTPStatus.OK
    assert page(filled).status_code == HTTPStatus.OK


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
