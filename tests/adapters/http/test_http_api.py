"""The REST read API: what is known of the releases, asked for over HTTP."""

import asyncio
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from controller.adapters.http.portrait_moments import change_sentence
from controller.domain.changes import (
    Catch,
    Change,
    ClearIntent,
    Freeze,
    LetGo,
    OptIn,
    Promote,
    Scale,
    Seed,
    Undo,
)
from controller.domain.records import Container, Problem, Ref, Termination
from tests.adapters.http.bookshelf import (
    LAST_WORDS,
    Shelf,
    application,
    asked,
    on_trial,
    rolled_back,
    several,
    watching,
)
from tests.adapters.http.ward import ALL, ONE, Ward, of
from tests.domain.tabletop import REF, Table


def ask(shelf: Shelf, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return of(Ward(shelf, Table()), path, method, **headers)


def body(shelf: Shelf, path: str = ONE) -> Any:
    answer = ask(shelf, path)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return answer.json()


def test_a_canary_that_watches_has_no_release() -> None:
    shelf, _ = watching()
    said = body(shelf)
    assert (said["phase"], said["release"], said["canary"], said["step"]) == (
        "Idle",
        None,
        None,
        None,
    )
    assert said["stablePods"] == {"wanted": 10, "ready": 10, "restarts": 0}
    assert {pod["role"] for pod in said["pods"]} == {"stable"}


def test_a_release_that_runs_shows_its_step_its_pods_and_what_was_compared() -> None:
    shelf, table = on_trial()
    table.deaths["A-3"] = 2
    shelf.look(table)
    said = body(shelf)
    assert (said["phase"], said["step"], said["steps"]) == ("Analysing", 1, 2)
    assert said["release"]["running"] is True
    assert said["canaryPods"] == {"wanted": 1, "ready": 1, "restarts": 0}
    assert said["stablePods"]["restarts"] == 2
    assert said["pods"][0] == {
        "name": "B-0",
        "role": "canary",
        "ready": True,
        "leaving": False,
        "restarts": 0,
        "deaths": 0,
        "condition": "ready",
    }
    sentences = [finding["sentence"] for finding in said["findings"]]
    assert any(text.startswith("Errors on /exam: canary 0 of") for text in sentences)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"deaths": 1}, "not ready: ended with exit code 1"),
        ({"deaths": 1, "restarts": 1}, "not ready"),
        ({"deaths": 1, "waiting": "CrashLoopBackOff"}, "not ready: CrashLoopBackOff"),
    ],
)
def test_a_pod_that_is_not_ready_says_why(fields: dict[str, Any], said: str) -> None:
    shelf, table = on_trial()
    scene = table.scene()
    died = Termination(exit_code=1, reason="Error")
    down = Container(name="app", last_death=died, **fields)
    pods = [replace(pod, ready=False, containers=(down,)) for pod in scene.pods]
    shelf.scenes[REF] = replace(scene, pods=tuple(pods))
    assert {pod["condition"] for pod in body(shelf)["pods"]} == {said}


def test_a_rollback_is_told_with_its_cause_and_the_last_words() -> None:
    shelf, _ = rolled_back()
    said = body(shelf)
    (crash,) = said["release"]["crashes"] or [None]
    assert said["phase"] == "RolledBack"
    assert said["release"]["running"] is False
    assert said["release"]["cause"].startswith("Crashes: canary 3 in")
    assert crash["log"] == LAST_WORDS
    assert crash["sentence"].startswith("container app of pod B-0 ended with exit code 1")
    assert [past["result"] for past in said["history"]] == ["RolledBack"]


def test_the_timeline_says_what_was_done_newest_first() -> None:
    shelf, _ = rolled_back()
    timeline = body(shelf)["timeline"]
    done = [moment["change"] for moment in timeline if moment["change"]]
    assert done[0] == "wrote the template of rs-A back"
    assert done[-1] == "started 1 canary pod"
    assert [m["at"] for m in timeline] == sorted((m["at"] for m in timeline), reverse=True)
    first = timeline[-1]
    assert (first["cameFrom"], first["phase"]) == ("Idle", "Seeding")


def test_a_spec_that_cannot_be_acted_on_is_said_with_field_and_remedy() -> None:
    shelf, table = watching()
    problem = Problem(reason="Bad", field="spec.steps", message="is empty", remedy="Give one")
    table.policy = problem  # type: ignore[assignment]
    shelf.scenes[REF] = table.scene()
    assert body(shelf)["problem"] == "spec.steps: is empty. Give one"


def test_the_list_is_sorted_and_filtered() -> None:
    shelf = several()
    names = [f"{one['namespace']}/{one['name']}" for one in body(shelf, ALL)["items"]]
    assert names == ["exams/exam-api", "shop/cart", "shop/pay"]
    assert body(shelf, f"{ALL}?namespace=shop")["total"] == 2
    held = body(shelf, f"{ALL}?phase=Holding&phase=Baking")
    assert [one["name"] for one in held["items"]] == ["pay"]
    assert body(shelf, f"{ALL}?namespace=nowhere") == {
        "items": [],
        "total": 0,
        "next": None,
        "at": "2026-11-22T13:24:09Z",
    }


def test_the_pages_of_the_list_make_up_the_whole() -> None:
    shelf, seen, after = several(), [], ""
    for _ in range(10):
        page = body(shelf, f"{ALL}?limit=2&after={after}")
        assert page["total"] == 3
        seen += [one["name"] for one in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == ["exam-api", "cart", "pay"]


def test_a_page_goes_on_behind_a_canary_that_is_gone() -> None:
    shelf = several()
    del shelf.scenes[Ref("shop", "cart")]
    page = body(shelf, f"{ALL}?after=shop/cart")
    assert [one["name"] for one in page["items"]] == ["pay"]


def test_a_canary_that_is_not_there_is_a_problem_with_a_remedy() -> None:
    answer = ask(watching()[0], f"{ALL}/exams/other")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "/docs#problem-not-found",
        "title": "Not there",
        "status": 404,
        "detail": "there is no Canary exams/other, or you may not see it; "
        "those that are there for you: /api/v1/canaries",
        "instance": "/api/v1/canaries/exams/other",
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("phase=Foo", "phase")],
)
def test_a_wrong_question_is_answered_with_the_field(query: str, field: str) -> None:
    answer = ask(watching()[0], f"{ALL}?{query}")
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_nothing_can_be_written() -> None:
    answer = ask(watching()[0], ONE, "DELETE")
    assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert answer.headers["content-type"] == "application/problem+json"
    assert "allow" in answer.headers


def test_a_bug_is_said_to_be_one_and_tells_nothing_else() -> None:
    def broken() -> Shelf:
        raise LookupError("secret")

    answer = asyncio.run(asked(application(broken), ALL))
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "bug" in answer.json()["detail"]
    assert "secret" not in answer.text


def test_answers_are_not_kept_by_anybody() -> None:
    shelf, _ = watching()
    for path in (ALL, ONE, f"{ALL}/x/y"):
        assert ask(shelf, path).headers["cache-control"] == "no-store"


def test_an_unknown_path_names_the_api() -> None:
    detail = ask(watching()[0], "/nothing").json()["detail"]
    assert detail.startswith("there is no /nothing; try ")
    assert "/api/v1/canaries" in detail


def test_where_no_release_runs_nothing_is_meant_and_nothing_possible() -> None:
    said = body(watching()[0])
    assert (said["possible"], said["meant"], said["course"]) == ([], None, None)


def test_a_command_that_cannot_be_read_is_a_problem_of_the_canary() -> None:
    shelf, table = on_trial()
    wrong = Problem(reason="Bad", field="intent", message="is no command", remedy="Write one")
    table.intent = wrong  # type: ignore[assignment]
    shelf.scenes[REF] = table.scene()
    assert body(shelf)["problem"] == "intent: is no command. Write one"


CHANGES: dict[Change, str] = {
    OptIn("c"): "put the Deployment under watch",
    LetGo(): "let go of the Deployment",
    Catch(): "paused the Deployment: a rollout had begun",
    Seed(2): "started 2 canary pods",
    Scale((("a", 1), ("b", 2))): "scaled a to 1, b to 2",
    Promote(): "resumed the Deployment: its own strategy finishes the rollout",
    Undo("a"): "wrote the template of a back",
    Freeze("a", 3, ("b",)): "gave a all 3 pods and the canary none",
    ClearIntent("1"): "took the command off the Canary: it is done",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_every_change_can_be_said(change: Change) -> None:
    assert change_sentence(change) == CHANGES[change]
