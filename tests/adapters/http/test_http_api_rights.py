"""What of the releases one may see over HTTP, and what one has the right to."""

from http import HTTPStatus

import pytest

from controller.engine.ports import Verb
from tests.adapters.http.bookshelf import several
from tests.adapters.http.ward import ALL, ONE, Ward, of, ward
from tests.domain.tabletop import Table


def test_a_list_shows_what_one_may_see_and_counts_nothing_else() -> None:
    where = Ward(several(), Table())
    where.rights.forbidden = {(Verb.GET, ""), (Verb.GET, "exams")}
    page = of(where, f"{ALL}?limit=1").json()
    assert [one["name"] for one in page["items"]] == ["cart"]
    assert (page["total"], page["next"]) == (2, "shop/cart")
    assert of(where, f"{ALL}?namespace=exams").json()["total"] == 0
    where.rights.forbidden |= {(Verb.GET, "shop")}
    assert of(where, ALL).json()["items"] == []


def test_whoever_may_see_everything_is_asked_about_once() -> None:
    where = Ward(several(), Table())
    of(where, ALL)
    # Who it is, and whether they may see all of it.
    assert where.rights.asked == 2


def test_a_canary_that_one_may_not_see_is_answered_as_if_it_were_not_there() -> None:
    where = ward()
    absent = of(where, f"{ALL}/exams/other").json()
    where.rights.forbidden = {(Verb.GET, "exams")}
    for path in (ONE, f"{ONE}/course", f"{ONE}/journal", f"{ONE}/journal/1", f"{ONE}/commands/1"):
        hidden = of(where, path)
        assert hidden.status_code == HTTPStatus.NOT_FOUND
        assert hidden.json()["detail"] == absent["detail"].replace("other", "exam-api")


@pytest.mark.parametrize("path", [ALL, ONE, f"{ONE}/course", f"{ONE}/journal"])
def test_while_nobody_can_be_asked_nobody_is_let_in(path: str) -> None:
    where = ward()
    where.rights.away = True
    answer = of(where, path)
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.json()["type"] == "/docs#problem-unavailable"


def test_what_is_possible_is_what_one_has_the_right_to() -> None:
    where = ward()
    said = of(where, ONE).json()
    assert said["possible"] == ["promote", "promote-full", "rollback", "hold"]
    assert said["may"] == ["promote", "rollback", "hold"]
    assert said["meant"] == {"revision": "B", "step": 1}
    where.rights.forbidden = {(Verb.PROMOTE, "exams"), (Verb.HOLD, "exams")}
    said = of(where, ONE).json()
    assert (said["possible"], said["may"]) == (["rollback"], ["rollback"])
