"""A release over time, and the decisions about it as files."""

from http import HTTPStatus

import pytest

from controller.adapters.recorder import load
from controller.domain.records import Ref
from tests.adapters.http.bookshelf import watching
from tests.adapters.http.ward import ALL, ONE, Ward, of, others, ward
from tests.domain.tabletop import REF


def test_the_course_of_a_release_has_its_evidence_over_time() -> None:
    where = ward()
    course = of(where, f"{ONE}/course").json()
    assert course == of(where, ONE).json()["course"]
    assert course["revision"] == "B"
    times = [point["at"] for point in course["points"]]
    assert times == sorted(times)
    last = course["points"][-1]
    assert last["evidence"] < last["needed"]
    assert {"error-rate", "restarts"} <= {track["metric"] for track in last["tracks"]}
    assert course["marks"][0]["kind"] == "phase"


def test_a_course_that_was_not_seen_is_said_to_be_unknown() -> None:
    answer = of(Ward(*watching()), f"{ONE}/course")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "since the service started" in answer.json()["detail"]


def test_a_decision_can_be_downloaded_and_is_the_one_that_was_made() -> None:
    where = ward()
    items = of(where, f"{ONE}/journal").json()["items"]
    entries = where.shelf.entries(REF)
    assert [one["number"] for one in items] == [entry.number for entry in reversed(entries)]
    assert items[0]["change"] or items[0]["events"] or items[0]["cameFrom"]
    file = of(where, items[-1]["url"])
    assert load(file.content) == entries[0]
    assert file.headers["content-disposition"] == (
        f'attachment; filename="exams-exam-api-{entries[0].number}.json"'
    )


@pytest.mark.parametrize("number", ["99", "0", "x", "9007199254740993"])
def test_a_decision_that_is_not_remembered_is_not_there(number: str) -> None:
    answer = of(ward(), f"{ONE}/journal/{number}")
    assert answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}


def test_an_entry_of_another_canary_is_not_told_through_this_one() -> None:
    where = ward()
    others(where, Ref("shop", "pay"))
    number = where.shelf.entries(REF)[0].number
    answer = of(where, f"{ALL}/shop/pay/journal/{number}")
    assert answer.status_code == HTTPStatus.NOT_FOUND
